/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the core, for the files of this folder only: its backends with their lanes and
 * last good lists, its locks, and how an id leads to a backend.
 */
#pragma once

#include "common/base/keylock.h"
#include "controller/backend/objname.h"
#include "controller/core/core.h"
#include "controller/core/fan.h"
#include "controller/core/health.h"
#include "controller/core/lane.h"
#include "controller/core/listing.h"

#include <pthread.h>
#include <stdatomic.h>

/** struct member - a backend of the core, or of several cores that follow each other. */
struct member {
	_Atomic unsigned refs;
	size_t slot;	     /* a number below CORE_BACKENDS_MAX that no other of its core has */
	struct arena *arena; /* of name, aliases and topology, which never change */
	const char *name;
	const char **aliases;
	size_t n_aliases;
	struct topology topology;
	struct backend *be;
	struct lane lane;     /* calls about one object of it */
	struct lane lists;    /* questions to all backends: a full lane is no reason not to ask */
	pthread_mutex_t lock; /* of all below */
	struct listing *last; /* last good list of volumes, NULL before the first */
	struct core_health health;
	struct member
		*before[CORE_BACKENDS_MAX]; /* whose calls must have ended before it is used */
	size_t n_before;
};

/** struct locks - of objects, for all cores of a process: a call of the one before counts, too. */
struct locks {
	_Atomic unsigned refs;
	struct keylock *keys;
};

struct core {
	_Atomic unsigned refs;
	char *instance;
	struct member **members; /* in the order of their names */
	size_t n_members;
	struct locks *locks;
	struct fan *fan;
	struct watch *watch; /* NULL: nobody looks at the backends */
};

/** member_new - a member with one reference. It takes the backend over, also when it fails. Return:
 * NULL without memory. */
struct member *member_new(const struct core_backend *from, size_t slot);
/** member_ref, member_unref - hold and let go; the last one closes the backend. unref accepts NULL.
 */
struct member *member_ref(struct member *member);
void member_unref(struct member *member);
/** member_ready - may it be used already? Return: 0, or -1 UNAVAILABLE: what was there before it is
 * still at work. */
MUST_USE int member_ready(struct member *member, struct err *err);
/** member_enter - lane_enter() of one of its lanes, once it is ready. */
MUST_USE int member_enter(
	struct member *member, struct lane *lane, struct lane **ret_entered, struct err *err);
/** locks_new, locks_ref, locks_unref - as their names say; new gives NULL without memory. */
struct locks *locks_new(void);
struct locks *locks_ref(struct locks *locks);
void locks_unref(struct locks *locks);
/** member_by_name - by name or alias, NULL when there is none. */
struct member *member_by_name(const struct core *core, const char *name);
/**
 * member_of_id - the backend of @id, which must be an object of @kind of our instance.
 * Return: 0, or -1: NOT_FOUND (no object of ours has this shape), UNAVAILABLE (it is of a backend
 * that the configuration does not name: absent is not gone).
 */
MUST_USE int member_of_id(const struct core *core, enum be_kind kind, const struct core_id *id,
	struct member **ret, struct err *err);
/** member_choose - the backend that @name names; the only one when it is "". Return: 0, or -1
 * INVALID_ARGUMENT. */
MUST_USE int member_choose(
	const struct core *core, const char *name, struct member **ret, struct err *err);
/** member_lock - the lock of an object, whatever alias its id used. Return: 0, or -1 ABORTED. */
MUST_USE int member_lock(const struct core *core, const struct member *member, enum be_kind kind,
	const char *object, struct keylock_held **ret, struct err *err);
/** member_volume - look up a volume inside a lane. Return: 0, or -1 with the id in the message. */
MUST_USE int member_volume(struct member *member, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err);
/** core_in_progress - the error for BE_IN_PROGRESS: ABORTED, the next call asks again. Return:
 * always -1. */
int core_in_progress(const struct member *member, const char *what, struct err *err);
/** core_unless_absent - 0 when @why is NOT_FOUND; else it is copied to @err. Return: 0 or -1. */
MUST_USE int core_unless_absent(const struct err *why, struct err *err);
/** core_wrap_backend - put "backend <name>" in front of the message unless it says so itself.
 * Return: always -1. */
int core_wrap_backend(const struct member *member, struct err *err);
