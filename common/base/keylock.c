/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named locks. Each waiter has an eventfd, so that it can wait for the lock and for its caller's
 * cancel at once; a lock given back is handed to the one who waited longest, so nobody starves.
 */
#include "common/base/keylock.h"

#include "common/base/map.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

struct waiter {
	struct waiter *next;
	int event;
	bool granted;
};

struct keylock_held {
	struct keylock *owner;
	struct waiter *waiters; /* the longest waiting first */
	char key[];
};

struct keylock {
	pthread_mutex_t mutex;
	struct map *held;
	size_t max;
};

struct keylock *keylock_new(size_t max)
{
	struct keylock *kl = calloc(1, sizeof(*kl));

	if (!kl) {
		return NULL;
	}
	kl->held = map_new(max, NULL);
	if (!kl->held) {
		free(kl);
		return NULL;
	}
	kl->max = max;
	(void)pthread_mutex_init(&kl->mutex, NULL); /* cannot fail on Linux without attributes */
	return kl;
}

void keylock_free(struct keylock *kl)
{
	if (!kl) {
		return;
	}
	map_free(kl->held);
	(void)pthread_mutex_destroy(&kl->mutex);
	free(kl);
}

static int busy(const char *what, const char *key, struct err *err)
{
	return err_set(err, ERR_ABORTED, "%s %s: another operation is under way; retry", what, key);
}

/* Take a lock that nobody holds; the mutex is held. */
static int take_free(struct keylock *kl, const char *what, const char *key,
	struct keylock_held **ret_held, struct err *err)
{
	size_t size = strlen(key) + 1;

	/* Nothing was done, but a final code would make the caller give the object up. */
	if (map_len(kl->held) >= kl->max) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s %s: %zu operations are under way, no more are allowed; retry", what,
			key, kl->max);
	}
	struct keylock_held *held = malloc(sizeof(*held) + size);
	if (!held) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s %s: out of memory", what, key);
	}
	held->owner = kl;
	held->waiters = NULL;
	memcpy(held->key, key, size);
	if (map_put(kl->held, key, held, err) < 0) {
		free(held);
		return -1;
	}
	*ret_held = held;
	return 0;
}

int keylock_try(struct keylock *kl, const char *what, const char *key,
	struct keylock_held **ret_held, struct err *err)
{
	(void)pthread_mutex_lock(&kl->mutex);
	int result = map_get(kl->held, key) ? busy(what, key, err)
					    : take_free(kl, what, key, ret_held, err);
	(void)pthread_mutex_unlock(&kl->mutex);
	return result;
}

static void enqueue(struct keylock_held *held, struct waiter *waiter)
{
	struct waiter **place = &held->waiters;

	while (*place) {
		place = &(*place)->next;
	}
	*place = waiter;
}

static void dequeue(struct keylock_held *held, const struct waiter *waiter)
{
	for (struct waiter **place = &held->waiters; *place; place = &(*place)->next) {
		if (*place == waiter) {
			*place = waiter->next;
			return;
		}
	}
}

int keylock_wait(struct keylock *kl, const char *what, const char *key, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	struct err why = {0};
	struct waiter waiter = {.event = -1};
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (event < 0) {
		return err_errno(err, errno, "%s %s: eventfd", what, key);
	}
	waiter.event = event;
	(void)pthread_mutex_lock(&kl->mutex);
	struct keylock_held *held = map_get(kl->held, key);
	if (!held) {
		int result = take_free(kl, what, key, ret_held, err);
		(void)pthread_mutex_unlock(&kl->mutex);
		return result;
	}
	enqueue(held, &waiter);
	(void)pthread_mutex_unlock(&kl->mutex);

	int woken = deadline_poll(dl, event, POLLIN, -1, key, &why);

	(void)pthread_mutex_lock(&kl->mutex);
	/* It may have been granted at the very moment that time ran out; then it is ours. */
	bool granted = waiter.granted;
	if (!granted) {
		dequeue(held, &waiter);
	}
	(void)pthread_mutex_unlock(&kl->mutex);
	if (granted) {
		*ret_held = held;
		return 0;
	}
	if (woken < 0 && why.code != ERR_DEADLINE_EXCEEDED) {
		return err_set(err, why.code, "%s %s", what, why.msg);
	}
	return busy(what, key, err);
}

void keylock_release(struct keylock_held *held)
{
	if (!held) {
		return;
	}
	struct keylock *kl = held->owner;
	(void)pthread_mutex_lock(&kl->mutex);
	struct waiter *waiter = held->waiters;
	if (waiter) {
		held->waiters = waiter->next;
		waiter->granted = true;
		/* Under the mutex, so that the waiter cannot have closed it. Cannot fail: the
		 * counter is 0. */
		(void)eventfd_write(waiter->event, 1);
	} else {
		(void)map_take(kl->held, held->key);
		free(held);
	}
	(void)pthread_mutex_unlock(&kl->mutex);
}
