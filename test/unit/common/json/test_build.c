/* SPDX-License-Identifier: Apache-2.0 */
/* Building values and printing them; a failure anywhere inside shows at the print. */
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void prints(const struct js *js, const char *want)
{
	_cleanup_free_ char *text = NULL;
	struct err err = {0};
	size_t len = 0;

	assert_int_equal(js_print(js, "x", 0, &text, &len, &err), 0);
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
}

static void does_not_print(const struct js *js)
{
	char *text = NULL;
	struct err err = {0};

	assert_int_equal(js_print(js, "volume", 0, &text, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_non_null(strstr(err.msg, "volume: "));
	assert_null(text);
}

static void test_build(void **state)
{
	_cleanup_js_ struct js *obj = js_object();
	struct js *list = js_array();
	struct js *inner = js_object();

	(void)state;
	js_set_str(obj, "z", "a\"b\n\xc3\xa9");
	js_set_int(obj, "n", INT64_MIN);
	js_set_bool(obj, "b", true);
	js_set_bool(obj, "a", false);
	js_set_null(obj, "e");
	js_set_real(obj, "r", 0.5);
	js_add_str(list, "s");
	js_add_int(list, 7);
	js_set_int(inner, "i", 1);
	js_set_int(inner, "i", 2);
	js_add(list, inner);
	js_set(obj, "list", list);
	prints(obj, "{\"a\":false,\"b\":true,\"e\":null,\"list\":[\"s\",7,{\"i\":2}],"
		    "\"n\":-9223372036854775808,\"r\":0.5,\"z\":\"a\\\"b\\n\xc3\xa9\"}");
}

static void test_copy(void **state)
{
	static const char text[] = "{\"meta\":{\"b\":[1,2],\"a\":\"x\"}}";
	struct js_doc *doc = NULL;
	_cleanup_js_ struct js *copy = NULL;
	struct err err = {0};
	struct js_at root;
	struct js_at meta;

	(void)state;
	assert_int_equal(js_parse("d", text, strlen(text), 100, &doc, &err), 0);
	root = js_root(doc);
	assert_int_equal(js_get_obj(&root, "meta", &meta, &err), 0);
	copy = js_copy(&meta);
	js_doc_free(doc);
	js_set_int(copy, "c", 3);
	prints(copy, "{\"a\":\"x\",\"b\":[1,2],\"c\":3}");
	assert_null(js_copy(&(struct js_at){0}));
}

static void test_failures_stick(void **state)
{
	static const char *const bad[] = {"\xff", "\xc3", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_js_ struct js *obj = js_object();
		struct js *list = js_array();
		struct js *inner = js_object();

		js_set_str(inner, "s", bad[i]);
		js_set_str(inner, "t", "good");
		js_add(list, inner);
		js_set(obj, "list", list);
		js_set_str(obj, "t", "good");
		does_not_print(obj);
	}
	does_not_print(NULL);
}

static void test_null_is_taken(void **state)
{
	_cleanup_js_ struct js *obj = js_object();

	(void)state;
	js_set_str(NULL, "a", "b");
	js_set_int(NULL, "a", 1);
	js_set(NULL, "a", js_object());
	js_add(NULL, js_array());
	js_add_str(NULL, "x");
	js_free(NULL);
	js_set(obj, "child", NULL);
	does_not_print(obj);
}

static void test_kinds_do_not_mix(void **state)
{
	_cleanup_js_ struct js *obj = js_object();
	_cleanup_js_ struct js *list = js_array();

	(void)state;
	js_add_int(obj, 1);
	does_not_print(obj);
	js_set_int(list, "a", 1);
	does_not_print(list);
}

static void test_bound(void **state)
{
	_cleanup_js_ struct js *list = js_array();
	_cleanup_free_ char *text = NULL;
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		js_add_str(list, "0123456789");
	}
	assert_int_equal(js_print(list, "list", 1300, &text, NULL, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(err.msg, "list: its JSON would be longer than 1300 bytes");
	assert_int_equal(js_print(list, "list", 1301, &text, NULL, &err), 0);
	assert_int_equal(strlen(text), 1301);
}

/* What does not fit is never left out of the middle: at no bound is less than all a success. */
static void test_no_bound_leaves_something_out(void **state)
{
	static const char whole[] = "{\"a-long-key-of-an-object\":1,\"k\":[\"v\"],\"z\":true}";
	_cleanup_js_ struct js *obj = js_object();
	struct js *list = js_array();

	(void)state;
	js_add_str(list, "v");
	js_set_int(obj, "a-long-key-of-an-object", 1);
	js_set(obj, "k", list);
	js_set_bool(obj, "z", true);
	for (size_t max = 1; max <= strlen(whole); max++) {
		_cleanup_free_ char *text = NULL;
		struct err err = {0};
		int rc = js_print(obj, "object", max, &text, NULL, &err);

		if (rc == 0) {
			assert_string_equal(text, whole);
		} else {
			assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
			assert_true(max < strlen(whole));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_failures_stick),
		cmocka_unit_test(test_null_is_taken),
		cmocka_unit_test(test_kinds_do_not_mix),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_no_bound_leaves_something_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
