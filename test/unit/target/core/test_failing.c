/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching a pool without memory, or from a disk that fails: each volume in it is known
 * afterwards, as whole or as damaged, or the pool counts as absent. Never is one of them simply not
 * there.
 */
#include "test/failing/failing.h"
#include "test/unit/target/core/world.h"

/* Two volumes, one of them with a state that is garbage, and data without a state. */
static int setup(void **state)
{
	(void)world_setup(state);
	make_volume("good");
	make_volume("bad");
	put_file(at(&world.pools[0], "volumes/bad.json"), "{");
	make_volume("orphan");
	assert_int_equal(unlink(at(&world.pools[0], "volumes/orphan.json")), 0);
	return 0;
}

static int within(const struct step *in, void *arg, struct err *err)
{
	return catalog_attach(in, arg, err);
}

static void check(struct catalog *catalog, bool memory)
{
	struct err err = {0};
	_cleanup_object_ struct object *good = NULL;

	assert_ok(catalog_use(catalog, &err), err);
	good = catalog_get(catalog, VOLUME("good"));
	/* A state that the disk did not give is damage as far as anybody can tell. */
	if (!good && (catalog_damaged(catalog, VOLUME("good"), &err) == 0 || memory)) {
		fail_msg("the good volume is missing: %s", err.msg);
	}
	assert_int_equal(catalog_damaged(catalog, VOLUME("bad"), NULL), -1);
	assert_int_equal(catalog_damaged(catalog, VOLUME("orphan"), NULL), -1);
	catalog_done(catalog);
}

static int attach(void *arg, struct err *err)
{
	struct steps steps = {.operation = "Attach"};
	struct catalog *catalog;
	int rc;

	failing_pause();
	catalog = make_catalog("one", world.pools[0].path);
	failing_resume();
	rc = step_run(&steps, "pool", within, catalog, err);
	failing_pause();
	if (rc == 0) {
		check(catalog, arg != NULL);
	} else {
		assert_int_equal(catalog_use(catalog, NULL), -1);
	}
	catalog_free(catalog);
	failing_resume();
	return rc;
}

static void without_memory_none_is_missing(void **state)
{
	const struct failing_job job = {.run = attach, .arg = state, .may_cope = true};

	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
}

static void on_a_failing_disk_none_is_missing(void **state UNUSED)
{
	const struct failing_job job = {.run = attach, .may_cope = true};

	assert_true(failing_each(FAILING_FILES, &job) > 10);
}

int main(void)
{
	fake_begins = failing_pause;
	fake_ends = failing_resume;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			without_memory_none_is_missing, setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			on_a_failing_disk_none_is_missing, setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
