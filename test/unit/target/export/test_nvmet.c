/* SPDX-License-Identifier: Apache-2.0 */
/* Subsystems, namespaces and hosts on the emulated tree. */
#include "test/unit/target/export/nvmetfix.h"

#define HOST "nqn.2026-01.dev.csi.nvmetcp:node.test.a"

static void test_open(void **state UNUSED)
{
	struct nvmet_options options = nvmet_test_options();
	struct nvmet *second = NULL;
	struct err err = {0};

	assert_int_equal(nvmet_open(&options, &second, &err), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "another nvmetcp-target");
	options.root = "/nowhere/nvmet";
	assert_int_equal(nvmet_open(&options, &second, &err), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "modprobe");
	assert_null(second);
	assert_int_equal(nvmet_portals(nvmet)->n, 2);
	nvmet_free(NULL);
}

static void test_ns_order(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_order("attr_serial=11223344556677889", "namespaces/1\n");
	assert_order("attr_model=nvmetcp-target", "mkdir " SUB1 "/namespaces/1\n");
	assert_order("device_path=", "enable=1");
	assert_order("device_uuid=11223344-5566-7788-99aa-bbccddeeff01", "enable=1");
	assert_order("device_nguid=112233445566778899aabbccddeeff01", "enable=1");
	/* Again: nothing is touched. */
	emu_forget();
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_string_equal(emu.log, "");
}

static void test_ns_half_made(void **state UNUSED)
{
	struct err err = {0};
	struct configfs cfs = {.ops = &emu_ops};

	(void)snprintf(cfs.root, sizeof(cfs.root), "%s", emu.root);
	assert_ok(configfs_mkdir(NO_STEP, &cfs, SUB1, &err), err);
	assert_ok(configfs_mkdir(NO_STEP, &cfs, SUB1 "/namespaces/1", &err), err);
	assert_ok(configfs_write(NO_STEP, &cfs, SUB1 "/namespaces/1/device_path",
			  at(&emu.place, "disk"), &err),
		err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_true(emu_when("enable=1") > 0);
}

/* A namespace of something else under this number is stopped before it is changed. */
static void test_ns_replaced(void **state UNUSED)
{
	struct err err = {0};

	put_file(at(&emu.place, "other"), "data");
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	emu_forget();
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "other"), &err), err);
	assert_order("enable=0", "device_path=");
	assert_order("device_path=", "enable=1");
}

static void test_ns_missing_file(void **state UNUSED)
{
	struct err err = {0};

	assert_int_equal(put_ns(NQN1, 1, at(&emu.place, "none"), &err), -1);
	assert_err(err, ERR_NOT_FOUND, "enable");
}

static void test_ns_drop_and_resize(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ns_resized(NO_STEP, nvmet, NQN1, 1, &err), err);
	assert_ok(nvmet_ns_drop(NO_STEP, nvmet, NQN1, 1, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	emu_forget();
	assert_ok(nvmet_ns_resized(NO_STEP, nvmet, NQN1, 1, &err), err);
	assert_string_equal(emu.log, "write " SUB1 "/namespaces/1/revalidate_size=1\n");
	assert_ok(nvmet_ns_drop(NO_STEP, nvmet, NQN1, 1, &err), err);
	assert_order("enable=0", "rmdir " SUB1 "/namespaces/1");
	emu_forget();
	assert_ok(nvmet_ns_drop(NO_STEP, nvmet, NQN1, 1, &err), err);
	assert_string_equal(emu.log, "");
}

static void test_hosts(void **state UNUSED)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct err err = {0};

	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(put_ns(NQN2, 1, at(&emu.place, "disk"), &err), err);
	for (int i = 0; i < 2; i++) {
		assert_ok(nvmet_host_put(NO_STEP, nvmet, NQN1, HOST, &err), err);
		assert_ok(nvmet_host_put(NO_STEP, nvmet, NQN2, HOST, &err), err);
	}
	assert_ok(nvmet_host_list(nvmet, NQN1, &names, &err), err);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.list[0], HOST);
	/* Its entry goes with the last subsystem that allows it. */
	assert_ok(nvmet_host_drop(NO_STEP, nvmet, NQN1, HOST, &err), err);
	assert_true(emu_has("hosts/" HOST));
	assert_false(emu_has(SUB1 "/allowed_hosts/" HOST));
	assert_ok(nvmet_host_drop(NO_STEP, nvmet, NQN2, HOST, &err), err);
	assert_false(emu_has("hosts/" HOST));
	assert_ok(nvmet_host_drop(NO_STEP, nvmet, NQN2, HOST, &err), err);
	/* A subsystem that is not there has no hosts, and grants to none. */
	configfs_names_done(&names);
	assert_ok(nvmet_host_list(nvmet, "nqn.none", &names, &err), err);
	assert_int_equal(names.n, 0);
	assert_int_equal(nvmet_host_put(NO_STEP, nvmet, "nqn.none", HOST, &err), -1);
}

