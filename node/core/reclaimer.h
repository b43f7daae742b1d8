/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that looks every minute which volumes are due, and trims them, one after the other. The
 * schedule is kept with the records, so a restart of the plugin makes nothing due. Thread-safe.
 */
#pragma once

#include "node/core/reclaim.h"

/** Time between two looks: what is put off, as the volume is busy, is tried again then. */
#define RECLAIMER_LOOK_MS 60000

struct reclaimer;

/** reclaimer_told - one trim ended; @err NULL: well. On the reclaimer's thread. */
typedef void (*reclaimer_told)(
	void *arg, const char *volume, const struct reclaim_done *done, const struct err *err);

/** struct reclaimer_config - all borrowed. */
struct reclaimer_config {
	struct core *core;
	reclaimer_told told; /* may be NULL */
	void *told_arg;
};

/** reclaimer_start - begin to look. Return: 0, or -1. */
MUST_USE int reclaimer_start(
	const struct reclaimer_config *config, struct reclaimer **ret, struct err *err);
/** reclaimer_stop - stop the trim under way, end the thread, free. Accepts NULL. Return: true;
 * false when it did not end in time: then nothing may be freed. */
bool reclaimer_stop(struct reclaimer *reclaimer, const struct deadline *dl);

/** struct reclaimer_status - since the start. */
struct reclaimer_status {
	uint64_t done;	 /* trims that ended well */
	uint64_t failed; /* stopped ones are in neither */
	uint64_t bytes;	 /* given back by all of them */
	int64_t last_ms; /* since 1970: end of the last one that ended well; 0: none */
	int64_t next_ms; /* the next moment of a volume staged here; 0: none */
};
void reclaimer_read_status(struct reclaimer *reclaimer, struct reclaimer_status *ret);
