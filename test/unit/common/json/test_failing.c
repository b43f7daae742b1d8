/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON without memory: never read in part, never taken for wrong JSON, nothing left behind.
 */
#include "common/json/items.h"
#include "test/failing/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The first one is longer than the buffer that the parser begins with. */
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEXT                                                                                       \
	"{\"long\":\"" LONG                                                                        \
	"\",\"a\":[{\"name\":\"x\",\"n\":1},{\"name\":\"y\",\"n\":2.5}],\"b\":{\"c\":null,\"d\":true}}"

static int read_all(void *arg, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	const char *name = NULL;
	struct js_at root;
	struct js_at list;
	struct js_at one;

	(void)arg;
	if (js_parse_lines("text", TEXT, strlen(TEXT), 1000, &doc, err) < 0) {
		return -1;
	}
	root = js_root(doc);
	assert_int_equal(js_get_array(&root, "a", 2, &list, NULL), 0);
	assert_int_equal(js_len(&list), 2);
	assert_int_equal(js_item_obj(&list, 1, &one, NULL), 0);
	assert_int_equal(js_get_str(&one, "name", 9, &name, NULL), 0);
	assert_string_equal(name, "y");
	assert_int_equal(js_get_str(&root, "long", 99, &name, NULL), 0);
	assert_string_equal(name, LONG);
	return 0;
}

static void reading(void **state)
{
	const struct failing_job job = {.run = read_all, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
}

static int read_items(void *arg, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *rest = NULL;
	struct js_items items = {.name = "text", .key = "a"};
	int rc;

	(void)arg;
	if (js_split(&items, TEXT, strlen(TEXT), 1000, &rest, err) < 0) {
		return -1;
	}
	do {
		_cleanup_js_doc_ struct js_doc *one = NULL;

		rc = js_items_next(&items, &one, err);
	} while (rc > 0);
	assert_true(rc < 0 || items.n == 2);
	return rc;
}

static void reading_one_by_one(void **state)
{
	const struct failing_job job = {.run = read_items, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) > 20);
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
