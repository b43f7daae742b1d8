/* SPDX-License-Identifier: Apache-2.0 */
/* Which thin pools are taken, and how one becomes a pool. */
#include "test/unit/target/thinstore.h"

static struct err err;
static struct thin thin;

static int setup(void **state UNUSED)
{
	lvm_world_make();
	place_make(&thin.place);
	return 0;
}

static int teardown(void **state UNUSED)
{
	place_remove(&thin.place);
	lvm_world_remove();
	return 0;
}

static int read_pool(struct lvmthin_pool *ret)
{
	const struct lvm lvm = {&lvm_world.env, VG};

	return lvmthin_pool_read(&lvm, "thin", ret, &err);
}

static int init(const char *name)
{
	struct store_options options = thin_options(&thin);

	options.name = name;
	return lvmthin_init(NO_STEP, &options, &thin.stamp, &err);
}

static void test_read(void **state UNUSED)
{
	struct lvmthin_pool pool;

	assert_ok(read_pool(&pool), err);
	assert_string_equal(pool.vg_uuid, VG_UUID);
	assert_string_equal(pool.lv_uuid, POOL_UUID);
	assert_int_equal(pool.chunk, 65536);
	assert_int_equal(pool.extent, 4 * MIB);
	assert_int_equal(pool.vg_meta_size, 1044480);
	assert_true(pool.fails_when_full);
	assert_string_equal(pool.owner, "");
	lvm_group(
		POOL_STATUS, ",\"when_full\":\"queue\",\"tags\":[\"a\",\"nvmetcp.pool.x\",\"b\"]");
	assert_ok(read_pool(&pool), err);
	assert_false(pool.fails_when_full);
	assert_string_equal(pool.owner, "x");
}

static void test_unfit(void **state UNUSED)
{
	struct lvmthin_pool pool;

	lvm_group(POOL_STATUS, ",\"zero\":\"\"");
	assert_int_equal(read_pool(&pool), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "lvchange --zero y " VG "/thin");
	assert_int_equal(init("pool"), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "what another one held");
	assert_false(exists(at(&thin.place, STAMP_FILE)));
	lvm_group(POOL_STATUS, ",\"when_full\":\"queue\"");
	assert_ok(read_pool(&pool), err);
	assert_int_equal(init("pool"), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "lvchange --errorwhenfull y " VG "/thin");
	assert_false(exists(at(&thin.place, STAMP_FILE)));
	lvm_group(POOL_STATUS, ",\"chunk\":196608");
	assert_int_equal(read_pool(&pool), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "powers of 2");
	lvm_group(POOL_STATUS, ",\"chunk\":\"many\"");
	assert_int_equal(read_pool(&pool), -1);
	assert_err(err, ERR_INTERNAL, "chunk_size");
}

static void test_init(void **state UNUSED)
{
	char uuid[UUID_TEXT_SIZE];
	struct lvmthin_pool pool;

	assert_ok(init("pool"), err);
	assert_called("lvs lvchange ");
	memcpy(uuid, thin.stamp.uuid, sizeof(uuid));
	assert_ok(read_pool(&pool), err);
	assert_string_equal(pool.owner, uuid);
	assert_called("lvs ");
	/* Again: nothing changes. */
	assert_ok(init("pool"), err);
	assert_string_equal(thin.stamp.uuid, uuid);
	assert_called("lvs ");
	assert_int_equal(init("other"), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "is the pool \"pool\" already");
}

static void test_init_was_cut_short(void **state UNUSED)
{
	char uuid[UUID_TEXT_SIZE];
	struct lvmthin_pool pool;

	lvm_fault("lvchange before 137");
	assert_int_equal(init("pool"), -1);
	assert_err(err, ERR_INTERNAL, "137");
	memcpy(uuid, thin.stamp.uuid, sizeof(uuid));
	assert_ok(init("pool"), err);
	assert_string_equal(thin.stamp.uuid, uuid);
	assert_ok(read_pool(&pool), err);
	assert_string_equal(pool.owner, uuid);
}

/* One thin pool has one directory, and the other way round. */
static void test_init_of_another(void **state UNUSED)
{
	struct place other;
	struct store_options options;

	assert_ok(init("pool"), err);
	place_make(&other);
	options = thin_options(&thin);
	options.path = other.path;
	assert_int_equal(lvmthin_init(NO_STEP, &options, &thin.stamp, &err), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "belongs to the pool with the identity");
	assert_false(exists(at(&other, STAMP_FILE)));
	place_remove(&other);
	lvm_group(POOL_STATUS, ",\"uuid\":\"other0-0000-0000-0000-0000-0000-popopo\"");
	assert_int_equal(init("pool"), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "use another directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_was_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_of_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
