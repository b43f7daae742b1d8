/* SPDX-License-Identifier: Apache-2.0 */
/* Typed getters: what they take, what they refuse, and what the refusal says. */
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char text[] = "{\n"					       /* 1 */
			   "  \"instance\": \"lab\",\n"			       /* 2 */
			   "  \"backends\": [\n"			       /* 3 */
			   "    {\"name\": \"a\", \"port\": 4420},\n"	       /* 4 */
			   "    {\"name\": \"b\",\n"			       /* 5 */
			   "     \"url\": 7, \"ratio\": 1.5, \"tls\": true}\n" /* 6 */
			   "  ],\n"					       /* 7 */
			   "  \"labels\": {\"x\": \"1\", \"y\": \"2\"},\n"     /* 8 */
			   "  \"odd key\": {\"k\": null},\n"		       /* 9 */
			   "  \"sizes\": [1, \"two\", 3],\n"		       /* 10 */
			   "  \"mode\": \"fats\"\n"			       /* 11 */
			   "}\n";

struct fixture {
	struct js_doc *lines;
	struct js_doc *plain;
	struct js_at root;
	struct err err;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){0};
	assert_int_equal(js_parse_lines("c.json", text, strlen(text), 4096, &f.lines, &f.err), 0);
	assert_int_equal(js_parse("answer", text, strlen(text), 4096, &f.plain, &f.err), 0);
	f.root = js_root(f.lines);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	js_doc_free(f->lines);
	js_doc_free(f->plain);
	return 0;
}

#define FAILS(f, call, want)                                                                       \
	do {                                                                                       \
		assert_int_equal((call), -1);                                                      \
		assert_int_equal((f)->err.code, ERR_INVALID_ARGUMENT);                             \
		assert_string_equal((f)->err.msg, (want));                                         \
	} while (0)

static void backend(struct fixture *f, size_t i, struct js_at *ret)
{
	struct js_at list;

	assert_int_equal(js_get_array(&f->root, "backends", 8, &list, &f->err), 0);
	assert_int_equal(js_len(&list), 2);
	assert_int_equal(js_item_obj(&list, i, ret, &f->err), 0);
}

static void test_strings(void **state)
{
	struct fixture *f = *state;
	struct js_at b;
	const char *got = "kept";

	assert_int_equal(js_get_str(&f->root, "instance", 3, &got, &f->err), 0);
	assert_string_equal(got, "lab");
	got = "kept";
	FAILS(f, js_get_str(&f->root, "instance", 2, &got, &f->err),
		"c.json: instance (line 2): must be at most 2 bytes, not 3");
	backend(f, 1, &b);
	FAILS(f, js_get_str(&b, "url", 99, &got, &f->err),
		"c.json: backends[1].url (line 6): must be a string, not a number");
	FAILS(f, js_get_str(&b, "caFile", 99, &got, &f->err),
		"c.json: backends[1].caFile (line 5): is missing");
	assert_int_equal(js_opt_str(&b, "caFile", 99, &got, &f->err), 0);
	FAILS(f, js_opt_str(&b, "tls", 99, &got, &f->err),
		"c.json: backends[1].tls (line 6): must be a string, not true or false");
	assert_string_equal(got, "kept");
}

static void test_numbers(void **state)
{
	struct fixture *f = *state;
	struct js_at a;
	struct js_at b;
	int64_t n = -5;
	double r = 0;

	backend(f, 0, &a);
	backend(f, 1, &b);
	assert_int_equal(js_get_int(&a, "port", 4420, 4420, &n, &f->err), 0);
	assert_int_equal(n, 4420);
	n = -5;
	FAILS(f, js_get_int(&a, "port", 1, 1023, &n, &f->err),
		"c.json: backends[0].port (line 4): must be from 1 to 1023, not 4420");
	FAILS(f, js_opt_int(&a, "port", 5000, INT64_MAX, &n, &f->err),
		"c.json: backends[0].port (line 4): must be from 5000 to 9223372036854775807, not 4420");
	FAILS(f, js_get_int(&b, "ratio", 0, 9, &n, &f->err),
		"c.json: backends[1].ratio (line 6): must be a whole number, not 1.5");
	FAILS(f, js_get_int(&b, "name", 0, 9, &n, &f->err),
		"c.json: backends[1].name (line 5): must be a whole number, not a string");
	assert_int_equal(js_opt_int(&b, "port", 0, 9, &n, &f->err), 0);
	assert_int_equal(n, -5);
	assert_int_equal(js_get_real(&b, "ratio", 1, 2, &r, &f->err), 0);
	assert_true(r > 1.49 && r < 1.51);
	assert_int_equal(js_opt_real(&a, "port", 0, 1e9, &r, &f->err), 0);
	assert_true(r > 4419.5 && r < 4420.5);
	FAILS(f, js_opt_real(&b, "ratio", 2, 3, &r, &f->err),
		"c.json: backends[1].ratio (line 6): must be from 2 to 3, not 1.5");
	FAILS(f, js_get_real(&b, "absent", 2, 3, &r, &f->err),
		"c.json: backends[1].absent (line 5): is missing");
	assert_int_equal(js_opt_real(&b, "absent", 2, 3, &r, &f->err), 0);
}

