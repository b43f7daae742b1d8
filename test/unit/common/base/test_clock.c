/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines and waiting. Nothing here asserts how long a thing took.
 */
#include "common/base/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include <cmocka.h>

#define FAR_MS 600000

static void test_clocks_run(void **state)
{
	(void)state;
	int64_t before = clock_ms();
	assert_true(before > 0);
	assert_true(clock_ms() >= before);
	/* Later than the day this was written, in milliseconds. */
	assert_true(clock_unix_ms() > INT64_C(1700000000000));
}

static void test_deadline_values(void **state)
{
	(void)state;
	struct deadline past = deadline_in(0);
	struct deadline far = deadline_in(FAR_MS);
	struct deadline never = deadline_in(INT64_MAX);

	assert_int_equal(far.cancel_fd, -1);
	assert_int_equal(deadline_left_ms(&past), 0);
	assert_true(deadline_left_ms(&far) > 0);
	assert_true(deadline_left_ms(&far) <= FAR_MS);
	assert_int_equal(never.at_ms, INT64_MAX);
	struct deadline negative = deadline_in(-5000);
	assert_int_equal(deadline_left_ms(&negative), 0);
}

static void test_sooner(void **state)
{
	struct deadline outer = deadline_in(FAR_MS);

	(void)state;
	outer.cancel_fd = 7;
	struct deadline cut = deadline_sooner(&outer, 1000);
	assert_true(cut.at_ms < outer.at_ms);
	assert_int_equal(cut.cancel_fd, 7);
	/* It never gives more time than there was. */
	struct deadline same = deadline_sooner(&outer, 10 * (int64_t)FAR_MS);
	assert_true(same.at_ms == outer.at_ms);
}

static void test_check(void **state)
{
	_cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC);
	struct deadline dl = deadline_in(FAR_MS);
	struct err err = {0};

	(void)state;
	assert_int_equal(deadline_check(&dl, "mkfs", &err), 0);
	dl.cancel_fd = cancel;
	assert_int_equal(deadline_check(&dl, "mkfs", &err), 0);
	assert_int_equal(err.code, ERR_OK);
	dl.at_ms = 0;
	assert_int_equal(deadline_check(&dl, "mkfs", &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_non_null(strstr(err.msg, "mkfs"));
	/* A caller that has gone says more than time that has run out. */
	assert_int_equal(eventfd_write(cancel, 1), 0);
	assert_int_equal(deadline_check(&dl, "mkfs", &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
}

static void test_poll_ready(void **state)
{
	_cleanup_close_ int event = eventfd(1, EFD_CLOEXEC);
	struct deadline dl = deadline_in(FAR_MS);

	(void)state;
	assert_int_equal(deadline_poll(&dl, event, POLLIN, -1, "x", NULL), 1);
	assert_int_equal(deadline_poll(&dl, event, POLLIN, 0, "x", NULL), 1);
}

static void test_poll_hangup_is_ready(void **state)
{
	int ends[2];
	struct deadline dl = deadline_in(FAR_MS);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	(void)close(ends[1]);
	assert_int_equal(deadline_poll(&dl, ends[0], POLLIN, -1, "x", NULL), 1);
	(void)close(ends[0]);
}

static void test_poll_max(void **state)
{
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC);
	struct deadline dl = deadline_in(FAR_MS);

	(void)state;
	assert_int_equal(deadline_poll(&dl, event, POLLIN, 0, "x", NULL), 0);
	assert_int_equal(deadline_poll(&dl, event, POLLIN, 5, "x", NULL), 0);
	assert_int_equal(deadline_poll(&dl, -1, POLLIN, 5, "x", NULL), 0);
}

static void test_poll_deadline(void **state)
{
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC);
	struct deadline dl = deadline_in(5);
	struct err err = {0};

	(void)state;
	assert_int_equal(deadline_poll(&dl, event, POLLIN, -1, "connect", &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_non_null(strstr(err.msg, "connect"));
	/* Also with an fd that is always ready: it must not carry a loop past its deadline. */
	assert_int_equal(eventfd_write(event, 1), 0);
	err = (struct err){0};
	assert_int_equal(deadline_poll(&dl, event, POLLIN, -1, "connect", &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
}

static void test_poll_cancel(void **state)
{
	_cleanup_close_ int cancel = eventfd(1, EFD_CLOEXEC);
	_cleanup_close_ int event = eventfd(1, EFD_CLOEXEC);
	struct deadline dl = deadline_in(FAR_MS);
	struct err err = {0};

	(void)state;
	dl.cancel_fd = cancel;
	assert_int_equal(deadline_poll(&dl, event, POLLIN, -1, "x", &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_int_equal(deadline_poll(&dl, -1, 0, -1, "x", &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
}

static volatile sig_atomic_t signals;

static void count_signal(int signum)
{
	(void)signum;
	signals = signals + 1;
}

/* A signal interrupts poll(2), but not the wait. */
static void test_poll_goes_on_after_a_signal(void **state)
{
	struct sigaction action = {.sa_handler = count_signal};
	struct itimerval every = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}};
	struct itimerval off = {0};
	struct deadline dl = deadline_in(FAR_MS);
	int result = 0;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	while (signals < 3 && result == 0) {
		result = deadline_poll(&dl, -1, 0, 20, "x", NULL);
	}
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(result, 0);
	assert_true(signals >= 3);
}

static void test_moments_are_printed(void **state)
{
	char text[CLOCK_UTC_SIZE];

	(void)state;
	clock_print_utc(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_print_utc(INT64_C(1795324388999), text);
	assert_string_equal(text, "2026-11-22T05:13:08Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_run),
		cmocka_unit_test(test_moments_are_printed),
		cmocka_unit_test(test_deadline_values),
		cmocka_unit_test(test_sooner),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_poll_ready),
		cmocka_unit_test(test_poll_hangup_is_ready),
		cmocka_unit_test(test_poll_max),
		cmocka_unit_test(test_poll_deadline),
		cmocka_unit_test(test_poll_cancel),
		cmocka_unit_test(test_poll_goes_on_after_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
