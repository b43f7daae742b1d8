/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire check: what passes, what is refused, and that the error names the field.
 */
#include "common/rpc/wirecheck.h"
#include "proto/csi.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int check(
	const ProtobufCMessageDescriptor *type, const void *bytes, size_t n, struct err *err)
{
	*err = (struct err){0};
	return rpc_wire_check(type, bytes, n, RPC_WIRE_ELEMENTS_MAX, err);
}

static void refused(
	const ProtobufCMessageDescriptor *type, const void *bytes, size_t n, const char *why)
{
	struct err err;

	assert_int_equal(check(type, bytes, n, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, why);
}

#define REFUSED(type, bytes, why) refused(&(type), bytes, sizeof(bytes) - 1, why)
#define CREATE csi__v1__create_volume_request__descriptor

static void test_takes_what_was_packed(void **state UNUSED)
{
	Csi__V1__CreateVolumeRequest request = CSI__V1__CREATE_VOLUME_REQUEST__INIT;
	Csi__V1__CreateVolumeRequest__ParametersEntry entry =
		CSI__V1__CREATE_VOLUME_REQUEST__PARAMETERS_ENTRY__INIT;
	Csi__V1__CreateVolumeRequest__ParametersEntry *entries[] = {&entry, &entry};
	Csi__V1__CapacityRange range = CSI__V1__CAPACITY_RANGE__INIT;
	char key[] = "backend";
	char value[] = "gr\xc3\xbc\xc3\x9f";
	char name[] = "pvc-1";
	uint8_t bytes[256];
	struct err err;
	size_t n;

	entry.key = key;
	entry.value = value;
	range.required_bytes = -1;
	request.name = name;
	request.capacity_range = &range;
	request.n_parameters = 2;
	request.parameters = entries;
	n = csi__v1__create_volume_request__pack(&request, bytes);
	assert_true(n <= sizeof(bytes));
	assert_int_equal(check(&CREATE, bytes, n, &err), 0);
	assert_int_equal(check(&CREATE, bytes, 0, &err), 0);
	/* Cut anywhere it is refused, or what is left of it is whole fields. */
	for (size_t cut = 1; cut < n; cut++) {
		Csi__V1__CreateVolumeRequest *got =
			csi__v1__create_volume_request__unpack(NULL, cut, bytes);

		assert_int_equal(check(&CREATE, bytes, cut, &err) == 0, got != NULL);
		csi__v1__create_volume_request__free_unpacked(got, NULL);
	}
}

static void test_strings(void **state UNUSED)
{
	REFUSED(CREATE,
		"\x0a\x05"
		"ab\0cd",
		"name: has a NUL at byte 2 of 5; strings must be UTF-8 without NUL");
	REFUSED(CREATE, "\x0a\x03\xff\xfe\xfd", "name: is not valid UTF-8");
	/* A surrogate and an overlong form. */
	REFUSED(CREATE, "\x0a\x03\xed\xa0\x80", "name: is not valid UTF-8");
	REFUSED(CREATE, "\x0a\x02\xc0\xaf", "name: is not valid UTF-8");
}

static void test_names_the_field(void **state UNUSED)
{
	/* Two capabilities without anything, the third with a bad file system type. */
	REFUSED(CREATE, "\x1a\x00\x1a\x00\x1a\x05\x12\x03\x0a\x01\xff",
		"volume_capabilities[2].mount.fs_type: is not valid UTF-8");
	REFUSED(CREATE, "\x22\x03\x0a\x01k\x22\x03\x12\x01\xff",
		"parameters[1].value: is not valid UTF-8");
	REFUSED(CREATE, "\x12\x02\x08\x80",
		"capacity_range: is not a well-formed protobuf message");
}

static void test_malformed(void **state UNUSED)
{
	static const char *const bad = "request: is not a well-formed protobuf message";

	REFUSED(CREATE, "\x0a", bad); /* no length */
	REFUSED(CREATE,
		"\x0a\x05"
		"ab",
		bad);				  /* longer than what is there */
	REFUSED(CREATE, "\x02\x00", bad);	  /* field number 0 */
	REFUSED(CREATE, "\x0b\x0c", bad);	  /* a group */
	REFUSED(CREATE, "\x0f", bad);		  /* wire type 7 */
	REFUSED(CREATE, "\xa5\x3e\x01\x02", bad); /* half a fixed32 */
	REFUSED(CREATE, "\xa1\x3e\x01\x02", bad); /* half a fixed64 */
	REFUSED(CREATE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", bad); /* endless varint */
	REFUSED(CREATE, "\x8a\x80\x80\x80\x80\x00\x00", bad); /* a key of six bytes */
	REFUSED(CREATE, "\x0a\x80\x80\x80\x80\x80\x00", bad); /* a length of six bytes */
	REFUSED(CREATE, "\x80\x80\x80\x80\x80\x01\x00", bad); /* field number past the largest */
	REFUSED(CREATE, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", bad); /* length 2^64 - 1 */
}

static void test_wrong_types(void **state UNUSED)
{
	static const char *const bad = "has another type than the interface says";
	char why[128];

	(void)snprintf(why, sizeof(why), "name: %s", bad);
	REFUSED(CREATE, "\x08\x01", why);
	(void)snprintf(why, sizeof(why), "capacity_range.required_bytes: %s", bad);
	REFUSED(CREATE, "\x12\x03\x0a\x01x", why);
	(void)snprintf(why, sizeof(why), "volume_capabilities[0]: %s", bad);
	REFUSED(CREATE, "\x18\x01", why);
}

/* Of two the unpacker would make one that nobody sent. */
static void test_messages_come_once(void **state UNUSED)
{
	static const char many[] = "\x1a\x00\x1a\x00\x0a\x01x\x0a\x01y";
	struct err err;

	REFUSED(CREATE, "\x12\x02\x08\x05\x12\x02\x10\x07", "capacity_range: is there twice");
	REFUSED(CREATE, "\x1a\x04\x12\x00\x12\x00", "volume_capabilities[0].mount: is there twice");
	/* Repeated fields may, and of plain ones the last counts. */
	assert_int_equal(check(&CREATE, many, sizeof(many) - 1, &err), 0);
}

static void test_unknown_fields_pass(void **state UNUSED)
{
	/* Field 1000 as varint, fixed64, bytes, fixed32; its bytes may be anything. */
	static const char bytes[] = "\xc0\x3e\x05\xc1\x3e"
				    "12345678"
				    "\xc2\x3e\x02\xff\x00\xc5\x3e"
				    "1234";
	struct err err;

	assert_int_equal(check(&CREATE, bytes, sizeof(bytes) - 1, &err), 0);
}

static void test_limits(void **state UNUSED)
{
	size_t n = 2 * ((size_t)RPC_WIRE_ELEMENTS_MAX + 1);
	uint8_t *bytes = malloc(n);
	struct err err;

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i += 2) {
		bytes[i] = 0x1a; /* an empty capability */
		bytes[i + 1] = 0;
	}
	assert_int_equal(check(&CREATE, bytes, n - 2, &err), 0);
	refused(&CREATE, bytes, n,
		"volume_capabilities[65536]: more than 65536 fields and elements in one message");
	for (size_t i = 0; i < n; i += 2) {
		bytes[i] = 0x78; /* an unknown number, kept in memory as well */
		bytes[i + 1] = 1;
	}
	refused(&CREATE, bytes, n, "request: more than 65536 fields and elements in one message");
	free(bytes);
}

/* A type that holds itself, as CSI has none. */
static const ProtobufCMessageDescriptor nested;
static const ProtobufCFieldDescriptor nested_fields[] = {
	{.name = "inner",
		.id = 1,
		.label = PROTOBUF_C_LABEL_NONE,
		.type = PROTOBUF_C_TYPE_MESSAGE,
		.descriptor = &nested},
	{.name = "numbers",
		.id = 2,
		.label = PROTOBUF_C_LABEL_REPEATED,
		.type = PROTOBUF_C_TYPE_UINT32},
	{.name = "words",
		.id = 3,
		.label = PROTOBUF_C_LABEL_REPEATED,
		.type = PROTOBUF_C_TYPE_FIXED32},
};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 3}};
static const ProtobufCMessageDescriptor nested = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "nested",
	.n_fields = ARRAY_SIZE(nested_fields),
	.fields = nested_fields,
	.n_field_ranges = 1,
	.field_ranges = nested_ranges,
};

