/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running lvm and dmsetup, and what their failures mean.
 */
#include "target/store/lvm.h"

#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/base/spawn.h"

#include <limits.h>
#include <stdio.h>

/** Words of a command. */
#define ARGS_MAX 96
/** Most text of a report: some 300 bytes a row. */
#define REPORT_MAX ((size_t)16 * 1024 * 1024)
/** Most of lvm's own words in a message. */
#define SAID_SIZE 400
/** How flock(1) says that the lock was not free in time, and that the program is not there. */
#define FLOCK_BUSY 75
#define FLOCK_BUSY_TEXT "75"
#define FLOCK_NO_PROGRAM 69

/*
 * Of the machine's lvm.conf all stays but: what is inside a volume is the host's that uses it, and
 * is not looked at; no copy of the whole group's metadata is kept of each change; where no udev is
 * at work, device nodes are made without it.
 */
#define LVM_CONFIG "devices{scan_lvs=0} backup{archive=0} activation{verify_udev_operations=1}"

const struct lvm_env lvm_linux = {
	.lvm = "lvm",
	.dmsetup = "dmsetup",
	.lock_dir = "/run", /* not /run/lock, where everybody may hold one */
	.dev_dir = "/dev/mapper",
	.dm = &dm_linux,
	.wait_ms = 20000,
	.run_ms = 25000,
};

/* In this order: what says more comes first. */
static const struct {
	const char *part;
	enum err_code code;
} sayings[] = {
	{"Failed to find logical volume", ERR_NOT_FOUND},
	{"not found in Volume group", ERR_NOT_FOUND},
	{"already exists in volume group", ERR_ALREADY_EXISTS},
	{"Cannot process volume group", ERR_UNAVAILABLE},
	{"while PVs are missing", ERR_UNAVAILABLE},
	{"Couldn't find device with uuid", ERR_UNAVAILABLE},
	{"Input/output error", ERR_UNAVAILABLE},
	{"metadata too large for circular buffer", ERR_RESOURCE_EXHAUSTED},
	{"nsufficient free space", ERR_RESOURCE_EXHAUSTED},
	{"nsufficient free extents", ERR_RESOURCE_EXHAUSTED},
	{"Free space in pool", ERR_RESOURCE_EXHAUSTED}, /* ... is above threshold */
	{"out of data space", ERR_RESOURCE_EXHAUSTED},
	{"No space left on device", ERR_RESOURCE_EXHAUSTED},
	{"in use", ERR_ABORTED},
	{"is used by another device", ERR_ABORTED},
	{"Device or resource busy", ERR_ABORTED},
	{"Can't get lock for", ERR_ABORTED},
	{"transaction_id", ERR_DATA_LOSS},
	{"Manual repair required", ERR_DATA_LOSS},
};

enum err_code lvm_code(const char *output)
{
	for (size_t i = 0; i < ARRAY_SIZE(sayings); i++) {
		if (strstr(output, sayings[i].part)) {
			return sayings[i].code;
		}
	}
	return ERR_INTERNAL;
}

/* The first line that is no warning, in JSON the first message, into @out. */
static void what_it_said(const char *output, char out[SAID_SIZE])
{
	static const char key[] = "\"log_message\":\"";
	const char *json = strstr(output, key);
	const char *line = json ? json + strlen(key) : output;
	size_t len = json ? strcspn(line, "\n") : 0;
	const char *end = json ? strstr(line, "\", \"log_errno") : NULL;
	char cut[SAID_SIZE];

	while (!json && *line) {
		line += strspn(line, " \t\n");
		len = strcspn(line, "\n");
		if (strncmp(line, "WARNING", 7) != 0 && strncmp(line, "File descriptor", 15) != 0) {
			break;
		}
		line += len;
	}
	if (end) {
		len = (size_t)(end - line);
	}
	(void)snprintf(cut, sizeof(cut), "%.*s", (int)MIN(len, sizeof(cut) - 1), line);
	(void)printable(cut, out, SAID_SIZE);
}

static int judge(
	const char *program, const char *verb, const struct spawn_result *result, struct err *err)
{
	const char *output = result->output ? result->output : "";
	char said[SAID_SIZE];

	if (result->exit_code == 0) {
		return 0;
	}
	if (result->exit_code == FLOCK_BUSY) {
		return err_set(err, ERR_ABORTED,
			"%s %s: another command on the volume group has not ended; retry", program,
			verb);
	}
	if (result->exit_code == FLOCK_NO_PROGRAM) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is not on this machine: install lvm2 and dmsetup", program);
	}
	/* With reports the reason is in one stream or the other. */
	if (result->errors && lvm_code(output) == ERR_INTERNAL &&
		!strstr(output, "\"log_message\"")) {
		output = result->errors;
	}
	what_it_said(output, said);
	return err_set(err, lvm_code(output), "%s %s: exit status %d: %s", program, verb,
		result->exit_code, said);
}

/* Run @program under the volume group's lock, which util-linux's flock takes, and holds for as long
 * as the program runs: lvm closes what descriptors it is given. */
