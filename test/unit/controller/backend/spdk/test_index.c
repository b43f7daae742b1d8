/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking things up in what was read of a target.
 */
#include "controller/backend/spdk/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MANY 100

static struct spdk_lvol lvol(enum spdk_kind kind, const char *object, int64_t created_ms)
{
	struct spdk_lvol ret = {.kind = kind, .name = object};

	(void)snprintf(ret.stored.object, sizeof(ret.stored.object), "%s", object);
	ret.stored.created_ms = created_ms;
	return ret;
}

/* A view of @n lvols, which are copied. */
static struct spdk_view view_of(const struct spdk_lvol *lvols, size_t n)
{
	struct spdk_view view = {.n = n, .lvols = calloc(n + 1, sizeof(*lvols))};
	struct err err = {0};

	assert_non_null(view.lvols);
	for (size_t i = 0; i < n; i++) {
		view.lvols[i] = lvols[i];
	}
	assert_int_equal(spdk_view_index(&view, &err), 0);
	return view;
}

static void found_among_many(void **state UNUSED)
{
	_cleanup_spdk_view_ struct spdk_view view = {0};
	struct spdk_lvol lvols[MANY];
	char object[BE_OBJECT_SIZE];

	for (unsigned i = 0; i < MANY; i++) {
		/* In no order: 37 and 100 have no factor in common. */
		(void)snprintf(object, sizeof(object), "v-%03u", i * 37 % MANY);
		lvols[i] = lvol(SPDK_VOLUME, object, 0);
		lvols[i].hash = 1 + i * 37 % MANY;
	}
	view = view_of(lvols, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(object, sizeof(object), "v-%03u", i);
		assert_string_equal(spdk_view_find(&view, object)->stored.object, object);
		assert_string_equal(spdk_view_volume(&view, 1 + i)->stored.object, object);
		assert_int_equal(spdk_view_after(&view, object), i + 1);
	}
	assert_null(spdk_view_find(&view, "v-"));
	assert_null(spdk_view_find(&view, "v-0500"));
	assert_null(spdk_view_find(&view, "z"));
	assert_null(spdk_view_volume(&view, MANY + 1));
	assert_null(spdk_view_volume(&view, 0));
	assert_int_equal(spdk_view_after(&view, ""), 0);
	assert_int_equal(spdk_view_after(&view, "v-0500"), 51);
	assert_int_equal(spdk_view_after(&view, "z"), MANY);
}

static void of_twins_the_oldest_is_meant(void **state UNUSED)
{
	_cleanup_spdk_view_ struct spdk_view view = {0};
	const struct spdk_lvol lvols[] = {lvol(SPDK_SNAPSHOT, "s-2", 30),
		lvol(SPDK_SNAPSHOT, "s-1", 20), lvol(SPDK_SNAPSHOT, "s-2", 10),
		lvol(SPDK_SNAPSHOT, "s-2", 20)};

	view = view_of(lvols, ARRAY_SIZE(lvols));
	assert_int_equal(spdk_view_find(&view, "s-2")->stored.created_ms, 10);
	assert_int_equal(spdk_view_find(&view, "s-1")->stored.created_ms, 20);
	assert_int_equal(spdk_view_after(&view, "s-1"), 1);
	assert_int_equal(spdk_view_after(&view, "s-2"), 4);
}

static void others_are_not_found(void **state UNUSED)
{
	_cleanup_spdk_view_ struct spdk_view view = {0};
	struct spdk_lvol lvols[] = {
		lvol(SPDK_FOREIGN, "a", 0), lvol(SPDK_HIDDEN, "b", 0), lvol(SPDK_SNAPSHOT, "c", 0)};

	lvols[2].hash = 5;
	view = view_of(lvols, ARRAY_SIZE(lvols));
	assert_null(spdk_view_find(&view, "a"));
	assert_null(spdk_view_find(&view, "b"));
	assert_non_null(spdk_view_find(&view, "c"));
	assert_null(spdk_view_volume(&view, 5)); /* no volume */
}

static void nothing_is_in_nothing(void **state UNUSED)
{
	_cleanup_spdk_view_ struct spdk_view view = view_of(NULL, 0);

	assert_null(spdk_view_find(&view, "a"));
	assert_null(spdk_view_volume(&view, 1));
	assert_int_equal(spdk_view_after(&view, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_among_many),
		cmocka_unit_test(of_twins_the_oldest_is_meant),
		cmocka_unit_test(others_are_not_found),
		cmocka_unit_test(nothing_is_in_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