static void test_bools_and_choices(void **state)
{
	static const char *const modes[] = {"slow", "fast", NULL};
	struct fixture *f = *state;
	struct js_at b;
	bool on = false;
	int which = 9;

	backend(f, 1, &b);
	assert_int_equal(js_get_bool(&b, "tls", &on, &f->err), 0);
	assert_true(on);
	assert_int_equal(js_opt_bool(&b, "absent", &on, &f->err), 0);
	assert_true(on);
	FAILS(f, js_get_bool(&b, "url", &on, &f->err),
		"c.json: backends[1].url (line 6): must be true or false, not a number");
	FAILS(f, js_get_bool(&b, "absent", &on, &f->err),
		"c.json: backends[1].absent (line 5): is missing");
	FAILS(f, js_get_choice(&f->root, "mode", modes, &which, &f->err),
		"c.json: mode (line 11): must be one of slow, fast, not \"fats\"");
	assert_int_equal(js_opt_choice(&f->root, "absent", modes, &which, &f->err), 0);
	assert_int_equal(which, 9);
	assert_int_equal(js_get_choice(&f->root, "mode",
				 (const char *const[]){"slow", "fats", NULL}, &which, &f->err),
		0);
	assert_int_equal(which, 1);
}

static void test_holders(void **state)
{
	struct fixture *f = *state;
	struct js_at at;
	struct js_at odd;
	const char *got = NULL;
	int64_t n = 0;

	FAILS(f, js_get_array(&f->root, "backends", 1, &at, &f->err),
		"c.json: backends (line 3): must have at most 1 items, not 2");
	FAILS(f, js_get_array(&f->root, "mode", 1, &at, &f->err),
		"c.json: mode (line 11): must be an array, not a string");
	FAILS(f, js_get_obj(&f->root, "backends", &at, &f->err),
		"c.json: backends (line 3): must be an object, not an array");
	assert_int_equal(js_get_obj(&f->root, "odd key", &odd, &f->err), 0);
	assert_string_equal(odd.path, "[\"odd key\"]");
	FAILS(f, js_opt_str(&odd, "k", 9, &got, &f->err),
		"c.json: [\"odd key\"].k (line 9): must be a string, not null");
	assert_int_equal(js_opt_obj(&f->root, "absent", &at, &f->err), 0);
	assert_null(at.value);
	assert_int_equal(js_len(&at), 0);
	assert_false(js_has(&at, "x"));
	FAILS(f, js_get_str(&at, "x", 9, &got, &f->err),
		"c.json: absent: must be an object, not absent");
	assert_int_equal(js_opt_array(&f->root, "absent", 3, &at, &f->err), 0);
	assert_null(at.value);
	assert_int_equal(js_opt_array(&f->root, "sizes", 3, &at, &f->err), 0);
	assert_int_equal(js_item_int(&at, 2, 0, 3, &n, &f->err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(js_item_str(&at, 1, 3, &got, &f->err), 0);
	assert_string_equal(got, "two");
	FAILS(f, js_item_int(&at, 1, 0, 3, &n, &f->err),
		"c.json: sizes[1] (line 10): must be a whole number, not a string");
	FAILS(f, js_item_obj(&at, 0, &odd, &f->err),
		"c.json: sizes[0] (line 10): must be an object, not a number");
	FAILS(f, js_want_obj(&at, &f->err),
		"c.json: sizes (line 10): must be an object, not an array");
}

struct seen {
	char all[64];
	bool stop;
};

static int remember(const char *key, const char *value, void *arg, struct err *err)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->all);

	(void)snprintf(seen->all + n, sizeof(seen->all) - n, "%s=%s;", key, value);
	return seen->stop ? err_set(err, ERR_ABORTED, "enough") : 0;
}

