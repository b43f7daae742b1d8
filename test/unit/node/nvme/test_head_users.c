/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a disk, told to the person who has to end it.
 */
#include "node/nvme/head.h"
#include "test/unit/node/nvme/fixture.h"

static void make(const struct fixture *f, const char *folder)
{
	struct err err = {0};

	assert_int_equal(dir_make(f->sysfs, folder, 0755, &err), 0);
}

static void assert_users(const struct fixture *f, const char *expected)
{
	char text[160];

	head_users(&f->host, "nvme0n1", text, sizeof(text));
	assert_string_equal(text, expected);
}

static void disk_and_partitions(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	assert_users(&f, "nvme0n1");
	make(&f, "block/nvme0n1/holders");
	assert_users(&f, "nvme0n1");
	make(&f, "block/nvme0n1/nvme0n1p1/holders/md127");
	assert_users(&f, "nvme0n1 (used by md127)");
	make(&f, "block/nvme0n1/holders/dm-3");
	make(&f, "block/dm-3/dm");
	fixture_set(&f, "block/dm-3/dm/name", "guest-inner");
	assert_users(&f, "nvme0n1 (used by dm-3 guest-inner, md127)");
	fixture_close(&f);
}

static void a_long_list_is_cut(void **state)
{
	struct fixture f;
	char folder[64];
	char text[24];

	(void)state;
	fixture_open(&f, NULL);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(folder, sizeof(folder), "block/nvme0n1/holders/dm-%d", 1000 + i);
		make(&f, folder);
	}
	head_users(&f.host, "nvme0n1", text, sizeof(text));
	assert_memory_equal(text, "nvme0n1", 7);
	assert_int_equal(text[sizeof(text) - 1], '\0');
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_and_partitions),
		cmocka_unit_test(a_long_list_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
