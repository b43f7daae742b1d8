/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, links and the gate on the emulated tree. */
#include "test/unit/target/export/nvmetfix.h"

static void attr_is(const char *rel, const char *value)
{
	char now[128];

	emu_value(at(&emu.place, rel), now, sizeof(now));
	assert_string_equal(now, value);
}

static void reopen(const char *portals)
{
	struct nvmet_options options = nvmet_test_options();
	struct err err = {0};

	nvmet_free(nvmet);
	assert_ok(portals_parse("portals", portals, &options.portals, &err), err);
	assert_ok(nvmet_open(&options, &nvmet, &err), err);
}

static void test_ports(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	attr_is("ports/20000/addr_traddr", "127.0.0.1");
	attr_is("ports/20000/addr_trsvcid", "4420");
	attr_is("ports/20000/addr_adrfam", "ipv4");
	attr_is("ports/20000/addr_trtype", "tcp");
	attr_is("ports/20001/addr_traddr", "::1");
	attr_is("ports/20001/addr_adrfam", "ipv6");
	emu_forget();
	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_string_equal(emu.log, "");
}

/* Ports of others stay, one at our address is used, ours that nobody wants any more go. */
static void test_ports_change(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(ports_up(&err), err);
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "ports/1")), 0);
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "ports/2")), 0);
	emu_attr(at(&emu.place, "ports/2"), "addr_trtype", "tcp");
	emu_attr(at(&emu.place, "ports/2"), "addr_traddr", "127.0.0.9");
	emu_attr(at(&emu.place, "ports/2"), "addr_trsvcid", "4420");
	/* Half made, when an earlier agent died. */
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "ports/20002")), 0);

	reopen("127.0.0.9:4420,[::1]:4421,127.0.0.3:4420");
	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_true(emu_has("ports/1") && emu_has("ports/2") && emu_has("ports/20001"));
	attr_is("ports/20000/addr_traddr", "127.0.0.3");
	assert_false(emu_has("ports/20002"));
	assert_false(emu_has(PORT1 NQN1));
	assert_true(emu_has(PORT2 NQN1));
	assert_ok(ports_up(&err), err);
	assert_true(emu_has("ports/2/subsystems/" NQN1) && emu_has(PORT1 NQN1));
	assert_false(emu_has("ports/1/subsystems/" NQN1));
}

