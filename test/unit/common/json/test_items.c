/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list read element by element says what the whole would say, and no more.
 */
#include "common/json/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The sum of the members "n" of the elements; -1 when the text or an element is refused. */
static int64_t sum_of(const char *text, size_t *ret_n, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *rest = NULL;
	struct js_items items = {.name = "text", .key = "list"};
	int64_t sum = 0;
	int rc;

	*err = (struct err){0};
	*ret_n = 0;
	if (js_split(&items, text, strlen(text), 4096, &rest, err) < 0) {
		return -1;
	}
	for (;;) {
		_cleanup_js_doc_ struct js_doc *doc = NULL;
		struct js_at root;
		int64_t n = 0;

		rc = js_items_next(&items, &doc, err);
		if (rc <= 0) {
			return rc < 0 ? -1 : sum;
		}
		root = js_root(doc);
		assert_int_equal(js_opt_int(&root, "n", INT64_MIN, INT64_MAX, &n, err), 0);
		sum += n;
		(*ret_n)++;
	}
}

static void elements_come_one_by_one(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t n;
		int64_t sum;
	} fine[] = {
		{"{\"list\":[]}", 0, 0},
		{" {\"list\" : [ ] } ", 0, 0},
		{"{\"list\":[{\"n\":1}]}", 1, 1},
		{"{\"list\":[ {\"n\":1} , {\"n\":2}\n,{}\t]}", 3, 3},
		/* Brackets, quotes and keys in strings, and the key deeper down. */
		{"{\"a\":\"]}\\\"\",\"b\":{\"list\":[{\"n\":9}]},\"c\":[\"list\"],\"list\":["
		 "{\"t\":\"}],{\\\\\",\"n\":4},{\"m\":[[{}],\"[\"],\"n\":5}],\"z\":1}",
			2, 9},
		/* No list: nothing in it. */
		{"{\"list\":7}", 0, 0},
		{"{\"list\":\"[{}]\"}", 0, 0},
		{"{\"other\":[{\"n\":1}]}", 0, 0},
		{"{}", 0, 0},
		{"[{\"list\":[{\"n\":1}]}]", 0, 0},
	};
	struct err err;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		int64_t sum = sum_of(fine[i].text, &n, &err);

		if (sum != fine[i].sum || n != fine[i].n) {
			fail_msg("%s: %zu elements, sum %lld: %s", fine[i].text, n, (long long)sum,
				err.msg);
		}
	}
}

static void the_rest_is_read_as_ever(void **state UNUSED)
{
	static const char text[] = "{\"id\":7,\"list\":[{\"n\":1},{\"n\":2}],\"end\":true}";
	_cleanup_js_doc_ struct js_doc *rest = NULL;
	struct js_items items = {.name = "text", .key = "list"};
	struct js_at root;
	struct js_at list;
	struct err err = {0};
	int64_t id = 0;

	assert_int_equal(js_split(&items, text, strlen(text), 4096, &rest, &err), 0);
	root = js_root(rest);
	assert_int_equal(js_get_int(&root, "id", 0, 9, &id, &err), 0);
	assert_int_equal(id, 7);
	assert_true(js_has(&root, "end"));
	assert_int_equal(js_get_array(&root, "list", 0, &list, &err), 0);
	js_doc_free(rest);
	rest = NULL;
	assert_int_equal(js_split(&items, text, strlen(text), strlen(text) - 1, &rest, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
}

/* Nothing comes through that js_parse() would refuse. */
static void what_is_no_json_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {"", "{", "{\"list\":[", "{\"list\":[{}", "{\"list\":[{}]",
		"{\"list\":[{},]}", "{\"list\":[,{}]}", "{\"list\":[,]}", "{\"list\":[{}{}]}",
		"{\"list\":[{},,{}]}", "{\"list\":[{}}]}", "{\"list\":[{\"n\":1,}]}",
		"{\"list\":[{\"n\":1 \"m\":2}]}", "{\"list\":[{\"n\":1,\"n\":2}]}",
		"{\"list\":[{}],\"list\":[{}]}", "{\"list\":[{}]}}", "{\"list\":[{}]} x",
		"{\"list\":[{\"t\":\"a\x01\"}]}", "{\"list\":[{\"t\":\"unended}]}",
		"{\"list\":[1]}", "{\"list\":[\"a\"]}", "{\"list\":[[]]}", "{\"list\":[{},null]}",
		"{\"list\":{}]", "{\"list\":[{}],\"x\":}"};
	struct err err;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (sum_of(bad[i], &n, &err) != -1) {
			fail_msg("%s: taken, with %zu elements", bad[i], n);
		}
		if (err.code != ERR_INVALID_ARGUMENT || strncmp(err.msg, "text: ", 6) != 0) {
			fail_msg("%s: %s", bad[i], err.msg);
		}
	}
	assert_int_equal(sum_of("{\"list\":[{\"n\":1},{\"n\":2},{\"n\"}]}", &n, &err), -1);
	assert_int_equal(n, 2);
	assert_non_null(strstr(err.msg, "text: list[2]"));
}

static void deep_elements_are_refused(void **state UNUSED)
{
	char text[1024] = "{\"list\":[{\"n\":";
	struct err err;
	size_t n;

	for (unsigned i = 0; i < JS_DEPTH_MAX; i++) {
		(void)snprintf(text + strlen(text), 2, "[");
	}
	for (unsigned i = 0; i < JS_DEPTH_MAX; i++) {
		(void)snprintf(text + strlen(text), 2, "]");
	}
	(void)snprintf(text + strlen(text), 5, "}]}");
	assert_int_equal(sum_of(text, &n, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_come_one_by_one),
		cmocka_unit_test(the_rest_is_read_as_ever),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(deep_elements_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
