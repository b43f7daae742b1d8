/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moments at which volumes are due: once a period, spread over it, whatever the clock does.
 */
#include "node/core/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)
#define WEEK (7 * DAY)
#define NOW INT64_C(1800000000000)

static struct due weekly(int64_t last)
{
	return (struct due){.volume = "linux/vol-1", .reclaim = RECLAIM_WEEKLY, .last_ms = last};
}

/* The first moment of a volume after @now. */
static int64_t moment_after(int64_t now)
{
	struct due due = weekly(now);

	return due_at(&due, now);
}

static void never_for_those_that_the_node_does_not_trim(void **state)
{
	struct due due = weekly(0);

	(void)state;
	due.reclaim = RECLAIM_OFF;
	assert_true(due_at(&due, NOW) == DUE_NEVER);
	due.reclaim = RECLAIM_DISCARD;
	assert_true(due_at(&due, NOW) == DUE_NEVER);
}

/* Looked at every minute for ten weeks. */
static void once_in_each_period(void **state)
{
	struct due due = weekly(NOW);
	int64_t trims[16];
	size_t n = 0;

	(void)state;
	for (int64_t now = NOW; now < NOW + 10 * WEEK; now += 60000) {
		int64_t at = due_at(&due, now);
		if (at > now) {
			assert_true(at <= now + WEEK);
			continue;
		}
		assert_true(now - at < 60000);
		due.last_ms = now;
		assert_true(n < 16);
		trims[n++] = at;
	}
	assert_int_equal(n, 10);
	for (size_t i = 1; i < n; i++) {
		assert_true(trims[i] - trims[i - 1] == WEEK);
	}
}

static void staged_again_and_again_is_never_due_at_once(void **state)
{
	(void)state;
	for (int64_t now = NOW; now < NOW + WEEK; now += 3600000) {
		struct due due = weekly(now);
		assert_true(due_at(&due, now) > now);
	}
}

/* A thousand volumes staged in one moment are spread over the week, and are the same every week. */
static void a_fleet_is_spread_over_the_period(void **state)
{
	unsigned days[7] = {0};
	char name[64];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "linux/prod-v-%032x", i);
		struct due due = {.volume = name, .reclaim = RECLAIM_WEEKLY, .last_ms = NOW};
		int64_t at = due_at(&due, NOW);
		assert_true(at > NOW && at <= NOW + WEEK);
		days[(at - NOW - 1) / DAY]++;
		due.last_ms = at;
		assert_true(due_at(&due, at) == at + WEEK);
	}
	for (size_t i = 0; i < ARRAY_SIZE(days); i++) {
		assert_in_range(days[i], 100, 190);
	}
}

/* A plugin that was away over the moment makes it up, unless it was away for long. */
static void a_missed_moment(void **state)
{
	struct due due = weekly(NOW);
	int64_t moment = moment_after(NOW);

	(void)state;
	assert_true(due_at(&due, moment - 1) == moment);
	assert_true(due_at(&due, moment) == moment);
	assert_true(due_at(&due, moment + WEEK / DUE_WINDOW) == moment);
	assert_true(due_at(&due, moment + WEEK / DUE_WINDOW + 1) == moment + WEEK);
	/* Not twice for one moment. */
	due.last_ms = moment + 1000;
	assert_true(due_at(&due, moment + 2000) == moment + WEEK);
}

/* Others that take days to be trimmed do not put a volume off for ever. */
static void a_moment_missed_for_others(void **state)
{
	struct due due = weekly(NOW);
	int64_t moment = moment_after(NOW);

	(void)state;
	due.busy_ms = 3 * DAY;
	assert_true(due_at(&due, moment + 3 * DAY) == moment);
	assert_true(due_at(&due, moment + 3 * DAY + WEEK / DUE_WINDOW + 1) == moment + WEEK);
}

/* At most a seventh of all volumes are due when a clock leaps by years, or one was away so long. */
static void a_leap_forward_makes_few_due(void **state)
{
	unsigned due_now = 0;
	char name[64];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "linux/prod-v-%032x", i);
		/* Staged in 1970, before the node knew the time. */
		struct due due = {.volume = name, .reclaim = RECLAIM_WEEKLY, .last_ms = 60000};
		int64_t at = due_at(&due, NOW);
		assert_true(at > NOW - WEEK && at <= NOW + WEEK);
		due_now += at <= NOW;
	}
	assert_in_range(due_now, 90, 200);
}

/* A clock that was ahead by years must not put the next one off by years. */
static void a_leap_back_ends_within_two_periods(void **state)
{
	static const int64_t ahead[] = {1, 1000, DAY, WEEK - 1, WEEK, WEEK + 1, 520 * WEEK};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		struct due due = weekly(NOW + ahead[i]);
		int64_t at = due_at(&due, NOW);
		assert_true(at <= NOW + 2 * WEEK);
		/* A small step back, as by NTP right after a trim, makes no second one. */
		if (ahead[i] < WEEK) {
			assert_true(at > NOW + ahead[i]);
		}
	}
}

static void clocks_near_1970(void **state)
{
	(void)state;
	for (int64_t now = 0; now < WEEK; now += 3600000) {
		struct due due = weekly(now);
		int64_t at = due_at(&due, now);
		assert_true(at > now && at <= now + WEEK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_for_those_that_the_node_does_not_trim),
		cmocka_unit_test(once_in_each_period),
		cmocka_unit_test(staged_again_and_again_is_never_due_at_once),
		cmocka_unit_test(a_fleet_is_spread_over_the_period),
		cmocka_unit_test(a_missed_moment),
		cmocka_unit_test(a_moment_missed_for_others),
		cmocka_unit_test(a_leap_forward_makes_few_due),
		cmocka_unit_test(a_leap_back_ends_within_two_periods),
		cmocka_unit_test(clocks_near_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
