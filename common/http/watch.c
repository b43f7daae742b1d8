/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of connections with the moment each is due, and a thread that waits for the earliest and
 * for new ones. To cut one it shuts the socket down; the connection's own thread then sees the end
 * and cleans up.
 */
#include "common/http/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/un.h>

/** Stack of the watching thread; enter() runs on it, too. */
#define WATCH_STACK ((size_t)128 * 1024)
/** How long the door stays shut when this process or machine is out of descriptors or memory. */
#define PAUSE_MS 200
#define NEVER INT64_MAX

struct watch_link {
	struct watch_link *next;
	struct watch_link *prev;
	int fd;
	int64_t due_ms;
	void *data;
};

struct watch {
	struct watch_options options;
	pthread_mutex_t lock;
	pthread_cond_t entered;
	pthread_t thread;
	int wake; /* eventfd */
	struct watch_link *links;
	unsigned n_links;
	int64_t waits_for_ms; /* what the thread sleeps towards */
	int64_t pause_until_ms;
	bool open;
	bool entering;
	bool stop;
};

static void wake(struct watch *watch)
{
	const uint64_t one = 1;

	(void)!write(watch->wake, &one, sizeof(one));
}

/* Cut what is due; the earliest of the rest. Under the lock. */
static int64_t cut_due(struct watch *watch, int64_t now)
{
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

/* Is there room for one more? Under the lock. */
static bool has_room(const struct watch *watch)
{
	return watch->open && watch->n_links < watch->options.max;
}

/* Let one in. Without the lock, as enter() comes back with watch_add(). */
static void let_in(struct watch *watch)
{
	union {
		struct sockaddr sa;
		struct sockaddr_storage any;
	} addr = {0};
	socklen_t len = sizeof(addr);
	int fd = accept4(watch->options.door, &addr.sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		watch->options.enter(watch->options.arg, fd, &addr.sa, len);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		(void)pthread_mutex_lock(&watch->lock);
		watch->pause_until_ms = clock_ms() + PAUSE_MS;
		(void)pthread_mutex_unlock(&watch->lock);
	}
}

/* One wait: until something is due, somebody knocks, or the list changed. Under the lock, which is
 * let go meanwhile. */
static void wait_once(struct watch *watch)
{
	int64_t now = clock_ms();
	int64_t next = cut_due(watch, now);
	bool paused = watch->pause_until_ms > now;
	bool room = has_room(watch) && !paused;
	struct pollfd fds[] = {
		{.fd = watch->wake, .events = POLLIN},
		{.fd = room ? watch->options.door : -1, .events = POLLIN},
	};
	uint64_t ignored;
	int64_t left;
	int ready;

	if (paused) {
		next = MIN(next, watch->pause_until_ms);
	}
	watch->waits_for_ms = next;
	left = next == NEVER ? -1 : MIN(next - now, INT_MAX);
	(void)pthread_mutex_unlock(&watch->lock);
	ready = poll(fds, ARRAY_SIZE(fds), (int)left);
	if (ready > 0 && fds[0].revents) {
		(void)!read(watch->wake, &ignored, sizeof(ignored));
	}
	(void)pthread_mutex_lock(&watch->lock);
	if (ready <= 0 || !fds[1].revents || !has_room(watch)) {
		return;
	}
	watch->entering = true;
	(void)pthread_mutex_unlock(&watch->lock);
	let_in(watch);
	(void)pthread_mutex_lock(&watch->lock);
	watch->entering = false;
	(void)pthread_cond_broadcast(&watch->entered);
}

static void *watch_run(void *arg)
{
	struct watch *watch = arg;

	(void)pthread_mutex_lock(&watch->lock);
	while (!watch->stop) {
		wait_once(watch);
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

struct watch *watch_new(const struct watch_options *options)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		return NULL;
	}
	watch->options = *options;
	watch->waits_for_ms = NEVER;
	watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_cond_init(&watch->entered, NULL);
	(void)pthread_mutex_init(&watch->lock, NULL);
	if (watch->wake < 0 || start_thread(watch) < 0) {
		base_closep(&watch->wake);
		(void)pthread_cond_destroy(&watch->entered);
		(void)pthread_mutex_destroy(&watch->lock);
		free(watch);
		return NULL;
	}
	return watch;
}

void watch_open(struct watch *watch)
{
	(void)pthread_mutex_lock(&watch->lock);
	watch->open = watch->options.door >= 0;
	wake(watch);
	(void)pthread_mutex_unlock(&watch->lock);
}

void watch_shut(struct watch *watch)
{
	(void)pthread_mutex_lock(&watch->lock);
	watch->open = false;
	wake(watch);
	while (watch->entering) {
		(void)pthread_cond_wait(&watch->entered, &watch->lock);
	}
	(void)pthread_mutex_unlock(&watch->lock);
}

void watch_free(struct watch *watch)
{
	if (!watch) {
		return;
	}
	(void)pthread_mutex_lock(&watch->lock);
	watch->stop = true;
	wake(watch);
	(void)pthread_mutex_unlock(&watch->lock);
	(void)pthread_join(watch->thread, NULL);
	base_closep(&watch->wake);
	(void)pthread_cond_destroy(&watch->entered);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

/* Under the lock. */
static void set_due(struct watch *watch, struct watch_link *link, int64_t ms)
{
	link->due_ms = ms < 0 ? NEVER : clock_ms() + ms;
	/* A later moment needs no waking: the thread looks again when it wakes by itself. */
	if (link->due_ms < watch->waits_for_ms) {
		wake(watch);
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
	watch->n_links++;
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
	if (watch->n_links-- == watch->options.max) {
		wake(watch);
	}
	(void)pthread_mutex_unlock(&watch->lock);
	free(link);
}

void **watch_data(struct watch_link *link)
{
	return &link->data;
}
