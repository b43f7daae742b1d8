/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at work on a volume, over restarts of the plugin: a locked file for each operation, whose
 * descriptor every child of that operation keeps to its end. The kernel lets the lock go when the
 * last of them has ended, so a child that a killed or stopped plugin left behind, hanging in the
 * kernel or still writing, is found by the next one, which leaves the volume alone until then.
 * Thread-safe; two operations on one volume are kept apart by the caller's own locks.
 */
#pragma once

#include "common/base/err.h"

/** What an operation works on. */
enum hold_kind {
	HOLD_VOLUME,
	HOLD_STATISTICS, /* hangs for itself: the volume can still be taken down */
	HOLD_RECLAIM,	 /* a trim: only staging and unstaging wait for its end */
	HOLD_KINDS,
};

struct holds;

/** struct hold - a lock that is held; hold.fd is lent to children (guard.hold). */
struct hold {
	int fd; /* 0: none */
	char name[48];
};

/** holds_open - keep the files in @state_dir/busy, which is made. Return: 0, or -1. */
MUST_USE int holds_open(const char *state_dir, struct holds **ret_holds, struct err *err);
/** holds_free - accepts NULL. */
void holds_free(struct holds *holds);
/**
 * hold_take - begin @operation on @volume.
 * Return: 0, or -1: ABORTED when a child of an earlier run of the plugin is not done with it.
 */
MUST_USE int hold_take(struct holds *holds, enum hold_kind kind, const char *volume,
	const char *operation, struct hold *ret, struct err *err);
/** hold_check - is a child of an earlier run at work on @volume? Return: 0, or -1 ABORTED. */
MUST_USE int hold_check(
	struct holds *holds, enum hold_kind kind, const char *volume, struct err *err);
/** struct hold_old - who was left behind by an earlier run of the plugin. */
struct hold_old {
	char operation[48];
	int64_t since_unix; /* ms since 1970 */
};
/** hold_is_old - is one of those that holds_look() found still at work on @volume? Return: true and
 * who it is. */
bool hold_is_old(
	struct holds *holds, enum hold_kind kind, const char *volume, struct hold_old *ret);
/** hold_release - all is done; accepts one that is none. */
void hold_release(struct holds *holds, struct hold *hold);
/** hold_leave - it ended, and a child did not: the lock stays until that has ended. */
void hold_leave(struct hold *hold);

/** Told of a volume that somebody of an earlier run is at work on. */
typedef void (*hold_found)(void *arg, const char *volume, const char *what);
/** holds_look - tell those that are held, at the start; remove the files of all others. Return: 0,
 * or -1. */
MUST_USE int holds_look(struct holds *holds, hold_found found, void *arg, struct err *err);
/** holds_left - how many of those that holds_look() found are still held. */
size_t holds_left(struct holds *holds);
