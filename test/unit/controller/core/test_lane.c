/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bulkhead: so many and no more, and every place comes back.
 */
#include "controller/core/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void as_many_as_allowed(void **state UNUSED)
{
	struct lane lane;
	struct lane *held[3] = {NULL};
	struct err err = {0};

	lane_init(&lane, "calls", 2);
	assert_int_equal(lane_enter(&lane, "fast", &held[0], &err), 0);
	assert_int_equal(lane_enter(&lane, "fast", &held[1], &err), 0);
	assert_int_equal(lane_enter(&lane, "fast", &held[2], &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "backend fast: 2 calls are at work on it already"));
	assert_int_equal(lane_busy(&lane), 2);
	assert_null(held[2]);
	lane_leave(held[0]);
	assert_int_equal(lane_enter(&lane, "fast", &held[2], &err), 0);
	lane_leave(held[1]);
	lane_leave(held[2]);
	lane_leave(NULL);
	assert_int_equal(lane.busy, 0);
	lane_done(&lane);
}

static void *in_and_out(void *arg)
{
	struct lane *lane = arg;

	for (int i = 0; i < 5000; i++) {
		struct lane *held;

		if (lane_enter(lane, "x", &held, NULL) == 0) {
			if (__atomic_load_n(&lane->busy, __ATOMIC_RELAXED) > lane->max) {
				return lane;
			}
			lane_leave(held);
		}
	}
	return NULL;
}

static void never_more_with_threads(void **state UNUSED)
{
	struct lane lane;
	pthread_t threads[4];
	void *broken;

	lane_init(&lane, "calls", 2);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, in_and_out, &lane), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &broken), 0);
		assert_null(broken);
	}
	assert_int_equal(lane.busy, 0);
	lane_done(&lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_allowed),
		cmocka_unit_test(never_more_with_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
