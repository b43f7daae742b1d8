/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When is the space of a volume to be given back? Each volume has a moment of its own in the
 * period, which follows from its id: a fleet whose volumes were staged all at once, as after a
 * power cut, does not trim all at once, and nothing drifts. Arithmetic only; times are milliseconds
 * since 1970 as this node's clock has them, which may be set at any time.
 */
#pragma once

#include "common/fs/reclaim.h"

/**
 * DUE_WINDOW - a moment that was missed by more than this part of the period is left out: the node
 * was away for longer, or its clock leapt, and many volumes would be due together.
 */
#define DUE_WINDOW 7
/** Never. */
#define DUE_NEVER INT64_MAX

/** struct due - one volume; borrowed. */
struct due {
	const char *volume;
	enum reclaim reclaim;
	int64_t last_ms; /* when it was trimmed last, or staged; 0: not known */
	int64_t busy_ms; /* for so long nobody could look, as others were trimmed */
};

/** due_at - its next moment: at most @now_ms when it is due now, DUE_NEVER for one that the node
 * does not trim. */
int64_t due_at(const struct due *due, int64_t now_ms);
