/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: created once, compared member by member, from sources, grown. */
#include "test/unit/target/core/world.h"

static void test_create(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	bool created = false;

	request.metadata = "{\"csiName\":\"pvc-1\"}";
	assert_ok(put_request(&request, &created), world.err);
	assert_true(created);
	assert_ok(put_request(&request, &created), world.err);
	assert_false(created);
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_string_equal(view.pool, "one");
	assert_string_equal(view.object->metadata, request.metadata);
	assert_int_equal(view.object->nsid, 1);
	assert_false(view.written);
	assert_true(view.object->created_ms > 0);
	assert_int_equal(view.object->hosts.n, 0);
	assert_int_equal(size_of(0, "volumes/v1.img"), 4 * MIB);
	/* Nothing is exported for a volume without hosts. */
	assert_nothing_exported();
}

static void test_compare(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	struct volume_request other;
	bool created;

	make_volume("v1");
	make_volume("v0");
	other = request;
	other.pool = "two";
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another pool: \"one\"");
	other = request;
	other.instance = "prod";
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another instance");
	other = request;
	other.source = SOURCE_VOLUME;
	other.source_id = "v0";
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another source");
	other = request;
	other.subsystem = "many";
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another subsystem");
	other = request;
	other.metadata = "{\"a\":\"b\"}";
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "other metadata");
	other = request;
	other.size = 8 * MIB;
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another size");
	/* After it grew, both sizes are the volume's. */
	assert_ok(resize("v1", 8 * MIB), world.err);
	assert_ok(put_request(&other, &created), world.err);
	assert_ok(put_request(&request, &created), world.err);
	other.size = 6 * MIB;
	assert_refused(put_request(&other, &created), ERR_ALREADY_EXISTS, "another size");
}

/* The same id again is another volume for a host that knew the first one. */
static void test_identity_is_fresh(void **state UNUSED)
{
	uint8_t first[16];

	make_volume("v1");
	struct object_view view = get(VOLUME("v1"));

	memcpy(first, view.object->uuid, 16);
	object_view_done(&view);
	world_restart();
	view = get(VOLUME("v1"));
	assert_memory_equal(view.object->uuid, first, 16);
	object_view_done(&view);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	make_volume("v1");
	view = get(VOLUME("v1"));
	assert_memory_not_equal(view.object->uuid, first, 16);
	object_view_done(&view);
}

static void test_sources(void **state UNUSED)
{
	struct volume_request request = volume_of("v2");
	bool created;

	make_volume("v1");
	write_data(0, "volumes/v1.img", MIB, "old");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	write_data(0, "volumes/v1.img", MIB, "new");
	request.source = SOURCE_SNAPSHOT;
	request.source_id = "s1";
	request.size = 8 * MIB;
	assert_ok(put_request(&request, &created), world.err);
	assert_data(0, "volumes/v2.img", MIB, "old");
	assert_int_equal(size_of(0, "volumes/v2.img"), 8 * MIB);
	request = volume_of("v3");
	request.source = SOURCE_VOLUME;
	request.source_id = "v1";
	assert_ok(put_request(&request, &created), world.err);
	assert_data(0, "volumes/v3.img", MIB, "new");
	_cleanup_object_view_ struct object_view view = get(VOLUME("v3"));

	assert_true(view.written && view.object->written);
	/* A retry finds it, whatever became of the source. */
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_ok(put_request(&request, &created), world.err);
	assert_false(created);
	assert_data(0, "volumes/v3.img", MIB, "new");
}

