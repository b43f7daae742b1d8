/* SPDX-License-Identifier: Apache-2.0 */
/* `nvmetcp-node paths`: the table, the JSON, the exit codes. */
#include "node/paths_command.h"
#include "test/unit/node/nvme/fixture.h"

static char text[16384];

static int command(const struct fixture *f, const char *const *argv)
{
	char sysfs[128];
	int argc = 0;
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	while (argv[argc]) {
		argc++;
	}
	(void)snprintf(sysfs, sizeof(sysfs), "%s/sys", f->root);
	int result = paths_command(argc, (char *const *)argv, sysfs, out);
	assert_int_equal(fclose(out), 0);
	return result;
}

#define run(f, ...) command(f, (const char *const[]){"paths", __VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_says(const char *part)
{
	if (!strstr(text, part)) {
		fail_msg("\"%s\" is not in:\n%s", part, text);
	}
}

static void test_table(void **state UNUSED)
{
	struct fixture f;

	fixture_open(&f, "multipath");
	fixture_set(&f, "class/nvme/nvme0/queue_count", "5");
	assert_int_equal(run(&f), 0);
	assert_says(
		"DEVICE   CONTROLLER  PORTAL          STATE             ANA           POLICY       "
		"QUEUES  SUBSYSTEM\n"
		"nvme0n1  nvme0       10.0.0.5:4420   live              optimized     numa         "
		"4       " NQN_A "\n");
	assert_says("-        nvme1       [fd00::5]:4421  connecting        -             numa");
	assert_null(strstr(text, "nvme2 "));
	assert_int_equal(run(&f, "--all"), 0);
	assert_says("nvme2 ");
	fixture_close(&f);
}

static void test_json(void **state UNUSED)
{
	struct fixture f;

	fixture_open(&f, "multipath");
	fixture_set(&f, "class/nvme/nvme0/queue_count", "5");
	assert_int_equal(run(&f, "--json"), 0);
	assert_says(
		"{\"paths\":[{\"anaState\":\"optimized\",\"controller\":\"nvme0\",\"device\":"
		"\"nvme0n1\",\"driver\":true,\"ioPolicy\":\"numa\",\"ioQueues\":4,\"nqn\":\"" NQN_A
		"\",\"portal\":\"10.0.0.5:4420\",\"state\":\"live\"},");
	fixture_close(&f);
}

static void test_nothing(void **state UNUSED)
{
	struct fixture f;

	fixture_open(&f, NULL);
	assert_int_equal(run(&f), 0);
	assert_says("DEVICE  CONTROLLER  PORTAL  STATE  ANA  POLICY  QUEUES  SUBSYSTEM\n");
	assert_int_equal(run(&f, "--json"), 0);
	assert_string_equal(text, "{\"paths\":[]}\n");
	assert_int_equal(run(&f, "--help"), 0);
	assert_says("Usage: nvmetcp-node paths");
	assert_int_equal(run(&f, "--josn"), 2);
	assert_int_equal(unlinkat(f.sysfs, "class", AT_REMOVEDIR), 0);
	assert_int_equal(run(&f), 1);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
