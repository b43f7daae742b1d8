/* SPDX-License-Identifier: Apache-2.0 */
/* What operations share: finding, locking, errors that mean what the API means by them. */
#include "test/unit/target/core/world.h"

static void test_find(void **state UNUSED)
{
	_cleanup_found_ struct found found = {0};

	assert_refused(agent_find(world.agent, VOLUME("v1"), &found, &world.err), ERR_NOT_FOUND,
		"volume v1: does not exist");
	make_volume("v1");
	assert_ok(agent_find(world.agent, VOLUME("v1"), &found, &world.err), world.err);
	assert_string_equal(catalog_name(found.catalog), "one");
	found_done(&found);
	/* In a pool that is there it is found, whatever became of the others. */
	pool_away(1);
	assert_ok(agent_find(world.agent, VOLUME("v1"), &found, &world.err), world.err);
	found_done(&found);
	assert_refused(agent_find(world.agent, VOLUME("v2"), &found, &world.err), ERR_UNAVAILABLE,
		"volume v2: is in no pool that is there");
	pool_back(1);
	assert_null(agent_catalog(world.agent, "three", &world.err));
	assert_err(world.err, ERR_NOT_FOUND, "three");
}

static void test_lock(void **state UNUSED)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct keylock_held *second = NULL;
	struct deadline now = deadline_in(0);
	struct deadline dl = soon();

	make_volume("v1");
	assert_ok(agent_lock(world.agent, VOLUME("v1"), &dl, &held, &world.err), world.err);
	assert_refused(agent_lock(world.agent, VOLUME("v1"), &now, &second, &world.err),
		ERR_ABORTED, "v1");
	assert_int_equal(agent_delete(world.agent, VOLUME("v1"), &now, &world.err), -1);
	assert_err(world.err, ERR_ABORTED, "v1");
	/* A snapshot of the same name is something else. */
	assert_ok(agent_lock(world.agent, SNAPSHOT("v1"), &dl, &second, &world.err), world.err);
	keylock_release(second);
	/* Reading needs no lock. */
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_string_equal(view.object->id, "v1");
}

static int fails(const struct step *in UNUSED, void *arg, struct err *err)
{
	const enum err_code *code = arg;

	return err_set(err, *code, "said so");
}

/* ENOENT of a system call is not the API's "it is surely gone". */
static void test_step_codes(void **state UNUSED)
{
	static const struct {
		enum err_code inside;
		enum err_code outside;
	} codes[] = {
		{ERR_NOT_FOUND, ERR_INTERNAL},
		{ERR_ALREADY_EXISTS, ERR_INTERNAL},
		{ERR_INVALID_ARGUMENT, ERR_INTERNAL},
		{ERR_FAILED_PRECONDITION, ERR_INTERNAL},
		{ERR_PERMISSION_DENIED, ERR_INTERNAL},
		{ERR_RESOURCE_EXHAUSTED, ERR_RESOURCE_EXHAUSTED},
		{ERR_UNAVAILABLE, ERR_UNAVAILABLE},
		{ERR_ABORTED, ERR_ABORTED},
		{ERR_DEADLINE_EXCEEDED, ERR_DEADLINE_EXCEEDED},
	};
	struct steps steps = {.operation = "PutVolume"};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		enum err_code code = codes[i].inside;

		assert_refused(agent_step(&steps, "data", fails, &code, &world.err),
			codes[i].outside, "said so");
	}
}

static void test_undo(void **state UNUSED)
{
	struct steps steps = {.operation = "PutVolume"};
	enum err_code code = ERR_INTERNAL;

	(void)err_set(&world.err, ERR_RESOURCE_EXHAUSTED, "full");
	agent_undo(&steps, &world.err);
	assert_err(world.err, ERR_RESOURCE_EXHAUSTED, "full");
	/* Something may be left, so the outcome is not final. */
	steps_on_failure(&steps, "take-back", fails, &code);
	(void)err_set(&world.err, ERR_RESOURCE_EXHAUSTED, "full");
	agent_undo(&steps, &world.err);
	assert_err(world.err, ERR_UNAVAILABLE, "full (and taking it back failed: said so");
}

static void test_view(void **state UNUSED)
{
	struct object_view view = {0};

	make_volume("v1");
	fake_fs.extents = 7;
	view = get(VOLUME("v1"));
	assert_int_equal(view.extents, 7);
	assert_int_equal(strncmp(view.nqn, NQN_PREFIX "test:", strlen(NQN_PREFIX "test:")), 0);
	object_view_done(&view);
	object_view_done(&view);
	assert_int_equal(unlink(at(&world.pools[0], "volumes/v1.img")), 0);
	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL, "data file");
}

