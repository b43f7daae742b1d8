/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was left behind: children that hang in the kernel on behalf of an operation that had to
 * answer. The operation's locks stay with them, so that nothing else touches the volume or the
 * subsystem until the kernel has let them go. Thread-safe.
 */
#pragma once

#include "common/base/helper.h"
#include "common/base/keylock.h"

#include <sys/types.h>

struct busy;

/** struct busy_child - one of the two kinds: a child of the helper, or one of spawn_run(). */
struct busy_child {
	struct helper_stuck *stuck; /* NULL: none */
	pid_t pid;		    /* 0: none */
};

/** Locks that a child may hold. */
#define BUSY_LOCKS 2

/** busy_new - nobody is there yet. Return: NULL without memory. */
struct busy *busy_new(void);
/** busy_free - forgets those who still hang; their locks are released. Accepts NULL. */
void busy_free(struct busy *busy);
/**
 * busy_take - @child hangs for @key ("volume a/b"), doing @what; the locks (either may be NULL) are
 * taken over. Without memory the locks are kept for ever, which is the safe side.
 */
void busy_take(struct busy *busy, const char *key, const char *what, struct busy_child child,
	struct keylock_held *take_locks[BUSY_LOCKS]);
/**
 * busy_check - release the locks of all who have ended since; then: does anyone hang for @key?
 * Return: 0, or -1 ABORTED saying what hangs and for how long.
 */
MUST_USE int busy_check(struct busy *busy, const char *key, struct err *err);
/** struct busy_one - somebody who hangs. */
struct busy_one {
	char what[64];	    /* the operation */
	bool kernel;	    /* in the kernel; false: a program that goes on, as fsck */
	int64_t since_unix; /* when the operation left it behind, ms since 1970 */
};
/** busy_look - does anyone hang for @key? Return: true and the one who does, the longest. */
bool busy_look(struct busy *busy, const char *key, struct busy_one *ret);
/** busy_count - how many hang now. */
size_t busy_count(struct busy *busy);
