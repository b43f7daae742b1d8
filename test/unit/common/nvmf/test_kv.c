/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking keys up.
 */
#include "common/nvmf/kv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_get(void **state)
{
	static const struct kv items[] = {{"a", "1"}, {"", "empty key"}, {"b", ""}, {"a", "2"}};
	const struct kv_list list = {.items = items, .n = ARRAY_SIZE(items)};
	const struct kv_list first = {.items = items, .n = 1};
	const struct kv_list none = {0};

	(void)state;
	/* The last one wins, as protobuf says of a map's key that was sent twice. */
	assert_string_equal(kv_get(list, "a"), "2");
	assert_string_equal(kv_get(first, "a"), "1");
	assert_string_equal(kv_get(list, "b"), "");
	assert_string_equal(kv_get(list, ""), "empty key");
	assert_null(kv_get(list, "A"));
	assert_null(kv_get(list, "ab"));
	assert_null(kv_get(none, "a"));
}

static void test_contains(void **state)
{
	static const struct kv items[] = {{"a", "1"}, {"b", "2"}};
	static const struct kv other[] = {{"a", "2"}};
	const struct kv_list both = {.items = items, .n = 2};
	const struct kv_list first = {.items = items, .n = 1};
	const struct kv_list differs = {.items = other, .n = 1};
	const struct kv_list none = {0};

	(void)state;
	assert_true(kv_contains(both, both));
	assert_true(kv_contains(both, first));
	assert_false(kv_contains(first, both));
	assert_false(kv_contains(both, differs));
	assert_true(kv_contains(both, none));
	assert_false(kv_contains(none, first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_contains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
