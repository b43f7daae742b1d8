/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter with a ceiling.
 */
#include "controller/core/lane.h"

void lane_init(struct lane *lane, unsigned max)
{
	*lane = (struct lane){.max = max};
	(void)pthread_mutex_init(&lane->lock, NULL);
}

void lane_done(struct lane *lane)
{
	(void)pthread_mutex_destroy(&lane->lock);
}

int lane_enter(struct lane *lane, const char *backend, struct lane **ret_entered, struct err *err)
{
	bool full;

	(void)pthread_mutex_lock(&lane->lock);
	full = lane->busy >= lane->max;
	if (!full) {
		lane->busy++;
	}
	(void)pthread_mutex_unlock(&lane->lock);
	if (full) {
		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: %u calls are at work on it already, as many as are allowed; retry",
			backend, lane->max);
	}
	*ret_entered = lane;
	return 0;
}

void lane_leave(struct lane *lane)
{
	if (!lane) {
		return;
	}
	(void)pthread_mutex_lock(&lane->lock);
	lane->busy--;
	(void)pthread_mutex_unlock(&lane->lock);
}
