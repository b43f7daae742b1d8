/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect and disconnect as callers see them, over a kernel of our own making.
 */
#include "node/nvme/fabrics.h"
#include "node/nvme/subsys.h"
#include "test/unit/node/nvme/kernel_fake.h"

struct world {
	struct fixture f;
	struct fab *fab;
	struct connect_options options;
	struct guard guard;
	struct fab_path path;
	struct fab_result result;
};

static void world_open(struct world *w, const char *tree)
{
	struct err err = {0};

	*w = (struct world){0};
	fixture_open(&w->f, tree);
	kernel_use(&w->f);
	assert_int_equal(fab_new(&w->f.host, &us, &w->fab, &err), 0);
	assert_int_equal(connect_profile("profile", "balanced", &w->options, &err), 0);
	w->guard = kernel_guard(20000);
	w->path = (struct fab_path){NQN_A, &portal_1, &w->options};
}

static void world_close(struct world *w)
{
	fab_free(w->fab);
	fixture_close(&w->f);
}

static int ready_step(const struct step *in, void *arg, struct err *err)
{
	struct world *w = arg;

	return fab_ready(in, w->fab, &w->guard, err);
}

static int connect_step(const struct step *in, void *arg, struct err *err)
{
	struct world *w = arg;

	return fab_connect(in, w->fab, &w->path, &w->guard, &w->result, err);
}

static int disconnect_step(const struct step *in, void *arg, struct err *err)
{
	struct world *w = arg;

	return fab_disconnect(in, w->fab, NQN_A, &w->guard, err);
}

static int run(step_fn fn, struct world *w, struct err *err)
{
	struct steps steps = {.operation = "test"};

	*err = (struct err){0};
	return step_run(&steps, "step", fn, w, err);
}

static void test_options_are_checked(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_false(fab_has_option(w.fab, "nqn"));
	assert_int_equal(run(ready_step, &w, &err), 0);
	assert_true(fab_has_option(w.fab, "nqn"));
	assert_true(fab_has_option(w.fab, "instance"));
	assert_true(fab_has_option(w.fab, "data_digest"));
	assert_false(fab_has_option(w.fab, "data_diges"));
	assert_false(fab_has_option(w.fab, "digest"));
	assert_false(fab_has_option(w.fab, ""));
	assert_int_equal(fab_check_options(w.fab, &w.options, &err), 0);
	w.options.data_digest = true;
	assert_int_equal(fab_check_options(w.fab, &w.options, &err), 0);
	/* TLS was asked for and this kernel has none: clear text is no answer. */
	w.options.tls_key = 123;
	assert_int_equal(fab_check_options(w.fab, &w.options, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "tls"));
	assert_int_equal(run(connect_step, &w, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(kernel->connects, 0);
	world_close(&w);
}

/* Large machines must not ask every target for as many queues as they have processors. */
static void test_io_queues(void **state)
{
	(void)state;
	assert_int_equal(fab_io_queues(CONNECT_UNSET, 1), 1);
	assert_int_equal(fab_io_queues(CONNECT_UNSET, 2), 2);
	assert_int_equal(fab_io_queues(CONNECT_UNSET, 256), FAB_IO_QUEUES_MOST);
	assert_int_equal(fab_io_queues(CONNECT_UNSET, -1), 1);
	assert_int_equal(fab_io_queues(16, 2), 16);
	assert_int_equal(fab_io_queues(1, 256), 1);
}

static void test_connect(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	if (run(connect_step, &w, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(w.result.instance, 100);
	assert_int_equal(w.result.cntlid, 1);
	assert_false(w.result.existed);
	assert_int_equal(w.result.errnum, 0);
	/* Always the port, who we are, and queues that the kernel does not choose. */
	static const char *const parts[] = {"nqn=nqn.2026-01.dev.csi.nvmetcp:t:a,", "transport=tcp",
		"traddr=10.0.0.5", "trsvcid=4420", "hostnqn=nqn.2026-01.dev.csi.nvmetcp:node.t.n1",
		"hostid=01234567-89ab-cdef-0123-456789abcdef", "nr_io_queues=", "ctrl_loss_tmo=-1"};
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!strstr(kernel->string, parts[i])) {
			fail_msg("%s is not in %s", parts[i], kernel->string);
		}
	}
	assert_null(strstr(kernel->string, "nr_io_queues=0"));
	world_close(&w);
}

static void test_connect_refused(void **state)
{
	static const struct {
		int errnum;
		enum err_code code;
	} cases[] = {{EIO, ERR_PERMISSION_DENIED}, {ECONNREFUSED, ERR_UNAVAILABLE},
		{EINVAL, ERR_FAILED_PRECONDITION}};
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kernel->errnum = cases[i].errnum;
		assert_int_equal(run(connect_step, &w, &err), -1);
		assert_int_equal(err.code, cases[i].code);
		assert_int_equal(w.result.errnum, cases[i].errnum);
		assert_non_null(strstr(err.msg, NQN_A " at 10.0.0.5:4420"));
	}
	kernel->errnum = EALREADY;
	assert_int_equal(run(connect_step, &w, &err), 0);
	assert_true(w.result.existed);
	assert_int_equal(w.result.errnum, 0);
	assert_int_equal(w.result.instance, -1);
	world_close(&w);
}

static void test_connect_that_hangs(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_int_equal(run(ready_step, &w, &err), 0);
	kernel->hang = 1;
	w.guard = kernel_guard(100);
	assert_int_equal(run(connect_step, &w, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	/* This one could be killed: nothing stays behind. */
	assert_null(w.guard.stuck);
	world_close(&w);
}

static void test_no_modules(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_int_equal(unlinkat(w.f.host.dev, "nvme-fabrics", 0), 0);
	assert_int_equal(run(ready_step, &w, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "nvme"));
	world_close(&w);
}

static void test_p3_disconnect(void **state)
{
	struct world w;
	struct subsys_view view;
	struct err err = {0};

	(void)state;
	world_open(&w, "multipath");
	assert_int_equal(run(disconnect_step, &w, &err), 0);
	assert_int_equal(kernel->deletes, 1);
	assert_int_equal(subsys_scan(&w.f.host, NQN_A, &us, &view, &err), 0);
	assert_int_equal(view.ours_listed, 0);
	/* The administrator's path is still there. */
	assert_int_equal(view.n_ctrls, 1);
	subsys_view_done(&view);
	/* Nothing of ours is left: nothing to do. */
	assert_int_equal(run(disconnect_step, &w, &err), 0);
	assert_int_equal(kernel->deletes, 1);
	world_close(&w);
}

static void test_p3_not_ok_while_listed(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, "multipath");
	kernel->keep = 1;
	w.guard = kernel_guard(300);
	assert_int_equal(run(disconnect_step, &w, &err), -1);
	assert_false(err_is_final(err.code));
	assert_true(kernel->deletes > 1 || err.code == ERR_DEADLINE_EXCEEDED);
	world_close(&w);
}

static void test_p3_unreadable_sysfs_is_not_gone(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_int_equal(unlinkat(w.f.sysfs, "class", AT_REMOVEDIR), 0);
	assert_int_equal(run(disconnect_step, &w, &err), -1);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_are_checked),
		cmocka_unit_test(test_io_queues),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_refused),
		cmocka_unit_test(test_connect_that_hangs),
		cmocka_unit_test(test_no_modules),
		cmocka_unit_test(test_p3_disconnect),
		cmocka_unit_test(test_p3_not_ok_while_listed),
		cmocka_unit_test(test_p3_unreadable_sysfs_is_not_gone),
	};

	return cmocka_run_group_tests(tests, kernel_start, kernel_stop);
}
