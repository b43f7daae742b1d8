/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/backend/spdk/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":7,"

static int read_text(const char *text, enum spdk_said *ret_said, struct err *err)
{
	const struct spdk_answer answer = {.method = "bdev_lvol_create",
		.id = 7,
		.text = text,
		.len = strlen(text),
		.max = 4096};
	struct js_doc *doc = NULL;
	int rc = spdk_answer_read(&answer, &doc, ret_said, err);

	assert_int_equal(rc == 0, doc != NULL);
	js_doc_free(doc);
	return rc;
}

static void results_are_taken(void **state)
{
	static const char *const good[] = {HEAD "\"result\":true}", HEAD "\"result\":\"uuid\"}\n",
		HEAD "\"result\":[]}", HEAD "\"result\":{}}", HEAD "\"result\":null}"};
	enum spdk_said said;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(read_text(good[i], &said, &err), 0);
	}
}

/* None of these says what became of the request, so none may be final. */
static void garbage_is_unknown(void **state)
{
	static const char *const bad[] = {"", "{", "null", "[]", "42", "true", "<html>",
		HEAD "\"result\":true", HEAD "\"result\":[1,2", "{}", "{\"result\":true}",
		"{\"jsonrpc\":\"2.0\",\"result\":true}",
		"{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":true}",
		"{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":true}",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":true}",
		"{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":true}", "{\"jsonrpc\":\"2.0\",\"id\":7}",
		HEAD "\"result\":true,\"error\":{\"code\":-19,\"message\":\"No such device\"}}",
		HEAD "\"error\":{}}", HEAD "\"error\":null}", HEAD "\"error\":\"No such device\"}",
		HEAD "\"error\":{\"code\":\"-19\",\"message\":\"No such device\"}}",
		HEAD "\"error\":{\"code\":-19}}",
		/* an answer to another one */
		"{\"jsonrpc\":\"2.0\",\"id\":6,\"error\":{\"code\":-19,\"message\":\"No such device\"}}",
		HEAD "\"result\":true}{}", "\xff\xfe"};
	enum spdk_said said;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err){0};
		assert_int_equal(read_text(bad[i], &said, &err), -1);
		assert_int_equal(said, SPDK_SAID_NOTHING);
		if (err_is_final(err.code)) {
			fail_msg("%zu: %s: %s", i, err_code_name(err.code), err.msg);
		}
		assert_non_null(strstr(err.msg, "bdev_lvol_create"));
	}
}

static void errors_say_what_and_where(void **state)
{
	enum spdk_said said;
	struct err err = {0};

	(void)state;
	assert_int_equal(read_text(HEAD "\"error\":{\"code\":-32602,\"message\":\"No space left on "
					"device\"}}",
				 &said, &err),
		-1);
	assert_int_equal(said, SPDK_SAID_NO_ROOM);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(err.msg, "bdev_lvol_create: the target says No space left on device "
				     "(-32602)");
	/* Not an answer of its own, as it has no id; and surely nothing was done. */
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				   "\"message\":\"Parse error\"}}",
				 &said, &err),
		-1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
}

