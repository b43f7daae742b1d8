/* SPDX-License-Identifier: Apache-2.0 */
/* A pool in memory: what is promised, which numbers are free, what is told of it. */
#include "test/unit/target/core/world.h"

static struct catalog *catalog;

static int attach(const struct step *in, void *arg, struct err *err)
{
	return catalog_attach(in, arg, err);
}

static int setup(void **state)
{
	struct steps steps = {.operation = "Attach"};

	(void)world_setup(state);
	catalog = make_catalog("one", world.pools[0].path);
	assert_ok(step_run(&steps, "pool", attach, catalog, &world.err), world.err);
	assert_ok(catalog_use(catalog, &world.err), world.err);
	return 0;
}

static int teardown(void **state)
{
	catalog_done(catalog);
	catalog_free(catalog);
	return world_teardown(state);
}

static struct object *object_of(enum object_kind kind, const char *id, int64_t size)
{
	struct object *object = object_new(kind, id);

	object->size = size;
	object->pinned = size;
	(void)snprintf(object->instance, sizeof(object->instance), "test");
	return object;
}

static int reserve(struct object *object, bool is_new)
{
	return catalog_reserve(catalog, object, is_new, &world.err);
}

static void test_rule(void **state UNUSED)
{
	struct catalog_usage usage;
	_cleanup_object_ struct object *a = object_of(OBJECT_VOLUME, "a", 0);
	_cleanup_object_ struct object *b = object_of(OBJECT_SNAPSHOT, "b", 0);
	_cleanup_object_ struct object *c = object_of(OBJECT_VOLUME, "c", MIB);
	_cleanup_object_ struct object *larger = NULL;

	assert_ok(catalog_usage(catalog, &usage, &world.err), world.err);
	assert_int_equal(usage.available, usage.store.size);
	int64_t half = usage.store.size / 2 / MIB * MIB;

	a->size = half;
	assert_ok(reserve(a, true), world.err);
	/* What a snapshot pins counts as much as a volume's size. */
	b->pinned = usage.store.size - half;
	assert_ok(reserve(b, true), world.err);
	assert_refused(reserve(c, true), ERR_RESOURCE_EXHAUSTED, "1048576 bytes are wanted");
	assert_ok(catalog_usage(catalog, &usage, &world.err), world.err);
	assert_int_equal(usage.available, 0);
	assert_int_equal(usage.volumes, 1);
	assert_int_equal(usage.snapshots, 1);
	larger = object_copy(a);
	larger->size += MIB;
	assert_refused(reserve(larger, false), ERR_RESOURCE_EXHAUSTED, "volume a");
	catalog_forget(catalog, object_name_of(b));
	assert_ok(reserve(larger, false), world.err);
	assert_refused(reserve(a, true), ERR_ALREADY_EXISTS, "volume a");
	assert_ok(catalog_usage(catalog, &usage, &world.err), world.err);
	assert_int_equal(usage.committed, half + MIB);
}

/* A pool that is promised out (the file system shrank, or the ratio) still lets things go on. */
static void test_over_promised(void **state UNUSED)
{
	struct catalog_usage usage;
	_cleanup_object_ struct object *a = object_of(OBJECT_VOLUME, "a", 0);
	_cleanup_object_ struct object *same = NULL;

	assert_ok(catalog_usage(catalog, &usage, &world.err), world.err);
	a->size = MIB;
	assert_ok(reserve(a, true), world.err);
	a->size = usage.store.size * 2;
	same = object_copy(a);
	assert_ok(reserve(same, false), world.err);
	assert_ok(catalog_usage(catalog, &usage, &world.err), world.err);
	assert_int_equal(usage.available, 0);
}

static void test_ratio(void **state)
{
	struct catalog_usage usage;
	struct steps steps = {.operation = "Attach"};
	struct catalog *generous;

	(void)state;
	world.ratio = 3.0;
	generous = make_catalog("one", world.pools[0].path);
	assert_int_equal(catalog_use(generous, &world.err), -1);
	assert_err(world.err, ERR_UNAVAILABLE, "not attached yet");
	assert_ok(step_run(&steps, "pool", attach, generous, &world.err), world.err);
	assert_ok(catalog_use(generous, &world.err), world.err);
	assert_ok(catalog_usage(generous, &usage, &world.err), world.err);
	assert_int_equal(usage.available / MIB, usage.store.size * 3 / MIB);
	catalog_done(generous);
	catalog_free(generous);
}

