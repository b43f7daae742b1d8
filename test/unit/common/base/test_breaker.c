/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The breaker on a clock of the test's own: when it opens, who may try, what closes it.
 */
#include "common/base/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START 1000000

static void pass(struct breaker *breaker, int64_t now, bool attempt)
{
	struct err err = {0};
	bool got;

	if (breaker_enter(breaker, now, &got, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(got, attempt);
}

static void turned_away(struct breaker *breaker, int64_t now, const char *words)
{
	struct err err = {0};
	bool got;

	assert_int_equal(breaker_enter(breaker, now, &got, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	if (!strstr(err.msg, words)) {
		fail_msg("\"%s\" is not in: %s", words, err.msg);
	}
}

static void silent(struct breaker *breaker, int64_t now, unsigned times)
{
	while (times-- > 0) {
		pass(breaker, now, false);
		breaker_leave(breaker, now, false, BREAKER_SILENT, "connection refused");
	}
}

static void opens_after_so_many_in_a_row(void **state UNUSED)
{
	struct breaker breaker;

	breaker_init(&breaker);
	silent(&breaker, START, BREAKER_SILENT_MAX - 1);
	/* An answer, even one that refuses, begins the count anew. */
	pass(&breaker, START, false);
	breaker_leave(&breaker, START, false, BREAKER_ANSWERED, NULL);
	silent(&breaker, START + 1, BREAKER_SILENT_MAX - 1);
	/* What tells nothing does not. */
	pass(&breaker, START + 2, false);
	breaker_leave(&breaker, START + 2, false, BREAKER_NOTHING, NULL);
	silent(&breaker, START + 3000, 1);
	turned_away(&breaker, START + 3001,
		"not answered for 3 s, 5 calls in a row; next attempt in 1 s");
	turned_away(&breaker, START + 3001, "the last call: connection refused");
	breaker_done(&breaker);
}

static void one_attempt_at_a_time_and_ever_longer_pauses(void **state UNUSED)
{
	struct breaker breaker;
	int64_t now = START;
	int64_t pause = BREAKER_FIRST_MS;

	breaker_init(&breaker);
	silent(&breaker, now, BREAKER_SILENT_MAX);
	for (int i = 0; i < 6; i++) {
		turned_away(&breaker, now + pause - 1, "next attempt in 1 s");
		now += pause;
		pass(&breaker, now, true);
		turned_away(&breaker, now, "the next attempt is under way");
		/* However long it takes. */
		turned_away(&breaker, now + 100000, "the next attempt is under way");
		breaker_leave(&breaker, now, true, BREAKER_SILENT, "still nothing");
		pause = MIN(2 * pause, (int64_t)BREAKER_LONGEST_MS);
	}
	assert_int_equal(pause, BREAKER_LONGEST_MS);
	breaker_done(&breaker);
}

static void an_attempt_that_is_answered_closes_it(void **state UNUSED)
{
	struct breaker breaker;
	struct breaker_state seen;

	breaker_init(&breaker);
	silent(&breaker, START, BREAKER_SILENT_MAX);
	breaker_read(&breaker, START + 400, &seen);
	assert_true(seen.open);
	assert_int_equal(seen.silent, BREAKER_SILENT_MAX);
	assert_int_equal(seen.since_ms, 400);
	assert_int_equal(seen.attempt_ms, BREAKER_FIRST_MS - 400);
	pass(&breaker, START + BREAKER_FIRST_MS, true);
	breaker_leave(&breaker, START + BREAKER_FIRST_MS, true, BREAKER_ANSWERED, NULL);
	breaker_read(&breaker, START + BREAKER_FIRST_MS, &seen);
	assert_false(seen.open);
	assert_int_equal(seen.silent, 0);
	assert_string_equal(seen.why, "");
	pass(&breaker, START + BREAKER_FIRST_MS, false);
	/* The next time it opens it begins with the short pause again. */
	silent(&breaker, START + 5000, BREAKER_SILENT_MAX);
	turned_away(&breaker, START + 5000, "next attempt in 1 s");
	breaker_done(&breaker);
}

static void an_attempt_that_tells_nothing_leaves_room_for_another(void **state UNUSED)
{
	struct breaker breaker;

	breaker_init(&breaker);
	silent(&breaker, START, BREAKER_SILENT_MAX);
	pass(&breaker, START + BREAKER_FIRST_MS, true);
	breaker_leave(&breaker, START + BREAKER_FIRST_MS, true, BREAKER_NOTHING, NULL);
	/* Soon, not at once: else many impatient callers would each have to wait for nothing. */
	turned_away(&breaker, START + 2 * BREAKER_FIRST_MS - 1, "next attempt in 1 s");
	pass(&breaker, START + 2 * BREAKER_FIRST_MS, true);
	breaker_done(&breaker);
}

/* Calls that were under way when it opened end later: an answer counts, silence changes nothing of
 * when the next attempt is. */
static void calls_from_before_it_opened(void **state UNUSED)
{
	struct breaker breaker;

	breaker_init(&breaker);
	pass(&breaker, START, false);
	pass(&breaker, START, false);
	silent(&breaker, START, BREAKER_SILENT_MAX);
	breaker_leave(&breaker, START + BREAKER_FIRST_MS - 1, false, BREAKER_SILENT, "late");
	pass(&breaker, START + BREAKER_FIRST_MS, true);
	breaker_leave(&breaker, START + BREAKER_FIRST_MS, false, BREAKER_ANSWERED, NULL);
	pass(&breaker, START + BREAKER_FIRST_MS, false);
	/* The attempt ends when it is closed already: one of many calls by now. */
	breaker_leave(&breaker, START + BREAKER_FIRST_MS, true, BREAKER_SILENT, "late");
	pass(&breaker, START + BREAKER_FIRST_MS, false);
	breaker_done(&breaker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_after_so_many_in_a_row),
		cmocka_unit_test(one_attempt_at_a_time_and_ever_longer_pauses),
		cmocka_unit_test(an_attempt_that_is_answered_closes_it),
		cmocka_unit_test(an_attempt_that_tells_nothing_leaves_room_for_another),
		cmocka_unit_test(calls_from_before_it_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
