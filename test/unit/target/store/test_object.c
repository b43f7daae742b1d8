/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as values, and sets of hosts. */
#include "target/store/object.h"
#include "test/unit/target/support.h"

static void test_copy(void **state UNUSED)
{
	struct object *a = object_new(OBJECT_VOLUME, "v1");
	struct err err = {0};

	a->size = 5;
	a->nsid = 7;
	a->uuid[3] = 9;
	assert_ok(host_set_add(&a->hosts, "nqn.a", &err), err);
	assert_ok(host_set_add(&a->fencing, "nqn.b", &err), err);
	struct object *b = object_copy(a);

	host_set_remove(&a->hosts, "nqn.a");
	object_unref(a);
	assert_string_equal(b->id, "v1");
	assert_string_equal(b->metadata, "{}");
	assert_int_equal(b->size, 5);
	assert_int_equal(b->nsid, 7);
	assert_int_equal(b->uuid[3], 9);
	assert_true(host_set_has(&b->hosts, "nqn.a"));
	assert_true(host_set_has(&b->fencing, "nqn.b"));
	assert_ptr_equal(object_ref(b), b);
	object_unref(b);
	object_unref(b);
	object_unref(NULL);
}

static void test_committed(void **state UNUSED)
{
	struct object *volume = object_new(OBJECT_VOLUME, "v");
	struct object *snapshot = object_new(OBJECT_SNAPSHOT, "s");

	volume->size = 4096;
	assert_int_equal(object_committed(volume, MIB), MIB);
	volume->size = MIB;
	assert_int_equal(object_committed(volume, MIB), MIB);
	volume->size = MIB + 4096;
	assert_int_equal(object_committed(volume, MIB), 2 * MIB);
	snapshot->size = 10 * MIB;
	snapshot->pinned = 8192;
	assert_int_equal(object_committed(snapshot, MIB), 8192);
	assert_int_equal(snapshot->source, SOURCE_VOLUME);
	object_unref(volume);
	object_unref(snapshot);
}

/* Names that begin alike are different hosts. */
static void test_hosts(void **state UNUSED)
{
	struct host_set set = {0};
	struct err err = {0};
	char nqn[32];

	assert_ok(host_set_add(&set, "nqn.cnode10", &err), err);
	assert_false(host_set_has(&set, "nqn.cnode1"));
	assert_ok(host_set_add(&set, "nqn.cnode1", &err), err);
	assert_ok(host_set_add(&set, "nqn.cnode1", &err), err);
	assert_int_equal(set.n, 2);
	host_set_remove(&set, "nqn.cnode");
	assert_int_equal(set.n, 2);
	host_set_remove(&set, "nqn.cnode10");
	assert_true(host_set_has(&set, "nqn.cnode1"));
	assert_int_equal(set.n, 1);
	host_set_remove(&set, "nqn.cnode1");
	for (int i = 0; i < OBJECT_HOSTS_MAX; i++) {
		(void)snprintf(nqn, sizeof(nqn), "nqn.%d", i);
		assert_ok(host_set_add(&set, nqn, &err), err);
	}
	assert_int_equal(host_set_add(&set, "nqn.more", &err), -1);
	assert_err(err, ERR_RESOURCE_EXHAUSTED, "host nqn.more");
	host_set_done(&set);
	assert_int_equal(set.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_committed),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
