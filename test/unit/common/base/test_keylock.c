/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named locks: turned away, waiting, cancelled, and many threads at once (also under TSan).
 */
#include "common/base/keylock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define FAR_MS 600000

static void test_try(void **state)
{
	struct keylock *kl = keylock_new(10);
	struct keylock_held *held = NULL;
	struct keylock_held *other = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(keylock_try(kl, "volume", "a", &held, &err), 0);
	assert_int_equal(keylock_try(kl, "volume", "a", &other, &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	assert_string_equal(err.msg, "volume a: another operation is under way; retry");
	assert_null(other);
	assert_int_equal(keylock_try(kl, "volume", "b", &other, &err), 0);
	keylock_release(other);
	keylock_release(held);
	assert_int_equal(keylock_try(kl, "volume", "a", &held, &err), 0);
	keylock_release(held);
	keylock_release(NULL);
	keylock_free(kl);
	keylock_free(NULL);
}

static void test_cleanup_releases(void **state)
{
	struct keylock *kl = keylock_new(1);

	(void)state;
	for (int i = 0; i < 2; i++) {
		_cleanup_keylock_ struct keylock_held *held = NULL;
		assert_int_equal(keylock_try(kl, "volume", "a", &held, NULL), 0);
	}
	keylock_free(kl);
}

/* Too many at once is told with a code that asks for a retry. */
static void test_limit(void **state)
{
	struct keylock *kl = keylock_new(2);
	struct keylock_held *held[3] = {0};
	struct deadline dl = deadline_in(FAR_MS);
	struct err err = {0};

	(void)state;
	assert_int_equal(keylock_try(kl, "volume", "a", &held[0], &err), 0);
	assert_int_equal(keylock_wait(kl, "volume", "b", &dl, &held[1], &err), 0);
	assert_int_equal(keylock_try(kl, "volume", "c", &held[2], &err), -1);
	assert_false(err_is_final(err.code));
	assert_non_null(strstr(err.msg, "volume c"));
	assert_int_equal(keylock_wait(kl, "volume", "c", &dl, &held[2], &err), -1);
	assert_null(held[2]);
	keylock_release(held[0]);
	assert_int_equal(keylock_try(kl, "volume", "c", &held[2], &err), 0);
	keylock_release(held[1]);
	keylock_release(held[2]);
	keylock_free(kl);
}

static void test_wait_runs_out_of_time(void **state)
{
	struct keylock *kl = keylock_new(10);
	struct keylock_held *held;
	struct keylock_held *other = NULL;
	struct deadline dl = deadline_in(5);
	struct err err = {0};

	(void)state;
	assert_int_equal(keylock_try(kl, "volume", "a", &held, &err), 0);
	assert_int_equal(keylock_wait(kl, "volume", "a", &dl, &other, &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	assert_non_null(strstr(err.msg, "volume a"));
	assert_null(other);
	/* The waiter that left is forgotten: the lock is free again. */
	keylock_release(held);
	assert_int_equal(keylock_try(kl, "volume", "a", &held, &err), 0);
	keylock_release(held);
	keylock_free(kl);
}

static void test_wait_is_cancelled(void **state)
{
	_cleanup_close_ int cancel = eventfd(1, EFD_CLOEXEC);
	struct keylock *kl = keylock_new(10);
	struct keylock_held *held;
	struct keylock_held *other = NULL;
	struct deadline dl = deadline_in(FAR_MS);
	struct err err = {0};

	(void)state;
	dl.cancel_fd = cancel;
	assert_int_equal(keylock_try(kl, "volume", "a", &held, &err), 0);
	assert_int_equal(keylock_wait(kl, "volume", "a", &dl, &other, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_null(other);
	keylock_release(held);
	keylock_free(kl);
}

struct crowd {
	struct keylock *kl;
	long count[2]; /* not atomic: the locks are what protects it */
	unsigned wrong;
	struct deadline dl;
};

static void *count_up(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 300; i++) {
		struct keylock_held *held = NULL;
		int k = i % 2;
		if (keylock_wait(crowd->kl, "volume", k ? "b" : "a", &crowd->dl, &held, NULL) < 0) {
			(void)__atomic_fetch_add(&crowd->wrong, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		crowd->count[k]++;
		keylock_release(held);
	}
	return NULL;
}

static void test_only_one_holds_it(void **state)
{
	struct crowd crowd = {.kl = keylock_new(2), .dl = deadline_in(FAR_MS)};
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, &crowd), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(crowd.wrong, 0);
	assert_int_equal(crowd.count[0], 8L * 150);
	assert_int_equal(crowd.count[1], 8L * 150);
	keylock_free(crowd.kl);
}

/* Short deadlines against releases: whichever wins, nothing is lost and nobody holds it twice. */
static void *impatient(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 300; i++) {
		struct keylock_held *held = NULL;
		struct deadline dl = deadline_in(i % 3);
		if (keylock_wait(crowd->kl, "volume", "a", &dl, &held, NULL) == 0) {
			crowd->count[0]++;
			crowd->count[0]--;
			keylock_release(held);
		}
	}
	return NULL;
}

static void test_grant_against_deadline(void **state)
{
	struct crowd crowd = {.kl = keylock_new(4), .dl = deadline_in(FAR_MS)};
	struct keylock_held *held = NULL;
	pthread_t threads[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, impatient, &crowd), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(crowd.count[0], 0);
	assert_int_equal(keylock_try(crowd.kl, "volume", "a", &held, NULL), 0);
	keylock_release(held);
	keylock_free(crowd.kl);
}

static void *release_it(void *arg)
{
	keylock_release(arg);
	return NULL;
}

/* Another thread than the one that took it may give it back, and so wakes a waiter. */
static void test_released_by_another_thread(void **state)
{
	struct keylock *kl = keylock_new(10);
	struct keylock_held *held = NULL;
	struct keylock_held *next = NULL;
	struct deadline dl = deadline_in(FAR_MS);
	pthread_t thread;

	(void)state;
	assert_int_equal(keylock_try(kl, "volume", "a", &held, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, release_it, held), 0);
	assert_int_equal(keylock_wait(kl, "volume", "a", &dl, &next, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	keylock_release(next);
	keylock_free(kl);
}

static void test_many_keys(void **state)
{
	struct keylock *kl = keylock_new(1000);
	struct keylock_held *held[1000];
	char key[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		(void)snprintf(key, sizeof(key), "volume-%zu", i);
		assert_int_equal(keylock_try(kl, "volume", key, &held[i], NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		keylock_release(held[i]);
	}
	assert_int_equal(keylock_try(kl, "volume", "volume-7", &held[0], NULL), 0);
	keylock_release(held[0]);
	keylock_free(kl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_try),
		cmocka_unit_test(test_cleanup_releases),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_wait_runs_out_of_time),
		cmocka_unit_test(test_wait_is_cancelled),
		cmocka_unit_test(test_only_one_holds_it),
		cmocka_unit_test(test_grant_against_deadline),
		cmocka_unit_test(test_released_by_another_thread),
		cmocka_unit_test(test_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
