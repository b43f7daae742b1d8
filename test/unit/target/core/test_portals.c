/* SPDX-License-Identifier: Apache-2.0 */
/* How hosts are to use each portal: refused, written down, told, restored. */
#include "test/unit/target/core/world.h"

#define STATE_OF(port) "ports/" port "/ana_groups/1/ana_state"
#define RECORD "portals.json"

static int put(const char *portal, enum ana_state ana, bool force)
{
	struct portal_request request = {.ana = ana, .force = force};
	struct deadline dl = soon();
	struct portal_view view;

	assert_ok(portal_parse("portal", portal, &request.portal, &world.err), world.err);
	return agent_portal_put(world.agent, &request, &dl, &view, &world.err);
}

static void assert_states(const char *first, const char *second)
{
	struct portal_view views[PORTALS_MAX];
	unsigned n;

	assert_ok(agent_portal_views(world.agent, views, &n, &world.err), world.err);
	assert_int_equal(n, 2);
	assert_string_equal(views[0].ana, first);
	assert_string_equal(views[1].ana, second);
}

/* The machine starts anew: nothing of nvmet is there any more, and the agent not yet. */
static void reboot(void)
{
	agent_free(world.agent);
	world.agent = NULL;
	emu_remove();
	emu_make();
	world_start();
}

static void test_put(void **state UNUSED)
{
	assert_states("optimized", "optimized");
	assert_ok(put("127.0.0.2:4420", ANA_NON_OPTIMIZED, false), world.err);
	assert_states("optimized", "non-optimized");
	assert_ok(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), world.err);
	assert_states("inaccessible", "non-optimized");
	assert_ok(put("127.0.0.1:4420", ANA_OPTIMIZED, false), world.err);
	assert_ok(put("127.0.0.2:4420", ANA_OPTIMIZED, false), world.err);
	assert_states("optimized", "optimized");
	assert_refused(put("127.0.0.3:4420", ANA_OPTIMIZED, false), ERR_NOT_FOUND,
		"there are 127.0.0.1:4420,127.0.0.2:4420");
}

static void test_one_is_left(void **state UNUSED)
{
	assert_ok(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), world.err);
	/* Said once more: it is so. */
	assert_ok(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), world.err);
	emu_forget();
	assert_refused(put("127.0.0.2:4420", ANA_INACCESSIBLE, false), ERR_FAILED_PRECONDITION,
		"1 are inaccessible and 0 not open");
	assert_string_equal(emu.log, "");
	assert_states("inaccessible", "optimized");
	assert_ok(put("127.0.0.2:4420", ANA_INACCESSIBLE, true), world.err);
	assert_states("inaccessible", "inaccessible");
}

/* One whose address is not there helps no host. */
static void test_one_is_open(void **state UNUSED)
{
	emu.dead_address = "127.0.0.2";
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_refused(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), ERR_FAILED_PRECONDITION,
		"0 are inaccessible and 1 not open");
	assert_ok(put("127.0.0.2:4420", ANA_INACCESSIBLE, false), world.err);
	assert_states("optimized", "inaccessible");
}

static void test_restored(void **state UNUSED)
{
	struct deadline now = deadline_in(0);

	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), world.err);
	/* Only the agent: nothing is written, so no host is disturbed. */
	emu_forget();
	world_restart();
	assert_int_equal(emu_when("ana_state"), -1);
	assert_states("inaccessible", "optimized");
	/* The machine: before the first link, so before any host can connect. */
	reboot();
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_ok(agent_bring_up(world.agent, &now, &world.err), world.err);
	assert_order("write " STATE_OF("20000") "=inaccessible", "link ports/20000");
	assert_states("inaccessible", "optimized");
	/* And what is done since is known as that. */
	assert_refused(put("127.0.0.2:4420", ANA_INACCESSIBLE, false), ERR_FAILED_PRECONDITION,
		"1 are inaccessible");
}

/* Killed between the file and the kernel. */
static void test_written_not_told(void **state UNUSED)
{
	world_fault("SetPortal.ana");
	assert_refused(
		put("127.0.0.1:4420", ANA_INACCESSIBLE, false), ERR_UNAVAILABLE, "SetPortal");
	world_fault(NULL);
	assert_states("optimized", "optimized");
	world_restart();
	assert_states("inaccessible", "optimized");
}

static void test_not_written(void **state UNUSED)
{
	world_fault("SetPortal.intent");
	assert_refused(
		put("127.0.0.1:4420", ANA_INACCESSIBLE, false), ERR_UNAVAILABLE, "SetPortal");
	world_fault(NULL);
	assert_states("optimized", "optimized");
	world_restart();
	assert_states("optimized", "optimized");
}

/* The kernel did not take it: the agent goes on trying. */
static void test_told_later(void **state UNUSED)
{
	emu.fail = "ana_state";
	assert_refused(put("127.0.0.1:4420", ANA_INACCESSIBLE, false), ERR_INTERNAL, "ana_state");
	agent_tick(world.agent);
	assert_states("optimized", "optimized");
	/* It is to be inaccessible, so the other one must not become so, too. */
	assert_refused(put("127.0.0.2:4420", ANA_INACCESSIBLE, false), ERR_FAILED_PRECONDITION,
		"1 are inaccessible");
	emu.fail = NULL;
	agent_tick(world.agent);
	assert_states("inaccessible", "optimized");
	emu_forget();
	agent_tick(world.agent);
	assert_string_equal(emu.log, "");
}

static void test_other_portals(void **state UNUSED)
{
	put_file(at(&world.state_dir, RECORD),
		"{\"127.0.0.2:4420\":\"non-optimized\",\"127.0.0.9:4420\":\"inaccessible\"}");
	world_restart();
	assert_states("optimized", "non-optimized");
}

static void test_damaged(void **state UNUSED)
{
	static const char *const bad[] = {"", "[]", "{\"127.0.0.1:4420\":1}",
		"{\"127.0.0.1:4420\":\"change\"}", "{\"here\":\"optimized\"}"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_file(at(&world.state_dir, RECORD), bad[i]);
		agent_free(world.agent);
		world_start();
		assert_refused(agent_prepare(world.agent, &world.err), ERR_DATA_LOSS,
			"or remove it: then every portal is optimized");
	}
	assert_int_equal(unlink(at(&world.state_dir, RECORD)), 0);
	world_restart();
	assert_states("optimized", "optimized");
}

static void test_busy(void **state UNUSED)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct deadline now = deadline_in(0);
	struct portal_request request = {.ana = ANA_OPTIMIZED};
	struct portal_view view;

	assert_ok(portal_parse("portal", "127.0.0.1:4420", &request.portal, &world.err), world.err);
	assert_ok(keylock_wait(world.agent->locks, "portals", "portals", &now, &held, &world.err),
		world.err);
	assert_refused(agent_portal_put(world.agent, &request, &now, &view, &world.err),
		ERR_ABORTED, "portals");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_one_is_left, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_one_is_open, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_restored, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_written_not_told, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_not_written, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_told_later, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_other_portals, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_damaged, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_busy, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
