/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs run beside each other, and all have ended when fan_run() returns.
 */
#include "controller/core/fan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BACKENDS 4

struct meeting {
	pthread_barrier_t all;
	atomic_uint came;
};

/* Ends only when all others have begun: one after the other they would wait for ever. */
static void meet(void *arg)
{
	struct meeting *meeting = arg;

	(void)pthread_barrier_wait(&meeting->all);
	(void)atomic_fetch_add(&meeting->came, 1);
}

static void all_at_once(void **state UNUSED)
{
	struct meeting meeting;
	struct fan_job jobs[BACKENDS];
	struct fan *fan = fan_new(BACKENDS);

	assert_non_null(fan);
	assert_int_equal(pthread_barrier_init(&meeting.all, NULL, BACKENDS), 0);
	atomic_init(&meeting.came, 0);
	for (size_t i = 0; i < BACKENDS; i++) {
		jobs[i] = (struct fan_job){.run = meet, .arg = &meeting};
	}
	for (unsigned round = 1; round <= 50; round++) {
		fan_run(fan, jobs, BACKENDS);
		assert_int_equal(meeting.came, round * BACKENDS);
	}
	(void)pthread_barrier_destroy(&meeting.all);
	fan_free(fan);
}

static void count(void *arg)
{
	(void)atomic_fetch_add((atomic_uint *)arg, 1);
}

static void one_backend_needs_no_thread(void **state UNUSED)
{
	atomic_uint runs = 0;
	const struct fan_job jobs[] = {{count, &runs}, {count, &runs}};
	struct fan *fan = fan_new(1);

	assert_non_null(fan);
	fan_run(fan, jobs, 0);
	assert_int_equal(runs, 0);
	fan_run(fan, jobs, ARRAY_SIZE(jobs));
	assert_int_equal(runs, 2);
	fan_free(fan);
	fan_free(NULL);
}

struct caller {
	pthread_t thread;
	struct fan *fan;
	unsigned wrong;
};

static void *many_rounds(void *arg)
{
	struct caller *caller = arg;
	atomic_uint runs = 0;
	struct fan_job jobs[BACKENDS];

	for (size_t i = 0; i < BACKENDS; i++) {
		jobs[i] = (struct fan_job){.run = count, .arg = &runs};
	}
	for (unsigned round = 1; round <= 500; round++) {
		fan_run(caller->fan, jobs, BACKENDS);
		caller->wrong += atomic_load(&runs) != round * BACKENDS;
	}
	return NULL;
}

/* More callers than there are threads for: some jobs run in the caller's. */
static void many_callers(void **state UNUSED)
{
	struct caller callers[8] = {0};
	struct fan *fan = fan_new(BACKENDS);

	assert_non_null(fan);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		callers[i].fan = fan;
		assert_int_equal(
			pthread_create(&callers[i].thread, NULL, many_rounds, &callers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].wrong, 0);
	}
	fan_free(fan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(one_backend_needs_no_thread),
		cmocka_unit_test(many_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
