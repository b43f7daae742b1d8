/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the kernel's target there, who works on it, and can it be kept closed during the start?
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "target/check_priv.h"
#include "target/export/nvmet.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MODULE_LIST_MAX ((size_t)32 * 1024 * 1024)
#define LOCKS_MAX ((size_t)4 * 1024 * 1024)

static bool listed(const char *modules, const char *list, const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	char file[64];

	(void)snprintf(path, sizeof(path), "%s/%s", modules, list);
	(void)snprintf(file, sizeof(file), "/%s.ko", name);
	return file_read(AT_FDCWD, path, MODULE_LIST_MAX, &text, NULL, NULL) == 0 &&
	       strstr(text, file) != NULL;
}

void check_module(struct check *check, const char *name, const char *loaded)
{
	const char *modules = check->env->modules;
	char path[PATH_MAX];
	char what[64];

	(void)snprintf(path, sizeof(path), "%s/module/%s", check->env->sys, loaded);
	(void)snprintf(what, sizeof(what), "kernel module %s", name);
	if (access(path, F_OK) == 0) {
		check_say(check, CHECK_OK, what, "loaded");
	} else if (listed(modules, "modules.builtin", name)) {
		check_say(check, CHECK_OK, what, "part of the kernel");
	} else if (listed(modules, "modules.dep", name)) {
		check_say(check, CHECK_OK, what, "available; the service loads it");
	} else {
		check_say(check, CHECK_FAIL, what,
			"not in %s: boot a kernel that has it (Debian: linux-image-amd64, not its "
			"cloud flavour; Ubuntu: install linux-modules-extra-$(uname -r))",
			modules);
	}
}

static void check_configfs(struct check *check)
{
	int len = (int)(strrchr(check->nvmet, '/') - check->nvmet);
	char mount_point[PATH_MAX];
	char above[PATH_MAX];
	struct stat st;
	struct stat outer;

	(void)snprintf(mount_point, sizeof(mount_point), "%.*s", len, check->nvmet);
	(void)snprintf(above, sizeof(above), "%.*s/..", len, check->nvmet);
	if (access(check->nvmet, F_OK) == 0) {
		check_say(check, CHECK_OK, "configfs", "mounted; %s is there", check->nvmet);
	} else if (stat(mount_point, &st) == 0 && stat(above, &outer) == 0 &&
		   st.st_dev != outer.st_dev) {
		check_say(check, CHECK_OK, "configfs", "mounted");
	} else {
		check_say(check, CHECK_FAIL, "configfs",
			"not mounted at %s: systemctl start sys-kernel-config.mount", mount_point);
	}
}

/* The agent locks nvmet's tree; the kernel tells who has a lock, so that nothing need be tried. */
static pid_t find_agent(const char *nvmet)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	char wanted[64];

	if (stat(nvmet, &st) < 0 ||
		file_read(AT_FDCWD, "/proc/locks", LOCKS_MAX, &text, NULL, NULL) < 0) {
		return 0;
	}
	(void)snprintf(wanted, sizeof(wanted), " %02x:%02x:%llu ", major(st.st_dev),
		minor(st.st_dev), (unsigned long long)st.st_ino);
	/* "1: FLOCK  ADVISORY  WRITE 535 00:14:1234 0 EOF" */
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		char *end = strstr(line, wanted);
		uint64_t pid;

		if (!end || !strstr(line, "FLOCK")) {
			continue;
		}
		*end = '\0';
		if (parse_u64("process", strrchr(line, ' ') + 1, 1, INT32_MAX, &pid, NULL) == 0) {
			return (pid_t)pid;
		}
	}
	return 0;
}

static void check_gate(const struct step *in, struct check *check)
{
	struct err err = {0};

	if (!check->config->gate) {
		check_say(check, CHECK_OK, "gate",
			"none, as configured: another firewall must keep hosts away until "
			"/healthz is well");
	} else if (check->env->nft(in, "list tables", &err) == 0) {
		check_say(check, CHECK_OK, "gate", "nft works");
	} else {
		check_say(check, CHECK_FAIL, "gate",
			"%s: install nftables (and a kernel with nf_tables), or set \"gate\" to "
			"\"none\" where another firewall does its work",
			err.msg);
	}
}

void check_kernel(const struct step *in, struct check *check)
{
	check->nvmet = check->config->configfs ? check->config->configfs : NVMET_ROOT;
	check_module(check, "nvmet-tcp", "nvmet_tcp");
	check_configfs(check);
	check_gate(in, check);
	check->agent = find_agent(check->nvmet);
	if (check->agent) {
		check_say(check, CHECK_OK, "agent", "runs as process %d", (int)check->agent);
	} else {
		check_say(check, CHECK_WARN, "agent",
			"does not run: systemctl enable --now nvmetcp-target");
	}
}
