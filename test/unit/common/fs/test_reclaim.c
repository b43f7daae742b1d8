/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the parameter "reclaim".
 */
#include "common/fs/reclaim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
	enum reclaim got = RECLAIM_DISCARD;
	struct err err = {0};

	(void)state;
	for (enum reclaim all = RECLAIM_OFF; all <= RECLAIM_DISCARD; all++) {
		assert_int_equal(reclaim_parse("f", reclaim_name(all), &got, &err), 0);
		assert_int_equal(got, all);
	}
	assert_int_equal(reclaim_period_ms(RECLAIM_OFF), 0);
	assert_int_equal(reclaim_period_ms(RECLAIM_DISCARD), 0);
	assert_int_equal(reclaim_period_ms(RECLAIM_WEEKLY), 7 * reclaim_period_ms(RECLAIM_DAILY));
	assert_int_equal(reclaim_period_ms(RECLAIM_DAILY), 86400000);
}

/* Volumes that were made with it carry it for ever. */
static void none_and_nothing_are_off(void **state)
{
	static const char *const texts[] = {"none", NULL};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		enum reclaim got = RECLAIM_WEEKLY;
		assert_int_equal(reclaim_parse("f", texts[i], &got, &err), 0);
		assert_int_equal(got, RECLAIM_OFF);
	}
}

static void others_are_refused_by_name(void **state)
{
	static const char *const texts[] = {"", "Weekly", "hourly", "fstrim", "weekly "};
	enum reclaim got = RECLAIM_DAILY;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(reclaim_parse("parameters.reclaim", texts[i], &got, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "parameters.reclaim"));
		assert_non_null(strstr(err.msg, "\"weekly\""));
		assert_int_equal(got, RECLAIM_DAILY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(none_and_nothing_are_off),
		cmocka_unit_test(others_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