static void test_each(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {0};
	struct js_at at;

	assert_int_equal(js_get_obj(&f->root, "labels", &at, &f->err), 0);
	assert_int_equal(js_len(&at), 2);
	assert_int_equal(js_each_str(&at, 1, remember, &seen, &f->err), 0);
	assert_string_equal(seen.all, "x=1;y=2;");
	FAILS(f, js_each_str(&at, 0, remember, &seen, &f->err),
		"c.json: labels.x (line 8): must be at most 0 bytes, not 1");
	seen = (struct seen){.stop = true};
	assert_int_equal(js_each_str(&at, 1, remember, &seen, &f->err), -1);
	assert_int_equal(f->err.code, ERR_ABORTED);
	assert_string_equal(seen.all, "x=1;");
	seen.stop = false;
	FAILS(f, js_each_str(&f->root, 9, remember, &seen, &f->err),
		"c.json: backends (line 3): must be a string, not an array");
}

static void test_unknown_keys(void **state)
{
	static const char *const all[] = {"name", "port", "url", "ratio", "tls", NULL};
	static const char *const near[] = {"name", "uri", "Url", "host", NULL};
	static const char *const far[] = {"name", "endpoint", NULL};
	struct fixture *f = *state;
	struct js_at b;

	backend(f, 1, &b);
	assert_int_equal(js_only_keys(&b, all, &f->err), 0);
	FAILS(f, js_only_keys(&b, near, &f->err),
		"c.json: backends[1].url (line 6): is not known, did you mean \"Url\"; allowed are: "
		"name, uri, Url, host");
	FAILS(f, js_only_keys(&b, far, &f->err),
		"c.json: backends[1].url (line 6): is not known; allowed are: name, endpoint");
}

static void test_long_lists_and_keys(void **state)
{
	const char *words[101] = {0};
	struct js_doc *doc = NULL;
	char big[4096];
	struct fixture *f = *state;
	struct js_at at;

	for (size_t i = 0; i < 100; i++) {
		words[i] = "some-long-word";
	}
	assert_int_equal(js_only_keys(&f->root, words, &f->err), -1);
	assert_non_null(strstr(f->err.msg, "some-long-word..."));

	(void)snprintf(big, sizeof(big), "{\"%0*d\":{\"%0*d\":{\"%0*d\":{\"\x7f\x1b[2J\":1}}}}",
		150, 1, 900, 2, 40, 3);
	/* An escape character must be escaped in JSON, so take it out of the raw text. */
	*strchr(big, '\x1b') = '_';
	assert_int_equal(js_parse_lines("d", big, strlen(big), sizeof(big), &doc, &f->err), 0);
	at = js_root(doc);
	for (int i = 0; i < 3; i++) {
		static const int widths[] = {150, 900, 40};
		char key[1000];

		(void)snprintf(key, sizeof(key), "%0*d", widths[i], i + 1);
		assert_int_equal(js_get_obj(&at, key, &at, &f->err), 0);
	}
	assert_int_equal(js_only_keys(&at, words, &f->err), -1);
	assert_null(strchr(f->err.msg, '\x7f'));
	assert_true(strlen(at.path) < JS_PATH_MAX);
	js_doc_free(doc);
}

static void test_own_errors(void **state)
{
	struct fixture *f = *state;
	struct js_at plain = js_root(f->plain);
	struct js_at b;

	backend(f, 1, &b);
	FAILS(f, js_fail(&b, "name", &f->err, "\"%s\" is there twice", "b"),
		"c.json: backends[1].name (line 5): \"b\" is there twice");
	FAILS(f, js_fail(&b, NULL, &f->err, "needs a url"),
		"c.json: backends[1] (line 5): needs a url");
	FAILS(f, js_fail(&f->root, NULL, &f->err, "is empty"), "c.json: (line 1): is empty");
	FAILS(f, js_fail(&plain, "mode", &f->err, "no"), "answer: mode: no");
	FAILS(f, js_fail(&plain, NULL, &f->err, "no"), "answer: no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bools_and_choices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lists_and_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
