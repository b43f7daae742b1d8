/* SPDX-License-Identifier: Apache-2.0 */
/* What status lines of dm-thin say, and that the kernel is asked the right way. */
#include "target/store/dm.h"
#include "test/unit/target/support.h"

static struct err err;

static void test_pool(void **state UNUSED)
{
	struct dm_pool pool;

	assert_ok(
		dm_pool_parse("7 13/1024 5/16384 - rw no_discard_passdown queue_if_no_space - 1024",
			65536, &pool, &err),
		err);
	assert_int_equal(pool.meta_used, 13 * 4096);
	assert_int_equal(pool.meta_size, 1024 * 4096);
	assert_int_equal(pool.data_used, 5 * 65536);
	assert_int_equal(pool.data_size, INT64_C(16384) * 65536);
	assert_false(pool.full || pool.read_only);
	assert_ok(dm_pool_parse("7 13/1024 16384/16384 44 out_of_data_space discard_passdown "
				"error_if_no_space needs_check 1024",
			  65536, &pool, &err),
		err);
	assert_true(pool.full && pool.read_only);
	assert_ok(
		dm_pool_parse("7 1024/1024 5/16384 - ro discard_passdown error_if_no_space - 1024",
			65536, &pool, &err),
		err);
	assert_true(pool.read_only && !pool.full);
}

static void test_bad_pools(void **state UNUSED)
{
	static const char *const bad[] = {"", "Fail", "Error", "7 13/1024 5/16384",
		"7 13 5 - rw a b c", "7 a/1 5/16384 - rw a b c 1", "7 1/-1 5/16384 - rw a b c 1",
		"7 99999999999999999999999999999/1024 5/16384 - rw a b c 1"};
	struct dm_pool pool;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(dm_pool_parse(bad[i], 65536, &pool, &err), -1);
		assert_err(err, ERR_UNAVAILABLE, bad[i]);
	}
}

static void test_thin(void **state UNUSED)
{
	int64_t bytes = -1;

	assert_ok(dm_thin_parse("0 -", &bytes, &err), err);
	assert_int_equal(bytes, 0);
	assert_ok(dm_thin_parse("384 2047", &bytes, &err), err);
	assert_int_equal(bytes, 384 * 512);
	assert_int_equal(dm_thin_parse("-", &bytes, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "thin volume");
	assert_int_equal(dm_thin_parse("Fail", &bytes, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "Fail");
}

/* Here there is no such device, with a device mapper and without. */
static void test_kernel(void **state UNUSED)
{
	struct dm_device device;
	char name[2 * DM_DEVICE_NAME_SIZE];

	assert_int_equal(dm_linux.device("nvmetcp-none", &device), -1);
	assert_true(errno == ENXIO || errno == EACCES || errno == EPERM);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(dm_linux.device(name, &device), -1);
	assert_true(errno != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_bad_pools),
		cmocka_unit_test(test_thin),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
