/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's own settings of LVM.
 */
#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/base/spawn.h"
#include "target/store/lvm.h"

#include <stdio.h>

/* "key=value" or "key=\"value\"" among the lines of @text; "" when it is not there. */
static void find(const char *text, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);

	out[0] = '\0';
	for (const char *line = text; *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n");

		if (n > len && strncmp(line, key, len) == 0 && line[len] == '=') {
			const char *value = line + len + 1;
			size_t left = n - len - 1;

			if (left >= 2 && value[0] == '"') {
				value++;
				left -= 2;
			}
			(void)snprintf(out, size, "%.*s", (int)MIN(left, size - 1), value);
			return;
		}
		line += n;
	}
}

int lvm_settings_read(const struct lvm_env *env, struct lvm_settings *ret, struct err *err)
{
	const char *const argv[] = {env->lvm, "lvmconfig", "--type", "full", "devices/scan_lvs",
		"activation/thin_pool_autoextend_threshold", "global/thin_check_executable", NULL};
	const struct spawn how = {.argv = argv, .pass_fd = SPAWN_NO_FD, .apart = true};
	struct deadline dl = deadline_in(env->run_ms);
	struct spawn_result result = {0};
	char value[32];
	int rc = spawn_run(&how, &dl, &result, err);

	*ret = (struct lvm_settings){.extend_at = 100};
	if (rc < 0 && err && err->code == ERR_NOT_FOUND) {
		rc = err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is not on this machine: install lvm2 and dmsetup", env->lvm);
	} else if (rc == 0 && result.exit_code != 0) {
		rc = err_set(err, ERR_INTERNAL, "lvm lvmconfig: exit status %d", result.exit_code);
	}
	if (rc == 0) {
		find(result.output, "scan_lvs", value, sizeof(value));
		ret->scans_volumes = streq(value, "1");
		find(result.output, "thin_pool_autoextend_threshold", value, sizeof(value));
		if (parse_i64("threshold", value, 0, 100, &ret->extend_at, NULL) < 0) {
			rc = err_set(err, ERR_INTERNAL,
				"lvm lvmconfig: thin_pool_autoextend_threshold is \"%s\"", value);
		}
		find(result.output, "thin_check_executable", ret->thin_check,
			sizeof(ret->thin_check));
	}
	spawn_result_done(&result);
	return rc;
}
