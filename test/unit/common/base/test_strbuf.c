/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing string: its limit, its failed state, handing over.
 */
#include "common/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_appends(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(100);

	(void)state;
	assert_string_equal(sb_str(&sb), "");
	sb_add(&sb, "one");
	sb_addc(&sb, ' ');
	sb_addn(&sb, "two and more", 3);
	sb_addf(&sb, " %d", 3);
	sb_addn(&sb, NULL, 0);
	assert_string_equal(sb_str(&sb), "one two 3");
	assert_int_equal(sb.len, 9);
	assert_false(sb.failed);
}

static void test_the_limit_is_exact(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(5);

	(void)state;
	sb_add(&sb, "12345");
	assert_false(sb.failed);
	assert_string_equal(sb_str(&sb), "12345");
	sb_addc(&sb, '6');
	assert_true(sb.failed);
	assert_null(sb.data);
	assert_string_equal(sb_str(&sb), "");
	/* For good: what would fit by itself is not taken either. */
	sb_addc(&sb, 'x');
	sb_addf(&sb, "%s", "y");
	assert_string_equal(sb_str(&sb), "");
}

static void test_printf_past_the_limit_fails(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(5);

	(void)state;
	sb_addf(&sb, "%s", "123456");
	assert_true(sb.failed);
}

static void test_grows_to_its_limit(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(10000);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		sb_addc(&sb, (char)('a' + i % 26));
	}
	assert_false(sb.failed);
	assert_int_equal(strlen(sb_str(&sb)), 10000);
	assert_true(sb.size <= 10001);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(sb_str(&sb)[i], 'a' + i % 26);
	}
}

static void test_huge_lengths_fail(void **state)
{
	struct strbuf sb = sb_init(SIZE_MAX);

	(void)state;
	sb_add(&sb, "x");
	sb_addn(&sb, "y", SIZE_MAX);
	assert_true(sb.failed);
	sb_done(&sb);
	sb = sb_init(SIZE_MAX);
	sb_addn(&sb, "y", SIZE_MAX - 1);
	assert_true(sb.failed);
	sb_done(&sb);
}

static void test_reset_makes_it_new(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(3);

	(void)state;
	sb_add(&sb, "abc");
	sb_reset(&sb);
	assert_string_equal(sb_str(&sb), "");
	assert_int_equal(sb.len, 0);
	sb_add(&sb, "abcd");
	assert_true(sb.failed);
	sb_reset(&sb);
	sb_add(&sb, "xyz");
	assert_string_equal(sb_str(&sb), "xyz");
}

static void test_take(void **state)
{
	struct strbuf sb = sb_init(10);
	struct err err = {0};
	char *text = NULL;

	(void)state;
	sb_add(&sb, "text");
	assert_int_equal(sb_take(&sb, "reply", &text, &err), 0);
	assert_string_equal(text, "text");
	free(text);
	assert_null(sb.data);
	/* It may be used again, and an empty one is an empty string, not NULL. */
	assert_int_equal(sb_take(&sb, "reply", &text, &err), 0);
	assert_string_equal(text, "");
	free(text);
	sb_add(&sb, "0123456789a");
	text = NULL;
	assert_int_equal(sb_take(&sb, "reply", &text, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, "reply"));
	assert_null(text);
	sb_done(&sb);
}

static void test_done_of_zeroed(void **state)
{
	struct strbuf sb = {0};

	(void)state;
	sb_done(&sb);
	sb_done(&sb);
	/* A limit of nothing takes nothing. */
	sb_add(&sb, "");
	assert_false(sb.failed);
	sb_add(&sb, "x");
	assert_true(sb.failed);
	sb_done(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_the_limit_is_exact),
		cmocka_unit_test(test_printf_past_the_limit_fails),
		cmocka_unit_test(test_grows_to_its_limit),
		cmocka_unit_test(test_huge_lengths_fail),
		cmocka_unit_test(test_reset_makes_it_new),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_done_of_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
