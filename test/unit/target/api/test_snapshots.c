/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots over HTTP. */
#include "test/unit/target/api/apifix.h"

#define S1 "/v1/snapshots/s1"

static void test_bad_fields(void **state UNUSED)
{
	assert_answer(400, "PUT", S1, "{}", "volume");
	assert_answer(400, "PUT", S1, "{\"volume\":1}", "volume");
	assert_answer(400, "PUT", S1, "{\"volume\":\"A\"}", "volume");
	assert_answer(400, "PUT", S1, "{\"volume\":\"v1\",\"size\":1}", "size");
	assert_answer(400, "PUT", S1, "{\"volume\":\"v1\",\"metadata\":[]}", "metadata");
	assert_answer(404, "PUT", S1, "{\"volume\":\"v1\"}", "volume v1");
	assert_answer(400, "GET", "/v1/snapshots?volume=A", NULL, "volume");
	assert_answer(400, "GET", "/v1/snapshots?limit=-1", NULL, "limit");
}

static void test_life(void **state UNUSED)
{
	assert_answer(201, "PUT", V1, GOOD_BODY, "v1");
	assert_answer(201, "PUT", S1, "{\"volume\":\"v1\",\"metadata\":{\"a\":\"b\"}}",
		"\"volume\":\"v1\"");
	assert_non_null(strstr(served.answer.body, "\"instance\":\"test\""));
	assert_non_null(strstr(served.answer.body, "\"size\":4194304"));
	assert_answer(200, "PUT", S1, "{\"volume\":\"v1\",\"metadata\":{\"a\":\"b\"}}", "s1");
	assert_answer(409, "PUT", S1, "{\"volume\":\"v1\"}", "other metadata");
	assert_answer(
		409, "PUT", S1, "{\"volume\":\"v2\",\"metadata\":{\"a\":\"b\"}}", "another volume");
	assert_answer(200, "GET", S1, NULL, "\"metadata\":{\"a\":\"b\"}");
	assert_answer(201, "PUT", "/v1/snapshots/s2", "{\"volume\":\"v1\"}", "s2");
	assert_answer(200, "GET", "/v1/snapshots?volume=v1&limit=1", NULL, "\"next\":\"s1\"");
	assert_answer(200, "GET", "/v1/snapshots?volume=v2", NULL, "{\"snapshots\":[]}");
	assert_answer(204, "DELETE", S1, NULL, "");
	assert_answer(404, "DELETE", S1, NULL, "NOT_FOUND");
	assert_answer(404, "GET", S1, NULL, "NOT_FOUND");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_fields, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_life, api_setup, api_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
