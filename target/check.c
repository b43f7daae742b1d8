/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check as a whole: its lines, and the order of its parts.
 */
#include "target/check.h"

#include "common/base/log.h"
#include "target/check_priv.h"
#include "target/export/nvmet.h"

#include <stdarg.h>
#include <sys/utsname.h>

#define EXAMPLE "/usr/share/doc/nvmetcp-target/examples/target.json"

void check_say(
	struct check *check, enum check_result result, const char *what, const char *fmt, ...)
{
	static const char *const words[] = {"OK", "WARN", "FAIL"};
	va_list args;

	check->failed += result == CHECK_FAIL;
	(void)fprintf(check->out, "%-5s %s%s", words[result], what ? what : "", what ? ": " : "");
	va_start(args, fmt);
	(void)vfprintf(check->out, fmt, args);
	va_end(args);
	(void)fputc('\n', check->out);
}

static int check_all(const struct step *in, void *arg, struct err *err UNUSED)
{
	struct check *check = arg;

	check_kernel(in, check);
	check_pools(in, check);
	check_portals(check);
	check_api(check);
	return 0;
}

unsigned check_machine(const char *config_path, const struct check_env *env, FILE *out)
{
	_cleanup_config_ struct config config = {0};
	struct check check = {.out = out, .config = &config, .env = env};
	struct steps steps = {.operation = "Check"};
	struct err err = {0};

	if (env->uid != 0) {
		check_say(&check, CHECK_FAIL, "user",
			"only root can look at all that the agent needs: run it with sudo");
		return check.failed;
	}
	if (config_load(config_path, &config, &err) < 0) {
		check_say(&check, CHECK_FAIL, NULL, "%s%s", err.msg,
			err.code == ERR_NOT_FOUND ? ": write it, beginning with a copy of " EXAMPLE
						  : "");
		return check.failed;
	}
	check_say(&check, CHECK_OK, "configuration", "%s", config_path);
	/* The pools are tried with files without a name, so it takes a step. */
	if (step_run(&steps, "check", check_all, &check, &err) < 0) {
		check_say(&check, CHECK_FAIL, "check", "%s", err.msg);
	}
	return check.failed;
}

unsigned check_this_machine(const char *config_path)
{
	static const char *const udev_rules[] = {
		"/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d", NULL};
	struct check_env env = {
		.uid = geteuid(),
		.sys = "/sys",
		.fs = &fsops_linux,
		.lvm = &lvm_linux,
		.udev_rules = udev_rules,
		.nft = nvmet_nft,
	};
	char modules[sizeof(struct utsname)];
	struct utsname kernel;

	(void)uname(&kernel);
	(void)snprintf(modules, sizeof(modules), "/lib/modules/%s", kernel.release);
	env.modules = modules;
	log_set(LOG_LEVEL_ERROR, STDERR_FILENO);
	return check_machine(config_path, &env, stdout);
}
