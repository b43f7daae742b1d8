/* SPDX-License-Identifier: Apache-2.0 */
/* The number of a pool's generation. */
#include "target/store/generation.h"
#include "test/unit/target/support.h"

static void test_round_trip(void **state UNUSED)
{
	struct place place;
	struct err err = {0};
	int64_t got = -1;

	place_make(&place);
	_cleanup_close_ int dirfd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_ok(generation_read(dirfd, place.path, &got, &err), err);
	assert_int_equal(got, 0);
	assert_ok(generation_write(NO_STEP, dirfd, 41, &err), err);
	assert_ok(generation_write(NO_STEP, dirfd, 42, &err), err);
	assert_ok(generation_read(dirfd, place.path, &got, &err), err);
	assert_int_equal(got, 42);
	place_remove(&place);
}

static void test_broken(void **state UNUSED)
{
	static const char *const broken[] = {
		"", "\n", "0\n", "-1\n", "4x\n", "9223372036854775807\n", "1 2\n"};
	struct place place;
	struct err err = {0};
	int64_t got;

	place_make(&place);
	_cleanup_close_ int dirfd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		put_file(at(&place, GENERATION_FILE), broken[i]);
		assert_int_equal(generation_read(dirfd, place.path, &got, &err), -1);
		assert_err(err, ERR_DATA_LOSS, GENERATION_FILE);
	}
	put_file(at(&place, GENERATION_FILE), "1234567890123456789012345678901234567890");
	assert_int_equal(generation_read(dirfd, place.path, &got, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, GENERATION_FILE);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
