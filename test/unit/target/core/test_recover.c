/* SPDX-License-Identifier: Apache-2.0 */
/* After a crash of the process or the machine: the kernel exports what the states say, no more. */
#include "test/unit/target/core/world.h"

static void reboot(void)
{
	agent_free(world.agent);
	emu_remove();
	emu_make();
	world_start();
	world_up();
}

static void test_reboot(void **state UNUSED)
{
	char nqn[NQN_SIZE];
	char path[PATH_MAX];

	make_volume("v1");
	make_volume("v2");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v1", HOST_B), world.err);
	nqn_of("v1", nqn);
	reboot();
	(void)snprintf(path, sizeof(path), "subsystems/%s/allowed_hosts/" HOST_B, nqn);
	assert_true(emu_has(path));
	(void)snprintf(path, sizeof(path), "ports/20001/subsystems/%s", nqn);
	assert_true(emu_has(path));
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	/* Everything else stands before the first port is opened. */
	assert_order("enable=1", "link ports/20000");
	assert_order("allowed_hosts/" HOST_A, "link ports/20000");
	assert_order("allowed_hosts/" HOST_B, "link ports/20000");
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

static void test_restart_disturbs_nobody(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	emu_forget();
	world_restart();
	assert_undisturbed();
}

static void test_trim(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_int_equal(
		emu_mkdir(NO_STEP, at(&emu.place, "subsystems/" NQN_PREFIX "test:gone")), 0);
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "subsystems/nqn.2014-08.org:other")), 0);
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "hosts/" NQN_PREFIX "node.old")), 0);
	/* Not while a pool is away: it may be that pool's. */
	pool_away(1);
	world_restart();
	assert_true(emu_has("subsystems/" NQN_PREFIX "test:gone"));
	pool_back(1);
	world_restart();
	assert_false(emu_has("subsystems/" NQN_PREFIX "test:gone"));
	assert_false(emu_has("hosts/" NQN_PREFIX "node.old"));
	assert_true(emu_has("subsystems/nqn.2014-08.org:other"));
	assert_true(emu_has("hosts/" HOST_A));
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 2);
}

static void test_damaged_volume(void **state UNUSED)
{
	struct object_view view = {0};

	make_volume("v1");
	make_volume("v2");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	assert_int_equal(unlink(at(&world.pools[0], "volumes/v1.img")), 0);
	reboot();
	/* The others are exported; this one is neither gone nor well. */
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL, "volume v1");
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "pool one");
}

/* What was cut off does not come back as zeros, for volumes and for snapshots. */
static void test_short_data(void **state UNUSED)
{
	struct object_view view = {0};
	bool created;

	make_volume("v1");
	assert_ok(resize("v1", 8 * MIB), world.err);
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 6 * MIB), 0);
	assert_int_equal(truncate(at(&world.pools[0], "snapshots/s1.img"), 6 * MIB), 0);
	reboot();
	assert_int_equal(size_of(0, "volumes/v1.img"), 6 * MIB);
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 0);
	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL, "is lost");
	assert_refused(
		agent_get(world.agent, SNAPSHOT("s1"), &view, &world.err), ERR_INTERNAL, "is lost");
	assert_refused(grant("v1", HOST_B), ERR_INTERNAL, "is lost");
}

/* The same while a grow is under way: below the size before it there is no excuse. */
static void test_short_data_of_a_grow(void **state UNUSED)
{
	struct object_view view = {0};

	make_volume("v1");
	for (int64_t size = 8 * MIB; size <= 12 * MIB; size += 4 * MIB) {
		world_fault("ResizeVolume.data");
		assert_refused(resize("v1", size), ERR_UNAVAILABLE, "fault point");
	}
	world_fault(NULL);
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 4 * MIB - 4096), 0);
	world_restart();
	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL, "is lost");
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 4 * MIB), 0);
	world_restart();
	assert_ok(agent_get(world.agent, VOLUME("v1"), &view, &world.err), world.err);
	object_view_done(&view);
	assert_int_equal(size_of(0, "volumes/v1.img"), 12 * MIB);
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 8 * MIB), 0);
	world_restart();
	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL, "is lost");
}

static void test_missing_snapshot_data(void **state UNUSED)
{
	bool created;

	make_volume("v1");
	assert_ok(put_snapshot("s1", "v1", &created), world.err);
	assert_int_equal(unlink(at(&world.pools[0], "snapshots/s1.img")), 0);
	world_restart();
	assert_refused(delete_object(SNAPSHOT("s1")), ERR_INTERNAL, "snapshot s1");
}

static void write_phase(const char *phase)
{
	char text[8192];
	int fd = open(at(&world.pools[0], "volumes/v1.json"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char changed[8192];

	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(close(fd), 0);
	char *ready = strstr(text, "\"ready\"");

	assert_non_null(ready);
	(void)snprintf(changed, sizeof(changed), "%.*s\"%s\"%s", (int)(ready - text), text, phase,
		ready + strlen("\"ready\""));
	put_file(at(&world.pools[0], "volumes/v1.json"), changed);
}

static void test_phases(void **state UNUSED)
{
	static const char *const phases[] = {"creating", "deleting"};

	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		make_volume("v1");
		write_phase(phases[i]);
		world_restart();
		assert_false(exists(at(&world.pools[0], "volumes/v1.img")));
		assert_false(exists(at(&world.pools[0], "volumes/v1.json")));
		assert_ok(agent_healthy(world.agent, &world.err), world.err);
	}
}

/* What the start could not finish, the next call does. */
static void test_failed_recovery(void **state UNUSED)
{
	make_volume("v1");
	write_phase("deleting");
	world_fault("Recover.data");
	world_restart();
	assert_true(exists(at(&world.pools[0], "volumes/v1.img")));
	world_fault(NULL);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	assert_false(exists(at(&world.pools[0], "volumes/v1.img")));
}

/* The kernel refuses an export at the start: not for ever, and the volume can be fenced meanwhile.
 */
static void test_failed_export(void **state UNUSED)
{
	make_volume("v1");
	make_volume("v2");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	agent_free(world.agent);
	emu_remove();
	emu_make();
	emu.fail = "/enable=1";
	world_start();
	world_up();
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "2 objects");
	assert_ok(ungrant("v1", HOST_A), world.err);
	agent_tick(world.agent);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "1 objects");
	emu.fail = NULL;
	agent_tick(world.agent);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	assert_int_equal(emu_entries(at(&emu.place, "ports/20000/subsystems")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reboot, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_restart_disturbs_nobody, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_trim, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_damaged_volume, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_short_data, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_short_data_of_a_grow, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_missing_snapshot_data, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_phases, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed_recovery, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_failed_export, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
