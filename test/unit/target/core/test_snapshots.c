/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: taken once, kept apart from their volume, counted for what they pin. */
#include "test/unit/target/core/world.h"

static void test_take(void **state UNUSED)
{
	struct pool_view pools[AGENT_POOLS_MAX];
	bool created = false;

	make_volume("v1");
	write_data(0, "volumes/v1.img", 0, "old");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_true(created);
	write_data(0, "volumes/v1.img", 0, "new");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_false(created);
	assert_data(0, "snapshots/s1.img", 0, "old");
	_cleanup_object_view_ struct object_view view = get(SNAPSHOT("s1"));

	assert_string_equal(view.object->source_id, "v1");
	assert_string_equal(view.object->instance, "test");
	assert_int_equal(view.object->size, 4 * MIB);
	assert_true(view.object->pinned > 0 && view.object->pinned < MIB);
	(void)agent_pools(world.agent, pools);
	assert_int_equal(pools[0].usage.committed, 4 * MIB + view.object->pinned);
	assert_int_equal(pools[0].usage.snapshots, 1);
	/* It outlives its volume. */
	assert_ok(delete_object(VOLUME("v1")), world.err);
	world_restart();
	assert_data(0, "snapshots/s1.img", 0, "old");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_ok(delete_object(SNAPSHOT("s1")), world.err);
	assert_refused(delete_object(SNAPSHOT("s1")), ERR_NOT_FOUND, "snapshot s1");
	assert_false(exists(at(&world.pools[0], "snapshots/s1.img")));
}

static void test_refusals(void **state UNUSED)
{
	const struct snapshot_request other = {"s1", "v1", "{\"a\":\"b\"}"};
	struct object_view view = {0};
	struct deadline dl = soon();
	bool created;

	assert_refused(put_snapshot("s1", "v1", &created), ERR_NOT_FOUND, "volume v1");
	make_volume("v1");
	make_volume("v2");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_refused(put_snapshot("s1", "v2", &created), ERR_ALREADY_EXISTS, "another volume");
	assert_refused(agent_snapshot_put(world.agent, &other, &dl, &view, &created, &world.err),
		ERR_ALREADY_EXISTS, "other metadata");
	fake_fs.extents = 1001;
	assert_refused(put_snapshot("s2", "v1", &created), ERR_RESOURCE_EXHAUSTED, "cloneExtents");
	fake_fs.extents = 0;
	fake_fs.clone_errno = ENOSPC;
	assert_refused(put_snapshot("s2", "v1", &created), ERR_RESOURCE_EXHAUSTED, "share");
	assert_false(exists(at(&world.pools[0], "snapshots/s2.img")));
	assert_false(exists(at(&world.pools[0], "snapshots/s2.json")));
}

static void test_failed(void **state UNUSED)
{
	static const char *const points[] = {"PutSnapshot.intent.done", "PutSnapshot.data.done",
		"PutSnapshot.ready", "PutSnapshot.ready.done"};
	bool created;

	make_volume("v1");
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		world_fault(points[i]);
		assert_refused(put_snapshot("s1", "v1", &created), ERR_UNAVAILABLE, points[i]);
		world_fault(NULL);
		assert_false(exists(at(&world.pools[0], "snapshots/s1.img")));
		assert_false(exists(at(&world.pools[0], "snapshots/s1.json")));
	}
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_true(created);
}

/* Left `creating` by a crash: not told, and taken again by the retry. */
static void test_left_creating(void **state UNUSED)
{
	struct object_view view = {0};
	bool created;

	make_volume("v1");
	world_faults("PutSnapshot.ready=fail,PutSnapshot.take-back=fail");
	assert_refused(put_snapshot("s1", "v1", &created), ERR_UNAVAILABLE, "taking it back");
	world_fault(NULL);
	assert_refused(agent_get(world.agent, SNAPSHOT("s1"), &view, &world.err), ERR_NOT_FOUND,
		"snapshot s1");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_true(created);
}

static void test_absent_pool(void **state UNUSED)
{
	bool created;

	make_volume("v1");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	pool_away(0);
	assert_refused(put_snapshot("s1", "v1", &created), ERR_UNAVAILABLE, "no pool is there");
	assert_refused(delete_object(SNAPSHOT("s1")), ERR_UNAVAILABLE, "no pool is there");
	pool_back(0);
	agent_tick(world.agent);
	assert_ok(delete_object(SNAPSHOT("s1")), world.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_take, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_left_creating, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_pool, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