static int run_locked(const struct lvm *lvm, const char *program, const char *const *args,
	struct spawn *how, struct spawn_result *ret, struct err *err)
{
	const struct lvm_env *env = lvm->env;
	struct deadline dl = deadline_in(env->wait_ms + env->run_ms);
	const char *argv[ARGS_MAX + 1];
	char path[PATH_MAX];
	char wait[24];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/nvmetcp-%s.lock", env->lock_dir, lvm->vg);
	(void)snprintf(wait, sizeof(wait), "%lld.%03lld", (long long)(env->wait_ms / 1000),
		(long long)(env->wait_ms % 1000));
	argv[n++] = "flock";
	argv[n++] = "-w";
	argv[n++] = wait;
	argv[n++] = "-E";
	argv[n++] = FLOCK_BUSY_TEXT;
	argv[n++] = path;
	argv[n++] = program;
	for (; *args; args++) {
		if (n == ARGS_MAX) {
			return err_set(
				err, ERR_INTERNAL, "%s: more than %d words", program, ARGS_MAX);
		}
		argv[n++] = *args;
	}
	argv[n] = NULL;
	how->argv = argv;
	how->pass_fd = SPAWN_NO_FD;
	return spawn_run(how, &dl, ret, err);
}

int lvm_change(const struct step *in UNUSED, const struct lvm *lvm, const char *const *args,
	struct err *err)
{
	struct spawn how = {.goes_on = true};
	struct spawn_result result = {0};
	const char *all[ARGS_MAX + 1] = {args[0], "--config", LVM_CONFIG, "--yes"};
	size_t n = 4;
	int rc;

	for (size_t i = 1; args[i] && n < ARGS_MAX; i++) {
		all[n++] = args[i];
	}
	rc = run_locked(lvm, lvm->env->lvm, all, &how, &result, err);
	if (rc < 0) {
		(void)err_wrap(err, "lvm %s of volume group %s", args[0], lvm->vg);
	} else {
		rc = judge("lvm", args[0], &result, err);
	}
	spawn_result_done(&result);
	return rc;
}

static int dmsetup(const struct lvm *lvm, const char *const *args, struct err *err)
{
	struct spawn how = {0};
	struct spawn_result result = {0};
	int rc = run_locked(lvm, lvm->env->dmsetup, args, &how, &result, err);

	if (rc < 0) {
		(void)err_wrap(err, "dmsetup %s", args[0]);
	} else {
		rc = judge("dmsetup", args[0], &result, err);
	}
	spawn_result_done(&result);
	return rc;
}

int lvm_suspend(
	const struct step *in UNUSED, const struct lvm *lvm, const char *device, struct err *err)
{
	/* Nobody has mounted it here, so there is no file system to freeze. */
	const char *const args[] = {"suspend", "--nolockfs", device, NULL};

	return dmsetup(lvm, args, err);
}

int lvm_resume(
	const struct step *in UNUSED, const struct lvm *lvm, const char *device, struct err *err)
{
	const char *const args[] = {"resume", "--noudevsync", device, NULL};

	return dmsetup(lvm, args, err);
}

/* {"report": [{"lv": [row, ...]}], ...} */
static int find_rows(const struct js_doc *doc, struct js_at *ret, struct err *err)
{
	struct js_at top = js_root(doc);
	struct js_at reports;
	struct js_at report;

	if (js_get_array(&top, "report", 1, &reports, err) < 0) {
		return -1;
	}
	if (js_len(&reports) != 1) {
		return js_fail(&reports, NULL, err, "must have one item");
	}
	return js_item_obj(&reports, 0, &report, err) < 0
		       ? -1
		       : js_get_array(&report, "lv", LVM_ROWS_MAX, ret, err);
}

int lvm_report(const struct lvm *lvm, const char *lv, const char *fields, struct js_doc **ret_doc,
	struct js_at *ret_rows, struct err *err)
{
	struct spawn how = {.output_max = REPORT_MAX, .apart = true};
	struct spawn_result result = {0};
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	char what[2 * LVM_NAME_SIZE];
	const char *const args[] = {"lvs", "--config", LVM_CONFIG, "--reportformat", "json",
		"--units", "b", "--nosuffix", "-o", fields, what, NULL};
	int rc;

	(void)snprintf(what, sizeof(what), "%s%s%s", lvm->vg, lv ? "/" : "", lv ? lv : "");
	rc = run_locked(lvm, lvm->env->lvm, args, &how, &result, err);
	if (rc < 0) {
		(void)err_wrap(err, "lvm lvs %s", what);
	} else {
		rc = judge("lvm", "lvs", &result, err);
	}
	if (rc == 0) {
		struct err why = {0};

		if (js_parse("report of lvs", result.output, strlen(result.output), REPORT_MAX,
			    &doc, &why) < 0 ||
			find_rows(doc, ret_rows, &why) < 0) {
			rc = err_set(err, ERR_INTERNAL, "lvm lvs %s: %s", what, why.msg);
		}
	}
	spawn_result_done(&result);
	if (rc == 0) {
		*ret_doc = TAKE_PTR(doc);
	}
	return rc;
}
