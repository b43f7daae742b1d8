/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a backend's list: pages put together in order, held by many, freed by the last.
 */
#include "controller/core/listing.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void fill(struct tiny *tiny, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct tiny_volume *v = &tiny->volumes[i];

		v->used = true;
		(void)snprintf(v->object, sizeof(v->object), "o%02u", (i * 7) % n);
		v->size = i;
	}
}

static void pages_in_order(void **state UNUSED)
{
	struct bench bench;
	struct listing *listing;

	bench_start(&bench, false);
	fill(bench.a, 20);
	bench.a->page = 3;
	assert_int_equal(listing_volumes(&bench.a->base, &bench.op, &listing, &bench.err), 0);
	assert_int_equal(listing->n, 20);
	assert_int_equal(bench.a->calls[TINY_LIST], 7);
	for (size_t i = 0; i < listing->n; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "o%02zu", i);
		assert_string_equal(listing->entries[i].object, name);
	}
	assert_int_equal(listing_after(listing, ""), 0);
	assert_int_equal(listing_after(listing, "o00"), 1);
	assert_int_equal(listing_after(listing, "o05x"), 6);
	assert_int_equal(listing_after(listing, "o19"), 20);
	assert_int_equal(listing_after(listing, "z"), 20);
	assert_ptr_equal(listing_ref(listing), listing);
	listing_unref(listing);
	assert_int_equal(listing->n, 20);
	listing_unref(listing);
	listing_unref(NULL);
	bench_stop(&bench);
}

static void empty(void **state UNUSED)
{
	struct bench bench;
	struct listing *listing;

	bench_start(&bench, false);
	assert_int_equal(listing_volumes(&bench.a->base, &bench.op, &listing, &bench.err), 0);
	assert_int_equal(listing->n, 0);
	assert_int_equal(listing_after(listing, ""), 0);
	listing_unref(listing);
	bench_stop(&bench);
}

static void late(void **state UNUSED)
{
	struct bench bench;
	struct listing *listing = NULL;

	bench_start(&bench, false);
	bench.op.deadline = deadline_in(0);
	assert_int_equal(listing_volumes(&bench.a->base, &bench.op, &listing, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_DEADLINE_EXCEEDED);
	assert_null(listing);
	bench_stop(&bench);
}

/* A page fails in the middle: nothing of the list is taken for the whole. */
static int second_page_fails(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct tiny *tiny = (struct tiny *)self;

	if (!str_empty(page->token)) {
		return err_set(err, ERR_UNAVAILABLE, "gone");
	}
	return tiny_list(&tiny->base, op, page, ret, err);
}

static void half_a_list_is_none(void **state UNUSED)
{
	struct bench bench;
	struct listing *listing = NULL;

	bench_start(&bench, false);
	fill(bench.a, 20);
	bench.a->page = 3;
	bench.a->ops.volume_list = second_page_fails;
	assert_int_equal(listing_volumes(&bench.a->base, &bench.op, &listing, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	assert_null(listing);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_in_order),
		cmocka_unit_test(empty),
		cmocka_unit_test(late),
		cmocka_unit_test(half_a_list_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
