/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation on one volume: its locks, its record, its steps. Used inside node/core only.
 */
#pragma once

#include "node/core/busy.h"
#include "node/core/core.h"
#include "node/core/gate.h"
#include "node/core/history.h"
#include "node/core/hold.h"
#include "node/core/reclaim_state.h"
#include "node/core/records.h"

_Static_assert(CORE_BOOT_SIZE == RECORD_BOOT_SIZE, "a record holds the id of a boot");

struct core {
	const struct host_ops *ops;
	void *host;
	struct helper *helper;
	char *state_dir;
	char boot[RECORD_BOOT_SIZE];
	struct keylock *volumes;
	struct keylock *subsystems; /* borrowed */
	struct records *records;
	struct journal *journal;
	struct busy *busy;
	struct history *history;
	struct gate *take_downs;
	struct holds *holds;
	struct reclaims *reclaims;
	core_timed timed;
	void *timed_arg;
};

struct work {
	struct core *core;
	const char *volume;
	struct guard guard;
	pid_t stuck_pid; /* as guard.stuck, of spawn_run() */
	struct steps steps;
	struct journal_entry entry;
	struct step_journal journal;
	struct hold hold;
	struct keylock_held *lock;	/* the volume's */
	struct keylock_held *subsystem; /* NULL most of the time */
	struct record *record;		/* a copy; NULL: none */
	/* Arguments of steps. */
	struct host_device device;
	const struct core_stage *stage;
	const char *path;
	bool read_only_mount; /* the flags of the stage ask for one */
};

/**
 * work_begin - take the volume's lock and its record; @work must not move afterwards. Ended with
 * work_end() only when this returned 0. Return: 0, or -1 (ABORTED when the volume is busy).
 */
MUST_USE int work_begin(struct work *work, struct core *core, const char *operation,
	const char *volume, const struct deadline *dl, struct err *err);
/**
 * work_end - a failure with a final code takes back what was done, one with another code leaves it
 * for the next try; locks are released, or left with who hangs. Return: @result.
 */
int work_end(struct work *work, int result, struct err *err);
/** work_busy - does a child of an earlier operation still hang for @volume, or go on? Return: true
 * and who does. */
bool work_busy(struct core *core, const char *volume, struct busy_one *ret);
/** work_step - step_run() with the work as argument. */
MUST_USE int work_step(struct work *work, const char *name, step_fn fn, struct err *err);
/** work_timed - tell how long @name took, from the moment @began of clock_seconds(). Done by
 * work_step() for steps. */
void work_timed(const struct work *work, const char *name, double began);
/** work_undo - steps_on_failure() with the work as argument. */
void work_undo(struct work *work, const char *name, step_fn fn);
/** work_stop_trim - stop a trim of the volume, which keeps it mounted. Return: 0, or -1 ABORTED. */
MUST_USE int work_stop_trim(struct work *work, struct err *err);
/** work_close - close the device. Return: 0, or -1 ABORTED when that hangs. */
MUST_USE int work_close(struct work *work, struct err *err);
/** work_lock - wait for the lock of the record's subsystem. Return: 0, or -1 ABORTED. */
MUST_USE int work_lock(struct work *work, struct err *err);
void work_unlock(struct work *work);
/** work_save - write the record; a step of its own each time. */
MUST_USE int work_save(struct work *work, const char *name, struct err *err);

/**
 * work_save_hint - work_save() where the record is only a hint for the next call: that it cannot be
 * written is logged, since a full state folder must not keep a volume mounted.
 */
void work_save_hint(struct work *work, const char *name);

/** work_alive - does the filesystem at @path still work? Return: 0 and @ret, or -1. */
MUST_USE int work_alive(struct work *work, const char *path, bool *ret, struct err *err);

/** work_want - the namespace that the record names. */
struct host_want work_want(const struct work *work);
/** work_link - how to reach its subsystem. */
struct host_link work_link(const struct work *work);
/** work_node_key - the volume's key for device nodes. */
void work_node_key(const char *volume, char out[MOUNT_NODE_KEY_MAX + 1]);

/** work_unmount_all - take away every layer of mounts at @path. Return: 0, or -1. */
MUST_USE int work_unmount_all(struct work *work, const char *path, struct err *err);
/**
 * work_take_down - unmount the staging path and, when no other volume uses the subsystem,
 * disconnect: the rule P3. The record stays. Return: 0, or -1.
 */
MUST_USE int work_take_down(struct work *work, struct err *err);
/**
 * work_mounted_at - where is the record's volume still mounted or bound, whoever did it?
 * @ret_where (PATH_MAX bytes) gets one place. Return: 1 somewhere, 0 nowhere, -1.
 */
MUST_USE int work_mounted_at(struct work *work, char *ret_where, struct err *err);
/**
 * work_in_use - is a disk of the subsystem @nqn mounted, or bound as a node, anywhere on this
 * node? @ret_where (PATH_MAX bytes) gets the place. Return: 1 yes, 0 no, -1.
 */
MUST_USE int work_in_use(struct work *work, const char *nqn, char *ret_where, struct err *err);
/** work_is_dead - is @dev, which something of ours is mounted from, gone from the kernel?
 * Return: 1 yes, 0 no, -1. */
MUST_USE int work_is_dead(struct work *work, dev_t dev, struct err *err);

/**
 * work_disconnect - a step: disconnect unless another volume uses the subsystem. Refuses with
 * ABORTED while a disk of it is mounted.
 */
int work_disconnect(const struct step *in, void *arg, struct err *err);
