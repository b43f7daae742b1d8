/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Geometry of what is no device, and refusals. Real devices are asked in the VM.
 */
#include "node/block/blkdev.h"
#include "test/unit/node/block/disk_fake.h"

static void test_file(void **state)
{
	struct blkdev_geometry g;
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	fake_open(&disk, 12345);
	assert_int_equal(blkdev_geometry_read(disk.fd, &g, &err), 0);
	assert_int_equal(g.size, 12345);
	assert_int_equal(g.logical_block, 512);
	assert_true(g.regular);
	assert_false(g.read_only);
	fake_close(&disk);
}

static void test_not_a_disk(void **state)
{
	struct blkdev_geometry g;
	struct err err = {0};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(blkdev_geometry_read(fd, &g, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	(void)close(fd);
	assert_int_equal(blkdev_geometry_read(-1, &g, &err), -1);
}

static int read_only_step(const struct step *in, void *arg, struct err *err)
{
	return blkdev_set_read_only(in, *(const int *)arg, true, err);
}

static void test_read_only_needs_a_device(void **state)
{
	struct steps steps = {.operation = "test"};
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	fake_open(&disk, 4096);
	assert_int_equal(step_run(&steps, "ro", read_only_step, &disk.fd, &err), -1);
	assert_non_null(strstr(err.msg, "read-only"));
	fake_close(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_not_a_disk),
		cmocka_unit_test(test_read_only_needs_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
