/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check a filesystem before it is mounted. ext4: e2fsck -p (replays the journal, repairs only what
 * is safe). XFS: nothing, its log is replayed by the mount.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"

#include <sys/types.h>

struct fsck_result {
	bool repaired;	 /* something was mended, or the journal replayed with a change */
	pid_t stuck_pid; /* e2fsck goes on: the volume is busy until spawn_gone() of it */
};

/**
 * fsck_run - check the @fstype on @fd (not mounted). @device is for messages. A check that is not
 * done at the deadline goes on.
 * Return: 0 when it is clean or was repaired safely, or -1: FAILED_PRECONDITION with e2fsck's last
 * words when a person must look, UNAVAILABLE for read errors or a device in use, DEADLINE_EXCEEDED;
 * @ret is always filled. Of @guard the deadline and what it holds are used.
 */
MUST_USE int fsck_run(const struct step *in, const char *device, const char *fstype, int fd,
	const struct guard *guard, struct fsck_result *ret, struct err *err);
