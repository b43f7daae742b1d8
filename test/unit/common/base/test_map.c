/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map: limits, growing, who frees what.
 */
#include "common/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static unsigned dropped;

static void drop(void *value)
{
	dropped++;
	free(value);
}

static void *number(int n)
{
	int *value = malloc(sizeof(*value));

	assert_non_null(value);
	*value = n;
	return value;
}

static void test_put_get_take(void **state)
{
	struct map *map = map_new(10, NULL);
	char one[] = "1";
	char two[] = "2";

	(void)state;
	assert_null(map_get(map, "a"));
	assert_int_equal(map_put(map, "a", one, NULL), 0);
	assert_int_equal(map_put(map, "", two, NULL), 0);
	assert_ptr_equal(map_get(map, "a"), one);
	assert_ptr_equal(map_get(map, ""), two);
	assert_int_equal(map_len(map), 2);
	assert_ptr_equal(map_take(map, "a"), one);
	assert_null(map_take(map, "a"));
	assert_null(map_get(map, "a"));
	assert_int_equal(map_len(map), 1);
	map_free(map);
}

static void test_keys_are_copied(void **state)
{
	struct map *map = map_new(10, NULL);
	char key[] = "key";

	(void)state;
	assert_int_equal(map_put(map, key, key, NULL), 0);
	key[0] = 'x';
	assert_non_null(map_get(map, "key"));
	assert_null(map_get(map, "xey"));
	map_free(map);
}

static void test_values_are_dropped_once(void **state)
{
	struct map *map = map_new(10, drop);
	void *kept = number(3);

	(void)state;
	dropped = 0;
	assert_int_equal(map_put(map, "a", number(1), NULL), 0);
	assert_int_equal(map_put(map, "a", number(2), NULL), 0);
	assert_int_equal(dropped, 1);
	assert_int_equal(*(int *)map_get(map, "a"), 2);
	assert_int_equal(map_len(map), 1);
	/* The same value again is not dropped, since it is still in use. */
	assert_int_equal(map_put(map, "b", kept, NULL), 0);
	assert_int_equal(map_put(map, "b", kept, NULL), 0);
	assert_int_equal(dropped, 1);
	assert_int_equal(map_put(map, "none", NULL, NULL), 0);
	free(map_take(map, "b"));
	assert_int_equal(dropped, 1);
	map_free(map);
	assert_int_equal(dropped, 2);
}

static void test_limit(void **state)
{
	struct map *map = map_new(2, drop);
	struct err err = {0};
	void *refused = number(3);

	(void)state;
	assert_int_equal(map_put(map, "a", number(1), &err), 0);
	assert_int_equal(map_put(map, "b", number(2), &err), 0);
	assert_int_equal(map_put(map, "c", refused, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, "2"));
	free(refused); /* not taken: still ours */
	/* A key that is there may be set all the same. */
	assert_int_equal(map_put(map, "a", number(4), &err), 0);
	free(map_take(map, "b"));
	assert_int_equal(map_put(map, "c", number(5), &err), 0);
	map_free(map);
}

static bool sum_up(const char *key, void *value, void *arg)
{
	long *sum = arg;

	assert_non_null(key);
	*sum += *(int *)value;
	return true;
}

static bool stop_at_once(const char *key, void *value, void *arg)
{
	unsigned *n = arg;

	(void)key;
	(void)value;
	(*n)++;
	return false;
}

static void test_many(void **state)
{
	struct map *map = map_new(5000, drop);
	char key[32];
	long sum = 0;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "volume-%d", i);
		assert_int_equal(map_put(map, key, number(i), NULL), 0);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "volume-%d", i);
		assert_int_equal(*(int *)map_get(map, key), i);
	}
	map_each(map, sum_up, &sum);
	assert_int_equal(sum, 5000L * 4999 / 2);
	map_each(map, stop_at_once, &n);
	assert_int_equal(n, 1);
	for (int i = 0; i < 5000; i += 2) {
		(void)snprintf(key, sizeof(key), "volume-%d", i);
		free(map_take(map, key));
	}
	assert_int_equal(map_len(map), 2500);
	assert_null(map_get(map, "volume-0"));
	assert_int_equal(*(int *)map_get(map, "volume-4999"), 4999);
	map_free(map);
}

static void test_free_of_nothing(void **state)
{
	struct map *map = map_new(0, NULL);

	(void)state;
	map_free(NULL);
	assert_int_equal(map_put(map, "a", map, NULL), -1);
	map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_take),
		cmocka_unit_test(test_keys_are_copied),
		cmocka_unit_test(test_values_are_dropped_once),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
