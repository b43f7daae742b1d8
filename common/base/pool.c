/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: one mutex, one condition, a ring of jobs. Threads are made when more jobs wait
 * than threads, and then stay. The last worker to end writes an eventfd, since a condition cannot
 * be waited for together with a caller's cancel.
 */
#include "common/base/pool.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>

/* Linux' limit for a thread's name, with its NUL. */
#define THREAD_NAME_SIZE 16

struct job {
	void (*run)(void *arg);
	void *arg;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct job *ring;
	size_t size;
	size_t first;
	size_t n;
	bool stopping;
	bool joined;
	unsigned running; /* workers that have not ended */
	int ended;	  /* eventfd: readable once running is 0 */
	pthread_t *threads;
	unsigned n_threads;
	unsigned max_threads;
	unsigned idle; /* workers without a job */
	char name[THREAD_NAME_SIZE];
};

static void *worker(void *arg)
{
	struct pool *pool = arg;

	(void)pthread_setname_np(pthread_self(), pool->name);
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
		pool->idle--;
		(void)pthread_mutex_unlock(&pool->mutex);
		job.run(job.arg);
		(void)pthread_mutex_lock(&pool->mutex);
		pool->idle++;
	}
	pool->running--;
	if (pool->running == 0) {
		(void)eventfd_write(pool->ended, 1);
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

/* Start one more worker, with all signals blocked; the mutex is held. Return: false when it could
 * not be started. */
static bool start_worker(struct pool *pool)
{
	sigset_t all;
	sigset_t before;
	bool started;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	started = pthread_create(&pool->threads[pool->n_threads], NULL, worker, pool) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started) {
		pool->n_threads++;
		pool->running++;
		pool->idle++;
	}
	return started;
}

/* The first one is there from the start, so a pool always goes on. Return: false without it. */
static bool start_first(struct pool *pool)
{
	bool started;

	(void)pthread_mutex_lock(&pool->mutex);
	started = start_worker(pool);
	(void)pthread_mutex_unlock(&pool->mutex);
	return started;
}

struct pool *pool_new(const char *name, unsigned workers, size_t queue)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		return NULL;
	}
	(void)snprintf(pool->name, sizeof(pool->name), "%s", name);
	(void)pthread_mutex_init(&pool->mutex, NULL);
	(void)pthread_cond_init(&pool->work, NULL);
	pool->size = MAX(queue, (size_t)1);
	pool->max_threads = workers;
	pool->ring = calloc(pool->size, sizeof(*pool->ring));
	pool->threads = calloc(MAX(workers, 1U), sizeof(*pool->threads));
	pool->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!pool->ring || !pool->threads || pool->ended < 0 || workers == 0 ||
		!start_first(pool)) {
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
		result = err_set(err, ERR_UNAVAILABLE, "%s: shutting down; retry", pool->name);
	} else if (pool->n == pool->size) {
		result = err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: the queue of %zu jobs is full; retry later", pool->name, pool->size);
	} else {
		pool->ring[(pool->first + pool->n) % pool->size] =
			(struct job){.run = run, .arg = arg};
		pool->n++;
		/* Without one more it is only slower. */
		if (pool->n > pool->idle && pool->n_threads < pool->max_threads) {
			(void)start_worker(pool);
		}
		(void)pthread_cond_signal(&pool->work);
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	return result;
}

bool pool_stop(struct pool *pool, const struct deadline *dl)
{
	if (pool->joined) {
		return true;
	}
	(void)pthread_mutex_lock(&pool->mutex);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->work);
	bool all = pool->running == 0;
	(void)pthread_mutex_unlock(&pool->mutex);
	/* Workers that have ended are taken even when the time is up. */
	if (!all && deadline_poll(dl, pool->ended, POLLIN, -1, pool->name, NULL) != 1) {
		return false;
	}
	for (unsigned i = 0; i < pool->n_threads; i++) {
		(void)pthread_join(pool->threads[i], NULL);
	}
	pool->joined = true;
	return true;
}

void pool_free(struct pool *pool)
{
	if (!pool) {
		return;
	}
	if (pool->ended >= 0) {
		(void)close(pool->ended);
	}
	(void)pthread_cond_destroy(&pool->work);
	(void)pthread_mutex_destroy(&pool->mutex);
	free(pool->threads);
	free(pool->ring);
	free(pool);
}
