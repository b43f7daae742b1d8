/* SPDX-License-Identifier: Apache-2.0 */
/* The start behind the gate, and pools and portals that come later. */
#include "test/unit/target/core/world.h"

static void fresh_start(void)
{
	agent_free(world.agent);
	world_n_scripts = 0;
	world_start();
}

static bool closes(unsigned i)
{
	return strstr(world_scripts[i], "add table inet nvmetcp_target; delete table "
					"inet nvmetcp_targ") &&
	       strlen(world_scripts[i]) == sizeof(world_scripts[0]) - 1;
}

static void test_gate(void **state UNUSED)
{
	struct deadline now = deadline_in(0);

	fresh_start();
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_int_equal(world_n_scripts, 1);
	assert_true(closes(0));
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "not attached yet");
	assert_ok(agent_bring_up(world.agent, &now, &world.err), world.err);
	assert_int_equal(world_n_scripts, 2);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	/* Looking after things that are well touches neither. */
	emu_forget();
	agent_tick(world.agent);
	assert_int_equal(world_n_scripts, 2);
	assert_string_equal(emu.log, "");
}

static void test_gate_fails(void **state UNUSED)
{
	struct deadline now = deadline_in(0);

	fresh_start();
	world_nft_fails = "add table";
	assert_refused(agent_prepare(world.agent, &world.err), ERR_INTERNAL, "nft");
	world_nft_fails = NULL;
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	world_nft_fails = "delete table";
	/* It stays closed, and the agent does not count as up. */
	assert_refused(agent_bring_up(world.agent, &now, &world.err), ERR_INTERNAL, "nft");
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "starting");
}

static void test_calls_before_up(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	fresh_start();
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_refused(grant("v1", HOST_A), ERR_UNAVAILABLE, "not attached yet");
	assert_refused(delete_object(VOLUME("v2")), ERR_UNAVAILABLE, "not attached yet");
}

static void test_cancelled(void **state UNUSED)
{
	struct deadline dl = deadline_in(60000);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	dl.cancel_fd = ends[0];
	pool_away(1);
	fresh_start();
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_refused(agent_bring_up(world.agent, &dl, &world.err), ERR_CANCELLED, "pools");
	assert_int_equal(world_n_scripts, 1);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
	pool_back(1);
}

/* One pool is not there at the start: the others are exported; it follows when it comes. */
static void test_late_pool(void **state UNUSED)
{
	struct volume_request request = volume_of("v2");
	char nqn[NQN_SIZE];
	char path[PATH_MAX];
	bool created;

	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	request.pool = "two";
	assert_ok(put_request(&request, &created), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	nqn_of("v2", nqn);
	pool_away(1);
	agent_free(world.agent);
	emu_remove();
	emu_make();
	world_start();
	world_up();
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "pool two");
	agent_tick(world.agent);
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	pool_back(1);
	agent_tick(world.agent);
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 2);
	(void)snprintf(path, sizeof(path), "ports/20001/subsystems/%s", nqn);
	assert_true(emu_has(path));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

/* A pool that goes while running is noticed; what the kernel exports of it is left alone. */
static void test_pool_goes(void **state UNUSED)
{
	make_volume("v1");
	assert_ok(grant("v1", HOST_A), world.err);
	emu_forget();
	pool_away(0);
	agent_tick(world.agent);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "pool one");
	assert_string_equal(emu.log, "");
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
	pool_back(0);
	agent_tick(world.agent);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	assert_undisturbed();
}

/* A portal whose address comes late is opened behind the gate, for all volumes at once. */
static void test_late_portal(void **state UNUSED)
{
	make_volume("v1");
	make_volume("v2");
	emu.dead_address = "127.0.0.2";
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	assert_refused(
		agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "portal 127.0.0.2:4420");
	assert_int_equal(emu_entries(at(&emu.place, "ports/20001/subsystems")), 0);
	emu.dead_address = NULL;
	world_n_scripts = 0;
	agent_tick(world.agent);
	assert_int_equal(emu_entries(at(&emu.place, "ports/20001/subsystems")), 2);
	assert_int_equal(world_n_scripts, 2);
	assert_true(closes(0));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

/* A gate that could not be opened again is tried until it is, and not called well meanwhile. */
static void test_gate_sticks(void **state UNUSED)
{
	make_volume("v1");
	emu.dead_address = "127.0.0.2";
	assert_ok(grant("v1", HOST_A), world.err);
	emu.dead_address = NULL;
	world_gate_sticks = true;
	agent_tick(world.agent);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "gate");
	agent_tick(world.agent);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "gate");
	world_gate_sticks = false;
	agent_tick(world.agent);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	world_n_scripts = 0;
	agent_tick(world.agent);
	assert_int_equal(world_n_scripts, 0);
}

