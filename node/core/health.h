/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well the volumes of this node are, and the backends as seen from here: from what the kernel
 * lists, the mount table and what is remembered. No lock of a volume is taken, no device is opened
 * and no filesystem is touched in this process; the one question to a filesystem is asked in a
 * child, and only while the volume has a path. All functions are thread-safe.
 */
#pragma once

#include "node/core/core.h"

/** Longest message, with its end: Kubernetes keeps it in the status of each pod. */
#define HEALTH_MSG_SIZE 768
/** How long after a stage a path that was never there counts as still to be added, in ms. */
#define HEALTH_GRACE_MS 10000
/** Most backends told apart, and portals of one. */
#define HEALTH_BACKENDS_MAX 64
#define HEALTH_PORTALS_MAX 64

/** What can be wrong with a volume; health_reason() has the word and the status of each. */
enum health_reason {
	HEALTH_PATHS_LOST,
	HEALTH_ALL_PATHS_LOST,
	HEALTH_DEVICE_LOST,
	HEALTH_READ_ONLY,
	HEALTH_SHUT_DOWN,
	HEALTH_FS_HANGS,
	HEALTH_STAGING_LOST,
	HEALTH_PUBLISH_LOST,
	HEALTH_STAGE_FAILED,
	HEALTH_PUBLISH_FAILED,
	HEALTH_KERNEL_HANGS,
	HEALTH_CHECK_RUNS,
	HEALTH_BAD_RECORD,
	HEALTH_REASONS,
};

/** struct health_kind - constant. */
struct health_kind {
	const char *name;  /* "PathsLost" */
	bool inaccessible; /* CSI's status: INACCESSIBLE; false: DEGRADED */
};
const struct health_kind *health_kind(enum health_reason reason);

/** struct core_health - what is wrong with a volume: each reason at most once; none: it is well. */
struct core_health {
	struct {
		enum health_reason reason;
		char message[HEALTH_MSG_SIZE];
	} list[HEALTH_REASONS];
	size_t n;
};

/**
 * core_volume_health - of a volume that is staged here, or was tried to be. @target: where it is
 * published, "" for no such question. A message says the same for as long as nothing changes.
 * Answers within CORE_STATS_MS. Return: 0, or -1 (NOT_FOUND: it is not on this node).
 */
MUST_USE int core_volume_health(struct core *core, const char *volume, const char *target,
	const struct deadline *dl, struct core_health *ret, struct err *err);

/** core_count_health - how many volumes have what is wrong, as far as no filesystem needs to be
 * asked. Return: 0, or -1. */
MUST_USE int core_count_health(
	struct core *core, unsigned ret_counts[HEALTH_REASONS], struct err *err);

/** struct core_backends - the backends whose volumes are staged here, or fail to be. */
struct core_backends {
	unsigned reachable;   /* all portals */
	unsigned degraded;    /* some portals */
	unsigned unreachable; /* no portal */
	/* Which they are and what is wrong with them; "" when there are none. */
	char degraded_message[HEALTH_MSG_SIZE];
	char unreachable_message[HEALTH_MSG_SIZE];
};

/** core_backend_health - a portal works when one of our controllers there is live. Return: 0, or
 * -1. */
MUST_USE int core_backend_health(struct core *core, struct core_backends *ret, struct err *err);
