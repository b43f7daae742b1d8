/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: comparing, counting, reading files, and staying out of core dumps.
 */
#include "common/base/fileio.h"
#include "common/base/secret.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static char path[64];

static int make_path(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/nv-secret-XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0) {
		return -1;
	}
	(void)close(fd);
	return 0;
}

static int drop_path(void **state)
{
	(void)state;
	return unlink(path);
}

static void put(const char *bytes, size_t n, mode_t mode)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, path, bytes, n, mode, NULL), 0);
}

static void test_new(void **state)
{
	char bytes[] = "pass\0word";
	struct secret *secret = secret_new(bytes, 9);

	(void)state;
	assert_non_null(secret);
	bytes[0] = 'x';
	assert_int_equal(secret_len(secret), 9);
	assert_memory_equal(secret_bytes(secret), "pass\0word", 10);
	secret_unref(secret);
	secret = secret_new(NULL, 0);
	assert_non_null(secret);
	assert_int_equal(secret_len(secret), 0);
	assert_string_equal(secret_bytes(secret), "");
	secret_unref(secret);
	secret_unref(NULL);
	assert_null(secret_ref(NULL));
}

static void test_longest(void **state)
{
	static char bytes[SECRET_MAX + 1];

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	assert_null(secret_new(bytes, SECRET_MAX + 1));
	struct secret *secret = secret_new(bytes, SECRET_MAX);
	assert_non_null(secret);
	assert_int_equal(strlen(secret_bytes(secret)), SECRET_MAX);
	secret_unref(secret);
}

static void test_equal(void **state)
{
	struct secret *secret = secret_new("token", 5);
	struct secret *empty = secret_new("", 0);

	(void)state;
	assert_true(secret_equal(secret, "token", 5));
	assert_false(secret_equal(secret, "tokex", 5));
	assert_false(secret_equal(secret, "xoken", 5));
	assert_false(secret_equal(secret, "toke", 4));
	assert_false(secret_equal(secret, "token", 6)); /* with its NUL */
	assert_false(secret_equal(secret, "tokentoken", 10));
	assert_false(secret_equal(secret, "", 0));
	assert_false(secret_equal(secret, NULL, 0));
	assert_true(secret_equal(empty, "", 0));
	assert_false(secret_equal(empty, "t", 1));
	secret_unref(secret);
	secret_unref(empty);
}

/* One that holds only NULs differs from nothing. */
static void test_equal_with_nul_bytes(void **state)
{
	struct secret *secret = secret_new("\0\0\0", 3);

	(void)state;
	assert_true(secret_equal(secret, "\0\0\0", 3));
	assert_false(secret_equal(secret, "\0\0", 2));
	assert_false(secret_equal(secret, "", 0));
	secret_unref(secret);
}

/* The hexadecimal number at *@p, which is moved behind it. */
static uintptr_t take_address(const char **p)
{
	uintptr_t value = 0;

	for (; isxdigit((unsigned char)**p); (*p)++) {
		int digit = isdigit((unsigned char)**p) ? **p - '0' : **p - 'a' + 10;
		value = value * 16 + (uintptr_t)digit;
	}
	return value;
}

/* The flags that the kernel shows for the mapping that holds @address. */
static void flags_of(const void *address, char *out, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char row[512];
	bool inside = false;

	out[0] = '\0';
	if (!maps) {
		return; /* no flags, which the test does not take for an answer */
	}
	while (fgets(row, sizeof(row), maps)) {
		const char *p = row;
		uintptr_t from = take_address(&p);
		if (p > row && *p == '-') {
			p++;
			uintptr_t to = take_address(&p);
			inside = (uintptr_t)address >= from && (uintptr_t)address < to;
		} else if (inside && strncmp(row, "VmFlags:", 8) == 0) {
			(void)snprintf(out, size, "%s", row);
			break;
		}
	}
	(void)fclose(maps);
}

