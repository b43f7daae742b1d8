/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC's start, its log in ours, time, and wiping.
 */
#include "common/base/log.h"
#include "common/rpc/core.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/log.h>

static void test_log_goes_to_ours(void **state UNUSED)
{
	char text[4096] = "";
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_set(LOG_LEVEL_INFO, fds[1]);
	rpc_core_begin();
	gpr_log("some.cc", 7, GPR_LOG_SEVERITY_DEBUG, "what went over the wire: %s", "s3cret");
	gpr_log("some.cc", 8, GPR_LOG_SEVERITY_INFO, "what went over the wire: %s", "s3cret");
	assert_int_equal(read(fds[0], text, sizeof(text) - 1), -1);
	gpr_log("some.cc", 9, GPR_LOG_SEVERITY_ERROR, "a \"failure\"");
	rpc_core_end();
	n = read(fds[0], text, sizeof(text) - 1);
	log_set(LOG_LEVEL_INFO, 2);
	assert_true(n > 0);
	assert_int_equal(text[0], '{');
	assert_non_null(strstr(text, "a \\\"failure\\\""));
	assert_non_null(strstr(text, "\"line\":9"));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_signals(void **state UNUSED)
{
	sigset_t mine;
	sigset_t now;

	rpc_signals_block(&mine);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGTERM), 1);
	assert_int_equal(sigismember(&now, SIGHUP), 1);
	rpc_signals_restore(&mine);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGTERM), 0);
}

static void test_time(void **state UNUSED)
{
	struct deadline dl = deadline_in(60000);
	gpr_timespec at = rpc_time(&dl);
	int32_t left = gpr_time_to_millis(gpr_time_sub(at, gpr_now(GPR_CLOCK_MONOTONIC)));

	assert_true(left > 0 && left <= 60000);
	dl = deadline_in(0);
	at = rpc_time(&dl);
	assert_true(gpr_time_cmp(at, gpr_now(GPR_CLOCK_MONOTONIC)) <= 0);
}

/* Short slices live in the buffer itself, long ones behind a pointer: both are wiped. */
static void test_wipe(void **state UNUSED)
{
	static const char text[] =
		"a password that is longer than what a slice holds inside itself";
	grpc_slice slices[] = {
		grpc_slice_from_copied_buffer(text, sizeof(text)),
		grpc_slice_from_copied_buffer(text, 4),
	};
	grpc_byte_buffer *buffer;
	grpc_byte_buffer_reader reader;
	grpc_slice all;

	rpc_core_begin();
	buffer = grpc_raw_byte_buffer_create(slices, ARRAY_SIZE(slices));
	rpc_bytes_wipe(buffer);
	assert_int_equal(grpc_byte_buffer_reader_init(&reader, buffer), 1);
	all = grpc_byte_buffer_reader_readall(&reader);
	assert_int_equal(GRPC_SLICE_LENGTH(all), sizeof(text) + 4);
	for (size_t i = 0; i < GRPC_SLICE_LENGTH(all); i++) {
		assert_int_equal(GRPC_SLICE_START_PTR(all)[i], 0);
	}
	grpc_slice_unref(all);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(buffer);
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		grpc_slice_unref(slices[i]);
	}
	rpc_core_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_goes_to_ours),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
