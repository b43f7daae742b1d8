/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks by name: one per volume, subsystem, snapshot. Held over whole operations, so a second
 * caller is turned away at once (ABORTED), or waits with a deadline where the design says so.
 * Lock order on the node: subsystem, then volume. Thread-safe.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

struct keylock;
struct keylock_held;

/** keylock_new - an empty set of locks; at most @max may be held at once. */
struct keylock *keylock_new(size_t max);
/** keylock_free - none may be held. */
void keylock_free(struct keylock *kl);
/** keylock_try - take @key now. Return: 0, or -1 with ABORTED "@what <key>: another operation is
 * under way; retry". */
MUST_USE int keylock_try(struct keylock *kl, const char *what, const char *key,
	struct keylock_held **ret_held, struct err *err);
/** keylock_wait - take @key, waiting until the deadline. Return: 0, or -1 with ABORTED when time
 * ran out. */
MUST_USE int keylock_wait(struct keylock *kl, const char *what, const char *key,
	const struct deadline *dl, struct keylock_held **ret_held, struct err *err);
/** keylock_release - give it back; accepts NULL. Any thread may do it. */
void keylock_release(struct keylock_held *held);
static inline void keylock_releasep(struct keylock_held **held)
{
	keylock_release(*held);
}
#define _cleanup_keylock_ _cleanup_(keylock_releasep)
