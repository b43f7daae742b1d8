/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one operation calls what may hang: by which helper, until when, and who was left behind.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/helper.h"

/** How long a close may take before it is left to a child, in ms. */
#define GUARD_CLOSE_MS 5000

/**
 * struct guard - belongs to one operation and one thread. After a failed call `stuck` may be set:
 * then what the call worked on must stay locked until helper_stuck_gone(stuck) says so, and no
 * other call may use this guard.
 */
struct guard {
	struct helper *helper;
	struct deadline dl;
	struct helper_stuck *stuck;
	int hold; /* lent to every child, which keeps it to its end; 0: none. Borrowed */
};

/** guard_call - helper_call() of the guard's helper. Return: as that. */
MUST_USE int guard_call(
	struct guard *guard, const char *const *argv, int fd, char **ret_out, struct err *err);
/**
 * guard_close - close @fd, a device's, in a child: as the last one to close it, we would wait until
 * all that is in memory is stored. *fd is -1 afterwards. When it hangs, guard->stuck says so,
 * unless somebody hangs already.
 */
void guard_close(struct guard *guard, int *fd);