static void test_p8_not_in_core_dumps(void **state)
{
	struct secret *secret = secret_new("key", 3);
	char flags[512];

	(void)state;
	flags_of(secret_bytes(secret), flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	secret_unref(secret);
}

static void *hold_and_let_go(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct secret *mine = secret_ref(arg);
		if (!secret_equal(mine, "shared", 6)) {
			return arg;
		}
		secret_unref(mine);
	}
	secret_unref(arg);
	return NULL;
}

static void test_shared_by_threads(void **state)
{
	struct secret *secret = secret_new("shared", 6);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, hold_and_let_go, secret_ref(secret)), 0);
	}
	/* The last thread to end is the one that wipes it. */
	secret_unref(secret);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *wrong = NULL;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void test_read_file(void **state)
{
	struct secret *secret = NULL;
	struct err err = {0};

	(void)state;
	put("token\n\r\n", 8, 0600);
	assert_int_equal(secret_read_file(path, &secret, &err), 0);
	assert_string_equal(secret_bytes(secret), "token");
	assert_int_equal(secret_len(secret), 5);
	secret_unref(secret);
	/* Only at the end, and no other white space. */
	put(" a\nb \n", 6, 0640);
	assert_int_equal(secret_read_file(path, &secret, &err), 0);
	assert_string_equal(secret_bytes(secret), " a\nb ");
	secret_unref(secret);
}

static void test_read_file_modes(void **state)
{
	static const mode_t good[] = {0400, 0440, 0600, 0640, 0660, 0700};
	static const mode_t bad[] = {0644, 0604, 0606, 0601, 0777};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct secret *secret = NULL;
		put("token", 5, good[i]);
		assert_int_equal(secret_read_file(path, &secret, &err), 0);
		secret_unref(secret);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct secret *secret = NULL;
		put("token", 5, bad[i]);
		assert_int_equal(secret_read_given(path, &secret, &err), 0);
		assert_string_equal(secret_bytes(secret), "token");
		secret_unref(TAKE_PTR(secret));
		assert_int_equal(secret_read_file(path, &secret, &err), -1);
		assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
		assert_non_null(strstr(err.msg, path));
		assert_null(strstr(err.msg, "token"));
		assert_null(secret);
	}
}

static void test_read_file_sizes(void **state)
{
	static char bytes[SECRET_MAX + 2];
	struct secret *secret = NULL;
	struct err err = {0};

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	put(bytes, SECRET_MAX, 0600);
	assert_int_equal(secret_read_file(path, &secret, &err), 0);
	assert_int_equal(secret_len(secret), SECRET_MAX);
	secret_unref(secret);
	secret = NULL;
	put(bytes, SECRET_MAX + 1, 0600);
	assert_int_equal(secret_read_file(path, &secret, &err), -1);
	assert_null(strstr(err.msg, "kkk"));
	put("", 0, 0600);
	assert_int_equal(secret_read_file(path, &secret, &err), -1);
	assert_non_null(strstr(err.msg, "empty"));
	put("\n\n", 2, 0600);
	assert_int_equal(secret_read_file(path, &secret, &err), -1);
	assert_null(secret);
}

static void test_read_file_of_another_kind(void **state)
{
	struct secret *secret = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(secret_read_file("/nonexistent/token", &secret, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(secret_read_file("/tmp", &secret, &err), -1);
	/* A FIFO without a writer must not make it wait. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(secret_read_file(path, &secret, &err), -1);
	assert_non_null(strstr(err.msg, "regular"));
	assert_null(secret);
}

int main(void)
{
#define WITH_FILE(name) cmocka_unit_test_setup_teardown(name, make_path, drop_path)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_equal_with_nul_bytes),
		cmocka_unit_test(test_p8_not_in_core_dumps),
		cmocka_unit_test(test_shared_by_threads),
		WITH_FILE(test_read_file),
		WITH_FILE(test_read_file_modes),
		WITH_FILE(test_read_file_sizes),
		WITH_FILE(test_read_file_of_another_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
