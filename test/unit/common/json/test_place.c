/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are found by walking the text: here with everything that could lead the walk astray. */
#include "common/json/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char text[] =
	"{ \"esc\\\"aped\": \"{\\\\\", \"empty\": {}, \"none\": [ ],\n"	     /* 1 */
	"  \"n\": -1.5e3, \"t\": true, \"z\": null, \"s\": \"a\\\"b,]}\",\n" /* 2 */
	"  \"list\": [[], {}, [1, {\n"					     /* 3 */
	"     \"deep\"\n"						     /* 4 */
	"        :\n"							     /* 5 */
	"        {\"same\": 1}}],\n"					     /* 6 */
	"     true, \"same\"],\n"					     /* 7 */
	"  \"u\\u0041\": 1,\n"						     /* 8 */
	"  \"same\": 2}";						     /* 9 */

static void test_lines(void **state)
{
	struct js_doc *doc = NULL;
	struct err err = {0};
	struct js_at root;
	struct js_at list;
	struct js_at inner;
	struct js_at at;

	(void)state;
	assert_int_equal(js_parse_lines("d", text, strlen(text), 4096, &doc, &err), 0);
	root = js_root(doc);
	assert_int_equal(place_line(&(struct place){.in = &root}), 1);
	assert_int_equal(place_line(&(struct place){.in = &root, .key = "esc\"aped"}), 1);
	assert_int_equal(place_line(&(struct place){.in = &root, .key = "none"}), 1);
	assert_int_equal(place_line(&(struct place){.in = &root, .key = "s"}), 2);
	assert_int_equal(place_line(&(struct place){.in = &root, .key = "uA"}), 8);
	assert_int_equal(place_line(&(struct place){.in = &root, .key = "same"}), 9);
	assert_int_equal(js_get_array(&root, "list", 9, &list, &err), 0);
	assert_int_equal(place_line(&(struct place){.in = &list, .item = true, .index = 0}), 3);
	assert_int_equal(place_line(&(struct place){.in = &list, .item = true, .index = 2}), 3);
	assert_int_equal(place_line(&(struct place){.in = &list, .item = true, .index = 3}), 7);
	assert_int_equal(place_line(&(struct place){.in = &list, .item = true, .index = 4}), 7);
	/* An item beyond the end is the list's line. */
	assert_int_equal(place_line(&(struct place){.in = &list, .item = true, .index = 5}), 3);
	inner = (struct js_at){
		.doc = doc, .value = json_array_get(json_array_get(list.value, 2), 1)};
	assert_int_equal(place_line(&(struct place){.in = &inner, .key = "deep"}), 4);
	assert_int_equal(js_get_obj(&inner, "deep", &at, &err), 0);
	assert_int_equal(place_line(&(struct place){.in = &at, .key = "same"}), 6);
	assert_int_equal(place_line(&(struct place){.in = &at, .key = "absent"}), 6);
	js_doc_free(doc);
}

/* The walk ends at the right place for every container of a big document. */
static void test_many(void **state)
{
	_cleanup_free_ char *big = malloc(1 << 20);
	struct js_doc *doc = NULL;
	struct err err = {0};
	struct js_at root;
	struct js_at list;
	struct js_at at;
	size_t n = 0;

	(void)state;
	assert_non_null(big);
	n += (size_t)snprintf(big + n, 64, "{\"list\":[");
	for (int i = 0; i < 1000; i++) {
		n += (size_t)snprintf(big + n, 64, "%s\n{\"k\":[\"%d\",{}],\"v\":{\"w\":%d}}",
			i > 0 ? "," : "", i, i);
	}
	n += (size_t)snprintf(big + n, 64, "\n]}");
	assert_int_equal(js_parse_lines("d", big, n, 1 << 20, &doc, &err), 0);
	root = js_root(doc);
	assert_int_equal(js_get_array(&root, "list", 1000, &list, &err), 0);
	for (size_t i = 0; i < 1000; i += 97) {
		assert_int_equal(js_item_obj(&list, i, &at, &err), 0);
		assert_int_equal(place_line(&(struct place){.in = &at}), i + 2);
		assert_int_equal(js_get_obj(&at, "v", &at, &err), 0);
		assert_int_equal(place_line(&(struct place){.in = &at, .key = "w"}), i + 2);
	}
	js_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
