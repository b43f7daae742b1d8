/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short list under a mutex, swept whenever somebody asks.
 */
#include "node/core/busy.h"

#include "common/base/clock.h"
#include "common/base/spawn.h"

#include <pthread.h>
#include <stdio.h>

#define BUSY_KEY_SIZE 300

struct item {
	struct item *next;
	char key[BUSY_KEY_SIZE];
	struct busy_one who;
	int64_t since_ms;
	struct busy_child child;
	struct keylock_held *locks[BUSY_LOCKS];
};

struct busy {
	pthread_mutex_t lock;
	struct item *items;
};

struct busy *busy_new(void)
{
	struct busy *busy = calloc(1, sizeof(*busy));

	if (busy) {
		(void)pthread_mutex_init(&busy->lock, NULL);
	}
	return busy;
}

static void drop(struct item **at)
{
	struct item *item = *at;

	*at = item->next;
	for (size_t i = 0; i < BUSY_LOCKS; i++) {
		keylock_release(item->locks[i]);
	}
	free(item);
}

void busy_free(struct busy *busy)
{
	if (!busy) {
		return;
	}
	while (busy->items) {
		drop(&busy->items);
	}
	(void)pthread_mutex_destroy(&busy->lock);
	free(busy);
}

void busy_take(struct busy *busy, const char *key, const char *what, struct busy_child child,
	struct keylock_held *take_locks[BUSY_LOCKS])
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item) {
		return;
	}
	(void)snprintf(item->key, sizeof(item->key), "%s", key);
	(void)snprintf(item->who.what, sizeof(item->who.what), "%s", what);
	item->who.kernel = child.stuck != NULL;
	item->who.since_unix = clock_unix_ms();
	item->since_ms = clock_ms();
	item->child = child;
	for (size_t i = 0; i < BUSY_LOCKS; i++) {
		item->locks[i] = TAKE_PTR(take_locks[i]);
	}
	(void)pthread_mutex_lock(&busy->lock);
	item->next = busy->items;
	busy->items = item;
	(void)pthread_mutex_unlock(&busy->lock);
}

static bool gone(struct busy_child *child)
{
	if (child->stuck && helper_stuck_gone(child->stuck)) {
		child->stuck = NULL; /* freed by the call */
	}
	if (child->pid && spawn_gone(child->pid)) {
		child->pid = 0;
	}
	return !child->stuck && !child->pid;
}

/* Take those away who have ended. Under the lock. */
static void sweep(struct busy *busy)
{
	for (struct item **at = &busy->items; *at;) {
		if (gone(&(*at)->child)) {
			drop(at);
		} else {
			at = &(*at)->next;
		}
	}
}

static int still_there(const struct item *item, struct err *err)
{
	long long seconds = (clock_ms() - item->since_ms) / 1000;

	if (item->child.stuck) {
		return err_set(err, ERR_ABORTED,
			"%s: an earlier operation (%s) has been hanging in the kernel for %lld s, as the "
			"device or the target does not answer; it is left alone until it ends; retry",
			item->key, item->who.what, seconds);
	}
	return err_set(err, ERR_ABORTED,
		"%s: the check of its filesystem, which an earlier operation (%s) began, has been going "
		"on for %lld s beyond that call; it is left alone until it ends; retry",
		item->key, item->who.what, seconds);
}

int busy_check(struct busy *busy, const char *key, struct err *err)
{
	int result = 0;

	(void)pthread_mutex_lock(&busy->lock);
	sweep(busy);
	for (const struct item *item = busy->items; item && result == 0; item = item->next) {
		if (streq(item->key, key)) {
			result = still_there(item, err);
		}
	}
	(void)pthread_mutex_unlock(&busy->lock);
	return result;
}

bool busy_look(struct busy *busy, const char *key, struct busy_one *ret)
{
	bool found = false;

	(void)pthread_mutex_lock(&busy->lock);
	sweep(busy);
	/* The list begins with the newest. */
	for (const struct item *item = busy->items; item; item = item->next) {
		if (streq(item->key, key)) {
			*ret = item->who;
			found = true;
		}
	}
	(void)pthread_mutex_unlock(&busy->lock);
	return found;
}

size_t busy_count(struct busy *busy)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&busy->lock);
	sweep(busy);
	for (const struct item *item = busy->items; item; item = item->next) {
		n++;
	}
	(void)pthread_mutex_unlock(&busy->lock);
	return n;
}
