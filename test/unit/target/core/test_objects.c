/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting: refused while hosts have it, in an order that a crash cannot break. */
#include "test/unit/target/core/world.h"

static void test_delete(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_refused(delete_object(VOLUME("v1")), ERR_FAILED_PRECONDITION, HOST_A);
	assert_ok(grant("v1", HOST_B), world.err);
	assert_refused(delete_object(VOLUME("v1")), ERR_FAILED_PRECONDITION, "and others");
	assert_ok(ungrant("v1", NULL), world.err);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_refused(delete_object(VOLUME("v1")), ERR_NOT_FOUND, "volume v1");
	assert_false(exists(at(&world.pools[0], "volumes/v1.img")));
	assert_false(exists(at(&world.pools[0], "volumes/v1.json")));
	assert_refused(delete_object(SNAPSHOT("v1")), ERR_NOT_FOUND, "snapshot v1");
}

static void test_interrupted(void **state UNUSED)
{
	static const char *const points[] = {"DeleteVolume.intent", "DeleteVolume.intent.done",
		"DeleteVolume.unexport", "DeleteVolume.data", "DeleteVolume.data.done",
		"DeleteVolume.state", "DeleteVolume.state.done"};
	struct object_view view = {0};

	for (size_t i = 0; i < ARRAY_SIZE(points) * 3; i++) {
		const char *point = points[i / 3];
		bool intended = !streq(point, "DeleteVolume.intent") &&
				!streq(point, "DeleteVolume.intent.done");

		make_volume("v1");
		world_fault(point);
		assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, point);
		world_fault(NULL);
		if (intended) {
			/* Being deleted is as good as gone for all who ask. */
			assert_refused(agent_get(world.agent, VOLUME("v1"), &view, &world.err),
				ERR_NOT_FOUND, "volume v1");
			assert_refused(grant("v1", HOST_A), ERR_NOT_FOUND, "volume v1");
			assert_refused(resize("v1", 8 * MIB), ERR_NOT_FOUND, "volume v1");
		}
		if (i % 3 == 0) {
			(void)delete_object(VOLUME("v1"));
		} else if (i % 3 == 1) {
			world_restart();
			(void)delete_object(VOLUME("v1"));
		} else if (intended) {
			/* A new one of the same name does not get the old data. */
			make_volume("v1");
			assert_ok(delete_object(VOLUME("v1")), world.err);
		} else {
			assert_ok(delete_object(VOLUME("v1")), world.err);
		}
		world.err = (struct err){0};
		assert_false(exists(at(&world.pools[0], "volumes/v1.img")));
		assert_false(exists(at(&world.pools[0], "volumes/v1.json")));
	}
}

/* A fence that was cut short is finished before the data goes. */
static void test_delete_finishes_fence(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	world_fault("RevokeHost.unlink-host");
	assert_refused(ungrant("v1", HOST_A), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_nothing_exported();
}

/* Whatever is exported against all expectation goes before the data. */
static void test_unexport(void **state UNUSED)
{
	_cleanup_object_view_ struct object_view view = {0};

	make_volume("v1");
	view = get(VOLUME("v1"));
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "subsystems/stranger")), 0);
	char from[PATH_MAX];
	char to[PATH_MAX];

	(void)snprintf(from, sizeof(from), "%s/subsystems/stranger", emu.root);
	(void)snprintf(to, sizeof(to), "%s/subsystems/%s", emu.root, view.nqn);
	assert_int_equal(rename(from, to), 0);
	emu.fail = "rmdir subsystems";
	assert_refused(delete_object(VOLUME("v1")), ERR_INTERNAL, "rmdir");
	assert_true(exists(at(&world.pools[0], "volumes/v1.img")));
	emu.fail = NULL;
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_nothing_exported();
}

static void test_interrupted_snapshot(void **state UNUSED)
{
	bool created;

	make_volume("v1");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	world_fault("DeleteSnapshot.data.done");
	assert_refused(delete_object(SNAPSHOT("s1")), ERR_UNAVAILABLE, "fault point");
	world_fault(NULL);
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_true(created);
	assert_ok(delete_object(SNAPSHOT("s1")), world.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delete, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_delete_finishes_fence, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_unexport, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_interrupted_snapshot, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
