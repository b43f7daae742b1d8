/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching: the identity against its record, and states that are torn, missing or foreign. */
#include "common/base/fileio.h"
#include "target/store/generation.h"
#include "test/unit/target/core/world.h"

static bool ready(int pool)
{
	struct pool_view pools[AGENT_POOLS_MAX];

	(void)agent_pools(world.agent, pools);
	if (!pools[pool].ready) {
		world.err = pools[pool].reason;
	}
	return pools[pool].ready;
}

static void test_record(void **state UNUSED)
{
	char record[PATH_MAX];
	struct stamp stamp;
	struct place other;

	(void)snprintf(record, sizeof(record), "%s/pools/one.json", world.state_dir.path);
	assert_true(exists(record));
	make_volume("v1");
	/* Another file system with a pool of the same name is mounted in its place. */
	place_make(&other);
	assert_ok(
		stamp_init(NO_STEP, other.path, "one", &fake_fsops, &stamp, &world.err), world.err);
	pool_away(0);
	assert_int_equal(rename(at(&other, STAMP_FILE), at(&world.pools[0], STAMP_FILE)), 0);
	world_restart();
	assert_false(ready(0));
	assert_err(world.err, ERR_UNAVAILABLE, "is recorded");
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, "is recorded");
	assert_refused(delete_object(VOLUME("v2")), ERR_UNAVAILABLE, "may be in one");
	assert_true(ready(1));
	pool_back(0);
	agent_tick(world.agent);
	assert_true(ready(0));
	assert_ok(delete_object(VOLUME("v1")), world.err);
	place_remove(&other);
}

static void test_broken_record(void **state UNUSED)
{
	char record[PATH_MAX];

	(void)snprintf(record, sizeof(record), "%s/pools/one.json", world.state_dir.path);
	put_file(record, "{\"uuid\":");
	world_restart();
	assert_false(ready(0));
	assert_err(world.err, ERR_UNAVAILABLE, "pools/one.json");
	/* The administrator removes it to accept what is there. */
	assert_int_equal(unlink(record), 0);
	agent_tick(world.agent);
	assert_true(ready(0));
	assert_true(exists(record));
}

/* All that is asked of a pool that is not what it must be. */
static void assert_all_refused(const char *part)
{
	struct volume_request request = volume_of("v1");
	struct object_view view = {0};
	bool created;

	assert_refused(
		agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_UNAVAILABLE, part);
	assert_refused(put_request(&request, &created), ERR_UNAVAILABLE, part);
	assert_refused(delete_object(VOLUME("v1")), ERR_UNAVAILABLE, part);
	assert_refused(grant("v1", HOST_A), ERR_UNAVAILABLE, part);
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE, part);
}

static char *generation(void)
{
	char *text = NULL;

	assert_ok(file_read(AT_FDCWD, at(&world.pools[0], GENERATION_FILE), 32, &text, NULL,
			  &world.err),
		world.err);
	return text;
}

static void set_generation(const char *text)
{
	put_file(at(&world.pools[0], GENERATION_FILE), text);
}

static void test_older_copy(void **state UNUSED)
{
	char record[PATH_MAX];
	_cleanup_free_ char *backup = generation();

	(void)snprintf(record, sizeof(record), "%s/pools/one.json", world.state_dir.path);
	make_volume("v1");
	world_restart();
	assert_true(ready(0));
	_cleanup_free_ char *newest = generation();
	set_generation(backup);
	world_restart();
	assert_all_refused("older copy");
	assert_false(ready(0));
	assert_err(world.err, ERR_UNAVAILABLE, record);
	assert_int_equal(unlink(at(&world.pools[0], GENERATION_FILE)), 0);
	world_restart();
	assert_all_refused("older copy");
	set_generation("1x");
	world_restart();
	assert_all_refused(GENERATION_FILE);
	/* The newest one is put back. */
	set_generation(newest);
	agent_tick(world.agent);
	assert_true(ready(0));
	/* Or the older one is what there is. */
	set_generation(backup);
	world_restart();
	assert_false(ready(0));
	assert_int_equal(unlink(record), 0);
	agent_tick(world.agent);
	assert_true(ready(0));
	assert_ok(delete_object(VOLUME("v1")), world.err);
}

static void test_copy_made_while_in_use(void **state UNUSED)
{
	_cleanup_free_ char *backup = generation();

	/* Killed: nobody could tell it from what was there. */
	world_restart();
	assert_true(ready(0));
	free(TAKE_PTR(backup));
	backup = generation();
	agent_lay_down(world.agent);
	set_generation(backup);
	world_restart();
	assert_all_refused("older copy");
}

static void test_moved_pool_is_no_older_copy(void **state UNUSED)
{
	_cleanup_free_ char *copy = NULL;

	agent_lay_down(world.agent);
	copy = generation();
	set_generation(copy);
	world_restart();
	assert_true(ready(0));
}

static void test_crash_between_pool_and_record(void **state UNUSED)
{
	char record[PATH_MAX];
	_cleanup_free_ char *before = NULL;

	(void)snprintf(record, sizeof(record), "%s/pools/one.json", world.state_dir.path);
	assert_ok(file_read(AT_FDCWD, record, 4096, &before, NULL, &world.err), world.err);
	world_restart();
	put_file(record, before);
	world_restart();
	assert_true(ready(0));
}

static void test_torn_state(void **state UNUSED)
{
	struct object_view view = {0};
	struct volume_request request = volume_of("v1");
	bool created;

	make_volume("v1");
	make_volume("v2");
	put_file(at(&world.pools[0], "volumes/v1.json"), "{\"version\":1,\"kind\":\"vol");
	world_restart();
	/* Neither gone nor empty: nobody may take its place, nothing is removed. */
	assert_refused(agent_get(world.agent, VOLUME("v1"), &view, &world.err), ERR_INTERNAL,
		"state of volume v1");
	assert_refused(put_request(&request, &created), ERR_INTERNAL, "state of volume v1");
	assert_refused(delete_object(VOLUME("v1")), ERR_INTERNAL, "state of volume v1");
	assert_refused(grant("v1", HOST_A), ERR_INTERNAL, "state of volume v1");
	assert_true(exists(at(&world.pools[0], "volumes/v1.img")));
	assert_refused(agent_healthy(world.agent, &world.err), ERR_UNAVAILABLE,
		"the first of them: volume v1: ");
	assert_ok(grant("v2", HOST_A), world.err);
}

static void test_missing_state(void **state UNUSED)
{
	struct volume_request request = volume_of("v1");
	bool created;

	make_volume("v1");
	write_data(0, "volumes/v1.img", 0, "data");
	assert_int_equal(unlink(at(&world.pools[0], "volumes/v1.json")), 0);
	world_restart();
	assert_refused(put_request(&request, &created), ERR_INTERNAL, "its state file is not");
	assert_refused(delete_object(VOLUME("v1")), ERR_INTERNAL, "its state file is not");
	assert_data(0, "volumes/v1.img", 0, "data");
}

static void test_temporary_files(void **state UNUSED)
{
	put_file(at(&world.pools[0], "volumes/.tmp-1"), "torn");
	world_restart();
	assert_false(exists(at(&world.pools[0], "volumes/.tmp-1")));
	assert_ok(agent_healthy(world.agent, &world.err), world.err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_broken_record, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_older_copy, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_copy_made_while_in_use, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_moved_pool_is_no_older_copy, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_crash_between_pool_and_record, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_torn_state, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_missing_state, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_temporary_files, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