static void path_at(unsigned port, const char nqn[NQN_SIZE], char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/ports/%u/subsystems/%s", emu.root, port, nqn);
}

static void fresh_kernel(void)
{
	agent_free(world.agent);
	emu_remove();
	emu_make();
	world_start();
}

static void two_granted(char nqns[2][NQN_SIZE])
{
	make_volume("v1");
	make_volume("v2");
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	nqn_of("v1", nqns[0]);
	nqn_of("v2", nqns[1]);
}

/* Somebody is at work in the subsystem of a late volume: the others are published, it follows. */
static void test_late_pool_busy(void **state UNUSED)
{
	struct keylock_held *held = NULL;
	struct deadline dl = soon();
	char nqns[2][NQN_SIZE];
	char one[PATH_MAX];
	char two[PATH_MAX];

	two_granted(nqns);
	pool_away(0);
	fresh_kernel();
	world_up();
	pool_back(0);
	path_at(20001, nqns[0], one);
	path_at(20001, nqns[1], two);
	assert_ok(agent_lock_nqn(world.agent, nqns[0], &dl, &held, &world.err), world.err);
	agent_tick(world.agent);
	assert_true(exists(two));
	assert_false(exists(one));
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, "1 objects");
	keylock_release(held);
	agent_tick(world.agent);
	assert_true(exists(one));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

/* What was watched for happened: the call on the busy volume ends. */
static void *release_later(void *arg)
{
	assert_int_equal(sem_wait(&emu_seen), 0);
	keylock_release(arg);
	return NULL;
}

/* The gate stays closed until a volume that was busy is exported, too. */
static void test_busy_at_start(void **state UNUSED)
{
	struct deadline now = deadline_in(0);
	struct deadline dl = soon();
	struct keylock_held *held = NULL;
	pthread_t thread;
	char nqns[2][NQN_SIZE];
	char one[PATH_MAX];

	two_granted(nqns);
	fresh_kernel();
	assert_ok(agent_prepare(world.agent, &world.err), world.err);
	assert_ok(agent_lock(world.agent, VOLUME("v1"), &dl, &held, &world.err), world.err);
	emu.watch = nqns[1];
	assert_int_equal(pthread_create(&thread, NULL, release_later, held), 0);
	assert_ok(agent_bring_up(world.agent, &now, &world.err), world.err);
	assert_int_equal(pthread_join(thread, NULL), 0);
	path_at(20000, nqns[0], one);
	assert_true(exists(one));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

static void *ungrant_v1(void *arg)
{
	struct err *err = arg;
	struct deadline dl = soon();

	return agent_revoke(world.agent, "v1", HOST_A, &dl, err) < 0 ? arg : NULL;
}

/* The kernel hangs over one volume: portals still open for the others, and pools come. */
static void test_hanging_volume(void **state UNUSED)
{
	struct volume_request request = volume_of("v2");
	struct err err = {0};
	pthread_t thread;
	void *failed = NULL;
	char nqn[NQN_SIZE];
	char path[PATH_MAX];
	bool created;

	make_volume("v1");
	emu.dead_address = "127.0.0.2";
	assert_ok(grant("v1", HOST_A), world.err);
	request.pool = "two";
	assert_ok(put_request(&request, &created), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	emu.hang = "/enable=0";
	assert_int_equal(pthread_create(&thread, NULL, ungrant_v1, &err), 0);
	assert_int_equal(sem_wait(&emu_hangs), 0);
	emu.dead_address = NULL;
	agent_tick(world.agent);
	nqn_of("v2", nqn);
	path_at(20001, nqn, path);
	assert_true(exists(path));
	assert_ok(grant("v2", HOST_B), world.err);
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
	assert_int_equal(sem_post(&emu_go), 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(emu_entries(at(&emu.place, "subsystems")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gate, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_gate_fails, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_calls_before_up, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_late_pool, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_pool_goes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_late_portal, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_gate_sticks, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_late_pool_busy, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_busy_at_start, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_hanging_volume, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
