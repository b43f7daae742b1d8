/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A circuit breaker: whoever does not answer several calls in a row is asked again only now and
 * then, by one call at a time, and the others fail at once instead of waiting for it. The clock is
 * the caller's (clock_ms()). Thread-safe.
 */
#pragma once

#include "common/base/err.h"

#include <pthread.h>

/** How many calls in a row must go without an answer before others are turned away. */
#define BREAKER_SILENT_MAX 5
/** How long the first and the longest pause between two attempts is, in ms; it doubles. */
#define BREAKER_FIRST_MS 1000
#define BREAKER_LONGEST_MS 5000
/** How long an attempt may take, in ms. */
#define BREAKER_ATTEMPT_MS 5000
/** Longest reason that is kept, with its NUL. */
#define BREAKER_WHY_SIZE 320

struct breaker {
	pthread_mutex_t lock;
	unsigned silent;  /* calls in a row without an answer */
	int64_t since_ms; /* when the first of them ended */
	bool open;
	bool attempt;	 /* one is under way */
	int64_t next_ms; /* of the next attempt */
	int64_t pause_ms;
	char why[BREAKER_WHY_SIZE]; /* of the last */
};

/** How a call that was let through went. */
enum breaker_end {
	BREAKER_ANSWERED, /* whatever it said */
	BREAKER_SILENT,	  /* no answer in a time in which there should be one */
	BREAKER_NOTHING,  /* it ended before anything could be known */
};

/** struct breaker_state - for who looks on. */
struct breaker_state {
	bool open;
	unsigned silent;
	int64_t since_ms;   /* ago; 0 while silent is 0 */
	int64_t attempt_ms; /* until the next attempt; 0: now, or under way */
	char why[BREAKER_WHY_SIZE];
};

void breaker_init(struct breaker *breaker);
void breaker_done(struct breaker *breaker);
/**
 * breaker_enter - may a call go through now? *ret_attempt: it is the one that finds out, and should
 * take BREAKER_ATTEMPT_MS at most. Return: 0, followed by breaker_leave(); or -1 UNAVAILABLE saying
 * since when there is no answer, and when it is tried again.
 */
MUST_USE int breaker_enter(
	struct breaker *breaker, int64_t now_ms, bool *ret_attempt, struct err *err);
/** breaker_leave - it ended so; @why (borrowed) only counts with BREAKER_SILENT. */
void breaker_leave(struct breaker *breaker, int64_t now_ms, bool attempt, enum breaker_end end,
	const char *why);
/** breaker_read - how it stands. */
void breaker_read(struct breaker *breaker, int64_t now_ms, struct breaker_state *ret);
/** breaker_print - what breaker_enter() says when it turns a call away, in @out. */
void breaker_print(const struct breaker_state *state, char *out, size_t size);
