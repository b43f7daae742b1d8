/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent's operations share: finding and locking objects, steps, errors.
 */
#pragma once

#include "common/base/keylock.h"
#include "target/core/agent.h"

#include <limits.h>
#include <stdatomic.h>

struct agent {
	char state_dir[PATH_MAX / 2];
	struct catalog *catalogs[AGENT_POOLS_MAX];
	unsigned n_catalogs;
	struct nvmet *nvmet;
	struct keylock *locks;
	atomic_bool up; /* the start is done */
	/* Objects of each pool whose recovery is to be tried again. */
	atomic_uint unfinished[AGENT_POOLS_MAX];
	atomic_bool gate_shut;		 /* and not opened again yet */
	atomic_bool unpublished;	 /* some export may lack a port link */
	enum ana_state ana[PORTALS_MAX]; /* as written down; under the lock of the portals */
	atomic_bool ana_behind;		 /* the kernel may say otherwise */
};

/** struct found - an object in the pool that has it, in use until found_done(). */
struct found {
	struct agent *agent;
	struct catalog *catalog; /* NULL: nothing is in use */
	struct object *object;
};
void found_done(struct found *found);
#define _cleanup_found_ _cleanup_(found_done)

/** agent_lock - the lock of an object, waiting a little. Return: 0, or -1 ABORTED. */
MUST_USE int agent_lock(struct agent *agent, struct object_name name, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err);
/** agent_lock_subsys - the lock of a volume's subsystem, which others may be in; after the
 * volume's. */
MUST_USE int agent_lock_subsys(const struct found *found, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err);
/** agent_lock_nqn - the same for a subsystem of the kernel, until @dl. */
MUST_USE int agent_lock_nqn(struct agent *agent, const char *nqn, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err);
/**
 * agent_find_known - the object in whatever phase, if a pool knew of it when it was last read. Asks
 * only that pool. Return: 1 when found, 0 when no pool knew of it, or -1: UNAVAILABLE, INTERNAL.
 */
MUST_USE int agent_find_known(
	struct agent *agent, struct object_name name, struct found *ret, struct err *err);
/**
 * agent_find - the object in whatever phase, in the pool that has it. Return: 0, or -1: NOT_FOUND
 * when all pools are there and none has it, UNAVAILABLE when some pool is not there, INTERNAL when
 * it is damaged.
 */
MUST_USE int agent_find(
	struct agent *agent, struct object_name name, struct found *ret, struct err *err);
/** agent_find_ready - as agent_find(), for an object that was created and is not being deleted. */
MUST_USE int agent_find_ready(
	struct agent *agent, struct object_name name, struct found *ret, struct err *err);
/** agent_catalog - the pool of that name. Return: NULL with NOT_FOUND. */
struct catalog *agent_catalog(struct agent *agent, const char *name, struct err *err);

/**
 * agent_fail - @why as it is fit to be answered: what a system call or a store said (NOT_FOUND,
 * INVALID_ARGUMENT …) is not what the API means by these words, and becomes INTERNAL. Return: -1.
 */
int agent_fail(const struct err *why, struct err *err);
/** agent_step - step_run() whose errors went through agent_fail(). */
MUST_USE int agent_step(
	struct steps *steps, const char *name, step_fn fn, void *arg, struct err *err);
/** agent_undo - undo all; when that fails, @err becomes UNAVAILABLE: something may be left. */
void agent_undo(struct steps *steps, struct err *err);

/** agent_view - fill @ret from what was found; @extents: count them, too. */
MUST_USE int agent_view(
	const struct found *found, bool extents, struct object_view *ret, struct err *err);
/** agent_nqn - the NQN and the identity of the volume's subsystem. */
void agent_nqn(
	struct catalog *catalog, const struct object *object, char nqn[NQN_SIZE], uint8_t uuid[16]);

/**
 * agent_settle - under the object's lock: finish what an earlier call or a crash left (a creation
 * is taken back, a deletion finished). Return: 0, and found->object is NULL when it is gone now.
 */
MUST_USE int agent_settle(struct steps *steps, struct found *found, struct err *err);
/** agent_remove - delete an object that has no hosts: state, export, data, state. */
MUST_USE int agent_remove(struct steps *steps, struct found *found, struct err *err);

/** struct creation - a new object on its way; found->object is it, reserved and `creating`. */
struct creation {
	struct found *found;
	enum object_kind from_kind;
	const char *from; /* NULL: from nothing */
};
/** agent_create - reserve, intent, data, ready. Undoes what it did when it fails. */
MUST_USE int agent_create(struct steps *steps, struct creation *creation, struct err *err);

/** agent_export - make the volume's export as its state says, without port links. */
MUST_USE int agent_export(struct steps *steps, const struct found *found, struct err *err);
/** agent_fence - fence all hosts in found->object->fencing; found->object is the new version then.
 */
MUST_USE int agent_fence(struct steps *steps, struct found *found, struct err *err);
/** agent_can_fence - may these hosts be fenced from the volume alone? FAILED_PRECONDITION when not.
 */
MUST_USE int agent_can_fence(
	const struct found *found, const struct object *after, struct err *err);
/** agent_whole - is the data there, and as large as it surely was? INTERNAL when not. */
MUST_USE int agent_whole(const struct found *found, struct err *err);
/** agent_grow - make the volume's data as large as its state says. INTERNAL when it is smaller than
 * it was before. */
MUST_USE int agent_grow(struct steps *steps, struct found *found, struct err *err);
/** agent_tell - have the kernel look at the size again; it tells hosts of a change only. */
MUST_USE int agent_tell(struct steps *steps, struct found *found, struct err *err);
/** agent_update - write the state of the new version @object of found->object, then let it take its
 * place. */
MUST_USE int agent_update(struct steps *steps, const char *step, struct found *found,
	struct object *object, struct err *err);

/** agent_ana_restore - at the start, before a port can be reached: tell the kernel what was written
 * down of the portals. Return: 0, or -1 when that cannot be read or done. */
MUST_USE int agent_ana_restore(struct agent *agent, struct steps *steps, struct err *err);
/** agent_ana_again - what the kernel refused an earlier time. Logs. */
void agent_ana_again(struct agent *agent);

/** agent_recover - after attaching pool @i: settle, grow, fence and export every object of it. May
 * be repeated. Return: how many were left out, as a call is at work on them. */
unsigned agent_recover(struct agent *agent, unsigned i);
/** agent_trim - remove exports that no state asks for. Only when all pools are there. */
void agent_trim(struct agent *agent);
