/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, info, health and metrics over HTTP. */
#include "test/unit/target/api/apifix.h"

static void test_pools(void **state UNUSED)
{
	assert_answer(200, "GET", "/v1/pools", NULL, "\"name\":\"one\"");
	assert_non_null(strstr(served.answer.body, "\"name\":\"two\""));
	assert_non_null(strstr(served.answer.body, "\"available\":"));
	assert_non_null(strstr(served.answer.body, "\"ratio\":1"));
	assert_null(strstr(served.answer.body, "absent"));
	pool_away(0);
	assert_answer(200, "GET", "/v1/pools", NULL, "\"state\":\"absent\"");
	assert_non_null(strstr(served.answer.body, "\"reason\":\"pool one"));
	pool_back(0);
}

static void test_info(void **state UNUSED)
{
	assert_answer(200, "GET", "/v1/info", NULL, "\"granularity\":4096");
	assert_non_null(strstr(served.answer.body, "\"version\":\"" NV_VERSION "\""));
	assert_non_null(strstr(served.answer.body, "\"cloneExtents\":1000"));
	assert_non_null(
		strstr(served.answer.body, "\"portals\":[\"127.0.0.1:4420\",\"127.0.0.2:4420\"]"));
}

static void test_health(void **state UNUSED)
{
	assert_answer(200, "GET", "/healthz", NULL, "ok");
	pool_away(0);
	assert_answer(503, "GET", V1, NULL, "UNAVAILABLE");
	assert_answer(503, "GET", "/healthz", NULL, "pool one");
	pool_back(0);
}

static void test_metrics(void **state UNUSED)
{
	assert_answer(201, "PUT", V1, GOOD_BODY, "v1");
	assert_answer(
		200, "GET", "/metrics", NULL, "nvmetcp_target_pool_volumes{pool=\"one\"} 1\n");
	assert_non_null(strstr(
		served.answer.body, "nvmetcp_target_pool_committed_bytes{pool=\"one\"} 4194304\n"));
	assert_non_null(strstr(served.answer.body, "nvmetcp_target_healthy 1\n"));
	assert_non_null(strstr(served.answer.body,
		"nvmetcp_target_request_seconds_count{method=\"PUT\",route=\"/v1/volumes/{id}\",status=\"201\"} 1"));
	pool_away(0);
	assert_answer(200, "GET", "/metrics", NULL, "nvmetcp_target_pool_ready{pool=\"one\"} 0\n");
	assert_null(strstr(served.answer.body, "nvmetcp_target_pool_volumes{pool=\"one\"}"));
	assert_non_null(strstr(served.answer.body, "nvmetcp_target_healthy 0\n"));
	pool_back(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pools, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_info, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_health, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_metrics, api_setup, api_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
