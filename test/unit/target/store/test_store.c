/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects. */
#include "target/store/store.h"
#include "test/unit/target/support.h"

static void test_ids(void **state UNUSED)
{
	static const char *const good[] = {"a", "0", "prod-vol-0123456789abcdef", "a-",
		"012345678901234567890123456789012345678901234567890123456789abc"};
	static const char *const bad[] = {"", "-a", "A", "a_b", "a.b", "../a", "a/b", "a b",
		"\xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890abc"};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_ok(object_id_check("id", good[i], &err), err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(object_id_check("snapshot", bad[i], &err), -1);
		assert_err(err, ERR_INVALID_ARGUMENT, "snapshot: \"");
	}
	assert_int_equal(object_id_check("id", NULL, &err), -1);
}

static void test_kinds(void **state UNUSED)
{
	assert_string_equal(object_kind_name(OBJECT_VOLUME), "volume");
	assert_string_equal(object_kind_name(OBJECT_SNAPSHOT), "snapshot");
	store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
