/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client where no server helps it: wrong targets, nobody there, waiting for somebody, and
 * answers that it cannot read.
 */
#include "test/unit/common/rpc/support.h"

static void test_targets(void **state UNUSED)
{
	static const char *const wrong[] = {
		"", "unix:", "unix://", "csi.sock", "unix:csi.sock", "dns:///x", "/"};
	static const char *const right[] = {"/x", "unix:/x", "unix:///x", "/with space%?#"};
	char long_path[2048];
	struct rpc_client *client = NULL;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		err = (struct err){0};
		assert_int_equal(rpc_client_new(wrong[i], &client, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "target"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		assert_int_equal(rpc_client_new(right[i], &client, &err), 0);
		rpc_client_free(client);
	}
	memset(long_path, '/', sizeof(long_path) - 1);
	memset(long_path + 1, 'x', sizeof(long_path) - 2);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(rpc_client_new(long_path, &client, &err), -1);
	rpc_client_free(NULL);
}

static void test_nobody_there(void **state UNUSED)
{
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	assert_int_equal(rpc_client_new(setup.socket_path, &setup.client, &err), 0);
	assert_int_equal(ask_info(setup.client, &err), ERR_UNAVAILABLE);
	assert_true(err.msg[0] != '\0');
	setup_end(&setup);
}

static void test_waiting_has_an_end(void **state UNUSED)
{
	struct deadline dl = deadline_in(50);
	struct setup setup;
	struct err err = {0};
	char id[64];

	setup_prepare(&setup);
	assert_int_equal(rpc_client_new(setup.socket_path, &setup.client, &err), 0);
	rpc_client_wait(setup.client, true);
	assert_int_equal(create(setup.client, "x", &dl, id, &err), ERR_DEADLINE_EXCEEDED);
	setup_end(&setup);
}

static void test_cancelled_before_it_began(void **state UNUSED)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct setup setup;
	struct err err = {0};
	char id[64];

	setup_prepare(&setup);
	setup_start(&setup);
	dl.cancel_fd = setup.release_fd;
	setup_release(&setup);
	assert_int_equal(create(setup.client, "x", &dl, id, &err), ERR_CANCELLED);
	setup_end(&setup);
}

static void test_answer_of_another_type(void **state UNUSED)
{
	Csi__V1__GetPluginInfoRequest request = CSI__V1__GET_PLUGIN_INFO_REQUEST__INIT;
	struct deadline dl = deadline_in(LONG_MS);
	ProtobufCMessage *answer = NULL;
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup_start(&setup);
	/* The name's bytes are no CapacityRange. */
	assert_int_equal(rpc_client_call(setup.client, GET_PLUGIN_INFO, &request.base,
				 &csi__v1__capacity_range__descriptor, &dl, &answer, &err),
		-1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.msg, "the answer is no well-formed csi.v1.CapacityRange");
	assert_null(answer);
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_waiting_has_an_end),
		cmocka_unit_test(test_cancelled_before_it_began),
		cmocka_unit_test(test_answer_of_another_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