static void test_hosts_tidy(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(nvmet_host_put(NO_STEP, nvmet, NQN1, HOST, &err), err);
	assert_int_equal(mkdir(at(&emu.place, "hosts/" NQN_PREFIX "node.x"), 0700), 0);
	assert_int_equal(mkdir(at(&emu.place, "hosts/nqn.foreign"), 0700), 0);
	assert_ok(nvmet_hosts_tidy(NO_STEP, nvmet, &err), err);
	assert_true(emu_has("hosts/" HOST));
	assert_false(emu_has("hosts/" NQN_PREFIX "node.x"));
	assert_true(emu_has("hosts/nqn.foreign"));
	emu.fail = "rmdir hosts/";
	assert_int_equal(mkdir(at(&emu.place, "hosts/" NQN_PREFIX "node.y"), 0700), 0);
	assert_int_equal(nvmet_hosts_tidy(NO_STEP, nvmet, &err), -1);
	assert_err(err, ERR_INTERNAL, "node.y");
}

static void test_cut(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_cut(NO_STEP, nvmet, NQN1, &err), err);
	assert_int_equal(emu.cuts, 0);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	emu_forget();
	assert_ok(nvmet_cut(NO_STEP, nvmet, NQN1, &err), err);
	/* Written although it reads so already: the write is what throws the hosts out. */
	assert_string_equal(emu.log, "write " SUB1 "/attr_qid_max=128\n");
}

static void test_subsys_drop(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(put_ns(NQN1, 7, at(&emu.place, "disk"), &err), err);
	assert_ok(nvmet_host_put(NO_STEP, nvmet, NQN1, HOST, &err), err);
	assert_ok(ports_up(&err), err);
	assert_true(emu_has(PORT1 NQN1) && emu_has(PORT2 NQN1));
	emu_forget();
	assert_ok(nvmet_subsys_drop(NO_STEP, nvmet, NQN1, &err), err);
	assert_order("unlink " PORT1 NQN1, "unlink " SUB1 "/allowed_hosts/" HOST);
	assert_order("unlink " SUB1 "/allowed_hosts/" HOST, "enable=0");
	assert_order("enable=0", "rmdir " SUB1 "/namespaces/");
	assert_order("rmdir " SUB1 "/namespaces/7", "rmdir " SUB1 "\n");
	assert_nothing_exported();
	assert_ok(nvmet_subsys_drop(NO_STEP, nvmet, NQN1, &err), err);
}

static void test_subsys_list(void **state UNUSED)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct err err = {0};

	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(put_ns("nqn.2014-08.org.other:x", 1, at(&emu.place, "disk"), &err), err);
	assert_ok(nvmet_subsys_list(nvmet, &names, &err), err);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.list[0], NQN1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ns_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ns_half_made, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ns_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ns_missing_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ns_drop_and_resize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hosts_tidy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subsys_drop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subsys_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
