/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of connections with the moment each is due, and a thread that waits for the earliest. It
 * shuts the socket down; the connection's own thread then sees the end and cleans up.
 */
#include "common/http/watch.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

/** Stack of the watching thread: it calls next to nothing. */
#define WATCH_STACK ((size_t)64 * 1024)
#define NEVER INT64_MAX

struct watch_link {
	struct watch_link *next;
	struct watch_link *prev;
	int fd;
	int64_t due_ms;
	void *data;
};

struct watch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct watch_link *links;
	int64_t waits_for_ms; /* what the thread sleeps towards */
	bool stop;
};

/* Cut what is due; the earliest of the rest. Under the lock. */
static int64_t cut_due(struct watch *watch)
{
	int64_t now = clock_ms();
	int64_t next = NEVER;

	for (struct watch_link *l = watch->links; l; l = l->next) {
		if (l->due_ms <= now) {
			(void)shutdown(l->fd, SHUT_RDWR);
			l->due_ms = NEVER;
		}
		next = MIN(next, l->due_ms);
	}
	return next;
}

static void *watch_run(void *arg)
{
	struct watch *watch = arg;

	(void)pthread_mutex_lock(&watch->lock);
	while (!watch->stop) {
		int64_t next = cut_due(watch);
		struct timespec until = {.tv_sec = next / 1000, .tv_nsec = (next % 1000) * 1000000};

		watch->waits_for_ms = next;
		if (next == NEVER) {
			(void)pthread_cond_wait(&watch->changed, &watch->lock);
		} else {
			(void)pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
		}
	}
	(void)pthread_mutex_unlock(&watch->lock);
	return NULL;
}

static int start_thread(struct watch *watch)
{
	pthread_attr_t attr;
	int rc;

	if (pthread_attr_init(&attr) != 0) {
		return -1;
	}
	(void)pthread_attr_setstacksize(&attr, WATCH_STACK);
	rc = pthread_create(&watch->thread, &attr, watch_run, watch);
	(void)pthread_attr_destroy(&attr);
	return rc == 0 ? 0 : -1;
}

struct watch *watch_new(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	pthread_condattr_t attr;

	if (!watch) {
		return NULL;
	}
	watch->waits_for_ms = NEVER;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&watch->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&watch->lock, NULL);
	if (start_thread(watch) < 0) {
		(void)pthread_cond_destroy(&watch->changed);
		(void)pthread_mutex_destroy(&watch->lock);
		free(watch);
		return NULL;
	}
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch) {
		return;
	}
	(void)pthread_mutex_lock(&watch->lock);
	watch->stop = true;
	(void)pthread_cond_signal(&watch->changed);
	(void)pthread_mutex_unlock(&watch->lock);
	(void)pthread_join(watch->thread, NULL);
	(void)pthread_cond_destroy(&watch->changed);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

/* Under the lock. */
static void set_due(struct watch *watch, struct watch_link *link, int64_t ms)
{
	link->due_ms = ms < 0 ? NEVER : clock_ms() + ms;
	/* A later moment needs no waking: the thread looks again when it wakes by itself. */
	if (link->due_ms < watch->waits_for_ms) {
		(void)pthread_cond_signal(&watch->changed);
	}
}

struct watch_link *watch_add(struct watch *watch, int fd, int64_t ms)
{
	struct watch_link *link = calloc(1, sizeof(*link));

	if (!link) {
		return NULL;
	}
	link->fd = fd;
	(void)pthread_mutex_lock(&watch->lock);
	link->next = watch->links;
	if (link->next) {
		link->next->prev = link;
	}
	watch->links = link;
	set_due(watch, link, ms);
	(void)pthread_mutex_unlock(&watch->lock);
	return link;
}

void watch_due(struct watch *watch, struct watch_link *link, int64_t ms)
{
	(void)pthread_mutex_lock(&watch->lock);
	set_due(watch, link, ms);
	(void)pthread_mutex_unlock(&watch->lock);
}

void watch_remove(struct watch *watch, struct watch_link *link)
{
	if (!link) {
		return;
	}
	(void)pthread_mutex_lock(&watch->lock);
	if (link->prev) {
		link->prev->next = link->next;
	} else {
		watch->links = link->next;
	}
	if (link->next) {
		link->next->prev = link->prev;
	}
	(void)pthread_mutex_unlock(&watch->lock);
	free(link);
}

void **watch_data(struct watch_link *link)
{
	return &link->data;
}
