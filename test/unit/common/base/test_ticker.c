/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticker calls until it is stopped, whether it waits or works at that moment.
 */
#include "common/base/ticker.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000
#define NEVER_MS INT64_C(3600000)

struct heard {
	int news; /* eventfd: a call has begun */
	int gate; /* eventfd: it may end; -1: at once */
	bool deaf;
	int64_t wait_ms;
	unsigned calls;
};

static int64_t on_tick(void *arg, int cancel_fd)
{
	struct heard *heard = arg;
	struct deadline dl = {.at_ms = INT64_MAX, .cancel_fd = heard->deaf ? -1 : cancel_fd};
	struct err ignored = {0};

	heard->calls++;
	assert_int_equal(eventfd_write(heard->news, 1), 0);
	if (heard->gate >= 0 && deadline_poll(&dl, heard->gate, POLLIN, -1, "gate", &ignored) < 0) {
		return 0;
	}
	return heard->wait_ms;
}

static struct ticker *start(struct heard *heard, int64_t first_ms)
{
	struct ticker *ticker;
	struct err err = {0};

	heard->news = eventfd(0, EFD_CLOEXEC);
	assert_true(heard->news >= 0);
	if (ticker_start("test", first_ms, on_tick, heard, &ticker, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	return ticker;
}

static void hear(const struct heard *heard, uint64_t n)
{
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};

	for (uint64_t seen = 0; seen < n;) {
		eventfd_t more;
		assert_true(deadline_poll(&dl, heard->news, POLLIN, -1, "news", &err) > 0);
		assert_int_equal(eventfd_read(heard->news, &more), 0);
		seen += more;
	}
}

static void stop(struct heard *heard, struct ticker *ticker)
{
	struct deadline dl = deadline_in(PATIENCE_MS);

	assert_true(ticker_stop(ticker, &dl));
	base_closep(&heard->news);
	base_closep(&heard->gate);
}

static void again_and_again(void **state UNUSED)
{
	struct heard heard = {.gate = -1, .wait_ms = 1};
	struct ticker *ticker = start(&heard, 0);

	hear(&heard, 5);
	stop(&heard, ticker);
	assert_true(heard.calls >= 5);
}

static void stopped_while_it_waits(void **state UNUSED)
{
	struct heard first = {.gate = -1, .wait_ms = NEVER_MS};
	struct heard next = {.gate = -1, .wait_ms = NEVER_MS};

	stop(&first, start(&first, NEVER_MS));
	assert_int_equal(first.calls, 0);
	struct ticker *ticker = start(&next, 0);
	hear(&next, 1);
	stop(&next, ticker);
	assert_int_equal(next.calls, 1);
}

static void stopped_while_it_works(void **state UNUSED)
{
	struct heard heard = {.gate = eventfd(0, EFD_CLOEXEC)};
	struct ticker *ticker = start(&heard, 0);

	hear(&heard, 1);
	stop(&heard, ticker);
	assert_int_equal(heard.calls, 1);
}

static void one_that_does_not_listen_is_left(void **state UNUSED)
{
	struct heard heard = {.gate = eventfd(0, EFD_CLOEXEC), .deaf = true};
	struct ticker *ticker = start(&heard, 0);
	struct deadline soon = deadline_in(1);

	hear(&heard, 1);
	assert_false(ticker_stop(ticker, &soon));
	assert_int_equal(eventfd_write(heard.gate, 1), 0);
	stop(&heard, ticker);
	assert_int_equal(heard.calls, 1);
}

static void none_is_stopped(void **state UNUSED)
{
	struct deadline dl = deadline_in(0);

	assert_true(ticker_stop(NULL, &dl));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(stopped_while_it_waits),
		cmocka_unit_test(stopped_while_it_works),
		cmocka_unit_test(one_that_does_not_listen_is_left),
		cmocka_unit_test(none_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
