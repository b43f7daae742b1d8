/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks by name: a list of the keys held, under one mutex.
 */
#include "common/base/keylock.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct keylock_held {
	struct keylock *kl;
	struct keylock_held *next;
	char key[];
};

struct keylock {
	pthread_mutex_t mutex;
	pthread_cond_t released;
	struct keylock_held *held;
	size_t n;
	size_t max;
};

/* How often a waiter looks whether its caller gave up, in ms. */
#define CANCEL_CHECK_MS 100

struct keylock *keylock_new(size_t max)
{
	struct keylock *kl = calloc(1, sizeof(*kl));
	pthread_condattr_t attr;

	if (!kl) {
		return NULL;
	}
	kl->max = max;
	(void)pthread_mutex_init(&kl->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&kl->released, &attr);
	(void)pthread_condattr_destroy(&attr);
	return kl;
}

void keylock_free(struct keylock *kl)
{
	if (!kl) {
		return;
	}
	(void)pthread_cond_destroy(&kl->released);
	(void)pthread_mutex_destroy(&kl->mutex);
	free(kl);
}

/* Under the mutex. Return: 1 taken, 0 held by another, -1 with @err. */
static int take(struct keylock *kl, const char *what, const char *key,
	struct keylock_held **ret_held, struct err *err)
{
	for (struct keylock_held *h = kl->held; h; h = h->next) {
		if (streq(h->key, key)) {
			return 0;
		}
	}
	size_t size = strlen(key) + 1;
	struct keylock_held *held = kl->n < kl->max ? malloc(sizeof(*held) + size) : NULL;
	if (!held) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s %s: %zu operations are under way already, no more are taken; retry", what,
			key, kl->n);
	}
	memcpy(held->key, key, size);
	held->kl = kl;
	held->next = kl->held;
	kl->held = held;
	kl->n++;
	*ret_held = held;
	return 1;
}

static int busy(const char *what, const char *key, struct err *err)
{
	return err_set(
		err, ERR_ABORTED, "%s %s: another operation is under way; retry", what, key);
}

int keylock_try(struct keylock *kl, const char *what, const char *key,
	struct keylock_held **ret_held, struct err *err)
{
	(void)pthread_mutex_lock(&kl->mutex);
	int taken = take(kl, what, key, ret_held, err);
	(void)pthread_mutex_unlock(&kl->mutex);
	if (taken == 0) {
		return busy(what, key, err);
	}
	return taken < 0 ? -1 : 0;
}

int keylock_wait(struct keylock *kl, const char *what, const char *key, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	int taken;

	(void)pthread_mutex_lock(&kl->mutex);
	while ((taken = take(kl, what, key, ret_held, err)) == 0 &&
		deadline_check(dl, what, NULL) == 0) {
		int64_t until = clock_ms() + MIN(deadline_left_ms(dl), (int64_t)CANCEL_CHECK_MS);
		struct timespec ts = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
		(void)pthread_cond_timedwait(&kl->released, &kl->mutex, &ts);
	}
	(void)pthread_mutex_unlock(&kl->mutex);
	if (taken == 0) {
		return busy(what, key, err);
	}
	return taken < 0 ? -1 : 0;
}

void keylock_release(struct keylock_held *held)
{
	if (!held) {
		return;
	}
	struct keylock *kl = held->kl;
	(void)pthread_mutex_lock(&kl->mutex);
	struct keylock_held **at = &kl->held;
	while (*at != held) {
		at = &(*at)->next;
	}
	*at = held->next;
	kl->n--;
	(void)pthread_cond_broadcast(&kl->released);
	(void)pthread_mutex_unlock(&kl->mutex);
	free(held);
}
