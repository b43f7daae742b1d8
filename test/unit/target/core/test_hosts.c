/* SPDX-License-Identifier: Apache-2.0 */
/* Grants and fences, with the orders that keep P4, and what a failure in their middle leaves. */
#include "test/unit/target/core/world.h"

static char nqn[NQN_SIZE];

static const char *path(const char *fmt, ...) PRINTF_LIKE(1, 2);

static const char *path(const char *fmt, ...)
{
	static char paths[4][1024];
	static unsigned next;
	char *out = paths[next++ % 4];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out, sizeof(paths[0]), fmt, args);
	va_end(args);
	return out;
}

static void granted_volume(const char *id)
{
	make_volume(id);
	nqn_of(id, nqn);
	assert_ok(grant(id, HOST_A), world.err);
}

static void test_grant(void **state UNUSED)
{
	granted_volume("v1");
	assert_true(emu_has(path("ports/20000/subsystems/%s", nqn)));
	assert_true(emu_has(path("ports/20001/subsystems/%s", nqn)));
	assert_order("enable=1", "link subsystems");
	assert_order(path("link subsystems/%s/allowed_hosts", nqn), "link ports/20000");
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_int_equal(view.object->hosts.n, 1);
	assert_true(host_set_has(&view.object->hosts, HOST_A));
	emu_forget();
	assert_ok(grant("v1", HOST_A), world.err);
	assert_undisturbed();
	assert_refused(grant("none", HOST_A), ERR_NOT_FOUND, "volume none");
}

/* Written once is written for good, also when all was discarded since. */
static void test_written(void **state UNUSED)
{
	make_volume("v1");
	write_data(0, "volumes/v1.img", 0, "data");
	struct object_view view = get(VOLUME("v1"));

	assert_true(view.written);
	assert_false(view.object->written);
	object_view_done(&view);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 0), 0);
	assert_int_equal(truncate(at(&world.pools[0], "volumes/v1.img"), 4 * MIB), 0);
	view = get(VOLUME("v1"));
	assert_int_equal(view.allocated, 0);
	assert_true(view.written);
	object_view_done(&view);
}

static void test_fence_last(void **state UNUSED)
{
	granted_volume("v1");
	emu_forget();
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_order(path("unlink subsystems/%s/allowed_hosts", nqn), "unlink ports/20000");
	assert_order("unlink ports/20001", "enable=0");
	assert_order("enable=0", path("rmdir subsystems/%s\n", nqn));
	assert_int_equal(emu.cuts, 0);
	assert_nothing_exported();
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_int_equal(view.object->hosts.n, 0);
	assert_int_equal(view.object->fencing.n, 0);
	emu_forget();
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_ok(ungrant("v1", NULL), world.err);
	assert_ok(ungrant("v1", HOST_B), world.err);
	assert_string_equal(emu.log, "");
	assert_refused(ungrant("none", HOST_A), ERR_NOT_FOUND, "volume none");
}

static void test_fence_others_remain(void **state UNUSED)
{
	granted_volume("v1");
	assert_ok(grant("v1", HOST_B), world.err);
	emu_forget();
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_order(path("unlink subsystems/%s/allowed_hosts/" HOST_A, nqn), "attr_qid_max=128");
	assert_int_equal(emu.cuts, 1);
	assert_int_equal(emu_when("enable=0"), -1);
	assert_int_equal(emu_when("unlink ports"), -1);
	assert_true(emu_has(path("subsystems/%s/allowed_hosts/" HOST_B, nqn)));
	assert_false(emu_has("hosts/" HOST_A));
}

static void test_fence_all(void **state UNUSED)
{
	granted_volume("v1");
	assert_ok(grant("v1", HOST_B), world.err);
	assert_ok(ungrant("v1", NULL), world.err);
	assert_nothing_exported();
	assert_int_equal(emu.cuts, 0);
}

/* Stopped anywhere, the fence is finished by the retry, by a restart, and before a new grant. */
static void test_fence_interrupted(void **state UNUSED)
{
	static const char *const points[] = {"RevokeHost.intent", "RevokeHost.intent.done",
		"RevokeHost.unlink-host", "RevokeHost.unlink-host.done",
		"RevokeHost.unlink-ports.done", "RevokeHost.disable.done", "RevokeHost.remove.done",
		"RevokeHost.forget", "RevokeHost.forget.done"};

	make_volume("v1");
	for (size_t i = 0; i < ARRAY_SIZE(points) * 3; i++) {
		emu_forget();
		assert_ok(grant("v1", HOST_A), world.err);
		world_fault(points[i / 3]);
		assert_refused(ungrant("v1", HOST_A), ERR_UNAVAILABLE, points[i / 3]);
		world_fault(NULL);
		if (i % 3 == 0) {
			assert_ok(ungrant("v1", HOST_A), world.err);
		} else if (i % 3 == 1 && !streq(points[i / 3], "RevokeHost.intent")) {
			/* Before the intent nothing was promised, so a restart exports it again. */
			world_restart();
			assert_nothing_exported();
			assert_ok(ungrant("v1", HOST_A), world.err);
		} else {
			assert_ok(grant("v1", HOST_A), world.err);
			assert_ok(ungrant("v1", HOST_A), world.err);
		}
		_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

		assert_int_equal(view.object->hosts.n + view.object->fencing.n, 0);
		assert_nothing_exported();
	}
}

/*
 * Killed between taking the host from the list and throwing it out: the list alone would look as
 * if all were done, while the host still writes.
 */
