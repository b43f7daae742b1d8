/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages from JSON and to JSON: every shape of a field, and what is refused with which words.
 */
#include "proto/csi.pb-c.h"
#include "test/tools/pbjson.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int read_text(const char *text, const ProtobufCMessageDescriptor *type, struct arena *arena,
	ProtobufCMessage **ret, struct err *err)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int result;

	assert_non_null(json);
	*err = (struct err){0};
	result = pbjson_read(json, type, arena, ret, err);
	json_decref(json);
	return result;
}

/* Read, pack, unpack, print: the same text comes out. */
static void both_ways(const ProtobufCMessageDescriptor *type, const char *text)
{
	struct arena *arena = arena_new(MIB);
	ProtobufCMessage *message = NULL;
	ProtobufCMessage *unpacked;
	struct err err;
	uint8_t bytes[4096];
	json_t *json;
	size_t n;
	char *out;

	if (read_text(text, type, arena, &message, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_true(protobuf_c_message_get_packed_size(message) <= sizeof(bytes));
	n = protobuf_c_message_pack(message, bytes);
	unpacked = protobuf_c_message_unpack(type, NULL, n, bytes);
	assert_non_null(unpacked);
	json = pbjson_print(unpacked);
	out = json_dumps(json, JSON_COMPACT);
	assert_string_equal(out, text);
	free(out);
	json_decref(json);
	protobuf_c_message_free_unpacked(unpacked, NULL);
	arena_free(arena);
}

static void test_both_ways(void **state UNUSED)
{
	both_ways(&csi__v1__probe_request__descriptor, "{}");
	both_ways(&csi__v1__create_volume_request__descriptor,
		"{\"name\":\"pvc-1\",\"capacity_range\":{\"required_bytes\":9007199254740993},"
		"\"volume_capabilities\":[{\"mount\":{\"fs_type\":\"xfs\",\"mount_flags\":[\"noatime\","
		"\"discard\"]},\"access_mode\":{\"mode\":\"SINGLE_NODE_WRITER\"}},{\"block\":{}}],"
		"\"parameters\":{\"backend\":\"linux\",\"pool\":\"\"},\"secrets\":{\"k\":\"v\"},"
		"\"volume_content_source\":{\"snapshot\":{\"snapshot_id\":\"s\"}},"
		"\"accessibility_requirements\":{\"requisite\":[{\"segments\":{\"zone\":\"a\"}}]}}");
	both_ways(&csi__v1__snapshot__descriptor,
		"{\"size_bytes\":-5,\"snapshot_id\":\"linux/s\",\"creation_time\":{\"seconds\":1700000000,"
		"\"nanos\":5},\"ready_to_use\":true}");
	both_ways(&csi__v1__list_volumes_response__descriptor,
		"{\"entries\":[{\"volume\":{\"volume_id\":\"a\"},\"status\":{\"published_node_ids\":"
		"[\"n1\"]}},{}],\"next_token\":\"t\"}");
	both_ways(&csi__v1__probe_response__descriptor, "{\"ready\":false}");
	both_ways(&csi__v1__get_capacity_response__descriptor,
		"{\"available_capacity\":1,\"maximum_volume_size\":0}");
	/* An enum number of a later version. */
	both_ways(&csi__v1__volume_usage__descriptor, "{\"unit\":77}");
	/* A oneof member that is empty is there all the same. */
	both_ways(&csi__v1__volume_capability__descriptor, "{\"mount\":{}}");
}

static void test_null_is_not_there(void **state UNUSED)
{
	struct arena *arena = arena_new(MIB);
	ProtobufCMessage *message = NULL;
	struct err err;

	assert_int_equal(
		read_text("{\"name\":null,\"capacity_range\":null,\"parameters\":null}",
			&csi__v1__create_volume_request__descriptor, arena, &message, &err),
		0);
	assert_int_equal(protobuf_c_message_get_packed_size(message), 0);
	arena_free(arena);
}

static void refused(const ProtobufCMessageDescriptor *type, const char *text, const char *why)
{
	struct arena *arena = arena_new(MIB);
	ProtobufCMessage *message = NULL;
	struct err err;

	assert_int_equal(read_text(text, type, arena, &message, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, why);
	arena_free(arena);
}

static void test_refused(void **state UNUSED)
{
	const ProtobufCMessageDescriptor *create = &csi__v1__create_volume_request__descriptor;

	refused(create, "[]", "the request: must be an object");
	refused(create, "{\"name\":5}", "name: must be a string");
	refused(create, "{\"capacity_range\":{\"required_bytes\":\"5\"}}",
		"capacity_range.required_bytes: must be a whole number");
	refused(create, "{\"capacity_range\":{\"required_bytes\":5.0}}",
		"capacity_range.required_bytes: must be a whole number");
	refused(create, "{\"capacity_range\":{\"required\":5}}",
		"capacity_range: CapacityRange has no field \"required\"; it has: required_bytes, "
		"limit_bytes");
	refused(create, "{\"volume_capabilities\":[{},{\"mount\":5}]}",
		"volume_capabilities[1].mount: must be an object");
	refused(create, "{\"volume_capabilities\":{}}", "volume_capabilities: must be an array");
	refused(create, "{\"volume_capabilities\":[{\"mount\":{},\"block\":{}}]}",
		"volume_capabilities[0].block: another member of this oneof is there, only one may be");
	refused(create, "{\"parameters\":[]}", "parameters: must be an object");
	refused(create, "{\"parameters\":{\"pool\":5}}",
		"parameters[pool].value: must be a string");
	refused(&csi__v1__volume_usage__descriptor, "{\"unit\":\"BITS\"}",
		"unit: must be one of UNKNOWN, BYTES, INODES");
	refused(&csi__v1__list_volumes_request__descriptor, "{\"max_entries\":2147483648}",
		"max_entries: must be -2147483648 to 2147483647");
	refused(&csi__v1__probe_response__descriptor, "{\"ready\":1}",
		"ready: must be true or false");
	refused(&csi__v1__probe_request__descriptor, "{\"x\":1}",
		"the request: ProbeRequest has no field \"x\"; it has: none");
}

static void test_too_large(void **state UNUSED)
{
	struct arena *arena = arena_new(256);
	ProtobufCMessage *message = NULL;
	struct err err;

	assert_int_equal(
		read_text("{\"volume_capabilities\":[{},{},{},{},{},{},{},{},{}]}",
			&csi__v1__create_volume_request__descriptor, arena, &message, &err),
		-1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	arena_free(arena);
}

static void test_last_of_equal_keys_is_printed(void **state UNUSED)
{
	static const uint8_t bytes[] = "\x0a\x06\x0a\x01z\x12\x01"
				       "a\x0a\x06\x0a\x01z\x12\x01"
				       "b";
	ProtobufCMessage *message = protobuf_c_message_unpack(
		&csi__v1__topology__descriptor, NULL, sizeof(bytes) - 1, bytes);
	json_t *json;
	char *out;

	assert_non_null(message);
	json = pbjson_print(message);
	out = json_dumps(json, JSON_COMPACT);
	assert_string_equal(out, "{\"segments\":{\"z\":\"b\"}}");
	free(out);
	json_decref(json);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void test_bad_utf8_is_not_printed(void **state UNUSED)
{
	Csi__V1__Volume volume = CSI__V1__VOLUME__INIT;
	char bad[] = "\xff";

	volume.volume_id = bad;
	assert_null(pbjson_print(&volume.base));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_null_is_not_there),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_last_of_equal_keys_is_printed),
		cmocka_unit_test(test_bad_utf8_is_not_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
