/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies and the table of statuses. */
#include "common/http/respond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void body_is(enum err_code code, const char *msg, const char *want)
{
	struct http_server_response res = {.status = 200};
	struct err err = {.code = code};

	/* Not by err_set(), which leaves no control character in a message. */
	(void)snprintf(err.msg, sizeof(err.msg), "%s", msg);
	respond_error(&res, 418, &err);
	assert_int_equal(res.status, 418);
	assert_string_equal(res.content_type, "application/json");
	assert_string_equal(res.body, want);
	assert_int_equal(res.len, strlen(want));
	free(res.body);
}

static void test_error_bodies(void **state)
{
	(void)state;
	body_is(ERR_NOT_FOUND, "volume x: unknown",
		"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"volume x: unknown\"}}");
	body_is(ERR_INVALID_ARGUMENT, "a \"b\" \\ \n\x01\xc3\xa9",
		"{\"error\":{\"code\":\"INVALID_ARGUMENT\","
		"\"message\":\"a \\\"b\\\" \\\\ \\u000a\\u0001\xc3\xa9\"}}");
	body_is(ERR_INTERNAL, "bad \xff byte",
		"{\"error\":{\"code\":\"INTERNAL\",\"message\":\"bad ? byte\"}}");
}

static void test_longest(void **state)
{
	struct http_server_response res = {0};
	struct err err = {.code = ERR_INTERNAL};

	(void)state;
	memset(err.msg, '\x01', sizeof(err.msg) - 1);
	respond_error(&res, 500, &err);
	assert_non_null(res.body);
	assert_int_equal(res.len, strlen("{\"error\":{\"code\":\"INTERNAL\",\"message\":\"\"}}") +
					  6 * (ERR_MSG_MAX - 1));
	free(res.body);
}

static void test_replaces_the_body(void **state)
{
	struct http_server_response res = {0};

	(void)state;
	assert_int_equal(http_respond_json(&res, 200, strdup("{}")), 0);
	assert_int_equal(res.len, 2);
	assert_int_equal(http_respond(&res, 204, NULL, NULL, 77), 0);
	assert_null(res.body);
	assert_int_equal(res.len, 0);
	assert_null(res.content_type);
}

static void test_statuses(void **state)
{
	static const int want[] = {200, 503, 500, 400, 504, 404, 409, 403, 507, 423, 409, 400, 501,
		500, 503, 500, 401};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(http_status_of_code((enum err_code)i), want[i]);
	}
	assert_int_equal(http_status_of_code((enum err_code)99), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_bodies),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_replaces_the_body),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
