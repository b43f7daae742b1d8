/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: limits, alignment, zeroed memory. That it is wiped is tested in test_alloc.c.
 */
#include "common/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_pieces_do_not_overlap(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	unsigned char *pieces[200];

	(void)state;
	assert_non_null(arena);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t size = i * 7 + 1;
		pieces[i] = arena_alloc(arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < size; k++) {
			assert_int_equal(pieces[i][k], 0);
		}
		memset(pieces[i], (int)i, size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		for (size_t k = 0; k < i * 7 + 1; k++) {
			assert_int_equal(pieces[i][k], (unsigned char)i);
		}
	}
	arena_free(arena);
}

static void test_limit(void **state)
{
	struct arena *arena = arena_new(1024);

	(void)state;
	assert_int_equal(arena_used(arena), 0);
	assert_null(arena_alloc(arena, 1025));
	assert_int_equal(arena_used(arena), 0);
	assert_non_null(arena_alloc(arena, 1024));
	assert_int_equal(arena_used(arena), 1024);
	assert_null(arena_alloc(arena, 1));
	assert_null(arena_strdup(arena, ""));
	assert_null(arena_printf(arena, "%d", 1));
	arena_free(arena);
}

/* Many tiny pieces cannot take more memory than the limit says. */
static void test_limit_holds_for_tiny_pieces(void **state)
{
	struct arena *arena = arena_new(1000);
	size_t n = 0;

	(void)state;
	while (arena_alloc(arena, 1)) {
		n++;
		assert_true(n <= 1000);
	}
	assert_true(n >= 1000 / _Alignof(max_align_t) - 1);
	assert_true(arena_used(arena) <= 1000);
	arena_free(arena);
}

static void test_huge_sizes(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 15));
	assert_non_null(arena_alloc(arena, 100000));
	arena_free(arena);
}

static void test_zero_size(void **state)
{
	struct arena *arena = arena_new(64);

	(void)state;
	void *a = arena_alloc(arena, 0);
	void *b = arena_alloc(arena, 0);
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	arena_free(arena);
}

static void test_strings(void **state)
{
	struct arena *arena = arena_new(10000);
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(arena_strdup(arena, NULL));
	assert_string_equal(arena_strdup(arena, "abc"), "abc");
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strdup(arena, text), text);
	assert_string_equal(arena_printf(arena, "%s-%d", "v", 7), "v-7");
	assert_null(arena_printf(arena, "%s%s", text, text));
	arena_free(arena);
}

static void test_free_of_nothing(void **state)
{
	(void)state;
	arena_free(NULL);
	struct arena *arena = arena_new(0);
	assert_non_null(arena);
	assert_null(arena_alloc(arena, 1));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_do_not_overlap),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_holds_for_tiny_pieces),
		cmocka_unit_test(test_huge_sizes),
		cmocka_unit_test(test_zero_size),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