static void test_bad_sources(void **state UNUSED)
{
	struct volume_request request = volume_of("v2");
	bool created;

	make_volume("v1");
	request.source = SOURCE_SNAPSHOT;
	request.source_id = "none";
	assert_refused(put_request(&request, &created), ERR_NOT_FOUND, "source.snapshot");
	request.source = SOURCE_VOLUME;
	assert_refused(put_request(&request, &created), ERR_NOT_FOUND, "source.volume");
	request.source_id = "v2";
	assert_refused(put_request(&request, &created), ERR_NOT_FOUND, "the volume itself");
	request.source_id = "v1";
	request.size = 2 * MIB;
	assert_refused(put_request(&request, &created), ERR_INVALID_ARGUMENT, "size");
	request.size = 4 * MIB;
	request.pool = "two";
	assert_refused(put_request(&request, &created), ERR_NOT_FOUND, "pool of its source");
	request.pool = "three";
	assert_refused(put_request(&request, &created), ERR_NOT_FOUND, "no pool \"three\"");
	fake_fs.extents = 1001;
	request.pool = "one";
	assert_refused(put_request(&request, &created), ERR_RESOURCE_EXHAUSTED, "cloneExtents");
	assert_false(exists(at(&world.pools[0], "volumes/v2.img")));
	assert_false(exists(at(&world.pools[0], "volumes/v2.json")));
}

/* What failed in the middle is taken back, and the space it was promised is free again. */
static void test_failed_creation(void **state UNUSED)
{
	static const char *const points[] = {"PutVolume.intent", "PutVolume.intent.done",
		"PutVolume.data", "PutVolume.data.done", "PutVolume.ready", "PutVolume.ready.done"};
	struct volume_request request = volume_of("v1");
	struct pool_view pools[AGENT_POOLS_MAX];
	bool created;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		world_fault(points[i]);
		assert_refused(put_request(&request, &created), ERR_UNAVAILABLE, points[i]);
		world_fault(NULL);
		assert_false(exists(at(&world.pools[0], "volumes/v1.img")));
		assert_false(exists(at(&world.pools[0], "volumes/v1.json")));
		(void)agent_pools(world.agent, pools);
		assert_int_equal(pools[0].usage.committed, 0);
		assert_int_equal(
			agent_get(world.agent, VOLUME("v1"), &(struct object_view){0}, &world.err),
			-1);
		assert_err(world.err, ERR_NOT_FOUND, "volume v1");
	}
	make_volume("v1");
}

/* Taking back fails, too: no final code, and the next call cleans up, also one with other wishes.
 */
static void test_failed_undo(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	bool created;

	world_faults("PutVolume.data.done=fail,PutVolume.take-back=fail");
	assert_refused(put_request(&request, &created), ERR_UNAVAILABLE, "taking it back failed");
	assert_true(exists(at(&world.pools[0], "volumes/v1.img")));
	world_fault(NULL);
	request.size = 8 * MIB;
	assert_ok(put_request(&request, &created), world.err);
	assert_true(created);
	assert_int_equal(size_of(0, "volumes/v1.img"), 8 * MIB);
}

static void test_foreign_data(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	bool created;

	put_file(at(&world.pools[0], "volumes/v1.img"), "somebody's");
	assert_refused(put_request(&request, &created), ERR_INTERNAL, "without a state");
	assert_data(0, "volumes/v1.img", 0, "somebody's");
}

static void test_capacity(void **state UNUSED)
{
	struct pool_view pools[AGENT_POOLS_MAX];
	struct volume_request request = volume_of("v1");
	bool created;

	(void)agent_pools(world.agent, pools);
	int64_t available = pools[0].usage.available / MIB * MIB;

	request.size = available + MIB;
	assert_refused(put_request(&request, &created), ERR_RESOURCE_EXHAUSTED,
		"; delete volumes or snapshots, enlarge the pool, or raise its ratio");
	/* Sparse: it costs nothing but the promise. */
	request.size = available;
	assert_ok(put_request(&request, &created), world.err);
	request = volume_of("v2");
	assert_refused(put_request(&request, &created), ERR_RESOURCE_EXHAUSTED, "pool one");
	assert_refused(resize("v1", available + 4 * MIB), ERR_RESOURCE_EXHAUSTED, "pool one");
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_int_equal(view.object->size, available);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_ok(put_request(&request, &created), world.err);
}

