/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads: a ring of jobs, one mutex, two conditions.
 */
#include "common/base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

struct job {
	void (*run)(void *arg);
	void *arg;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	pthread_cond_t ended;
	struct job *ring;
	size_t size;
	size_t first;
	size_t n;
	pthread_t *threads;
	unsigned started;
	unsigned running;
	bool stopping;
	char name[16];
};

static void *worker(void *arg)
{
	struct pool *pool = arg;

	(void)pthread_mutex_lock(&pool->mutex);
	for (;;) {
		while (pool->n == 0 && !pool->stopping) {
			(void)pthread_cond_wait(&pool->work, &pool->mutex);
		}
		if (pool->n == 0) {
			break;
		}
		struct job job = pool->ring[pool->first];
		pool->first = (pool->first + 1) % pool->size;
		pool->n--;
		(void)pthread_mutex_unlock(&pool->mutex);
		job.run(job.arg);
		(void)pthread_mutex_lock(&pool->mutex);
	}
	pool->running--;
	(void)pthread_cond_broadcast(&pool->ended);
	(void)pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* Workers must not take the signals that main waits for. */
static bool start_workers(struct pool *pool, unsigned workers)
{
	sigset_t all;
	sigset_t before;
	bool started = true;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started && pool->started < workers) {
		pool->running++;
		if (pthread_create(&pool->threads[pool->started], NULL, worker, pool) != 0) {
			pool->running--;
			started = false;
			break;
		}
		(void)pthread_setname_np(pool->threads[pool->started], pool->name);
		pool->started++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct pool *pool_new(const char *name, unsigned workers, size_t queue)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t attr;

	if (!pool) {
		return NULL;
	}
	(void)snprintf(pool->name, sizeof(pool->name), "%s", name);
	(void)pthread_mutex_init(&pool->mutex, NULL);
	(void)pthread_cond_init(&pool->work, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->ended, &attr);
	(void)pthread_condattr_destroy(&attr);
	pool->size = queue;
	pool->ring = calloc(MAX(queue, (size_t)1), sizeof(*pool->ring));
	pool->threads = calloc(MAX(workers, 1U), sizeof(*pool->threads));
	if (!pool->ring || !pool->threads || !start_workers(pool, workers)) {
		struct deadline dl = deadline_in(INT32_MAX);
		(void)pool_stop(pool, &dl);
		pool_free(pool);
		return NULL;
	}
	return pool;
}

int pool_submit(struct pool *pool, void (*run)(void *arg), void *arg, struct err *err)
{
	int result = 0;

	(void)pthread_mutex_lock(&pool->mutex);
	if (pool->stopping) {
		result = err_set(err, ERR_UNAVAILABLE, "%s: stopping; retry", pool->name);
	} else if (pool->n == pool->size) {
		result = err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: %zu calls are waiting already",
			pool->name, pool->n);
	} else {
		pool->ring[(pool->first + pool->n) % pool->size] = (struct job){run, arg};
		pool->n++;
		(void)pthread_cond_signal(&pool->work);
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	return result;
}

bool pool_stop(struct pool *pool, const struct deadline *dl)
{
	(void)pthread_mutex_lock(&pool->mutex);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->work);
	while (pool->running > 0 && deadline_left_ms(dl) > 0) {
		struct timespec ts = {
			.tv_sec = dl->at_ms / 1000, .tv_nsec = dl->at_ms % 1000 * 1000000};
		(void)pthread_cond_timedwait(&pool->ended, &pool->mutex, &ts);
	}
	bool ended = pool->running == 0;
	(void)pthread_mutex_unlock(&pool->mutex);
	return ended;
}

void pool_free(struct pool *pool)
{
	if (!pool) {
		return;
	}
	for (unsigned i = 0; i < pool->started; i++) {
		(void)pthread_join(pool->threads[i], NULL);
	}
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_cond_destroy(&pool->ended);
	(void)pthread_mutex_destroy(&pool->mutex);
	free(pool->ring);
	free(pool->threads);
	free(pool);
}
