/* SPDX-License-Identifier: Apache-2.0 */
/*
 * e2fsck's exit status is a sum of bits (e2fsck(8), EXIT CODE).
 */
#include "node/block/fsck.h"

#include "common/base/spawn.h"

#define TARGET "/proc/self/fd/3"
#define FIXED 1
#define REBOOT 2
#define UNCORRECTED 4
#define OPERATIONAL 8
/* How much of e2fsck's last words goes into an error. */
#define SAID_MAX 500

static int judge(const char *device, int status, const char *output, struct err *err)
{
	size_t len = output ? strlen(output) : 0;
	const char *tail = len > SAID_MAX ? output + len - SAID_MAX : output;

	if ((status & ~FIXED) == 0) {
		return 0;
	}
	if (status >= 128) {
		return err_set(err, ERR_UNAVAILABLE, "fsck of %s: ended by signal %d; retry",
			device, status - 128);
	}
	if (status & UNCORRECTED) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"fsck of %s: errors that may lose data when repaired; take a snapshot, then repair by "
			"hand with e2fsck. It said: %s",
			device, tail ? tail : "");
	}
	if (status & OPERATIONAL) {
		return err_set(err, ERR_UNAVAILABLE,
			"fsck of %s: could not read the device, or it is in use. It said: %s",
			device, tail ? tail : "");
	}
	/* REBOOT is for a mounted root; with a device that nobody uses it means: look again. */
	return err_set(err, (status & REBOOT) ? ERR_ABORTED : ERR_INTERNAL,
		"fsck of %s: status %d. It said: %s", device, status, tail ? tail : "");
}

int fsck_run(const struct step *in, const char *device, const char *fstype, int fd,
	const struct guard *guard, struct fsck_result *ret, struct err *err)
{
	static const char *const argv[] = {"e2fsck", "-p", TARGET, NULL};
	/* Killed at the end of the call, a long check would begin anew with each repeated call. */
	const struct spawn spawn = {
		.argv = argv, .pass_fd = fd, .goes_on = true, .hold_fd = guard->hold};
	struct spawn_result result = {0};

	(void)in;
	*ret = (struct fsck_result){0};
	if (!streq(fstype, "ext4")) {
		return 0;
	}
	int done = spawn_run(&spawn, &guard->dl, &result, err);
	ret->stuck_pid = result.stuck ? result.stuck_pid : 0;
	if (done < 0 && err && err->code == ERR_NOT_FOUND) {
		done = err_set(err, ERR_FAILED_PRECONDITION, "fsck of %s: e2fsck is not installed",
			device);
	} else if (result.stuck) {
		done = err_set(err, ERR_DEADLINE_EXCEEDED,
			"fsck of %s: is not done yet; it goes on, and a repeated call mounts the volume "
			"once it is",
			device);
	} else if (done < 0) {
		done = err_wrap(err, "fsck of %s", device);
	} else {
		done = judge(device, result.exit_code, result.output, err);
		ret->repaired = done == 0 && result.exit_code != 0;
	}
	spawn_result_done(&result);
	return done;
}
