/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging machine: what the node does with a volume, without protobuf and gRPC. Every change
 * is a step (base/step.h); a process killed at any of them leaves what a repeated call goes on
 * from. What counts is what the kernel shows; the records only say what it cannot.
 *
 * Locks: one for each volume, never waited for (a second caller gets ABORTED at once), and one for
 * each subsystem, held from looking for its users to having connected or disconnected it. Only the
 * subsystem's is ever waited for, and its holder waits for no other lock, so there is no deadlock.
 * All functions are thread-safe.
 */
#pragma once

#include "common/base/keylock.h"
#include "common/fs/reclaim.h"
#include "common/nvmf/attach.h"
#include "node/core/host.h"
#include "node/core/journal.h"

struct core;

/** Most subsystem and volume locks held at once. */
#define CORE_LOCKS_MAX 4096
/** Room for the id of a boot (/proc/sys/kernel/random/boot_id): as in a record. */
#define CORE_BOOT_SIZE 40
/** How long taking back what a failed call did may take, in ms; it does not count as the caller's.
 */
#define CORE_UNDO_MS 20000
/**
 * Longest wait for one thing that may hang (an unmount, a health check, a disconnect, the lock of a
 * subsystem), in ms: a worker is not to be held for as long as the caller would wait. The call
 * fails then, what hangs stays locked, and the repeated call goes on.
 */
#define CORE_HANG_MS 15000
/** Longest time that statistics may take, in ms. */
#define CORE_STATS_MS 5000

/** core_timed - told how long a step of "NodeStageVolume" and the like took, well or not. On any
 * thread. */
typedef void (*core_timed)(void *arg, const char *operation, const char *step, double seconds);

/** struct core_config - all borrowed, and must outlive the core. */
struct core_config {
	const struct host_ops *ops;
	void *host; /* the ops' self */
	struct helper *helper;
	const char *state_dir;	    /* exists */
	const char *boot;	    /* id of this boot of the machine */
	struct keylock *subsystems; /* key = NQN; shared with the path keeper */
	journal_told told;	    /* may be NULL; see journal_open() */
	void *told_arg;
	core_timed timed; /* may be NULL */
	void *timed_arg;
};

/** core_new - read records and journal. Nothing of the world is touched. Return: 0, or -1. */
MUST_USE int core_new(const struct core_config *config, struct core **ret_core, struct err *err);
/** core_free - no call may be under way; accepts NULL. */
void core_free(struct core *core);

/** core_found - told for each volume that core_start() looked at. */
typedef void (*core_found)(void *arg, const char *volume, const char *what);
/**
 * core_start - compare the records with what the kernel shows and hand the paths of volumes that
 * are in use to the keeper. Mounts, connects and removes nothing but device nodes that a kill left
 * in the state folder. @found may be NULL. Return: 0, or -1.
 */
MUST_USE int core_start(struct core *core, core_found found, void *arg, struct err *err);

/** struct core_access - how a volume is to be used. Borrowed strings. */
struct core_access {
	bool block;
	bool read_only;	     /* readers only, on this and all nodes */
	bool many_targets;   /* several targets at once are allowed */
	int mode;	     /* CSI's number; only compared */
	const char *fs_type; /* "ext4" or "xfs"; "" for block */
	char *const *flags;  /* mount flags */
	size_t n_flags;
};

/** struct core_stage - NodeStageVolume. Borrowed strings. */
struct core_stage {
	const char *volume;
	const char *staging;
	const char *mkfs_options; /* "" for none */
	struct core_access access;
	struct attach_info attach;
	struct connect_options options;
	enum reclaim reclaim;
};

/**
 * core_stage - connect, prove, format when it must and may be, mount. The same again is success
 * after looking whether all still holds; what a crash, a reboot or a lost device left is repaired.
 * Return: 0, or -1. After a final code (err_is_final()) nothing of it is mounted or connected.
 */
MUST_USE int core_stage(struct core *core, const struct core_stage *request,
	const struct deadline *dl, struct err *err);
/**
 * core_unstage - unmount; disconnect unless another volume uses the subsystem. Not staged is
 * success. Return: 0 only when nothing of it is mounted and the kernel lists no controller of ours
 * that no other volume needs (P3), or -1.
 */
MUST_USE int core_unstage(struct core *core, const char *volume, const char *staging,
	const struct deadline *dl, struct err *err);

/** struct core_publish - NodePublishVolume. Borrowed strings. */
struct core_publish {
	const char *volume;
	const char *staging;
	const char *target;
	bool read_only;
	struct core_access access;
};

/** core_publish - show the staged volume at a target, which is made. Return: 0, or -1. */
MUST_USE int core_publish(struct core *core, const struct core_publish *request,
	const struct deadline *dl, struct err *err);
/** core_unpublish - take the target away; not there is success. Return: 0, or -1. */
MUST_USE int core_unpublish(struct core *core, const char *volume, const char *target,
	const struct deadline *dl, struct err *err);

/** struct core_expand - NodeExpandVolume. */
struct core_expand {
	const char *volume;
	const char *path;
	int64_t required; /* bytes, 0: whatever the device has */
	int64_t limit;	  /* bytes, 0: none */
};

/** core_expand - see the device's new size on all paths, grow the filesystem. @ret_size: bytes of
 * the device. Return: 0, or -1. */
MUST_USE int core_expand(struct core *core, const struct core_expand *request,
	const struct deadline *dl, int64_t *ret_size, struct err *err);

/** struct core_stats - sizes; for block only usage.bytes_total. */
struct core_stats {
	bool block;
	struct mount_usage usage;
};

/** core_stats - answers within CORE_STATS_MS whatever the device does. Return: 0, or -1. */
MUST_USE int core_stats(struct core *core, const char *volume, const char *path,
	const struct deadline *dl, struct core_stats *ret, struct err *err);

/** struct core_counts - for the metrics. */
struct core_counts {
	size_t staged;	/* volumes */
	size_t staging; /* volumes on their way up or down */
	size_t stuck;	/* children hanging in the kernel */
	size_t bad_records;
};
void core_read_counts(struct core *core, struct core_counts *ret);
/** core_bad_record - why a record cannot be read, when there is one. Return: true and @ret. */
bool core_bad_record(struct core *core, struct err *ret);
