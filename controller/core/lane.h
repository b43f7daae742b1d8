/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bulkhead: how many calls may be at work on one backend. A backend that hangs can hold so many
 * workers and no more; further calls are turned away at once, and the CO retries them.
 * Thread-safe.
 */
#pragma once

#include "common/base/err.h"

#include <pthread.h>

struct lane {
	pthread_mutex_t lock;
	const char *what;
	unsigned busy;
	unsigned max;
	bool closed;
};

/** lane_init - at most @max of @what ("calls"; borrowed) at once. */
void lane_init(struct lane *lane, const char *what, unsigned max);
void lane_done(struct lane *lane);
/**
 * lane_enter - take a place. @backend names it in the message.
 * Return: 0 and *ret_entered for lane_leave(), or -1 UNAVAILABLE.
 */
MUST_USE int lane_enter(
	struct lane *lane, const char *backend, struct lane **ret_entered, struct err *err);
/** lane_close - let nobody in any more; who is in it goes on. */
void lane_close(struct lane *lane);
/** lane_leave - give the place back; accepts NULL. */
void lane_leave(struct lane *lane);
/** lane_busy - how many are at work. */
unsigned lane_busy(struct lane *lane);
static inline void lane_leavep(struct lane **lane)
{
	lane_leave(*lane);
}
#define _cleanup_lane_ _cleanup_(lane_leavep)
