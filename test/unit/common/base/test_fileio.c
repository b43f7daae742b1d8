/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, attributes and folders, in a temporary folder of the test's own.
 */
#include "common/base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static char top[] = "/tmp/nv-fileio-XXXXXX";
static int dir = -1;

static int make_top(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/nv-fileio-XXXXXX");
	if (!mkdtemp(top)) {
		return -1;
	}
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

struct walk {
	int fd;
	unsigned n;
};

static int remove_entry(const char *name, void *arg)
{
	const struct walk *walk = arg;
	struct walk below = {.fd = openat(walk->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};

	if (below.fd >= 0) {
		int rc = dir_each(below.fd, ".", remove_entry, &below, NULL);
		(void)close(below.fd);
		return rc ? rc : unlinkat(walk->fd, name, AT_REMOVEDIR);
	}
	return unlinkat(walk->fd, name, 0);
}

static int drop_top(void **state)
{
	struct walk walk = {.fd = dir};

	(void)state;
	int rc = dir_each(dir, ".", remove_entry, &walk, NULL);
	(void)close(dir);
	return rc ? rc : rmdir(top);
}

static int count_entry(const char *name, void *arg)
{
	unsigned *n = arg;

	assert_string_not_equal(name, ".");
	assert_string_not_equal(name, "..");
	(*n)++;
	return 0;
}

static unsigned entries(const char *path)
{
	unsigned n = 0;

	assert_int_equal(dir_each(dir, path, count_entry, &n, NULL), 0);
	return n;
}

/* A plain file, made without the code under test. */
static void put(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static void test_read(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 0;

	(void)state;
	put("f", "two\nlines\n");
	assert_int_equal(file_read(dir, "f", 100, &data, &len, NULL), 0);
	assert_string_equal(data, "two\nlines\n");
	assert_int_equal(len, 10);
}

static void test_read_limits(void **state)
{
	char *data = NULL;
	struct err err = {0};
	size_t len = 99;

	(void)state;
	put("f", "12345");
	assert_int_equal(file_read(dir, "f", 5, &data, NULL, &err), 0);
	assert_string_equal(data, "12345");
	free(data);
	data = NULL;
	assert_int_equal(file_read(dir, "f", 4, &data, &len, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	assert_non_null(strstr(err.msg, "f: longer than the 4 bytes"));
	assert_null(data);
	assert_int_equal(len, 99);
	put("empty", "");
	assert_int_equal(file_read(dir, "empty", 0, &data, &len, &err), 0);
	assert_string_equal(data, "");
	assert_int_equal(len, 0);
	free(data);
}

static void test_read_long(void **state)
{
	char text[20001];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		text[i] = (char)('a' + i % 23);
	}
	/* Around the sizes at which the buffer grows. */
	static const size_t sizes[] = {4095, 4096, 4097, 8191, 8192, 8193, 20000};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *data = NULL;
		size_t len;
		text[sizes[i]] = '\0';
		put("f", text);
		assert_int_equal(file_read(dir, "f", sizes[i], &data, &len, NULL), 0);
		assert_int_equal(len, sizes[i]);
		assert_string_equal(data, text);
		char *none = NULL;
		assert_int_equal(file_read(dir, "f", sizes[i] - 1, &none, &len, NULL), -1);
		assert_null(none);
		text[sizes[i]] = 'z';
	}
}

/* A file of /proc, whose size is said to be 0. */
static void test_read_proc(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 65536, &data, &len, NULL), 0);
	assert_non_null(strstr(data, "Pid:"));
	assert_int_equal(strlen(data), len);
}

static void test_read_absent(void **state)
{
	char *data = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(file_read(dir, "none", 10, &data, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "none"));
	assert_int_equal(file_read(dir, ".", 10, &data, NULL, &err), -1);
	assert_int_not_equal(err.code, ERR_NOT_FOUND);
}

static void test_write_atomic(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t len;

	(void)state;
	mode_t before = umask(0077);
	assert_int_equal(file_write_atomic(dir, "f", "old", 3, 0600, NULL), 0);
	assert_int_equal(file_write_atomic(dir, "f", "n\0w!", 4, 0644, NULL), 0);
	(void)umask(before);
	assert_int_equal(file_read(dir, "f", 10, &data, &len, NULL), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(data, "n\0w!", 4);
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(entries("."), 1);
}

static void test_write_atomic_below_a_folder(void **state)
{
	char path[128];
	_cleanup_free_ char *data = NULL;

	(void)state;
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(file_write_atomic(dir, "sub/f", "x", 1, 0600, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/sub/g", top);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "", 0, 0600, NULL), 0);
	assert_int_equal(entries("sub"), 2);
	assert_int_equal(file_read(dir, "sub/g", 10, &data, NULL, NULL), 0);
	assert_string_equal(data, "");
}

/* A symbolic link in the file's place is replaced, not followed. */
static void test_write_atomic_replaces_a_link(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;

	(void)state;
	put("target", "precious");
	assert_int_equal(symlinkat("target", dir, "f"), 0);
	assert_int_equal(file_write_atomic(dir, "f", "new", 3, 0600, NULL), 0);
	assert_int_equal(fstatat(dir, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(file_read(dir, "target", 100, &data, NULL, NULL), 0);
	assert_string_equal(data, "precious");
}

static void test_write_atomic_fails_clean(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(file_write_atomic(dir, "no/f", "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(mkdirat(dir, "full", 0700), 0);
	put("full/x", "");
	/* It cannot be renamed over a folder. */
	assert_int_equal(file_write_atomic(dir, "full", "x", 1, 0600, &err), -1);
	assert_int_equal(file_write_atomic(dir, "full/", "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(file_write_atomic(dir, "", "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(entries("."), 1);
	assert_int_equal(entries("full"), 1);
}

/* When the content cannot be written whole, the old one stays and nothing else. */
static void test_write_atomic_keeps_the_old(void **state)
{
	static char text[8192];
	_cleanup_free_ char *data = NULL;
	struct rlimit before;
	struct err err = {0};

	(void)state;
	put("f", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int result = file_write_atomic(dir, "f", text, sizeof(text), 0600, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	assert_non_null(strstr(err.msg, "f: write"));
	assert_int_equal(file_read(dir, "f", 10, &data, NULL, NULL), 0);
	assert_string_equal(data, "old");
	assert_int_equal(entries("."), 1);
}

static void test_remove(void **state)
{
	struct err err = {0};

	(void)state;
	put("f", "x");
	assert_int_equal(file_remove(dir, "f", &err), 0);
	assert_int_equal(entries("."), 0);
	assert_int_equal(file_remove(dir, "f", &err), 0);
	assert_int_equal(file_remove(dir, "no/such/f", &err), 0);
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(file_remove(dir, "sub", &err), -1);
	assert_non_null(strstr(err.msg, "sub"));
	assert_int_equal(file_remove(dir, "sub/", &err), -1);
	assert_int_equal(entries("."), 1);
}

static void test_attr_read(void **state)
{
	char buf[6];
	struct err err = {0};

	(void)state;
	put("live", "live\n");
	put("bare", "12345");
	put("long", "123456\n");
	put("lines", "abcde\nand much more\n");
	put("empty", "");
	assert_int_equal(attr_read(dir, "live", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "live");
	assert_int_equal(attr_read(dir, "bare", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "12345");
	assert_int_equal(attr_read(dir, "lines", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "abcde");
	assert_int_equal(attr_read(dir, "empty", buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "");
	/* Half a value would be another value. */
	assert_int_equal(attr_read(dir, "long", buf, sizeof(buf), &err), -1);
	assert_non_null(strstr(err.msg, "long"));
	assert_int_equal(attr_read(dir, "none", buf, sizeof(buf), &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(attr_read(dir, ".", buf, sizeof(buf), &err), -1);
}

static void test_attr_write(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct err err = {0};

	(void)state;
	put("enable", "a longer old value");
	assert_int_equal(attr_write(dir, "enable", "1", &err), 0);
	assert_int_equal(file_read(dir, "enable", 100, &data, NULL, NULL), 0);
	assert_string_equal(data, "1");
	errno = 0;
	/* An attribute that is not there is not made. */
	assert_int_equal(attr_write(dir, "none", "1", &err), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(entries("."), 1);
}

static void test_attr_write_keeps_errno_and_secrets(void **state)
{
	struct err err = {0};

	(void)state;
	errno = 0;
	assert_int_equal(attr_write(AT_FDCWD, "/dev/full", "DHHC-1:00:key:", &err), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, "/dev/full"));
	assert_null(strstr(err.msg, "DHHC"));
}

static void test_dir_make(void **state)
{
	struct stat st;
	struct err err = {0};

	(void)state;
	mode_t before = umask(0077);
	assert_int_equal(dir_make(dir, "a/b//c/", 0755, &err), 0);
	(void)umask(before);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(dir, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* What is there stays as it is. */
	assert_int_equal(dir_make(dir, "a/b/c", 0700, &err), 0);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(dir_make(AT_FDCWD, "/", 0755, &err), 0);
	put("file", "");
	assert_int_equal(dir_make(dir, "file", 0755, &err), -1);
	assert_non_null(strstr(err.msg, "file"));
	assert_int_not_equal(err.code, ERR_ALREADY_EXISTS);
	assert_int_equal(dir_make(dir, "file/sub", 0755, &err), -1);
	assert_int_equal(dir_make(dir, "", 0755, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void test_paths_that_are_too_long(void **state)
{
	static char path[9000];
	struct err err = {0};

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 3] = '/';
	assert_int_equal(dir_make(dir, path, 0755, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(file_write_atomic(dir, path, "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(file_remove(dir, path, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void test_dir_sync(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(dir_sync(dir, ".", &err), 0);
	assert_int_equal(dir_sync(dir, "none", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	put("file", "");
	assert_int_equal(dir_sync(dir, "file", &err), -1);
}

static int stop_at_third(const char *name, void *arg)
{
	unsigned *n = arg;

	(void)name;
	(*n)++;
	return *n == 3 ? 77 : 0;
}

static void test_dir_each(void **state)
{
	struct err err = {0};
	unsigned n = 0;

	(void)state;
	/* More than one buffer of entries, with a long name and a dot file among them. */
	char name[256];
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "entry-%d", i);
		put(name, "");
	}
	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "");
	put(".hidden", "");
	assert_int_equal(entries("."), 302);
	assert_int_equal(dir_each(dir, ".", stop_at_third, &n, &err), 77);
	assert_int_equal(n, 3);
	assert_int_equal(dir_each(dir, "none", count_entry, &n, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(dir_each(dir, ".hidden", count_entry, &n, &err), -1);
	assert_int_not_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_top, drop_top)
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_read_limits),
		TEST(test_read_long),
		TEST(test_read_proc),
		TEST(test_read_absent),
		TEST(test_write_atomic),
		TEST(test_write_atomic_below_a_folder),
		TEST(test_write_atomic_replaces_a_link),
		TEST(test_write_atomic_fails_clean),
		TEST(test_write_atomic_keeps_the_old),
		TEST(test_remove),
		TEST(test_attr_read),
		TEST(test_attr_write),
		TEST(test_attr_write_keeps_errno_and_secrets),
		TEST(test_dir_make),
		TEST(test_paths_that_are_too_long),
		TEST(test_dir_sync),
		TEST(test_dir_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