static void test_cut_is_not_forgotten(void **state UNUSED)
{
	granted_volume("v1");
	assert_ok(grant("v1", HOST_B), world.err);
	for (int i = 0; i < 3; i++) {
		unsigned cuts = emu.cuts;

		assert_ok(grant("v1", HOST_A), world.err);
		world_fault("RevokeHost.unlink-host.done");
		assert_refused(ungrant("v1", HOST_A), ERR_UNAVAILABLE, "fault point");
		assert_int_equal(emu.cuts, cuts);
		world_fault(NULL);
		if (i == 0) {
			assert_ok(ungrant("v1", HOST_A), world.err);
		} else if (i == 1) {
			world_restart();
		} else {
			assert_ok(ungrant("v1", HOST_B), world.err);
			assert_nothing_exported();
			continue;
		}
		assert_int_equal(emu.cuts, cuts + 1);
		assert_true(emu_has(path("subsystems/%s/allowed_hosts/" HOST_B, nqn)));
	}
}

/* The kernel lets in a host that no state knows: revoking it is a fence all the same. */
static void test_unknown_host_in_kernel(void **state UNUSED)
{
	granted_volume("v1");
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "hosts/nqn.x")), 0);
	assert_int_equal(emu_symlink(NO_STEP, at(&emu.place, "hosts/nqn.x"),
				 at(&emu.place, path("subsystems/%s/allowed_hosts/nqn.x", nqn))),
		0);
	assert_ok(ungrant("v1", "nqn.x"), world.err);
	assert_int_equal(emu.cuts, 1);
	assert_false(emu_has(path("subsystems/%s/allowed_hosts/nqn.x", nqn)));
}

static void test_kernel_refuses(void **state UNUSED)
{
	make_volume("v1");
	emu.fail = "/enable=1";
	assert_refused(grant("v1", HOST_A), ERR_INTERNAL, "enable");
	emu.fail = NULL;
	assert_ok(grant("v1", HOST_A), world.err);
	emu.fail = "enable=0";
	assert_refused(ungrant("v1", HOST_A), ERR_INTERNAL, "enable");
	/* Not answered, so not forgotten. */
	_cleanup_object_view_ struct object_view view = get(VOLUME("v1"));

	assert_true(host_set_has(&view.object->fencing, HOST_A));
	emu.fail = NULL;
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_nothing_exported();
}

static void test_most_hosts(void **state UNUSED)
{
	char host[NQN_SIZE];

	make_volume("v1");
	for (int i = 0; i < OBJECT_HOSTS_MAX; i++) {
		(void)snprintf(host, sizeof(host), NQN_PREFIX "node.test.%d", i);
		assert_ok(grant("v1", host), world.err);
	}
	assert_refused(grant("v1", HOST_A), ERR_RESOURCE_EXHAUSTED, "64 hosts");
	assert_ok(ungrant("v1", NULL), world.err);
	assert_nothing_exported();
}

static void make_shared(const char *id)
{
	struct volume_request request = volume_of(id);
	bool created;

	request.subsystem = "many";
	assert_ok(put_request(&request, &created), world.err);
}

static void test_shared_subsystem(void **state UNUSED)
{
	char other[NQN_SIZE];

	make_shared("v1");
	make_shared("v2");
	nqn_of("v1", nqn);
	nqn_of("v2", other);
	assert_string_equal(nqn, other);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	assert_true(emu_has(path("subsystems/%s/namespaces/1", nqn)));
	assert_true(emu_has(path("subsystems/%s/namespaces/2", nqn)));
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_false(emu_has(path("subsystems/%s/namespaces/1", nqn)));
	assert_true(emu_has(path("subsystems/%s/allowed_hosts/" HOST_A, nqn)));
	/* The host keeps the subsystem for its other volume: nobody is thrown out. */
	assert_int_equal(emu.cuts, 0);
	assert_ok(delete_object(VOLUME("v1")), world.err);
	make_shared("v3");
	_cleanup_object_view_ struct object_view view = get(VOLUME("v3"));

	assert_int_equal(view.object->nsid, 1);
	assert_ok(ungrant("v2", HOST_A), world.err);
	assert_nothing_exported();
}

static void test_shared_fences(void **state UNUSED)
{
	make_shared("v1");
	make_shared("v2");
	nqn_of("v1", nqn);
	assert_ok(grant("v1", HOST_A), world.err);
	assert_ok(grant("v1", HOST_B), world.err);
	assert_ok(grant("v2", HOST_A), world.err);
	/* nvmet cannot take one volume from A while B keeps it and A keeps the subsystem. */
	emu_forget();
	assert_refused(ungrant("v1", HOST_A), ERR_FAILED_PRECONDITION, "which is shared");
	assert_string_equal(emu.log, "");
	struct object_view view = get(VOLUME("v1"));

	assert_int_equal(view.object->hosts.n, 2);
	object_view_done(&view);
	/* Without other volumes of A there it works, and A is thrown out of the subsystem. */
	assert_ok(ungrant("v2", HOST_A), world.err);
	assert_ok(ungrant("v1", HOST_A), world.err);
	assert_int_equal(emu.cuts, 1);
	assert_true(emu_has(path("subsystems/%s/allowed_hosts/" HOST_B, nqn)));
	assert_false(emu_has(path("subsystems/%s/allowed_hosts/" HOST_A, nqn)));
	/* A volume that loses its only host, in a subsystem that another host keeps. */
	assert_ok(grant("v2", HOST_A), world.err);
	assert_ok(ungrant("v2", HOST_A), world.err);
	assert_int_equal(emu.cuts, 2);
	assert_false(emu_has(path("subsystems/%s/namespaces/2", nqn)));
	assert_ok(ungrant("v1", NULL), world.err);
	assert_nothing_exported();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grant, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_written, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_fence_last, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_fence_others_remain, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_fence_all, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_fence_interrupted, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_cut_is_not_forgotten, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_unknown_host_in_kernel, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_kernel_refuses, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_most_hosts, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_shared_subsystem, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_shared_fences, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