static const struct {
	const char *method;
	int64_t code;
	const char *text;
	enum spdk_said said;
} meanings[] = {
	{"bdev_get_bdevs", -19, "No such device", SPDK_SAID_ABSENT},
	{"bdev_lvol_create", -17, "File exists", SPDK_SAID_EXISTS},
	{"bdev_lvol_snapshot", -32602, "File exists", SPDK_SAID_EXISTS},
	{"bdev_lvol_clone", -32602, "File exists", SPDK_SAID_EXISTS},
	{"bdev_lvol_create", -32602, "No space left on device", SPDK_SAID_NO_ROOM},
	{"bdev_lvol_resize", -28, "No space left on device", SPDK_SAID_NO_ROOM},
	{"bdev_lvol_snapshot", -32602, "Device or resource busy", SPDK_SAID_BUSY},
	{"bdev_lvol_delete", -32603, "Device or resource busy", SPDK_SAID_BUSY},
	{"bdev_lvol_delete", -32603, "Operation not permitted", SPDK_SAID_REFUSED},
	{"bdev_lvol_resize", -32602, "Operation not permitted", SPDK_SAID_REFUSED},
	{"bdev_lvol_snapshot", -32602, "Invalid argument", SPDK_SAID_UNCLEAR},
	{"bdev_lvol_create", -32602, "Cannot allocate memory", SPDK_SAID_UNCLEAR},
	{"bdev_lvol_create", -32603, "spdk_json_decode_object failed", SPDK_SAID_UNKNOWN_PARAMETER},
	{"bdev_lvol_get_lvstores", -22, "Invalid argument", SPDK_SAID_UNCLEAR},
	{"nvmf_get_subsystems", -19, "No such device", SPDK_SAID_ABSENT},
	{"nvmf_get_subsystems", -32602, "Subsystem with NQN 'nqn.x' not found", SPDK_SAID_ABSENT},
	{"nvmf_delete_subsystem", -32602, "Invalid parameters", SPDK_SAID_UNCLEAR},
	{"nvmf_delete_subsystem", -32603, "Subsystem is already being destroyed.", SPDK_SAID_BUSY},
	{"nvmf_delete_subsystem", -32603,
		"Subsystem currently in another state change try again later.", SPDK_SAID_BUSY},
	{"nvmf_subsystem_remove_host", -32603, "Timeout reached during host removal",
		SPDK_SAID_BUSY},
	{"nvmf_subsystem_add_host", -32603, "Internal error", SPDK_SAID_UNCLEAR},
	{"nvmf_subsystem_add_ns", -32602, "Invalid parameters", SPDK_SAID_UNCLEAR},
	{"nvmf_create_subsystem", -32603, "Unable to create subsystem nqn.x", SPDK_SAID_UNCLEAR},
	{"bdev_get_bdevs", -32601, "Method not found", SPDK_SAID_UNKNOWN_METHOD},
	{"bdev_get_bdevs", -1,
		"Method may only be called after framework is initialized using "
		"framework_start_init RPC.",
		SPDK_SAID_STARTING},
	{"keyring_file_add_key", -1, "Operation not permitted", SPDK_SAID_UNCLEAR},
	{"bdev_lvol_delete", 0, "", SPDK_SAID_UNCLEAR},
};

static void every_error_has_its_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		enum spdk_said said =
			spdk_said_of(meanings[i].method, meanings[i].code, meanings[i].text);

		if (said != meanings[i].said) {
			fail_msg("%zu: %s, %s: %d", i, meanings[i].method, meanings[i].text,
				(int)said);
		}
	}
}

static void requests_are_compact(void **state)
{
	struct js *params = js_object();
	struct err err = {0};
	char *text = NULL;
	size_t len = 0;

	(void)state;
	js_set_str(params, "name", "a\"b");
	assert_int_equal(spdk_request_print("m", params, 3, &text, &len, &err), 0);
	assert_string_equal(text, "{\"id\":3,\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{"
				  "\"name\":\"a\\\"b\"}}");
	assert_int_equal(len, strlen(text));
	free(text);
	/* Some methods take even an empty object for a mistake. */
	assert_int_equal(spdk_request_print("m", NULL, 4, &text, &len, &err), 0);
	assert_string_equal(text, "{\"id\":4,\"jsonrpc\":\"2.0\",\"method\":\"m\"}");
	free(text);
	params = js_object();
	js_set_str(params, "name", "\xff");
	assert_int_equal(spdk_request_print("m", params, 5, &text, &len, &err), -1);
	assert_false(err_is_final(err.code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_taken),
		cmocka_unit_test(garbage_is_unknown),
		cmocka_unit_test(errors_say_what_and_where),
		cmocka_unit_test(every_error_has_its_meaning),
		cmocka_unit_test(requests_are_compact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
