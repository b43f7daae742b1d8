/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors arrive as the same open files, close-on-exec, and only in the number asked for.
 */
#include "common/base/fdpass.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_both_arrive(void **state)
{
	struct err err = {0};
	int pair[2];
	int sent[2] = {memfd_create("a", 0), memfd_create("b", 0)};
	int got[2];
	struct stat a;
	struct stat b;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fdpass_send(pair[0], sent, 2, &err), 0);
	assert_int_equal(fdpass_receive(pair[1], got, 2, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fstat(sent[i], &a), 0);
		assert_int_equal(fstat(got[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		(void)close(sent[i]);
		(void)close(got[i]);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void test_other_number_and_end(void **state)
{
	struct err err = {0};
	int pair[2];
	int fds[FDPASS_MAX + 1] = {0, 1, 2, 0, 1};
	int before = dup(0);
	int got[2] = {-7, -7};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(fdpass_send(pair[0], fds, FDPASS_MAX + 1, &err), -1);
	assert_int_equal(fdpass_send(pair[0], fds, 0, &err), -1);
	assert_int_equal(fdpass_send(pair[0], fds, 3, &err), 0);
	assert_int_equal(fdpass_receive(pair[1], got, 2, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	(void)close(pair[0]);
	assert_int_equal(fdpass_receive(pair[1], got, 1, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(got[0], -7);
	(void)close(pair[1]);
	/* None of the three that came was left open. */
	int after = dup(0);
	assert_int_equal(after, before + 1);
	(void)close(before);
	(void)close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_arrive),
		cmocka_unit_test(test_other_number_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