/* Before the first opening nothing is linked one by one: others would be turned away for good. */
static void test_link_needs_ports_up(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(put_ns(NQN2, 1, at(&emu.place, "disk"), &err), err);
	assert_int_equal(nvmet_ports_down(nvmet, &err), 2);
	assert_int_equal(nvmet_link(NO_STEP, nvmet, NQN1, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "no portal is open");
	assert_false(emu_has(PORT1 NQN1));
	assert_ok(ports_up(&err), err);
	assert_int_equal(nvmet_ports_down(nvmet, NULL), 0);
	assert_true(emu_has(PORT1 NQN1) && emu_has(PORT1 NQN2) && emu_has(PORT2 NQN1) &&
		    emu_has(PORT2 NQN2));
	assert_ok(nvmet_link(NO_STEP, nvmet, NQN1, &err), err);
	assert_ok(nvmet_unlink(NO_STEP, nvmet, NQN1, &err), err);
	assert_ok(nvmet_unlink(NO_STEP, nvmet, NQN1, &err), err);
	assert_false(emu_has(PORT1 NQN1) || emu_has(PORT2 NQN1));
	assert_true(emu_has(PORT1 NQN2));
	assert_ok(nvmet_link(NO_STEP, nvmet, NQN1, &err), err);
	assert_true(emu_has(PORT1 NQN1) && emu_has(PORT2 NQN1));
}

static void test_dead_portal(void **state UNUSED)
{
	struct err err = {0};

	emu.dead_address = "::1";
	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(ports_up(&err), err);
	/* Nothing to publish: nobody can tell yet that it is dead. */
	assert_int_equal(nvmet_ports_down(nvmet, NULL), 0);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(nvmet_link(NO_STEP, nvmet, NQN1, &err), err);
	assert_int_equal(nvmet_ports_down(nvmet, &err), 1);
	assert_err(err, ERR_UNAVAILABLE, "portal [::1]:4421");
	/* It comes back, and a later volume does not open it for itself alone. */
	emu.dead_address = NULL;
	assert_ok(put_ns(NQN2, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(nvmet_link(NO_STEP, nvmet, NQN2, &err), err);
	assert_false(emu_has(PORT2 NQN2));
	assert_ok(ports_up(&err), err);
	assert_true(emu_has(PORT2 NQN1) && emu_has(PORT2 NQN2));
	assert_int_equal(nvmet_ports_down(nvmet, NULL), 0);
}

static void test_all_portals_dead(void **state UNUSED)
{
	struct err err = {0};

	reopen("192.0.2.7:4420");
	emu.dead_address = "192.0.2.7";
	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(ports_up(&err), err);
	assert_int_equal(nvmet_ports_down(nvmet, NULL), 1);
	/* An address of a documentation network is on no machine. */
	assert_false(nvmet_ports_waiting(nvmet));
	assert_int_equal(nvmet_link(NO_STEP, nvmet, NQN1, &err), -1);
	assert_err(err, ERR_UNAVAILABLE, "portal 192.0.2.7:4420");
	reopen("127.0.0.1:4420");
	assert_true(nvmet_ports_waiting(nvmet));
}

static void test_gate(void **state UNUSED)
{
	struct err err = {0};

	reopen("10.0.0.5:4420,[fd00::5]:4421");
	assert_ok(nvmet_gate_close(NO_STEP, nvmet, &err), err);
	assert_non_null(strstr(
		scripts[0], "ip daddr 10.0.0.5 tcp dport 4420 tcp flags syn / syn,ack drop"));
	assert_non_null(strstr(scripts[0], "ip6 daddr fd00::5 tcp dport 4421"));
	assert_non_null(strstr(scripts[0], "hook input priority -10"));
	/* One left behind by an earlier agent is replaced. */
	assert_ptr_equal(
		strstr(scripts[0], "add table inet nvmetcp_target; delete table"), scripts[0]);
	assert_ok(nvmet_gate_open(NO_STEP, nvmet, &err), err);
	assert_string_equal(
		scripts[1], "add table inet nvmetcp_target; delete table inet nvmetcp_target");
	assert_int_equal(n_scripts, 2);
}

static void test_no_gate(void **state UNUSED)
{
	struct nvmet_options options = nvmet_test_options();
	struct err err = {0};

	nvmet_free(nvmet);
	options.nft = NULL;
	assert_ok(nvmet_open(&options, &nvmet, &err), err);
	assert_ok(nvmet_gate_close(NO_STEP, nvmet, &err), err);
	assert_ok(nvmet_gate_open(NO_STEP, nvmet, &err), err);
	assert_int_equal(n_scripts, 0);
}

/* A tree that turns changes down: every failure is told, none is passed over. */
static void test_failures(void **state UNUSED)
{
	struct err err = {0};

	emu.fail = "mkdir ports/";
	assert_int_equal(nvmet_ports_put(NO_STEP, nvmet, &err), -1);
	assert_err(err, ERR_INTERNAL, "mkdir");
	emu.fail = NULL;
	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_ok(put_ns(NQN1, 1, at(&emu.place, "disk"), &err), err);
	assert_ok(ports_up(&err), err);
	emu.fail = "unlink ports/";
	assert_int_equal(nvmet_unlink(NO_STEP, nvmet, NQN1, &err), -1);
	assert_err(err, ERR_INTERNAL, "unlink");
	assert_int_equal(nvmet_subsys_drop(NO_STEP, nvmet, NQN1, &err), -1);
	assert_true(emu_has(SUB1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_needs_ports_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_portal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_portals_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_gate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
