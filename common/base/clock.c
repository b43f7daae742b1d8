/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and waiting: poll(2) on the thing waited for and on the caller's cancel descriptor.
 */
#include "common/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

static int64_t now_ms(clockid_t id)
{
	struct timespec now = {0};

	/* Cannot fail: both clocks exist on every Linux. */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

double clock_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t clock_unix_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}

void clock_print_utc(int64_t unix_ms, char out[CLOCK_UTC_SIZE])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm);
	(void)snprintf(out, CLOCK_UTC_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

struct deadline deadline_in(int64_t ms)
{
	int64_t now = clock_ms();
	struct deadline dl = {.cancel_fd = -1};

	if (__builtin_add_overflow(now, ms, &dl.at_ms)) {
		dl.at_ms = INT64_MAX;
	}
	return dl;
}

struct deadline deadline_sooner(const struct deadline *outer, int64_t ms)
{
	struct deadline dl = deadline_in(ms);

	dl.at_ms = MIN(dl.at_ms, outer->at_ms);
	dl.cancel_fd = outer->cancel_fd;
	return dl;
}

int64_t deadline_left_ms(const struct deadline *dl)
{
	int64_t now = clock_ms();

	return dl->at_ms > now ? dl->at_ms - now : 0;
}

int deadline_check(const struct deadline *dl, const char *what, struct err *err)
{
	struct pollfd cancel = {.fd = dl->cancel_fd, .events = POLLIN};

	if (dl->cancel_fd >= 0 && poll(&cancel, 1, 0) > 0) {
		return err_set(err, ERR_CANCELLED, "%s: the caller gave up", what);
	}
	if (deadline_left_ms(dl) == 0) {
		return err_set(
			err, ERR_DEADLINE_EXCEEDED, "%s: not done in the time given; retry", what);
	}
	return 0;
}

int deadline_poll(const struct deadline *dl, int fd, short events, int64_t max_ms, const char *what,
	struct err *err)
{
	struct deadline short_wait = deadline_in(max_ms < 0 ? INT64_MAX : max_ms);

	for (;;) {
		/* First, so that an fd that is always ready cannot carry the caller past its
		 * deadline. */
		if (deadline_check(dl, what, err) < 0) {
			return -1;
		}
		int64_t ms = MIN(deadline_left_ms(dl), deadline_left_ms(&short_wait));
		struct pollfd fds[] = {
			{.fd = fd, .events = events},
			{.fd = dl->cancel_fd, .events = POLLIN},
		};
		int n = poll(fds, ARRAY_SIZE(fds), (int)MIN(ms, (int64_t)INT_MAX));
		if (n < 0 && errno != EINTR) {
			return err_errno(err, errno, "%s: poll", what);
		}
		if (n > 0 && fds[0].revents && !fds[1].revents) {
			return 1;
		}
		if (n == 0 && deadline_left_ms(&short_wait) == 0 && deadline_left_ms(dl) > 0) {
			return 0;
		}
	}
}
