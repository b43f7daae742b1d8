/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads behind a bounded queue. Signals are blocked in the workers. Thread-safe.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

struct pool;

/** pool_new - at most @workers threads named @name, made when they are needed, and at most @queue
 * jobs waiting. Return: NULL without memory, or without a first thread. */
struct pool *pool_new(const char *name, unsigned workers, size_t queue);
/** pool_submit - queue a job. Return: 0, or -1 RESOURCE_EXHAUSTED when the queue is full,
 * UNAVAILABLE when stopping. */
MUST_USE int pool_submit(struct pool *pool, void (*run)(void *arg), void *arg, struct err *err);
/** pool_stop - take no more jobs, run those queued, wait at most until @dl. Return: true when all
 * workers ended. */
bool pool_stop(struct pool *pool, const struct deadline *dl);
/** pool_free - after pool_stop() returned true; accepts NULL. */
void pool_free(struct pool *pool);
