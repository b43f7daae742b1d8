/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of connected subsystems: only ours, only what differs.
 */
#include "node/nvme/fabrics.h"
#include "test/unit/node/nvme/fixture.h"

#define SUB "class/nvme-subsystem/nvme-subsys0/"

struct call {
	struct fab *fab;
	const char *nqn;
	struct connect_options options;
};

static int tune_step(const struct step *in, void *arg, struct err *err)
{
	const struct call *call = arg;

	return fab_tune(in, call->fab, call->nqn, &call->options, err);
}

static int rescan_step(const struct step *in, void *arg, struct err *err)
{
	const struct call *call = arg;

	return fab_rescan(in, call->fab, call->nqn, err);
}

static int run(step_fn fn, struct call *call, struct err *err)
{
	struct steps steps = {.operation = "test"};

	return step_run(&steps, "step", fn, call, err);
}

static void begin(struct fixture *f, struct call *call, const char *tree)
{
	struct err err = {0};

	fixture_open(f, tree);
	*call = (struct call){.nqn = NQN_A};
	assert_int_equal(fab_new(&f->host, &us, &call->fab, &err), 0);
	assert_int_equal(connect_profile("profile", "balanced", &call->options, &err), 0);
}

static void end(struct fixture *f, struct call *call)
{
	fab_free(call->fab);
	fixture_close(f);
}

static void test_repairs_ours_only(void **state)
{
	struct fixture f;
	struct call call;
	struct err err = {0};

	(void)state;
	begin(&f, &call, "multipath");
	call.options.ctrl_loss_tmo = CONNECT_NEVER;
	call.options.reconnect_delay = 2;
	call.options.fast_io_fail_tmo = CONNECT_NEVER;
	/* These differ from the wish only in how the kernel shows them, or not at all. */
	fixture_set(&f, "class/nvme/nvme0/reconnect_delay", "2");
	if (run(tune_step, &call, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(fixture_get(&f, SUB "iopolicy"), "queue-depth");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme0/ctrl_loss_tmo"), "off");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme0/fast_io_fail_tmo"), "off");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/ctrl_loss_tmo"), "-1");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/reconnect_delay"), "2");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/fast_io_fail_tmo"), "-1");
	/* The administrator's controller keeps its own. */
	assert_string_equal(fixture_get(&f, "class/nvme/nvme2/ctrl_loss_tmo"), "600");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme2/reconnect_delay"), "10");
	end(&f, &call);
}

static void test_policy(void **state)
{
	struct fixture f;
	struct call call;
	struct err err = {0};

	(void)state;
	begin(&f, &call, "multipath");
	(void)snprintf(call.options.io_policy, sizeof(call.options.io_policy), "round-robin");
	fixture_set(&f, SUB "iopolicy", "round-robin");
	assert_int_equal(run(tune_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, SUB "iopolicy"), "round-robin");
	/* A kernel without native multipath has no policy file. */
	fixture_drop(&f, SUB "iopolicy");
	assert_int_equal(run(tune_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, SUB "iopolicy"), "");
	end(&f, &call);
}

static int policy_step(const struct step *in, void *arg, struct err *err)
{
	const struct call *call = arg;

	return fab_set_policy(in, call->fab, call->nqn, 0, call->options.io_policy, err);
}

static void test_policy_fits(void **state)
{
	struct fixture f;
	struct call call;
	struct err err = {0};

	(void)state;
	begin(&f, &call, "multipath");
	assert_true(fab_policy_fits(call.fab, "", ""));
	assert_true(fab_policy_fits(call.fab, "numa", ""));
	assert_true(fab_policy_fits(call.fab, "numa", "numa"));
	assert_false(fab_policy_fits(call.fab, "round-robin", "queue-depth"));
	assert_true(fab_policy_fits(call.fab, "", "queue-depth"));
	assert_false(fab_policy_fits(call.fab, "", "numa"));
	assert_false(fab_policy_fits(call.fab, "", "round-robin"));
	/* Where the kernel has not the best one, the next is as good as it gets. */
	atomic_store(fab_no_queue_depth(call.fab), true);
	assert_true(fab_policy_fits(call.fab, "", "round-robin"));
	assert_false(fab_policy_fits(call.fab, "", "numa"));
	/* The number was given to another subsystem meanwhile. */
	call.nqn = NQN_AB;
	assert_int_equal(run(policy_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, SUB "iopolicy"), "numa");
	call.nqn = NQN_A;
	assert_int_equal(run(policy_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, SUB "iopolicy"), "queue-depth");
	end(&f, &call);
}

static void test_unset_is_left_alone(void **state)
{
	struct fixture f;
	struct call call;
	struct err err = {0};

	(void)state;
	begin(&f, &call, "multipath");
	call.options.ctrl_loss_tmo = call.options.reconnect_delay = call.options.fast_io_fail_tmo =
		CONNECT_UNSET;
	assert_int_equal(run(tune_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/ctrl_loss_tmo"), "600");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/reconnect_delay"), "10");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/fast_io_fail_tmo"), "30");
	/* ctrl_loss_tmo is shown rounded up to whole delays. */
	fixture_set(&f, "class/nvme/nvme0/reconnect_delay", "10");
	fixture_set(&f, "class/nvme/nvme0/ctrl_loss_tmo", "600");
	call.options.reconnect_delay = 10;
	call.options.ctrl_loss_tmo = 591;
	assert_int_equal(run(tune_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/ctrl_loss_tmo"), "600");
	end(&f, &call);
}

static void test_rescan(void **state)
{
	struct fixture f;
	struct call call;
	struct err err = {0};

	(void)state;
	begin(&f, &call, "multipath");
	assert_int_equal(run(rescan_step, &call, &err), 0);
	assert_string_equal(fixture_get(&f, "class/nvme/nvme0/rescan_controller"), "1");
	/* Not live, and not ours. */
	assert_string_equal(fixture_get(&f, "class/nvme/nvme1/rescan_controller"), "");
	assert_string_equal(fixture_get(&f, "class/nvme/nvme2/rescan_controller"), "");
	call.nqn = "nqn.2026-01.dev.csi.nvmetcp:t:none";
	assert_int_equal(run(rescan_step, &call, &err), 0);
	end(&f, &call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repairs_ours_only),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_fits),
		cmocka_unit_test(test_unset_is_left_alone),
		cmocka_unit_test(test_rescan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
