/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space given back: the filesystem of a staged volume is trimmed, part by part, with a rest after
 * each. A trim holds none of the volume's locks while it works: statistics, publish and growth go
 * on beside it, and a stage or unstage stops it first, which takes a second. One trim at a time on
 * a node. Functions are thread-safe.
 */
#pragma once

#include "node/core/core.h"

/** How much of a filesystem one child looks at, and the least free piece that is given back: small
 * holes would only cut the target's file or thin pool into pieces. In bytes. */
#define RECLAIM_PART GIB
#define RECLAIM_PIECE MIB
/** Longest time for one part. A dead target is noticed by then, and the trim given up. */
#define RECLAIM_PART_MS 60000
/** The rest after each part: so many times as long as it took, and how long at most. */
#define RECLAIM_REST 4
#define RECLAIM_REST_MS 60000
/** How long a stage or unstage waits for a trim that it stopped. */
#define RECLAIM_STOP_MS 5000

/** struct reclaim_done - what became of a trim. */
struct reclaim_done {
	bool begun;	/* it is not tried again before its next moment */
	uint64_t bytes; /* given back: at most what was free */
	int64_t ms;
};

/**
 * core_reclaim_due - the volumes whose space is to be given back at @now_ms (since 1970), the
 * longest due first; a NULL-terminated array, freed with records_volumes_free(). @busy_ms: for so
 * long the caller could not ask, as it was trimming. @ret_next_ms: the next moment of any other,
 * DUE_NEVER when there is none. Return: NULL without memory.
 */
char **core_reclaim_due(struct core *core, int64_t now_ms, int64_t busy_ms, int64_t *ret_next_ms);
/**
 * core_reclaim - give back what is free on @volume, if it is mounted for writing and within reach.
 * That it was done at @now_ms is written down before it begins, so that neither a crash nor a
 * failure makes it begin again and again.
 * Return: 0; -1 with ret->begun false: not now, try again (ABORTED busy or not to be trimmed,
 * UNAVAILABLE not within reach); -1 with ret->begun: CANCELLED when it was stopped, other codes
 * when it failed.
 */
MUST_USE int core_reclaim(struct core *core, const char *volume, int64_t now_ms,
	struct reclaim_done *ret, struct err *err);
/** core_reclaim_end - stop the trim under way; no other begins any more. */
void core_reclaim_end(struct core *core);