static void test_pools(void **state UNUSED)
{
	struct pool_view pools[AGENT_POOLS_MAX];

	pool_away(1);
	assert_int_equal(agent_pools(world.agent, pools), 2);
	assert_string_equal(pools[0].name, "one");
	assert_string_equal(pools[0].type, "file");
	assert_int_equal(strlen(pools[0].uuid), UUID_TEXT_SIZE - 1);
	assert_true(pools[0].ready && !pools[1].ready);
	assert_err(pools[1].reason, ERR_UNAVAILABLE, "pool two");
	pool_back(1);
	assert_int_equal(agent_portals(world.agent)->n, 2);
}

static void test_too_many_pools(void **state UNUSED)
{
	struct catalog *catalogs[AGENT_POOLS_MAX + 1];
	struct agent *agent = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(catalogs); i++) {
		catalogs[i] = make_catalog("x", world.pools[0].path);
	}
	assert_refused(agent_new(catalogs, ARRAY_SIZE(catalogs), NULL, "/", &agent, &world.err),
		ERR_RESOURCE_EXHAUSTED, "16 pools");
	assert_null(agent);
}

/*
 * Many callers on a few volumes at once: each call succeeds or says busy, in use, gone or not
 * there, and in the end all can be taken away and nothing is left.
 */
struct caller {
	unsigned seed;
	unsigned unexpected;
	char what[256];
};

#define CALLERS 6
#define CALLS 60

static int one_call(unsigned op, const char *id, const char *host, struct err *err)
{
	const struct volume_request volume = volume_of(id);
	const struct snapshot_request snapshot = {id, id, "{}"};
	_cleanup_object_view_ struct object_view view = {0};
	_cleanup_list_answer_ struct list_answer answer = {0};
	struct deadline dl = soon();
	bool created;

	switch (op) {
	case 0:
		return agent_volume_put(world.agent, &volume, &dl, &view, &created, err);
	case 1:
		return agent_grant(world.agent, id, host, &dl, &view, err);
	case 2:
		return agent_revoke(world.agent, id, host, &dl, err);
	case 3:
		return agent_delete(world.agent, VOLUME(id), &dl, err);
	case 4:
		return agent_snapshot_put(world.agent, &snapshot, &dl, &view, &created, err);
	case 5:
		return agent_delete(world.agent, SNAPSHOT(id), &dl, err);
	case 6:
		return agent_volume_resize(world.agent, id, 8 * MIB, &dl, &view, err);
	default:
		return agent_list(world.agent,
			&(struct list_request){.kind = OBJECT_VOLUME, .limit = 10}, &answer, err);
	}
}

static void *call_many(void *arg)
{
	static const char *const ids[] = {"v1", "v2"};
	struct caller *caller = arg;

	for (int i = 0; i < CALLS; i++) {
		struct err err = {0};

		caller->seed = caller->seed * 1103515245 + 12345;
		unsigned random = caller->seed >> 16;

		if (one_call(random % 8, ids[random / 8 % 2], random / 16 % 2 ? HOST_A : HOST_B,
			    &err) < 0 &&
			err.code != ERR_NOT_FOUND && err.code != ERR_ABORTED &&
			err.code != ERR_FAILED_PRECONDITION && err.code != ERR_ALREADY_EXISTS) {
			caller->unexpected++;
			(void)snprintf(caller->what, sizeof(caller->what), "%.200s", err.msg);
		}
	}
	return NULL;
}

static void test_many_at_once(void **state UNUSED)
{
	static const char *const ids[] = {"v1", "v2"};
	struct caller callers[CALLERS];
	pthread_t threads[CALLERS];
	struct pool_view pools[AGENT_POOLS_MAX];

	emu.quiet = true;
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.seed = i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		agent_tick(world.agent);
	}
	for (unsigned i = 0; i < CALLERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (unsigned i = 0; i < CALLERS; i++) {
		if (callers[i].unexpected > 0) {
			fail_msg("%s", callers[i].what);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		(void)ungrant(ids[i], NULL);
		(void)delete_object(VOLUME(ids[i]));
		(void)delete_object(SNAPSHOT(ids[i]));
	}
	assert_nothing_exported();
	assert_int_equal(emu_entries(at(&world.pools[0], "volumes")), 0);
	assert_int_equal(emu_entries(at(&world.pools[0], "snapshots")), 0);
	(void)agent_pools(world.agent, pools);
	assert_int_equal(pools[0].usage.committed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_lock, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_step_codes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_undo, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_view, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_pools, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_too_many_pools, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
