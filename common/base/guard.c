/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's two calls of the helper.
 */
#include "common/base/guard.h"

int guard_call(
	struct guard *guard, const char *const *argv, int fd, char **ret_out, struct err *err)
{
	const struct helper_lent lent = {.fd = fd, .hold = guard->hold};

	return helper_run(guard->helper, argv, &lent, &guard->dl, ret_out, &guard->stuck, err);
}

void guard_close(struct guard *guard, int *fd)
{
	static const char *const argv[] = {HELPER_CLOSE, NULL};
	const struct helper_lent lent = {.fd = *fd, .hold = guard->hold, .take = true};
	struct deadline dl = deadline_in(GUARD_CLOSE_MS);
	struct helper_stuck *stuck = NULL;

	if (*fd < 0) {
		return;
	}
	if (!guard->helper) {
		base_closep(fd);
		*fd = -1;
		return;
	}
	*fd = -1;
	/* Without a helper it stays open: the program is about to end. */
	if (helper_run(guard->helper, argv, &lent, &dl, NULL, &stuck, NULL) < 0 && stuck &&
		!guard->stuck) {
		guard->stuck = stuck;
	} else if (stuck) {
		helper_stuck_forget(stuck);
	}
}
