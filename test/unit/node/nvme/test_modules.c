/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules: nothing to do when all is there, a clear word when it cannot be had. Loading is shown in
 * the VM.
 */
#include "node/nvme/modules.h"
#include "test/unit/node/nvme/fixture.h"

static int ready_step(const struct step *in, void *arg, struct err *err)
{
	return modules_ready(in, arg, err);
}

static int run(struct fixture *f, struct err *err)
{
	struct steps steps = {.operation = "test"};

	return step_run(&steps, "modules", ready_step, &f->host, err);
}

static void test_there(void **state)
{
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(dir_make(f.sysfs, "module/nvme_tcp", 0755, &err), 0);
	assert_int_equal(mkdirat(f.host.dev, "nvme-fabrics", 0755), 0);
	assert_int_equal(run(&f, &err), 0);
	assert_int_equal(modules_check(&f.host, &err), 0);
	fixture_close(&f);
}

static void test_not_there(void **state)
{
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	f.host.node_name = "worker-3";
	assert_int_equal(run(&f, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	/* What it is, where, and what to do; as a user sees it below the pod. */
	assert_non_null(
		strstr(err.msg, "kernel module nvme-tcp cannot be loaded on node worker-3"));
	assert_non_null(strstr(err.msg, "modprobe nvme-tcp"));
	assert_in_range(strlen(err.msg), 1, 600);
	err = (struct err){0};
	assert_int_equal(modules_check(&f.host, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "/dev/nvme-fabrics"));
	assert_non_null(strstr(err.msg, "node worker-3"));
	assert_non_null(strstr(err.msg, "linux-modules-extra"));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
