/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiters: woken at once, by what happened before the wait too, and never past their deadline.
 * That the kernel's events arrive is shown in the VM.
 */
#include "node/nvme/uev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <cmocka.h>

static void test_wake_is_kept_until_the_wait(void **state)
{
	struct uev *uev;
	struct uev_waiter *a;
	struct uev_waiter *b;
	struct err err = {0};
	struct deadline dl = deadline_in(60000);

	(void)state;
	assert_int_equal(uev_start(&uev, &err), 0);
	assert_int_equal(uev_waiter_new(uev, NULL, &a, &err), 0);
	assert_int_equal(uev_waiter_new(uev, NULL, &b, &err), 0);
	uev_wake_all(uev);
	uev_wake_all(uev);
	assert_int_equal(uev_wait(a, 50000, &dl, "test", &err), 1);
	assert_int_equal(uev_wait(b, 50000, &dl, "test", &err), 1);
	uev_waiter_wake(b);
	assert_int_equal(uev_wait(b, 50000, &dl, "test", &err), 1);
	uev_waiter_free(a);
	uev_wake_all(uev);
	assert_int_equal(uev_wait(b, 50000, &dl, "test", &err), 1);
	uev_waiter_free(b);
	assert_int_equal(uev_overflows(uev), 0);
	uev_stop(uev);
	uev_stop(NULL);
	uev_waiter_free(NULL);
}

static void test_time_and_cancel(void **state)
{
	struct uev_waiter *w;
	struct err err = {0};
	struct deadline dl = deadline_in(60000);

	(void)state;
	assert_int_equal(uev_waiter_new(NULL, NULL, &w, &err), 0);
	assert_int_equal(uev_wait(w, 1, &dl, "test", &err), 0);
	dl.cancel_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(uev_wait(w, 50000, &dl, "the device", &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_non_null(strstr(err.msg, "the device"));
	(void)close(dl.cancel_fd);
	dl = deadline_in(0);
	assert_int_equal(uev_wait(w, 50000, &dl, "test", &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	uev_waiter_free(w);
}

static void test_many_waiters(void **state)
{
	static struct uev_waiter *waiters[200];
	struct uev *uev;
	struct err err = {0};
	struct deadline dl = deadline_in(60000);

	(void)state;
	assert_int_equal(uev_start(&uev, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		const struct uev_filter filter = {.sysname = "nvme3n", .action = "add"};
		assert_int_equal(uev_waiter_new(uev, &filter, &waiters[i], &err), 0);
	}
	uev_wake_all(uev);
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		assert_int_equal(uev_wait(waiters[i], 50000, &dl, "test", &err), 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		uev_waiter_free(waiters[(i * 7) % ARRAY_SIZE(waiters)]);
	}
	uev_stop(uev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wake_is_kept_until_the_wait),
		cmocka_unit_test(test_time_and_cancel),
		cmocka_unit_test(test_many_waiters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
