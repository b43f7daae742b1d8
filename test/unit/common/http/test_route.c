/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of request lines: what is decoded, what is refused, and which route they reach. */
#include "common/http/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int handler(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	(void)self;
	(void)req;
	(void)res;
	return 0;
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/", .handle = handler},
	{.method = "GET", .pattern = "/v1/volumes", .handle = handler},
	{.method = "GET", .pattern = "/v1/volumes/first", .handle = handler},
	{.method = "GET", .pattern = "/v1/volumes/{id}", .handle = handler},
	{.method = "PUT", .pattern = "/v1/volumes/{id}", .handle = handler},
	{.method = "DELETE", .pattern = "/v1/volumes/{id}/hosts/{nqn}", .handle = handler},
};

struct fixture {
	struct arena *arena;
	struct http_target target;
	struct http_match match;
	struct err err;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){.arena = arena_new(1 << 20)};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	arena_free(((struct fixture *)*state)->arena);
	return 0;
}

static int find(struct fixture *f, const char *method, const char *text)
{
	f->err = (struct err){0};
	if (target_parse(f->arena, text, &f->target, &f->err) < 0) {
		assert_int_equal(f->err.code, ERR_INVALID_ARGUMENT);
		return -1;
	}
	routes_find(routes, ARRAY_SIZE(routes), method, &f->target, &f->match);
	return f->match.route ? (int)(f->match.route - routes) : 100;
}

static void test_paths(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(find(f, "GET", "/"), 0);
	assert_int_equal(find(f, "GET", "/v1/volumes"), 1);
	assert_int_equal(find(f, "GET", "/v1/%76olumes"), 1);
	assert_int_equal(find(f, "GET", "/v1/volumes/first"), 2);
	assert_int_equal(find(f, "GET", "/v1/volumes/a%20b+c%C3%A9"), 3);
	assert_int_equal(f->match.n_params, 1);
	assert_string_equal(f->match.params[0].value, "a b+c\xc3\xa9");
	assert_int_equal(strncmp(f->match.params[0].name, "id}", 3), 0);
	assert_int_equal(find(f, "DELETE", "/v1/volumes/x/hosts/nqn.2014-08.org:uuid:1?a=b"), 5);
	assert_int_equal(f->match.n_params, 2);
	assert_string_equal(f->match.params[1].value, "nqn.2014-08.org:uuid:1");
	assert_string_equal(f->target.path, "/v1/volumes/x/hosts/nqn.2014-08.org:uuid:1");
}

static void test_no_route(void **state)
{
	static const char *const unknown[] = {"/v1", "/v1/", "/v1/volumes/", "/v1/volumes/x/", "//",
		"//v1/volumes", "/v1//volumes", "/V1/volumes", "/v1/volumes/x/hosts",
		"/v1/volumes/x/hosts/", "/v1/volumes/x/hosts/y/z"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(find(f, "GET", unknown[i]), 100);
		assert_string_equal(f->match.allow, "");
		assert_int_equal(f->match.n_params, 0);
	}
	assert_int_equal(find(f, "POST", "/v1/volumes/x"), 100);
	assert_string_equal(f->match.allow, "GET, HEAD, PUT");
	assert_int_equal(find(f, "GET", "/v1/volumes/x/hosts/y"), 100);
	assert_string_equal(f->match.allow, "DELETE");
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "x", "http://h/v1", "*", "?a=b", "/%", "/%4", "/%zz",
		"/%4%41", "/a%00b", "/v1/volumes/..", "/v1/../v1/volumes", "/v1/volumes/%2e%2e",
		"/v1/volumes/.", "/v1/volumes/%2E", "/v1/volumes/a%2fb",
		"/v1/volumes/..%2f..%2fetc", "/v1/volumes/%0d%0a", "/v1/volumes/\x01",
		"/v1/volumes/%ff", "/v1/volumes/%ed%a0%80", "/v1/volumes/\xc3", "/v1/volumes/%7f",
		"/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (find(f, "GET", bad[i]) != -1) {
			fail_msg("taken: %s", bad[i]);
		}
	}
	/* Sixteen segments are taken. */
	assert_int_equal(find(f, "GET", "/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f"), 100);
}

static void test_query(void **state)
{
	static const char *const bad[] = {"/?a=%", "/?%zz=1", "/?a=%00", "/?a=1&a=2", "/?%ff",
		"/?0&1&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g"};
	struct fixture *f = *state;

	assert_int_equal(find(f, "GET", "/?token=a%26b+c%2B&&limit=5&bare&empty="), 0);
	assert_int_equal(f->target.n_query, 4);
	assert_string_equal(f->target.query[0].name, "token");
	assert_string_equal(f->target.query[0].value, "a&b c+");
	assert_string_equal(f->target.query[2].name, "bare");
	assert_string_equal(f->target.query[2].value, "");
	assert_string_equal(f->target.query[3].value, "");
	assert_int_equal(find(f, "GET", "/?"), 0);
	assert_int_equal(f->target.n_query, 0);
	assert_int_equal(find(f, "GET", "/?a=b=c?d/.."), 0);
	assert_string_equal(f->target.query[0].value, "b=c?d/..");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (find(f, "GET", bad[i]) != -1) {
			fail_msg("taken: %s", bad[i]);
		}
	}
}

static void test_out_of_memory(void **state)
{
	struct arena *small = arena_new(8);
	struct http_target target;
	struct err err = {0};

	(void)state;
	assert_int_equal(target_parse(small, "/a/long/path/that/does/not/fit", &target, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(target.path);
	arena_free(small);
}

static void test_tables(void **state)
{
	static const struct http_route bad[] = {
		{.method = "GET", .pattern = "v1", .handle = handler},
		{.method = "GET", .pattern = NULL, .handle = handler},
		{.method = "HEAD", .pattern = "/", .handle = handler},
		{.method = NULL, .pattern = "/", .handle = handler},
		{.method = "GET", .pattern = "/", .handle = NULL},
		{.method = "GET", .pattern = "/x{id}", .handle = handler},
		{.method = "GET", .pattern = "/{}", .handle = handler},
		{.method = "GET", .pattern = "/{id", .handle = handler},
		{.method = "GET", .pattern = "/{a}/{b}/{c}/{d}/{e}", .handle = handler},
		{.method = "GET",
			.pattern = "/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g",
			.handle = handler},
	};
	struct err err = {0};

	(void)state;
	assert_int_equal(routes_check(routes, ARRAY_SIZE(routes), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(routes_check(&bad[i], 1, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_route, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_query, setup, teardown),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
