/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in sysfs, and identities as the kernel prints them.
 */
#include "node/nvme/subsys_read.h"
#include "test/unit/node/nvme/fixture.h"

static void test_names(void **state)
{
	static const char *const neither[] = {"", "nvme", "nvmex", "nvme-subsys", "nvme-subsysx",
		"nvme1x", "nvme1n", "nvme1nx", "nvme1n1p1", "nvme1n1x", "nvmen1", "ng0n1", "nvme1c",
		"nvme1c1", "nvme1c1n", "nvme-1", "nvme 1", "nvme99999999999", "nvme0n99999999999",
		"xnvme0", "nvme-subsys1x"};
	int instance;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++) {
		assert_false(sys_is_ctrl(neither[i], NULL));
		assert_false(sys_is_disk(neither[i]));
		assert_false(sys_is_path_disk(neither[i]));
		assert_false(sys_is_subsys(neither[i], NULL));
	}
	assert_true(sys_is_ctrl("nvme12", &instance));
	assert_int_equal(instance, 12);
	assert_true(sys_is_subsys("nvme-subsys7", &instance));
	assert_int_equal(instance, 7);
	assert_true(sys_is_disk("nvme0n1"));
	assert_true(sys_is_disk("nvme10n255"));
	assert_true(sys_is_path_disk("nvme0c1n1"));
	assert_false(sys_is_disk("nvme0c1n1"));
	assert_false(sys_is_ctrl("nvme0n1", NULL));
}

static void test_ident_match(void **state)
{
	struct ns_ident want = {.uuid = {1}, .nguid = {2}};
	struct ns_ident seen = {.uuid = {2}, .nguid = {2}};
	struct err err = {0};

	(void)state;
	/* The kernel shows the NGUID where there is no UUID. */
	assert_true(sys_ident_match("d", &want, &seen, &err));
	/* A namespace may truly have both equal. */
	want.uuid[0] = 2;
	assert_true(sys_ident_match("d", &want, &seen, &err));
	/* With another UUID than its NGUID, the UUID counts. */
	seen.uuid[0] = 3;
	assert_false(sys_ident_match("d", &want, &seen, &err));
	/* A volume known by its UUID only is not found by an NGUID. */
	want = (struct ns_ident){.uuid = {2}};
	seen = (struct ns_ident){.nguid = {2}};
	assert_false(sys_ident_match("d", &want, &seen, &err));
}

static void test_touches(void **state)
{
	struct ns_ident a = {.uuid = {1}, .nguid = {2}, .nsid = 4};
	struct ns_ident b = {.uuid = {9}, .nguid = {2}, .nsid = 5};
	struct ns_ident none = {.nsid = 4};

	(void)state;
	assert_true(sys_ident_touches(&a, &b));
	b.nguid[0] = 3;
	assert_false(sys_ident_touches(&a, &b));
	assert_false(sys_ident_touches(&a, &none));
	assert_false(sys_ident_touches(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ident_match),
		cmocka_unit_test(test_touches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
