/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and hosts over HTTP: every bad field is named, every answer has its members. */
#include "test/unit/target/api/apifix.h"

#define HOST_PATH "/v1/volumes/v1/hosts/nqn.2026-01.dev.csi.nvmetcp%3Anode.test.a"

static void test_bad_fields(void **state UNUSED)
{
	static const struct {
		const char *body;
		const char *part;
	} bad[] = {
		{"{\"instance\":\"test\",\"size\":4194304}", "pool"},
		{"{\"pool\":1,\"instance\":\"test\",\"size\":4194304}", "pool"},
		{"{\"pool\":\"a/b\",\"instance\":\"test\",\"size\":4194304}", "pool"},
		{"{\"pool\":\"one\",\"size\":4194304}", "instance"},
		{"{\"pool\":\"one\",\"instance\":\"Up\",\"size\":4194304}", "instance"},
		{"{\"pool\":\"one\",\"instance\":\"01234567890123456\",\"size\":4194304}",
			"instance"},
		{"{\"pool\":\"one\",\"instance\":\"test\"}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":\"4Mi\"}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304.5}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":null}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":-1}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":1048575}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194305}",
			"size: must be a multiple of 4096"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":70368744181760}", "size"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":99999999999999999999}", "body"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"source\":\"v0\"}",
			"source"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"source\":{}}",
			"source"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"source\":{\"volume\":\"a\",\"snapshot\":\"b\"}}",
			"source"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"source\":{\"volume\":\"A\"}}",
			"source.volume"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"source\":{\"pvc\":\"a\"}}",
			"pvc"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"subsystem\":\"\"}",
			"subsystem"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"subsystem\":7}",
			"subsystem"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"metadata\":{\"a\":1}}",
			"metadata.a"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"metadata\":\"x\"}",
			"metadata"},
		{"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"sizes\":1}", "sizes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_answer(400, "PUT", V1, bad[i].body, bad[i].part);
		assert_non_null(strstr(served.answer.body, "INVALID_ARGUMENT"));
	}
	assert_answer(404, "GET", V1, NULL, "NOT_FOUND");
	assert_answer(404, "PUT", V1, "{\"pool\":\"three\",\"instance\":\"test\",\"size\":4194304}",
		"no pool \\\"three\\\"");
}

static void test_life(void **state UNUSED)
{
	assert_answer(201, "PUT", V1,
		"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"metadata\":{\"csiName\":\"pvc-1\"}}",
		"\"metadata\":{\"csiName\":\"pvc-1\"}");
	assert_non_null(strstr(served.answer.body, "\"extents\":0"));
	assert_non_null(strstr(served.answer.body, "\"hosts\":[]"));
	assert_non_null(strstr(served.answer.body, "\"written\":false"));
	assert_null(strstr(served.answer.body, "source"));
	assert_answer(409, "PUT", V1, GOOD_BODY, "ALREADY_EXISTS");
	assert_answer(200, "GET", V1, NULL, "\"nqn\":\"nqn.2026-01.dev.csi.nvmetcp:test:");
	assert_answer(200, "POST", V1 "/resize", "{\"size\":8388608}", "\"size\":8388608");
	assert_answer(201, "PUT", "/v1/volumes/v2",
		"{\"pool\":\"one\",\"instance\":\"test\",\"size\":8388608,\"source\":{\"volume\":\"v1\"}}",
		"\"source\":{\"volume\":\"v1\"}");
	assert_answer(200, "GET", "/v1/volumes?limit=1", NULL, "\"next\":\"v1\"");
	assert_null(strstr(served.answer.body, "extents"));
	assert_answer(200, "GET", "/v1/volumes?limit=1&token=v1", NULL, "\"id\":\"v2\"");
	assert_null(strstr(served.answer.body, "next"));
	assert_answer(204, "DELETE", V1, NULL, "");
	assert_answer(404, "DELETE", V1, NULL, "NOT_FOUND");
	assert_answer(201, "PUT", "/v1/volumes/v3",
		"{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304,\"subsystem\":\"many\"}",
		"\"subsystem\":\"many\"");
	assert_non_null(strstr(served.answer.body, "\"shared\":true"));
}

