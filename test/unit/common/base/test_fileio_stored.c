/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5: what is on stable storage when, and what becomes of a storage that says no. The calls that
 * decide it are this program's own here: they note their order and may be made to fail.
 */
#include "common/base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

static char told[128];
static const char *fails; /* the call that answers EIO */

static bool note(const char *call)
{
	size_t used = strlen(told);

	(void)snprintf(told + used, sizeof(told) - used, "%s%s", used > 0 ? ", " : "", call);
	if (fails && streq(fails, call)) {
		errno = EIO;
		return false;
	}
	return true;
}

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -1;
	}
	return note(S_ISDIR(st.st_mode) ? "fsync folder" : "fsync file")
		       ? (int)syscall(SYS_fsync, fd)
		       : -1;
}

int renameat(int oldfd, const char *old, int newfd, const char *new)
{
	return note("rename") ? (int)syscall(SYS_renameat2, oldfd, old, newfd, new, 0) : -1;
}

int unlinkat(int fd, const char *name, int flag)
{
	return note("unlink") ? (int)syscall(SYS_unlinkat, fd, name, flag) : -1;
}

static char top[32];
static int dir = -1;

static int make_top(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/nv-stored-XXXXXX");
	if (!mkdtemp(top)) {
		return -1;
	}
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	told[0] = '\0';
	fails = NULL;
	return dir < 0 ? -1 : 0;
}

static int drop_top(void **state)
{
	(void)state;
	fails = NULL;
	(void)unlinkat(dir, "f", 0);
	(void)close(dir);
	return rmdir(top);
}

/* What is in "f"; "" when it is not there. */
static const char *content(void)
{
	static char text[16];
	struct err err = {0};

	if (attr_read(dir, "f", text, sizeof(text), &err) < 0) {
		text[0] = '\0';
	}
	return text;
}

/* The content before its name, the name before the answer: a power cut anywhere shows one of both
 * contents, and the new one once the call has said so. */
static void test_order(void **state)
{
	(void)state;
	assert_int_equal(file_write_atomic(dir, "f", "new", 3, 0600, NULL), 0);
	assert_string_equal(told, "fsync file, rename, fsync folder");
	told[0] = '\0';
	assert_int_equal(file_remove(dir, "f", NULL), 0);
	assert_string_equal(told, "unlink, fsync folder");
	/* Also when it was gone: an earlier call may have been cut off before it stored that. */
	told[0] = '\0';
	assert_int_equal(file_remove(dir, "f", NULL), 0);
	assert_string_equal(told, "unlink, fsync folder");
}

static void test_what_is_not_stored_is_an_error(void **state)
{
	static const struct {
		const char *call;
		const char *left;
	} cases[] = {{"fsync file", "old"}, {"rename", "old"}, {"fsync folder", "new"}};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(file_write_atomic(dir, "f", "old", 3, 0600, &err), 0);
		fails = cases[i].call;
		assert_int_equal(file_write_atomic(dir, "f", "new", 3, 0600, &err), -1);
		assert_non_null(strstr(err.msg, "Input/output error"));
		fails = NULL;
		assert_string_equal(content(), cases[i].left);
	}
	fails = "fsync folder";
	assert_int_equal(file_remove(dir, "f", &err), -1);
	/* No temporary file is left, or the folder could not be removed in the end. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, make_top, drop_top),
		cmocka_unit_test_setup_teardown(
			test_what_is_not_stored_is_an_error, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
