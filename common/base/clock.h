/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and waiting. Every wait of ours takes a struct deadline: a moment on the monotonic clock
 * and a descriptor that becomes readable when the caller gave up.
 */
#pragma once

#include "common/base/err.h"

/** clock_ms - milliseconds on CLOCK_MONOTONIC. */
int64_t clock_ms(void);
/** clock_seconds - the same clock, to the nanosecond: to measure how long something took. */
double clock_seconds(void);
/** clock_unix_ms - milliseconds since 1970 on CLOCK_REALTIME. */
int64_t clock_unix_ms(void);
/** Room for clock_print_utc(). */
#define CLOCK_UTC_SIZE 64
/** clock_print_utc - @unix_ms to the second, for people: "2026-11-22T05:13:08Z". */
void clock_print_utc(int64_t unix_ms, char out[CLOCK_UTC_SIZE]);

/**
 * struct deadline - until when, and who may end it sooner. A plain value: copy it, pass it by
 * pointer. cancel_fd is borrowed, -1 when there is none; it stays readable once cancelled.
 */
struct deadline {
	int64_t at_ms;
	int cancel_fd;
};

/** deadline_in - @ms from now, never cancelled. */
struct deadline deadline_in(int64_t ms);
/** deadline_sooner - @outer cut to at most @ms from now; its cancel_fd stays. */
struct deadline deadline_sooner(const struct deadline *outer, int64_t ms);
/** deadline_left_ms - milliseconds left, 0 when it has passed. */
int64_t deadline_left_ms(const struct deadline *dl);
/**
 * deadline_check - has the caller's time run out or the caller gone? @what names the work.
 * Return: 0 to go on, -1 with DEADLINE_EXCEEDED or CANCELLED.
 */
MUST_USE int deadline_check(const struct deadline *dl, const char *what, struct err *err);
/**
 * deadline_poll - wait until @fd (may be -1: then only wait) has one of @events (poll(2)), at most
 * @max_ms (negative: as long as the deadline allows).
 * Return: 1 when the fd is ready, 0 when @max_ms passed first, -1 with DEADLINE_EXCEEDED or
 * CANCELLED. A signal does not end the wait.
 */
MUST_USE int deadline_poll(const struct deadline *dl, int fd, short events, int64_t max_ms,
	const char *what, struct err *err);
