/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of one worker with one job.
 */
#include "common/base/ticker.h"

#include "common/base/pool.h"

#include <errno.h>
#include <sys/eventfd.h>

struct ticker {
	struct pool *thread;
	ticker_fn fn;
	void *arg;
	int64_t first_ms;
	int stop_fd; /* readable once it is to end */
};

static void run(void *arg)
{
	const struct ticker *ticker = arg;
	struct deadline dl = {.at_ms = INT64_MAX, .cancel_fd = ticker->stop_fd};
	int64_t wait_ms = ticker->first_ms;

	while (deadline_poll(&dl, -1, 0, wait_ms, "ticker", NULL) == 0) {
		wait_ms = ticker->fn(ticker->arg, ticker->stop_fd);
	}
}

static void ticker_free(struct ticker *ticker)
{
	pool_free(ticker->thread);
	base_closep(&ticker->stop_fd);
	free(ticker);
}

int ticker_start(const char *name, int64_t first_ms, ticker_fn fn, void *arg,
	struct ticker **ret_ticker, struct err *err)
{
	struct ticker *ticker = calloc(1, sizeof(*ticker));

	if (!ticker) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", name);
	}
	*ticker = (struct ticker){.fn = fn,
		.arg = arg,
		.first_ms = first_ms,
		.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (ticker->stop_fd < 0) {
		(void)err_errno(err, errno, "%s", name);
		ticker_free(ticker);
		return -1;
	}
	ticker->thread = pool_new(name, 1, 1);
	if (!ticker->thread) {
		ticker_free(ticker);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory or threads", name);
	}
	if (pool_submit(ticker->thread, run, ticker, err) < 0) {
		struct deadline dl = deadline_in(INT64_MAX);
		(void)ticker_stop(ticker, &dl);
		return -1;
	}
	*ret_ticker = ticker;
	return 0;
}

bool ticker_stop(struct ticker *ticker, const struct deadline *dl)
{
	if (!ticker) {
		return true;
	}
	(void)eventfd_write(ticker->stop_fd, 1);
	if (!pool_stop(ticker->thread, dl)) {
		return false;
	}
	ticker_free(ticker);
	return true;
}