static void test_resize_fields(void **state UNUSED)
{
	assert_answer(201, "PUT", V1, GOOD_BODY, "v1");
	assert_answer(400, "POST", V1 "/resize", "{}", "size");
	assert_answer(400, "POST", V1 "/resize", "{\"size\":4194305}", "multiple of 4096");
	assert_answer(400, "POST", V1 "/resize", "{\"size\":8388608,\"pool\":\"one\"}", "pool");
	assert_answer(400, "POST", V1 "/resize", "8388608", "body");
	assert_answer(404, "POST", "/v1/volumes/v2/resize", "{\"size\":8388608}", "NOT_FOUND");
	assert_answer(507, "POST", V1 "/resize", "{\"size\":70368744177664}", "RESOURCE_EXHAUSTED");
	assert_answer(200, "POST", V1 "/resize", "{\"size\":1048576}", "\"size\":4194304");
}

static void test_hosts(void **state UNUSED)
{
	assert_answer(404, "PUT", HOST_PATH, NULL, "volume v1");
	assert_answer(201, "PUT", V1, GOOD_BODY, "v1");
	assert_answer(
		200, "PUT", HOST_PATH, NULL, "\"portals\":[\"127.0.0.1:4420\",\"127.0.0.2:4420\"]");
	assert_non_null(strstr(served.answer.body, "\"nsid\":1"));
	assert_non_null(strstr(served.answer.body, "\"nguid\":\""));
	assert_non_null(strstr(served.answer.body, "\"size\":4194304"));
	assert_answer(200, "PUT", HOST_PATH, "{}", "nqn");
	assert_answer(400, "PUT", HOST_PATH, "{\"readonly\":true}", "readonly");
	assert_answer(400, "PUT", HOST_PATH, "[]", "body");
	assert_answer(400, "PUT", V1 "/hosts/host-a", NULL, "hostnqn");
	assert_answer(400, "DELETE", V1 "/hosts/nqn.a%2Cb", NULL, "hostnqn");
	assert_answer(200, "GET", V1, NULL, HOST_A);
	assert_answer(423, "DELETE", V1, NULL, "FAILED_PRECONDITION");
	assert_answer(204, "DELETE", HOST_PATH, NULL, "");
	assert_answer(204, "DELETE", HOST_PATH, NULL, "");
	assert_answer(200, "PUT", HOST_PATH, NULL, "nqn");
	assert_answer(204, "DELETE", V1 "/hosts", NULL, "");
	assert_answer(404, "DELETE", "/v1/volumes/v2/hosts", NULL, "NOT_FOUND");
	assert_nothing_exported();
}

static void test_list_query(void **state UNUSED)
{
	assert_answer(400, "GET", "/v1/volumes?limit=0", NULL, "limit");
	assert_answer(400, "GET", "/v1/volumes?limit=1001", NULL, "limit");
	assert_answer(400, "GET", "/v1/volumes?limit=ten", NULL, "limit");
	/* Not passed over: who misspells a filter must not get, or delete, all there is. */
	assert_answer(400, "GET", "/v1/volumes?pol=one", NULL, "query parameter \\\"pol\\\"");
	assert_answer(400, "GET", "/v1/volumes?pool=one&volume=v1", NULL, "volume");
	assert_answer(400, "GET", V1 "?pool=one", NULL, "pool");
	assert_answer(400, "DELETE", V1 "?force=true", NULL, "force");
	assert_answer(400, "DELETE", V1 "/hosts/" HOST_A "?force", NULL, "force");
	assert_answer(400, "PUT", V1 "?size=1", GOOD_BODY, "size");
	assert_answer(400, "GET", "/v1/pools?name=one", NULL, "name");
	assert_answer(400, "GET", "/v1/info?x", NULL, "x");
	/* Whoever watches may be sent with parameters of his own. */
	assert_answer(200, "GET", "/healthz?probe=1", NULL, "ok");
	assert_answer(400, "GET", "/v1/volumes?token=A", NULL, "token");
	assert_answer(400, "GET", "/v1/volumes?pool=A", NULL, "pool");
	assert_answer(404, "GET", "/v1/volumes?pool=three", NULL, "three");
	assert_answer(400, "GET", "/v1/volumes?instance=A", NULL, "instance");
	assert_answer(200, "GET", "/v1/volumes?pool=one&instance=test&limit=1000", NULL,
		"{\"volumes\":[]}");
	pool_away(1);
	assert_answer(503, "GET", "/v1/volumes", NULL, "pool two");
	assert_answer(200, "GET", "/v1/volumes?pool=one", NULL, "volumes");
	pool_back(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_fields, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_life, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_resize_fields, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_hosts, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_list_query, api_setup, api_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
