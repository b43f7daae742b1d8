/* SPDX-License-Identifier: Apache-2.0 */
/* A pool without one free block: what takes access or space away works, what needs space says so.
 */
#include "test/unit/target/core/world.h"
#include "test/unit/target/full.h"

static int setup(void **state)
{
	int rc;

	world_pool_made = full_mount;
	rc = world_setup(state);
	emu.quiet = true;
	return rc;
}

static int teardown(void **state)
{
	agent_free(world.agent);
	world.agent = NULL;
	full_unmount(world.pools[0].path);
	return world_teardown(state);
}

static void test_revoke_and_delete(void **state UNUSED)
{
	bool created;

	make_volume("v1");
	make_volume("v2");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v1", HOST_B), world.err);
	full_fill(&world.pools[0]);
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(ungrant("v1", NULL), world.err);
	assert_nothing_exported();
	assert_ok(resize("v1", 8 * MIB), world.err);
	assert_ok(delete_object(SNAPSHOT("s1")), world.err);
	full_fill(&world.pools[0]);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	full_fill(&world.pools[0]);
	assert_ok(delete_object(VOLUME("v2")), world.err);
	assert_false(exists(at(&world.pools[0], "volumes/v2.json")));
}

/* Over and over, and over restarts: it is no stock that runs out. */
static void test_again_and_again(void **state UNUSED)
{
	make_volume("v1");
	full_fill(&world.pools[0]);
	for (int i = 0; i < 50; i++) {
		assert_ok(grant("v1", HOST_A), world.err);
		assert_ok(grant("v1", HOST_B), world.err);
		if (i % 10 == 0) {
			world_restart();
			full_fill(&world.pools[0]);
		}
		assert_ok(ungrant("v1", HOST_B), world.err);
		assert_ok(ungrant("v1", HOST_A), world.err);
	}
	assert_nothing_exported();
}

/* A state that outgrows its blocks, for as many hosts as there can be. */
static void test_many_hosts(void **state UNUSED)
{
	char host[NQN_SIZE];

	make_volume("v1");
	full_fill(&world.pools[0]);
	for (int i = 0; i < OBJECT_HOSTS_MAX; i++) {
		print_to(host, sizeof(host), NQN_PREFIX "node.test.%0150d", i);
		assert_ok(grant("v1", host), world.err);
	}
	assert_ok(ungrant("v1", NULL), world.err);
	assert_nothing_exported();
}

static void test_new_ones_are_refused(void **state UNUSED)
{
	struct volume_request request = volume_of("v2");
	bool created;

	make_volume("v1");
	full_fill(&world.pools[0]);
	assert_refused(put_request(&request, &created), ERR_RESOURCE_EXHAUSTED, "v2");
	assert_refused(put_snapshot("s1", "v1", &created), ERR_RESOURCE_EXHAUSTED, "s1");
	assert_false(exists(at(&world.pools[0], "volumes/v2.json")));
	assert_false(exists(at(&world.pools[0], "snapshots/s1.img")));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	full_free(&world.pools[0]);
	assert_ok(put_request(&request, &created), world.err);
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
}

/* The machine comes back with a full pool, and exports all of it. */
static void test_restart(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	full_fill(&world.pools[0]);
	agent_free(world.agent);
	emu_remove();
	emu_make();
	world_start();
	world_up();
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	assert_int_equal(emu_entries(at(&emu.place, "ports/20000/subsystems")), 1);
	assert_ok(ungrant("v1", HOST_A), world.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_revoke_and_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_and_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_ones_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, full_setup, NULL);
}
