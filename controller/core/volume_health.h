/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well volumes are, as far as their backends tell. What cannot be asked is not said to be
 * broken: a management API that does not answer leaves the data path alone.
 */
#pragma once

#include "controller/core/core.h"

/** A pool with less than this much of its size left is full, in percent. */
#define CORE_POOL_FULL_PERCENT 1
/** How long the pools of one backend may take to be told, in ms: of one that answers, and of one
 * that just did not. */
#define CORE_POOLS_MS 5000
#define CORE_POOLS_STALE_MS 2000

enum core_sickness {
	CORE_SICK_BACKEND,    /* the backend cannot be asked */
	CORE_SICK_POOL,	      /* its pool is not there */
	CORE_SICK_FULL,	      /* its pool is full */
	CORE_SICK_UNREADABLE, /* the backend answers, and not for this volume */
	CORE_SICKNESSES,
};

/** struct core_sick_kind - constant. */
struct core_sick_kind {
	const char *name;  /* "PoolFull" */
	bool inaccessible; /* CSI's status: INACCESSIBLE; false: DEGRADED */
};
const struct core_sick_kind *core_sick_kind(enum core_sickness sickness);

/** struct core_volume_health - of one volume: each sickness at most once; none: it is well. */
struct core_volume_health {
	struct core_id id;
	struct {
		enum core_sickness what;
		const char *message; /* says the same for as long as nothing changes */
	} list[CORE_SICKNESSES];
	size_t n;
};

/**
 * core_volume_health - of one volume. When its backend cannot be asked, a volume of its last good
 * list has CORE_SICK_BACKEND; of another one nothing is known. Return: 0, or -1: NOT_FOUND,
 * UNAVAILABLE.
 */
MUST_USE int core_volume_health(struct core *core, struct op *op, const struct core_id *id,
	struct core_volume_health *ret, struct err *err);

/** struct core_sick_volumes - one page of those that are not well. */
struct core_sick_volumes {
	struct core_volume_health *list;
	size_t n;
	const char *next_token; /* "" at the end */
};

/** core_volume_health_list - those that are not well; pages, tokens and backends out of reach as
 * core_volume_list(). */
MUST_USE int core_volume_health_list(struct core *core, struct op *op, size_t max_entries,
	const char *token, struct core_sick_volumes *ret, struct err *err);
