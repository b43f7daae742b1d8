/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting, and failing the one that was asked for.
 */
#include "test/failing/failing.h"

#include "test/failing/wraps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

/* More operations than any job here needs. */
#define RUNS_MAX 5000

static atomic_int what = -1;
static atomic_long left; /* that still succeed */
static atomic_bool fired;
static atomic_int paused;

bool failing_now(enum failing_group group)
{
	int now = atomic_load(&what);
	bool mine =
		group == FAILING_GROUP_MEMORY ? now == FAILING_MEMORY
		: group == FAILING_GROUP_SPACE
			? now == FAILING_FULL || now == FAILING_FILES || now == FAILING_FILES_ALL
			: now == FAILING_FILES || now == FAILING_FILES_ALL;

	if (now < 0 || !mine || atomic_load(&paused) > 0) {
		return false;
	}
	if (atomic_fetch_sub(&left, 1) > 0) {
		return false;
	}
	if (atomic_exchange(&fired, true)) {
		return now == FAILING_FULL || now == FAILING_FILES_ALL;
	}
	return true;
}

int failing_errno(void)
{
	return atomic_load(&what) == FAILING_FULL ? ENOSPC : EIO;
}

void failing_pause(void)
{
	(void)atomic_fetch_add(&paused, 1);
}

void failing_resume(void)
{
	(void)atomic_fetch_sub(&paused, 1);
}

static void before(const struct failing_job *job)
{
	if (job->before) {
		job->before(job->arg);
	}
}

static void after(const struct failing_job *job, bool failed)
{
	if (job->after) {
		job->after(job->arg, failed);
	}
}

static void again(const struct failing_job *job, long n)
{
	struct err err = {0};

	if (job->run(job->arg, &err) != 0) {
		fail_msg("after failure %ld it does not work any more: %s", n, err.msg);
	}
	after(job, false);
}

unsigned failing_each(enum failing_what which, const struct failing_job *job)
{
	unsigned failures = 0;

	for (long n = 0; n < RUNS_MAX; n++) {
		struct err err = {0};

		before(job);
		atomic_store(&left, n);
		atomic_store(&fired, false);
		atomic_store(&what, which);
		int rc = job->run(job->arg, &err);

		atomic_store(&what, -1);
		after(job, rc != 0);
		if (!atomic_load(&fired)) {
			if (rc != 0) {
				fail_msg("nothing failed, and yet: %s", err.msg);
			}
			assert_true(failures > 0);
			return failures;
		}
		if (rc == 0) {
			assert_true(job->may_cope);
			continue;
		}
		failures++;
		if (err.code == ERR_OK || !*err.msg || (job->code && err.code != job->code)) {
			fail_msg("failure %ld: %s: \"%s\"", n, err_code_name(err.code), err.msg);
		}
		again(job, n);
	}
	fail_msg("it has no end");
	return 0;
}
