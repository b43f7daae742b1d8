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
	fixture_close(&f);
}

static void test_not_there(void **state)
{
	struct fixture f;
	struct err err = {0};

	(void)state;
	fixture_open(&f, NULL);
	assert_int_equal(run(&f, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "nvme"));
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