static void test_depth(void **state UNUSED)
{
	uint8_t bytes[2 * RPC_WIRE_DEPTH_MAX];
	struct err err;

	for (size_t i = 0; i < RPC_WIRE_DEPTH_MAX; i++) {
		bytes[2 * i] = 0x0a;
		bytes[2 * i + 1] = (uint8_t)(sizeof(bytes) - 2 * i - 2);
	}
	assert_int_equal(check(&nested, bytes, sizeof(bytes), &err), -1);
	assert_non_null(strstr(err.msg, "inner.inner"));
	assert_non_null(strstr(err.msg, "is nested too deep"));
	assert_int_equal(check(&nested, bytes + 2, sizeof(bytes) - 2, &err), 0);
}

static void test_packed(void **state UNUSED)
{
	static const char good[] = "\x12\x04\x01\x80\x01\x02\x10\x05\x1a\x08"
				   "12345678";
	size_t many = RPC_WIRE_ELEMENTS_MAX + 1;
	uint8_t *bytes = calloc(1, many + 4);
	struct err err;

	assert_int_equal(check(&nested, good, sizeof(good) - 1, &err), 0);
	REFUSED(nested, "\x12\x02\x01\x80",
		"numbers[0]: the packed numbers end in the middle of one");
	REFUSED(nested,
		"\x1a\x03"
		"123",
		"words[0]: the packed numbers end in the middle of one");
	assert_non_null(bytes);
	bytes[0] = 0x12; /* 65537 zeros */
	bytes[1] = 0x81;
	bytes[2] = 0x80;
	bytes[3] = 0x04;
	refused(&nested, bytes, many + 4,
		"numbers[0]: more than 65536 fields and elements in one message");
	free(bytes);
}

