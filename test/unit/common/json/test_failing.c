/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON without memory: never read in part, never taken for wrong JSON, nothing left behind.
 */
#include "common/base/strbuf.h"
#include "common/json/items.h"
#include "test/failing/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Longer than the buffers that the parser begins with, so that it must make them larger. */
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef"
#define ELEMENTS 200

static char *text_of(void)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 20);
	char *text = NULL;

	sb_add(&sb, "{\"b\":{\"c\":null,\"d\":true},\"a\":[");
	for (int i = 0; i < ELEMENTS; i++) {
		sb_addf(&sb, "%s{\"name\":\"" LONG "-%d\",\"n\":%d.5}", i ? "," : "", i, i);
	}
	sb_add(&sb, "]}");
	assert_int_equal(sb_take(&sb, "text", &text, NULL), 0);
	return text;
}

static void check(const struct js_at *one, size_t i)
{
	const char *name = NULL;
	char wanted[80];

	(void)snprintf(wanted, sizeof(wanted), LONG "-%zu", i);
	assert_int_equal(js_get_str(one, "name", 99, &name, NULL), 0);
	assert_string_equal(name, wanted);
}

static int read_all(void *arg, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at root;
	struct js_at list;
	struct js_at one;

	if (js_parse_lines("text", arg, strlen(arg), 1 << 20, &doc, err) < 0) {
		return -1;
	}
	root = js_root(doc);
	assert_int_equal(js_get_array(&root, "a", ELEMENTS, &list, NULL), 0);
	assert_int_equal(js_len(&list), ELEMENTS);
	for (size_t i = 0; i < ELEMENTS; i++) {
		assert_int_equal(js_item_obj(&list, i, &one, NULL), 0);
		check(&one, i);
	}
	return 0;
}

static void reading(void **state)
{
	_cleanup_free_ char *text = text_of();
	const struct failing_job job = {
		.run = read_all, .arg = text, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
}

static int read_items(void *arg, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *rest = NULL;
	struct js_items items = {.name = "text", .key = "a"};
	int rc;

	if (js_split(&items, arg, strlen(arg), 1 << 20, &rest, err) < 0) {
		return -1;
	}
	do {
		_cleanup_js_doc_ struct js_doc *one = NULL;

		rc = js_items_next(&items, &one, err);
		if (rc > 0) {
			struct js_at root = js_root(one);

			check(&root, items.n - 1);
		}
	} while (rc > 0);
	assert_true(rc < 0 || items.n == ELEMENTS);
	return rc;
}

static void reading_one_by_one(void **state)
{
	_cleanup_free_ char *text = text_of();
	const struct failing_job job = {
		.run = read_items, .arg = text, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > ELEMENTS);
}

static int build(void *arg, struct err *err)
{
	_cleanup_js_ struct js *top = js_object();
	_cleanup_free_ char *text = NULL;
	struct js *list = js_array();

	(void)arg;
	js_add_str(list, "x");
	js_add_int(list, 7);
	js_set(top, "list", list);
	js_set_str(top, "name", "y");
	js_set_bool(top, "b", true);
	js_set_real(top, "r", 0.5);
	if (js_print(top, "text", 0, &text, NULL, err) < 0) {
		return -1;
	}
	assert_string_equal(text, "{\"b\":true,\"list\":[\"x\",7],\"name\":\"y\",\"r\":0.5}");
	return 0;
}

static void building(void **state)
{
	const struct failing_job job = {.run = build, .code = ERR_INTERNAL};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(reading_one_by_one),
		cmocka_unit_test(building),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
