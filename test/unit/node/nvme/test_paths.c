/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as sysfs shows them: one row for a namespace over a controller. */
#include "node/nvme/paths.h"
#include "test/unit/node/nvme/fixture.h"

static void read_all(const struct fixture *f, bool all, struct path_rows *rows)
{
	struct err err = {0};

	if (paths_read(&f->host, all, rows, &err) < 0) {
		fail_msg("%s", err.msg);
	}
}

static void assert_row(const struct path_row *row, const char *ctrl, const char *device,
	const char *state, const char *ana)
{
	assert_string_equal(row->ctrl.name, ctrl);
	assert_string_equal(row->device, device);
	assert_string_equal(row->ctrl.state, state);
	assert_string_equal(row->ana, ana);
}

static void test_multipath(void **state UNUSED)
{
	struct fixture f;
	struct path_rows rows;
	char portal[PORTAL_TEXT_SIZE];

	fixture_open(&f, "multipath");
	fixture_set(&f, "class/nvme/nvme0/queue_count", "5");
	fixture_set(&f, "class/nvme/nvme1/queue_count", "0");
	read_all(&f, false, &rows);
	assert_int_equal(rows.n, 6);
	assert_row(&rows.list[0], "nvme0", "nvme0n1", "live", "optimized");
	assert_row(&rows.list[1], "nvme0", "nvme0n9", "live", "inaccessible");
	assert_row(&rows.list[2], "nvme1", "", "connecting", "");
	assert_row(&rows.list[3], "nvme3", "", "deleting (no IO)", "");
	assert_row(&rows.list[4], "nvme5", "", "connecting", "");
	assert_row(&rows.list[5], "nvme4", "", "live", "");
	assert_string_equal(rows.list[0].nqn, NQN_A);
	assert_string_equal(rows.list[5].nqn, NQN_AB);
	assert_string_equal(rows.list[0].policy, "numa");
	assert_string_equal(rows.list[4].policy, "numa");
	assert_string_equal(rows.list[5].policy, "round-robin");
	assert_int_equal(rows.list[0].io_queues, 4);
	assert_int_equal(rows.list[2].io_queues, 0);
	assert_int_equal(rows.list[3].io_queues, -1);
	portal_print(&rows.list[2].ctrl.portal, portal);
	assert_string_equal(portal, "[fd00::5]:4421");
	for (size_t i = 0; i < rows.n; i++) {
		assert_true(rows.list[i].driver);
	}
	path_rows_done(&rows);
	/* The administrator's. */
	read_all(&f, true, &rows);
	assert_int_equal(rows.n, 7);
	assert_string_equal(rows.list[3].ctrl.name, "nvme2");
	assert_false(rows.list[3].driver);
	path_rows_done(&rows);
	fixture_close(&f);
}

static void test_single(void **state UNUSED)
{
	struct fixture f;
	struct path_rows rows;

	fixture_open(&f, "single");
	read_all(&f, true, &rows);
	assert_true(rows.n > 0);
	bool found = false;
	for (size_t i = 0; i < rows.n; i++) {
		found = found || (streq(rows.list[i].device, "nvme7n1") && !rows.list[i].ana[0]);
	}
	assert_true(found);
	path_rows_done(&rows);
	fixture_close(&f);
}

static void test_nothing(void **state UNUSED)
{
	struct fixture f;
	struct path_rows rows;
	struct err err = {0};

	fixture_open(&f, NULL);
	read_all(&f, true, &rows);
	assert_int_equal(rows.n, 0);
	path_rows_done(&rows);
	assert_int_equal(unlinkat(f.sysfs, "class", AT_REMOVEDIR), 0);
	assert_int_equal(paths_read(&f.host, true, &rows, &err), -1);
	assert_non_null(strstr(err.msg, "sysfs: class"));
	fixture_close(&f);

	fixture_open(&f, "garbage");
	read_all(&f, true, &rows);
	path_rows_done(&rows);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
