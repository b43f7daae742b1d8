/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that must be refused, and how the refusal reads. */
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static int parse(const char *text, size_t len, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	int rc;

	*err = (struct err){0};
	rc = js_parse_lines("doc", text, len, 4096, &doc, err);
	assert_true((rc == 0) == (doc != NULL));
	return rc;
}

static void refused(const char *text, const char *why)
{
	struct err err;

	assert_int_equal(parse(text, strlen(text), &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, why)) {
		fail_msg("\"%s\" is not in: %s", why, err.msg);
	}
}

static void test_good(void **state)
{
	static const char *const texts[] = {"{}", "[]", " {\"a\":[1,2.5,true,null,\"\\u00e9\"]}\n",
		"[[[[[[]]]]]]", "{\"a\\\"{[\":1}"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(parse(texts[i], strlen(texts[i]), &err), 0);
	}
}

static void test_hostile(void **state)
{
	struct err err;

	(void)state;
	refused("", "doc: is empty");
	refused("7", "doc: line 1, column 1:");
	refused("\"text\"", "line 1");
	refused("{", "line 1, column 1:");
	refused("{\n\"a\": 1,\n\"a\": 2}", "line 3, column 3: duplicate object key");
	refused("{\"a\":1} x", "end of file expected");
	refused("{\"a\":1,}", "line 1");
	refused("{\"a\":99999999999999999999}", "too big integer");
	refused("{\"a\":1e999}", "real number overflow");
	refused("{\"a\":NaN}", "line 1");
	refused("{\"a\":\"\\u0000\"}", "\\u0000 is not allowed");
	refused("{\"a\":\"\xff\"}", "line 1");
	refused("{\"a\":\"\xed\xa0\x80\"}", "line 1");
	refused("{\"a\":\"line\nbreak\"}", "line 1");
	refused("{'a':1}", "line 1");
	assert_int_equal(parse("{\"a\0b\":1}", 9, &err), -1);
	assert_int_equal(parse("{}\0", 3, &err), -1);
}

static void test_limits(void **state)
{
	char deep[2 * (JS_DEPTH_MAX + 1)];
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct err err = {0};

	(void)state;
	memset(deep, '[', JS_DEPTH_MAX + 1);
	memset(deep + JS_DEPTH_MAX + 1, ']', JS_DEPTH_MAX + 1);
	assert_int_equal(parse(deep, sizeof(deep), &err), -1);
	assert_non_null(strstr(err.msg, "nested deeper than 32"));
	assert_int_equal(parse(deep + 1, sizeof(deep) - 2, &err), 0);
	assert_int_equal(js_parse("doc", "[1234]", 6, 5, &doc, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(err.msg, "doc: has 6 bytes, at most 5 are taken");
}

static void test_no_quotes_of_foreign_text(void **state)
{
	static const char text[] = "{\"key\": \"s3cret\" \"hunter2\"}";
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(js_parse("answer", text, strlen(text), 100, &doc, &err), -1);
	assert_null(strstr(err.msg, "hunter2"));
	assert_non_null(strstr(err.msg, "answer: line 1, column 26: '}' expected"));
	assert_int_equal(js_parse_lines("answer", text, strlen(text), 100, &doc, &err), -1);
	assert_non_null(strstr(err.msg, "hunter2"));
}

/* Every prefix of a text is refused and none harms. */
static void test_cut(void **state)
{
	static const char text[] = "{\"a\":{\"b\":[1,-2.5e3,\"x\\n\\u20ac\",true,false,null]}}";
	struct err err;

	(void)state;
	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		_cleanup_free_ char *part = malloc(n + 1);

		assert_non_null(part);
		memcpy(part, text, n);
		assert_int_equal(parse(part, n, &err), -1);
	}
	assert_int_equal(parse(text, sizeof(text) - 1, &err), 0);
}

static void test_file(void **state)
{
	char path[] = "/tmp/nvmetcp-json-XXXXXX";
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_close_ int fd = mkstemp(path);
	struct err err = {0};
	char want[128];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{\n\n ?", 5), 5);
	assert_int_equal(js_parse_file(path, 100, &doc, &err), -1);
	(void)snprintf(want, sizeof(want), "%s: line 3, column 2:", path);
	assert_non_null(strstr(err.msg, want));
	assert_int_equal(js_parse_file(path, 4, &doc, &err), -1);
	assert_int_equal(ftruncate(fd, 2), 0);
	assert_int_equal(pwrite(fd, "[]", 2, 0), 2);
	assert_int_equal(js_parse_file(path, 100, &doc, &err), 0);
	assert_int_equal(unlink(path), 0);
	js_doc_free(TAKE_PTR(doc));
	assert_int_equal(js_parse_file(path, 100, &doc, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_quotes_of_foreign_text),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
