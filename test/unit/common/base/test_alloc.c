/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory: each job is done again and again, and each time one more allocation succeeds
 * before one fails. It must then say so and leave nothing behind (the leak checker of the ASan
 * build looks), until it has all that it needs. Also: what is freed was wiped where that is
 * promised.
 */
#include "common/base/arena.h"
#include "common/base/fileio.h"
#include "common/base/keylock.h"
#include "common/base/map.h"
#include "common/base/pool.h"
#include "common/base/spawn.h"
#include "common/base/strbuf.h"

#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define FAR_MS 600000
/* More allocations than any job here needs. */
#define ALLOCATIONS_MAX 2000

/* Allocations that still succeed; negative: all of them. */
static atomic_long left = -1;
static atomic_bool refused;
/* A text that no freed block may hold; NULL: do not look. */
static const char *forbidden;
static bool found;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

static bool allowed(void)
{
	if (atomic_load(&left) < 0) {
		return true;
	}
	if (atomic_load(&left) == 0) {
		atomic_store(&refused, true);
		return false;
	}
	(void)atomic_fetch_sub(&left, 1);
	return true;
}

void *__wrap_malloc(size_t size)
{
	return allowed() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allowed() ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
	return allowed() ? __real_realloc(old, size) : NULL;
}

void __wrap_free(void *block)
{
	if (block && forbidden &&
		memmem(block, malloc_usable_size(block), forbidden, strlen(forbidden))) {
		found = true;
	}
	__real_free(block);
}

/* Run @job with 0, 1, 2 … allocations, until none was refused. It answers whether it succeeded. */
static void starve(bool (*job)(struct err *err), bool may_cope)
{
	unsigned failures = 0;

	for (long n = 0; n < ALLOCATIONS_MAX; n++) {
		struct err err = {0};
		atomic_store(&refused, false);
		atomic_store(&left, n);
		bool done = job(&err);
		atomic_store(&left, -1);
		if (!atomic_load(&refused)) {
			assert_true(done);
			assert_true(failures > 0);
			return;
		}
		if (!done) {
			failures++;
			assert_int_not_equal(err.code, ERR_OK);
			assert_true(strlen(err.msg) > 0);
		} else {
			assert_true(may_cope);
		}
	}
	assert_true(false);
}

static bool job_strbuf(struct err *err)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(100000);
	_cleanup_free_ char *text = NULL;

	for (int i = 0; i < 3000; i++) {
		sb_addf(&sb, "%d,", i);
	}
	return sb_take(&sb, "list", &text, err) == 0 && strlen(text) == 13890;
}

static bool job_map(struct err *err)
{
	struct map *map = map_new(100, free);
	bool done = true;

	if (!map) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "no map");
		return false;
	}
	for (int i = 0; i < 100 && done; i++) {
		char key[16];
		char *value = __real_malloc(1);
		(void)snprintf(key, sizeof(key), "%d", i);
		done = map_put(map, key, value, err) == 0;
		if (!done) {
			assert_int_equal(map_len(map), i);
			assert_null(map_get(map, key));
			free(value);
		}
	}
	map_free(map);
	return done;
}

static bool job_keylock(struct err *err)
{
	struct keylock *kl = keylock_new(100);
	struct keylock_held *held = NULL;
	struct deadline dl = deadline_in(FAR_MS);
	bool done = true;

	if (!kl) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "no locks");
		return false;
	}
	for (int i = 0; i < 20 && done; i++) {
		done = (i % 2 ? keylock_try(kl, "volume", "a", &held, err)
			      : keylock_wait(kl, "volume", "a", &dl, &held, err)) == 0;
		if (done) {
			keylock_release(held);
		}
	}
	/* However it went, the lock is free. */
	atomic_store(&left, done ? atomic_load(&left) : -1);
	if (!done) {
		assert_int_equal(keylock_try(kl, "volume", "a", &held, NULL), 0);
		keylock_release(held);
	}
	keylock_free(kl);
	return done;
}

static bool job_pool(struct err *err)
{
	struct pool *pool = pool_new("lane", 2, 10);
	struct deadline dl = deadline_in(FAR_MS);

	if (!pool) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "no pool");
		return false;
	}
	assert_true(pool_stop(pool, &dl));
	pool_free(pool);
	return true;
}

static bool job_read(struct err *err)
{
	_cleanup_free_ char *data = NULL;

	return file_read(AT_FDCWD, "/proc/self/smaps", 100 * MIB, &data, NULL, err) == 0;
}

static bool job_spawn(struct err *err)
{
	const char *const argv[] = {"sh", "-c", "echo hello", NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;
	bool done = spawn_run(&what, &dl, &result, err) == 0;

	assert_true(!done || streq(result.output, "hello\n"));
	spawn_result_done(&result);
	return done;
}

static bool job_arena(struct err *err)
{
	struct arena *arena = arena_new(1 << 20);
	bool done = arena != NULL;

	for (int i = 0; i < 100 && done; i++) {
		done = arena_alloc(arena, 1000) && arena_strdup(arena, "x") &&
		       arena_printf(arena, "%d", i);
	}
	arena_free(arena);
	return done || err_set(err, ERR_RESOURCE_EXHAUSTED, "no arena") == 0;
}

static void test_strbuf(void **state)
{
	(void)state;
	starve(job_strbuf, false);
}

static void test_map(void **state)
{
	(void)state;
	/* It copes when only its buckets cannot be made more. */
	starve(job_map, true);
}

static void test_keylock(void **state)
{
	(void)state;
	starve(job_keylock, true);
}

static void test_pool(void **state)
{
	(void)state;
	starve(job_pool, false);
}

static void test_read(void **state)
{
	(void)state;
	starve(job_read, false);
}

static void test_spawn(void **state)
{
	(void)state;
	/* It copes when its output cannot be made smaller. */
	starve(job_spawn, true);
}

static void test_arena(void **state)
{
	(void)state;
	starve(job_arena, false);
}

static void test_map_copes_without_buckets(void **state)
{
	struct map *map = map_new(1000, NULL);
	char key[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		/* One for the entry, none for more buckets. */
		atomic_store(&left, 1);
		int result = map_put(map, key, map, NULL);
		atomic_store(&left, -1);
		assert_int_equal(result, 0);
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		assert_ptr_equal(map_get(map, key), map);
	}
	map_free(map);
}

/* P8: a request's memory is wiped before it goes back. */
static void test_p8_arena_is_wiped(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	char *big;

	(void)state;
	assert_non_null(arena_strdup(arena, "s3cr3t-of-the-call"));
	for (int i = 0; i < 50; i++) {
		assert_non_null(arena_printf(arena, "%d: s3cr3t-of-the-call", i));
	}
	big = arena_alloc(arena, 20000);
	assert_non_null(big);
	memcpy(big + 20000 - 19, "s3cr3t-of-the-call", 19);
	forbidden = "s3cr3t-of-the-call";
	found = false;
	arena_free(arena);
	forbidden = NULL;
	assert_false(found);
}

/* That the look at freed blocks finds something: a block that nobody wiped. */
static void test_the_look_works(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf sb = sb_init(100);
	sb_add(&sb, "find me");
	forbidden = "find me";
	found = false;
	sb_done(&sb);
	forbidden = NULL;
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strbuf),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_keylock),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_spawn),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_map_copes_without_buckets),
		cmocka_unit_test(test_p8_arena_is_wiped),
		cmocka_unit_test(test_the_look_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
