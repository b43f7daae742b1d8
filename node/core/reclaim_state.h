/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which volume is being trimmed, and how it is stopped. Used inside node/core only. Thread-safe.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

struct reclaims;

/** reclaims_new - none is under way. Return: NULL without memory. */
struct reclaims *reclaims_new(void);
/** reclaims_free - none may be under way; accepts NULL. */
void reclaims_free(struct reclaims *reclaims);
/** reclaims_begin - the volume's lock is held. @ret_cancel_fd becomes readable when it is to stop;
 * borrowed, until reclaims_done(). Return: 0, or -1 ABORTED when another is under way, CANCELLED
 * after the end. */
MUST_USE int reclaims_begin(
	struct reclaims *reclaims, const char *volume, int *ret_cancel_fd, struct err *err);
/** reclaims_done - the one under way has ended, and so has its child, or it was left behind. */
void reclaims_done(struct reclaims *reclaims);
/**
 * reclaims_stop - stop the trim of @volume, whose lock is held so that no other begins, and wait
 * for its end. Return: 0, or -1 ABORTED when it has not ended at @dl.
 */
MUST_USE int reclaims_stop(
	struct reclaims *reclaims, const char *volume, const struct deadline *dl, struct err *err);
/** reclaims_end - stop the one under way, begin no other. */
void reclaims_end(struct reclaims *reclaims);
