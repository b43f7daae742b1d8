/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are the pools there, on file systems that can do what volumes need?
 */
#include "target/check_priv.h"
#include "target/store/lvmthin.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define RAMFS_MAGIC_NUMBER 0x858458f6

static const char *fs_name(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0) {
		return "";
	}
	switch ((unsigned long)fs.f_type) {
	case XFS_SUPER_MAGIC:
		return "XFS";
	case BTRFS_SUPER_MAGIC:
		return "btrfs";
	case TMPFS_MAGIC:
	case RAMFS_MAGIC_NUMBER:
		return "memory";
	default:
		return "";
	}
}

static bool is_mount_point(const char *path)
{
	char above[PATH_MAX];
	struct stat its;
	struct stat outer;

	(void)snprintf(above, sizeof(above), "%s/..", path);
	return stat(path, &its) == 0 && stat(above, &outer) == 0 && its.st_dev != outer.st_dev;
}

static void check_pool(const struct step *in, struct check *check, const struct config_pool *pool)
{
	struct catalog_config config = {
		.store = pool->store,
		.ratio = pool->ratio,
		.state_dir = check->config->state_dir,
	};
	struct catalog *catalog = NULL;
	struct err err = {0};
	char what[OBJECT_ID_SIZE + sizeof("pool ")];
	const char *path = pool->store.path;
	const char *fs = fs_name(path);
	int rc;

	config.store.fs = check->env->fs;
	config.store.lvm = check->env->lvm;
	rc = catalog_new(&config, &catalog, &err);
	if (rc == 0) {
		rc = catalog_probe(in, catalog, &err);
		catalog_free(catalog);
	}
	(void)snprintf(what, sizeof(what), "pool %s", pool->store.name);
	if (rc < 0) {
		check_say(check, CHECK_FAIL, NULL, "%s", err.msg);
	} else if (streq(pool->store.type, LVMTHIN_STORE_TYPE)) {
		check_thin_pool(check, what, pool);
		if (streq(fs, "memory")) {
			check_say(check, CHECK_WARN, what,
				"%s: lies in memory: what is known of the volumes is lost at a reboot",
				path);
		}
	} else if (!streq(fs, "XFS") && !streq(fs, "btrfs")) {
		check_say(check, CHECK_WARN, what,
			"%s: whole, and reflink works, but its file system is neither XFS nor btrfs: "
			"nothing is known of how it does under load or after a power cut",
			path);
	} else if (!is_mount_point(path)) {
		check_say(check, CHECK_WARN, what,
			"%s: whole, and reflink works, but it is no file system of its own: what "
			"else is written there takes space that volumes were promised",
			path);
	} else {
		check_say(check, CHECK_OK, what,
			"%s: %s, mounted, its identity is right, reflink works", path, fs);
	}
}

static void check_state_dir(struct check *check)
{
	const char *dir = check->config->state_dir;
	char there[PATH_MAX];

	/* The agent makes what is missing of it. */
	(void)snprintf(there, sizeof(there), "%s", dir);
	while (there[1] && access(there, F_OK) < 0) {
		char *slash = strrchr(there, '/');

		slash[slash == there ? 1 : 0] = '\0';
	}
	if (access(there, W_OK) < 0) {
		check_say(check, CHECK_FAIL, "stateDir", "%s: cannot be written: %m", there);
	} else if (streq(fs_name(there), "memory")) {
		check_say(check, CHECK_WARN, "stateDir",
			"%s: lies in memory and is lost at a reboot: the agent then cannot tell when "
			"another file system is mounted in a pool's place",
			dir);
	} else {
		check_say(check, CHECK_OK, "stateDir", "%s", dir);
	}
}

void check_pools(const struct step *in, struct check *check)
{
	bool thin = false;

	for (unsigned i = 0; i < check->config->n_pools; i++) {
		thin = thin || streq(check->config->pools[i].store.type, LVMTHIN_STORE_TYPE);
	}
	if (thin) {
		check_lvm(check);
	}
	for (unsigned i = 0; i < check->config->n_pools; i++) {
		check_pool(in, check, &check->config->pools[i]);
	}
	check_state_dir(check);
}