/* Whatever passes must be unpacked, or fail there, without harm: the sanitizers watch. */
static void test_mutations(void **state UNUSED)
{
	static const char seed[] = "\x0a\x05pvc-1\x12\x02\x08\x05\x1a\x08\x12\x04\x0a\x02xf\x1a\x00"
				   "\x22\x06\x0a\x01k\x12\x01v\x32\x05\x0a\x03\x0a\x01s";
	uint8_t bytes[sizeof(seed) - 1];
	uint32_t random = 2463534242;
	unsigned taken = 0;
	struct err err;

	for (int round = 0; round < 20000; round++) {
		memcpy(bytes, seed, sizeof(bytes));
		for (int change = 0; change < 3; change++) {
			random ^= random << 13;
			random ^= random >> 17;
			random ^= random << 5;
			bytes[random % sizeof(bytes)] = (uint8_t)(random >> 16);
		}
		if (check(&CREATE, bytes, sizeof(bytes), &err) == 0) {
			Csi__V1__CreateVolumeRequest *got =
				csi__v1__create_volume_request__unpack(NULL, sizeof(bytes), bytes);

			taken += got != NULL;
			csi__v1__create_volume_request__free_unpacked(got, NULL);
		} else {
			assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
			assert_true(err.msg[0] != '\0');
		}
	}
	assert_true(taken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_was_packed),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_names_the_field),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_messages_come_once),
		cmocka_unit_test(test_unknown_fields_pass),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
