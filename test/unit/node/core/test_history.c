/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of volumes, and when it is forgotten.
 */
#include "common/base/clock.h"
#include "node/core/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define STAGE "NodeStageVolume"
#define PUBLISH "NodePublishVolume"

static struct history_failure failure;

static void fail_with(struct history *h, const char *operation, const char *volume, const char *why)
{
	struct err err = {0};

	(void)err_set(&err, ERR_UNAVAILABLE, "%s", why);
	history_told(h, operation, volume, -1, &err);
}

static void failures_end_with_the_next_success(void **state)
{
	struct history *h = history_new();
	size_t stages;
	size_t publishes;

	(void)state;
	assert_false(history_failure(h, "a", &failure));
	fail_with(h, STAGE, "a", "first");
	assert_true(history_failure(h, "a", &failure));
	assert_string_equal(failure.msg, "first");
	int64_t since = failure.since_unix;
	assert_true(since > 0 && since <= clock_unix_ms());
	fail_with(h, STAGE, "a", "second");
	assert_true(history_failure(h, "a", &failure));
	assert_string_equal(failure.msg, "second");
	assert_int_equal(failure.since_unix, since);
	assert_false(history_failure(h, "b", &failure));
	fail_with(h, PUBLISH, "b", "third");
	assert_true(history_failure(h, "b", &failure));
	assert_true(failure.publish);
	history_failures(h, &stages, &publishes);
	assert_int_equal(stages, 1);
	assert_int_equal(publishes, 1);
	history_told(h, STAGE, "a", 0, NULL);
	assert_false(history_failure(h, "a", &failure));
	assert_true(history_staged_ms(h, "a") > 0);
	history_told(h, "NodeUnpublishVolume", "b", 0, NULL);
	assert_false(history_failure(h, "b", &failure));
	history_told(h, "NodeUnstageVolume", "a", 0, NULL);
	assert_int_equal(history_staged_ms(h, "a"), 0);
	history_free(h);
}

static void other_calls_change_nothing(void **state)
{
	struct history *h = history_new();
	struct err gone = {0};

	(void)state;
	fail_with(h, "NodeExpandVolume", "a", "no");
	assert_false(history_failure(h, "a", &failure));
	/* Nobody waited for the end of it. */
	(void)err_set(&gone, ERR_CANCELLED, "the caller went away");
	history_told(h, STAGE, "a", -1, &gone);
	assert_false(history_failure(h, "a", &failure));
	fail_with(h, STAGE, "a", "why");
	history_told(h, PUBLISH, "a", 0, NULL);
	history_told(h, "NodeUnpublishVolume", "a", 0, NULL);
	history_told(h, "NodeExpandVolume", "a", 0, NULL);
	fail_with(h, "NodeUnstageVolume", "a", "no");
	assert_true(history_failure(h, "a", &failure));
	assert_string_equal(failure.msg, "why");
	history_free(h);
}

/* Until the clock shows another millisecond. */
static void wait_for_clock(void)
{
	int64_t now = clock_unix_ms();
	struct deadline dl = deadline_in(20000);

	while (clock_unix_ms() == now) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 1, "clock", NULL), 0);
	}
}

static void marks_last_while_they_are_seen(void **state)
{
	struct history *h = history_new();
	int64_t since[HISTORY_MARKS];
	int64_t again[HISTORY_MARKS];

	(void)state;
	history_marks(h, "a", 0, since);
	assert_int_equal(since[0], 0);
	history_marks(h, "a", 1 << 3, since);
	assert_true(since[3] > 0);
	assert_int_equal(since[0], 0);
	wait_for_clock();
	history_marks(h, "a", 1 << 3 | 1, again);
	assert_int_equal(again[3], since[3]);
	assert_true(again[0] > since[3]);
	history_marks(h, "a", 1, again);
	assert_int_equal(again[3], 0);
	history_marks(h, "a", 1 << 3, again);
	assert_true(again[3] > since[3]);
	history_free(h);
}

/* P10 */
static void the_oldest_is_forgotten_first(void **state)
{
	struct history *h = history_new();
	char volume[32];

	(void)state;
	for (int i = 0; i < HISTORY_MAX + 1; i++) {
		(void)snprintf(volume, sizeof(volume), "v/%d", i);
		fail_with(h, STAGE, volume, "why");
		fail_with(h, STAGE, "v/0", "again and again");
	}
	assert_true(history_failure(h, "v/0", &failure));
	assert_false(history_failure(h, "v/1", &failure));
	assert_true(history_failure(h, "v/2", &failure));
	assert_true(history_failure(h, volume, &failure));
	history_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_end_with_the_next_success),
		cmocka_unit_test(other_calls_change_nothing),
		cmocka_unit_test(marks_last_while_they_are_seen),
		cmocka_unit_test(the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
