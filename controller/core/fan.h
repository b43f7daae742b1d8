/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to several backends at once, so that a slow one delays none of the others. The threads
 * are the core's; a job must keep to a deadline, as nobody ends it.
 */
#pragma once

#include "common/base/err.h"

struct fan;

/** Jobs of one backend that may be at work at once; there is a thread for each. */
#define FAN_JOBS_MAX 3

/** struct fan_job - one question; @run fills its own results, which only the caller reads after. */
struct fan_job {
	void (*run)(void *arg);
	void *arg;
};

/** fan_new - for @n backends; no thread with less than two. Return: NULL without memory or threads.
 */
struct fan *fan_new(size_t n);
/** fan_free - nothing may be at work; accepts NULL. */
void fan_free(struct fan *fan);
/** fan_run - run all @n @jobs at once and wait for them all; one alone runs in this thread. */
void fan_run(struct fan *fan, const struct fan_job *jobs, size_t n);
