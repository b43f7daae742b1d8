/* SPDX-License-Identifier: Apache-2.0 */
/* The real calls on a file system without reflink; with it they are tested on a real kernel. */
#include "test/unit/target/support.h"

static void test_without_reflink(void **state UNUSED)
{
	struct place place;
	int64_t extents;

	place_make(&place);
	put_file(at(&place, "a"), "text");
	_cleanup_close_ int src = open(at(&place, "a"), O_RDWR | O_CLOEXEC);
	_cleanup_close_ int dst = open(at(&place, "b"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(src >= 0 && dst >= 0);
	/* Whatever lies under /tmp: the clone works whole, or fails with one of the errors that
	 * mean "no reflink". */
	if (fsops_linux.clone(NO_STEP, dst, src) < 0) {
		assert_true(errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL ||
			    errno == EXDEV);
	} else {
		char text[8] = "";

		assert_int_equal(pread(dst, text, sizeof(text), 0), 4);
		assert_string_equal(text, "text");
	}
	if (fsops_linux.extent_hint(NO_STEP, dst, 1 << 20) < 0) {
		assert_true(errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL);
	}
	if (fsops_linux.extents(src, &extents) == 0) {
		assert_true(extents >= 0 && extents <= 1);
	}
	place_remove(&place);
}

static void test_bad_descriptor(void **state UNUSED)
{
	int64_t extents;

	assert_int_equal(fsops_linux.clone(NO_STEP, -1, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fsops_linux.extent_hint(NO_STEP, -1, 4096), -1);
	assert_int_equal(fsops_linux.extents(-1, &extents), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_reflink),
		cmocka_unit_test(test_bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
