/* SPDX-License-Identifier: Apache-2.0 */
/* The states of portals on the emulated tree. */
#include "test/unit/target/export/nvmetfix.h"

static void assert_state(unsigned i, const char *wanted)
{
	char now[ANA_TEXT_SIZE];
	struct err err = {0};

	assert_ok(nvmet_ana_get(nvmet, i, now, &err), err);
	assert_string_equal(now, wanted);
}

static void test_states(void **state UNUSED)
{
	const enum ana_state some[PORTALS_MAX] = {ANA_INACCESSIBLE, ANA_NON_OPTIMIZED};
	const enum ana_state all[PORTALS_MAX] = {ANA_OPTIMIZED};
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	assert_state(0, "optimized");
	emu_forget();
	assert_ok(nvmet_ana_put(NO_STEP, nvmet, some, &err), err);
	assert_string_equal(emu.log, "write ports/20000/ana_groups/1/ana_state=inaccessible\n"
				     "write ports/20001/ana_groups/1/ana_state=non-optimized\n");
	assert_state(0, "inaccessible");
	assert_state(1, "non-optimized");
	/* Each write is an event to every host: what is so already is not written. */
	emu_forget();
	assert_ok(nvmet_ana_put(NO_STEP, nvmet, some, &err), err);
	assert_string_equal(emu.log, "");
	assert_ok(nvmet_ana_put(NO_STEP, nvmet, all, &err), err);
	assert_state(0, "optimized");
	assert_state(1, "optimized");
}

static void test_set_by_hand(void **state UNUSED)
{
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	emu_attr(at(&emu.place, "ports/20001/ana_groups/1"), "ana_state", "persistent-loss");
	assert_state(1, "persistent-loss");
}

static void test_fails(void **state UNUSED)
{
	const enum ana_state some[PORTALS_MAX] = {ANA_OPTIMIZED, ANA_INACCESSIBLE};
	char now[ANA_TEXT_SIZE];
	struct err err = {0};

	assert_ok(nvmet_ports_put(NO_STEP, nvmet, &err), err);
	emu.fail = "ana_state";
	assert_int_equal(nvmet_ana_put(NO_STEP, nvmet, some, &err), -1);
	assert_err(err, ERR_INTERNAL, "ports/20001/ana_groups/1/ana_state");
	assert_state(1, "optimized");
	emu.fail = NULL;
	assert_int_equal(unlink(at(&emu.place, "ports/20001/ana_groups/1/ana_state")), 0);
	assert_int_equal(nvmet_ana_get(nvmet, 1, now, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "ana_state");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