static void test_resize(void **state UNUSED)
{
	char nqn[NQN_SIZE];

	make_volume("v1");
	assert_ok(resize("v1", 8 * MIB), world.err);
	assert_int_equal(size_of(0, "volumes/v1.img"), 8 * MIB);
	assert_ok(resize("v1", 2 * MIB), world.err);
	assert_int_equal(size_of(0, "volumes/v1.img"), 8 * MIB);
	assert_ok(grant("v1", HOST_A), world.err);
	nqn_of("v1", nqn);
	emu_forget();
	assert_ok(resize("v1", 12 * MIB), world.err);
	assert_true(emu_when("revalidate_size=1") >= 0);
	assert_refused(resize("none", 8 * MIB), ERR_NOT_FOUND, "volume none");
}

/* Stopped before the data grew: the retry, or the next start, ends it. */
static void test_failed_resize(void **state UNUSED)
{
	make_volume("v1");
	world_fault("ResizeVolume.intent");
	assert_refused(resize("v1", 8 * MIB), ERR_UNAVAILABLE, "fault point");
	world_fault("ResizeVolume.data");
	assert_refused(resize("v1", 8 * MIB), ERR_UNAVAILABLE, "fault point");
	assert_int_equal(size_of(0, "volumes/v1.img"), 4 * MIB);
	world_fault(NULL);
	assert_ok(resize("v1", 8 * MIB), world.err);
	assert_int_equal(size_of(0, "volumes/v1.img"), 8 * MIB);
	world_fault("ResizeVolume.data");
	assert_refused(resize("v1", 12 * MIB), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	world_restart();
	assert_int_equal(size_of(0, "volumes/v1.img"), 12 * MIB);
}

/* Hosts that have the volume open learn of its size, also when the agent died in between. */
static void test_resize_is_told(void **state UNUSED)
{
	static const char *const points[] = {"ResizeVolume.data", "ResizeVolume.data.done",
		"ResizeVolume.grown", "ResizeVolume.tell"};
	int64_t size = 4 * MIB;

	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		size += 4 * MIB;
		world_fault(points[i]);
		assert_refused(resize("v1", size), ERR_UNAVAILABLE, "fault point");
		world_fault(NULL);
		emu_forget();
		world_restart();
		assert_int_equal(size_of(0, "volumes/v1.img"), size);
		assert_true(emu_when("revalidate_size=1") >= 0);
	}
}

/* What a grant says of the size is what the host will find. */
static void test_grant_after_failed_resize(void **state UNUSED)
{
	make_volume("v1");
	world_fault("ResizeVolume.data");
	assert_refused(resize("v1", 8 * MIB), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_int_equal(size_of(0, "volumes/v1.img"), 8 * MIB);
	/* The namespace of the first host is enabled already: the kernel must be told. */
	world_fault("ResizeVolume.data");
	assert_refused(resize("v1", 12 * MIB), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	emu_forget();
	assert_ok(grant("v1", HOST_B), world.err);
	assert_int_equal(size_of(0, "volumes/v1.img"), 12 * MIB);
	assert_order("revalidate_size=1", "link subsystems");
	/* Only the telling failed. */
	world_fault("ResizeVolume.tell");
	assert_refused(resize("v1", 16 * MIB), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	emu_forget();
	assert_ok(grant("v1", HOST_B), world.err);
	assert_true(emu_when("revalidate_size=1") >= 0);
}

static void test_absent_pool(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	bool created;

	make_volume("v1");
	pool_away(0);
	assert_refused(put_request(&request, &created), ERR_UNAVAILABLE, "no pool is there");
	assert_refused(resize("v1", 8 * MIB), ERR_UNAVAILABLE, "no pool is there");
	/* No twin of it in the other pool, which otherwise goes on. */
	request.pool = "two";
	assert_refused(put_request(&request, &created), ERR_UNAVAILABLE, "pool one");
	request = volume_of("v2");
	request.pool = "two";
	assert_ok(put_request(&request, &created), world.err);
	pool_back(0);
	agent_tick(world.agent);
	request = volume_of("v1");
	assert_ok(put_request(&request, &created), world.err);
	assert_false(created);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_compare, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_identity_is_fresh, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_sources, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_bad_sources, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed_creation, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed_undo, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_foreign_data, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_capacity, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_resize, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed_resize, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_resize_is_told, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_grant_after_failed_resize, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_pool, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