static void test_nsids(void **state UNUSED)
{
	static const uint32_t wanted[] = {1, 2, 3};
	struct object *many[ARRAY_SIZE(wanted)];
	_cleanup_object_ struct object *other = object_of(OBJECT_VOLUME, "o", MIB);
	_cleanup_object_ struct object *next = object_of(OBJECT_VOLUME, "n", MIB);
	char id[8];

	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		(void)snprintf(id, sizeof(id), "v%u", i);
		many[i] = object_of(OBJECT_VOLUME, id, MIB);
		(void)snprintf(many[i]->subsystem, sizeof(many[i]->subsystem), "many");
		assert_ok(reserve(many[i], true), world.err);
		assert_int_equal(many[i]->nsid, wanted[i]);
	}
	/* Another instance's subsystem of that name is another subsystem. */
	(void)snprintf(other->subsystem, sizeof(other->subsystem), "many");
	(void)snprintf(other->instance, sizeof(other->instance), "prod");
	assert_ok(reserve(other, true), world.err);
	assert_int_equal(other->nsid, 1);
	catalog_forget(catalog, object_name_of(many[1]));
	(void)snprintf(next->subsystem, sizeof(next->subsystem), "many");
	assert_ok(reserve(next, true), world.err);
	assert_int_equal(next->nsid, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		object_unref(many[i]);
	}
}

static void test_nsids_limit(void **state UNUSED)
{
	char id[16];

	for (unsigned i = 0; i <= NVMET_NAMESPACES_MAX; i++) {
		_cleanup_object_ struct object *object = NULL;

		(void)snprintf(id, sizeof(id), "v%u", i);
		object = object_of(OBJECT_VOLUME, id, 0);
		(void)snprintf(object->subsystem, sizeof(object->subsystem), "many");
		if (i < NVMET_NAMESPACES_MAX) {
			assert_ok(reserve(object, true), world.err);
		} else {
			assert_refused(
				reserve(object, true), ERR_RESOURCE_EXHAUSTED, "subsystem many");
		}
	}
}

static void test_list_and_get(void **state UNUSED)
{
	static const char *const ids[] = {"b", "c", "a", "a-1"};
	_cleanup_object_list_ struct object_list list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		_cleanup_object_ struct object *object = object_of(OBJECT_VOLUME, ids[i], MIB);

		assert_ok(reserve(object, true), world.err);
	}
	assert_ok(catalog_list(catalog, OBJECT_VOLUME, &list, &world.err), world.err);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.list[0]->id, "a");
	assert_string_equal(list.list[1]->id, "a-1");
	assert_string_equal(list.list[3]->id, "c");
	assert_null(catalog_get(catalog, SNAPSHOT("a")));
	struct object *one = catalog_get(catalog, VOLUME("a"));

	assert_ptr_equal(one, list.list[0]);
	catalog_replace(catalog, one);
	object_unref(one);
}

static void test_damage(void **state UNUSED)
{
	assert_ok(catalog_damaged(catalog, VOLUME("v"), &world.err), world.err);
	assert_ok(catalog_damage(catalog, VOLUME("v"), "broken", &world.err), world.err);
	assert_ok(catalog_damage(catalog, VOLUME("v"), "more broken", &world.err), world.err);
	assert_refused(catalog_damaged(catalog, VOLUME("v"), &world.err), ERR_INTERNAL,
		"volume v: more broken");
	assert_ok(catalog_damaged(catalog, SNAPSHOT("v"), &world.err), world.err);
	assert_int_equal(catalog_damage_count(catalog), 1);
}

static void test_gone(void **state UNUSED)
{
	struct err why = {0};

	pool_away(0);
	assert_refused(catalog_use(catalog, &world.err), ERR_UNAVAILABLE, "no pool is there");
	assert_false(catalog_ready(catalog, &why));
	assert_err(why, ERR_UNAVAILABLE, "no pool is there");
	/* It does not count as there again before it was read again. */
	pool_back(0);
	assert_refused(catalog_use(catalog, &world.err), ERR_UNAVAILABLE, "no pool is there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over_promised, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ratio, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nsids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nsids_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_and_get, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
