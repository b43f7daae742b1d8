/* SPDX-License-Identifier: Apache-2.0 */
/* Portals over HTTP. */
#include "test/unit/target/api/apifix.h"

#define FIRST "/v1/portals/127.0.0.1:4420"
#define SECOND "/v1/portals/127.0.0.2%3A4420"

static void test_list(void **state UNUSED)
{
	assert_answer(200, "GET", "/v1/portals", NULL,
		"{\"portals\":[{\"anaState\":\"optimized\",\"open\":true,\"portal\":\"127.0.0.1:4420\"},"
		"{\"anaState\":\"optimized\",\"open\":true,\"portal\":\"127.0.0.2:4420\"}]}");
	assert_answer(400, "GET", "/v1/portals?limit=1", NULL, "limit");
	assert_answer(200, "GET", "/metrics", NULL,
		"nvmetcp_target_portal_usable{portal=\"127.0.0.1:4420\"} 1\n");
}

static void test_put(void **state UNUSED)
{
	assert_answer(200, "PUT", SECOND, "{\"anaState\":\"inaccessible\"}",
		"{\"anaState\":\"inaccessible\",\"open\":true,\"portal\":\"127.0.0.2:4420\"}");
	assert_answer(200, "GET", "/v1/portals", NULL, "\"anaState\":\"inaccessible\"");
	assert_answer(200, "GET", "/metrics", NULL,
		"nvmetcp_target_portal_usable{portal=\"127.0.0.2:4420\"} 0\n");
	/* What hosts are told to connect to does not change with it. */
	assert_answer(200, "GET", "/v1/info", NULL, "127.0.0.2:4420");
	assert_answer(423, "PUT", FIRST, "{\"anaState\":\"inaccessible\"}", "FAILED_PRECONDITION");
	assert_answer(423, "PUT", FIRST, "{\"anaState\":\"inaccessible\",\"force\":false}",
		"would leave hosts no portal");
	assert_answer(200, "PUT", FIRST, "{\"anaState\":\"inaccessible\",\"force\":true}",
		"inaccessible");
	assert_answer(200, "PUT", FIRST, "{\"anaState\":\"non-optimized\"}", "non-optimized");
	assert_answer(200, "GET", "/metrics", NULL,
		"nvmetcp_target_portal_usable{portal=\"127.0.0.1:4420\"} 1\n");
}

static void test_refused(void **state UNUSED)
{
	assert_answer(400, "PUT", FIRST, NULL, "body");
	assert_answer(400, "PUT", FIRST, "{}", "anaState");
	assert_answer(400, "PUT", FIRST, "{\"anaState\":\"persistent-loss\"}",
		"optimized, non-optimized, inaccessible");
	assert_answer(400, "PUT", FIRST, "{\"anaState\":\"optimized\",\"state\":1}", "state");
	assert_answer(400, "PUT", FIRST, "{\"anaState\":\"optimized\",\"force\":1}", "force");
	assert_answer(400, "PUT", FIRST "?force=true", "{\"anaState\":\"optimized\"}", "force");
	assert_answer(400, "PUT", "/v1/portals/target.example:4420", "{\"anaState\":\"optimized\"}",
		"portal");
	assert_answer(
		404, "PUT", "/v1/portals/[::1]:4420", "{\"anaState\":\"optimized\"}", "NOT_FOUND");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_list, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_put, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_refused, api_setup, api_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
