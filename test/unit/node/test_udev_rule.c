/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules file: whole, named for the driver, and written again only when it says something else.
 * What udev makes of it is seen in test/vm/test_guests.py.
 */
#include "common/base/fileio.h"
#include "node/udev_rule.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HOST "nqn.2026-01.dev.csi.nvmetcp:node.test.node1"

static void written_once(void **state)
{
	char root[] = "/tmp/nv-udev-XXXXXX";
	char folder[64];
	char path[128];
	char expected[UDEV_RULE_SIZE];
	struct stat first;
	struct stat second;
	struct err err = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	(void)snprintf(folder, sizeof(folder), "%s/rules.d", root);
	(void)snprintf(path, sizeof(path), "%s/59-one.dev.rules", folder);
	assert_int_equal(udev_rule_write(NULL, folder, "one.dev", HOST, &err), 0);
	assert_int_equal(stat(path, &first), 0);
	assert_int_equal(udev_rule_write(NULL, folder, "one.dev", HOST, &err), 0);
	assert_int_equal(stat(path, &second), 0);
	assert_true(first.st_ino == second.st_ino);

	assert_int_equal(udev_rule_write(NULL, folder, "one.dev", HOST "2", &err), 0);
	_cleanup_free_ char *text = NULL;
	size_t len;
	assert_int_equal(file_read(AT_FDCWD, path, UDEV_RULE_SIZE, &text, &len, &err), 0);
	udev_rule_text(HOST "2", expected);
	assert_string_equal(text, expected);
	assert_non_null(strstr(text, " = " HOST "2 ]"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(root), 0);
}

static void no_folder(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(udev_rule_write(NULL, "/dev/null/rules.d", "one.dev", HOST, &err), -1);
	assert_non_null(strstr(err.msg, "/dev/null"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_once),
		cmocka_unit_test(no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
