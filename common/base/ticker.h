/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that calls one function again and again until it is stopped.
 */
#pragma once

#include "common/base/clock.h"

struct ticker;

/** ticker_fn - @cancel_fd, for deadlines, is readable once it is to end. Return: how long to wait
 * until the next call, in ms. */
typedef int64_t (*ticker_fn)(void *arg, int cancel_fd);

/**
 * ticker_start - call @fn after @first_ms for the first time, on a thread named @name. It may run
 * before this returns. Return: 0 and one for ticker_stop(), or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int ticker_start(const char *name, int64_t first_ms, ticker_fn fn, void *arg,
	struct ticker **ret_ticker, struct err *err);
/** ticker_stop - end it, also in the middle of a call that minds its cancel_fd, and free it;
 * accepts NULL. Return: false when it did not end until @dl; then nothing is freed. */
bool ticker_stop(struct ticker *ticker, const struct deadline *dl);
