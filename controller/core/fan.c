/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker pool, and a count of what is left for each that waits.
 */
#include "controller/core/fan.h"

#include "common/base/pool.h"

#include <pthread.h>

struct fan {
	struct pool *pool; /* NULL: one backend only */
};

/* One call of fan_run(). */
struct round {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t left;
};

struct task {
	struct round *round;
	const struct fan_job *job;
};

struct fan *fan_new(size_t n)
{
	struct fan *fan = calloc(1, sizeof(*fan));

	if (!fan || n < 2) {
		return fan;
	}
	fan->pool = pool_new("fan", (unsigned)n * FAN_JOBS_MAX, n * FAN_JOBS_MAX);
	if (!fan->pool) {
		free(fan);
		return NULL;
	}
	return fan;
}

void fan_free(struct fan *fan)
{
	struct deadline dl = deadline_in(INT64_MAX);

	if (fan && fan->pool) {
		(void)pool_stop(fan->pool, &dl);
		pool_free(fan->pool);
	}
	free(fan);
}

static void run_task(void *arg)
{
	const struct task *task = arg;
	struct round *round = task->round;

	task->job->run(task->job->arg);
	(void)pthread_mutex_lock(&round->lock);
	round->left--;
	(void)pthread_cond_signal(&round->changed);
	(void)pthread_mutex_unlock(&round->lock);
}

static void wait_all(struct round *round)
{
	(void)pthread_mutex_lock(&round->lock);
	while (round->left > 0) {
		(void)pthread_cond_wait(&round->changed, &round->lock);
	}
	(void)pthread_mutex_unlock(&round->lock);
}

void fan_run(struct fan *fan, const struct fan_job *jobs, size_t n)
{
	struct round round = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .left = n};
	_cleanup_free_ struct task *tasks = n > 1 && fan->pool ? calloc(n, sizeof(*tasks)) : NULL;

	for (size_t i = 0; i < n; i++) {
		struct task own = {.round = &round, .job = &jobs[i]};

		if (tasks) {
			tasks[i] = own;
		}
		/* Without a thread for it, it is only slower. */
		if (!tasks || pool_submit(fan->pool, run_task, &tasks[i], NULL) < 0) {
			run_task(&own);
		}
	}
	wait_all(&round);
	(void)pthread_cond_destroy(&round.changed);
	(void)pthread_mutex_destroy(&round.lock);
}
