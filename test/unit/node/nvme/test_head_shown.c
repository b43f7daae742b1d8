/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number is believed only with the identity behind it.
 */
#include "node/nvme/head.h"
#include "test/unit/node/nvme/fixture.h"

#include <sys/sysmacros.h>

#define UUID "01020304-0506-0708-090a-0b0c0d0e0f10"

static const struct ns_ident ident = {
	.uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void a_disk_by_its_number(void **state)
{
	struct ns_ident other = ident;
	struct err err = {0};
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	assert_false(head_shown(&f.host, makedev(259, 3), &ident));
	assert_int_equal(dir_make(f.sysfs, "dev/block/259:3", 0755, &err), 0);
	/* Going: its attributes are no more. */
	assert_false(head_shown(&f.host, makedev(259, 3), &ident));
	fixture_set(&f, "dev/block/259:3/size", "2048");
	fixture_set(&f, "dev/block/259:3/uuid", UUID);
	assert_true(head_shown(&f.host, makedev(259, 3), &ident));
	assert_false(head_shown(&f.host, makedev(259, 4), &ident));
	other.uuid[0]++;
	assert_false(head_shown(&f.host, makedev(259, 3), &other));
	fixture_set(&f, "dev/block/259:3/size", "0");
	assert_false(head_shown(&f.host, makedev(259, 3), &ident));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
