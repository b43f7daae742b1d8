/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on csi.sock and on kubelet's registration socket: the first byte says which message. What
 * the wire check lets through can be unpacked, printed and taken apart, and comes out of packing
 * and the check once more.
 */
#include "common/base/parse.h"
#include "common/csi/access.h"
#include "common/csi/kvmap.h"
#include "common/csi/redact.h"
#include "common/csi/validate.h"
#include "common/rpc/wirecheck.h"
#include "proto/pluginregistration.pb-c.h"
#include "test/fuzz/fuzz.h"

#define ARENA_MAX ((size_t)1024 * 1024)

static const ProtobufCServiceDescriptor *const services[] = {&csi__v1__identity__descriptor,
	&csi__v1__controller__descriptor, &csi__v1__group_controller__descriptor,
	&csi__v1__snapshot_metadata__descriptor, &csi__v1__node__descriptor,
	&pluginregistration__registration__descriptor};

/* Requests first, then answers, which a client of ours reads. */
static const ProtobufCMessageDescriptor *type_of(unsigned which)
{
	unsigned methods = 0;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		methods += services[i]->n_methods;
	}
	bool answer = which / methods % 2 == 1;

	which %= methods;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (which < services[i]->n_methods) {
			return answer ? services[i]->methods[which].output
				      : services[i]->methods[which].input;
		}
		which -= services[i]->n_methods;
	}
	return NULL;
}

/* As handlers do. */
static void take_apart(const Csi__V1__CreateVolumeRequest *request)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct csi_access access;
	struct csi_range range;
	struct kv_list list;
	struct err err = {0};

	if (CSI_MAP(arena, request, parameters, &list, &err) == 0) {
		FUZZ_CHECK(list.n <= request->n_parameters);
		for (size_t i = 0; i < list.n; i++) {
			FUZZ_CHECK(streq(kv_get(list, list.items[i].key), list.items[i].value));
		}
	} else {
		fuzz_said(&err);
	}
	for (size_t i = 0; i < request->n_volume_capabilities; i++) {
		err = (struct err){0};
		if (csi_access_of("volume_capabilities", request->volume_capabilities[i], &access,
			    &err) < 0 ||
			csi_access_supported("volume_capabilities", &access, &err) < 0) {
			fuzz_said(&err);
		}
	}
	err = (struct err){0};
	if (csi_check_range("capacity_range", request->capacity_range, false, &range, &err) < 0) {
		fuzz_said(&err);
	} else {
		FUZZ_CHECK(range.required >= 0 && range.limit >= 0);
		FUZZ_CHECK(range.limit == 0 || range.required <= range.limit);
	}
	err = (struct err){0};
	if (csi_check_name("name", request->name, &err) < 0) {
		fuzz_said(&err);
	}
	arena_free(arena);
}

static void check_print(const ProtobufCMessage *message)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(CSI_PRINT_MAX);

	csi_print(message, &out);
	FUZZ_CHECK(out.failed || utf8_valid(sb_str(&out), out.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};

	if (size == 0) {
		return 0;
	}
	const ProtobufCMessageDescriptor *type = type_of(data[0]);

	data++;
	size--;
	if (rpc_wire_check(type, data, size, RPC_WIRE_ELEMENTS_MAX, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INVALID_ARGUMENT);
		fuzz_said(&err);
		return 0;
	}
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, size, data);

	FUZZ_CHECK(message);
	FUZZ_CHECK(protobuf_c_message_check(message));
	check_print(message);
	if (type == &csi__v1__create_volume_request__descriptor) {
		take_apart((const Csi__V1__CreateVolumeRequest *)message);
	}
	size_t n = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(MAX(n, (size_t)1));

	FUZZ_CHECK(packed);
	FUZZ_CHECK(protobuf_c_message_pack(message, packed) == n);
	err = (struct err){0};
	FUZZ_CHECK(rpc_wire_check(type, packed, n, SIZE_MAX, &err) == 0);
	protobuf_c_message_free_unpacked(message, NULL);
	return 0;
}
