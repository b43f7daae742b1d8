/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter with a ceiling.
 */
#include "controller/core/lane.h"

void lane_init(struct lane *lane, const char *what, unsigned max)
{
	*lane = (struct lane){.what = what, .max = max};
	(void)pthread_mutex_init(&lane->lock, NULL);
}

void lane_done(struct lane *lane)
{
	(void)pthread_mutex_destroy(&lane->lock);
}

int lane_enter(struct lane *lane, const char *backend, struct lane **ret_entered, struct err *err)
{
	bool full;
	bool closed;

	(void)pthread_mutex_lock(&lane->lock);
	full = lane->busy >= lane->max;
	closed = lane->closed;
	if (!full && !closed) {
		lane->busy++;
	}
	(void)pthread_mutex_unlock(&lane->lock);
	if (closed) {
		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: the controller's configuration has just changed, so this call was not "
			"begun; retry",
			backend);
	}
	if (full) {
		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: %u %s are at work on it already, as many as are allowed, so this one "
			"was not begun; it is retried by itself; when it lasts, look at why the backend is "
			"slow",
			backend, lane->max, lane->what);
	}
	*ret_entered = lane;
	return 0;
}

void lane_close(struct lane *lane)
{
	(void)pthread_mutex_lock(&lane->lock);
	lane->closed = true;
	(void)pthread_mutex_unlock(&lane->lock);
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

unsigned lane_busy(struct lane *lane)
{
	unsigned busy;

	(void)pthread_mutex_lock(&lane->lock);
	busy = lane->busy;
	(void)pthread_mutex_unlock(&lane->lock);
	return busy;
}
