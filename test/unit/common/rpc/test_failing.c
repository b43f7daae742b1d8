/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoding of requests without memory: refused with its reason, or unpacked whole.
 */
#include "common/base/arena.h"
#include "common/rpc/wirecheck.h"
#include "proto/csi.pb-c.h"
#include "test/failing/failing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char request[] = "\x0a\x05pvc-1\x12\x02\x08\x05\x1a\x08\x12\x04\x0a\x02xf\x1a\x00"
			      "\x22\x06\x0a\x01k\x12\x01v\x32\x05\x0a\x03\x0a\x01s";

static void *from_arena(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void leave(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

/* As a call does it: the check first, then into the call's arena, which goes as a whole. */
static int decode(void *arg, struct err *err)
{
	const ProtobufCMessageDescriptor *type = &csi__v1__create_volume_request__descriptor;
	struct arena *arena = arena_new(65536);
	ProtobufCAllocator allocator = {
		.alloc = from_arena, .free = leave, .allocator_data = arena};
	Csi__V1__CreateVolumeRequest *got = NULL;

	(void)arg;
	if (arena) {
		assert_int_equal(rpc_wire_check(type, (const uint8_t *)request, sizeof(request) - 1,
					 RPC_WIRE_ELEMENTS_MAX, NULL),
			0);
		got = (Csi__V1__CreateVolumeRequest *)protobuf_c_message_unpack(
			type, &allocator, sizeof(request) - 1, (const uint8_t *)request);
		assert_true(!got || (streq(got->name, "pvc-1") && got->n_parameters == 1 &&
					    streq(got->parameters[0]->value, "v")));
	}
	arena_free(arena);
	return got ? 0 : err_set(err, ERR_RESOURCE_EXHAUSTED, "request: no memory");
}

static void requests(void **state)
{
	const struct failing_job job = {.run = decode};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) >= 1);
}

/* The path of the wrong field costs memory; the refusal must not. */
static int refuse(void *arg, struct err *err)
{
	static const uint8_t bad[] = "\x1a\x04\x12\x02\x0a\xff";
	struct err why = {0};

	(void)arg;
	assert_int_equal(rpc_wire_check(&csi__v1__create_volume_request__descriptor, bad,
				 sizeof(bad) - 1, RPC_WIRE_ELEMENTS_MAX, &why),
		-1);
	assert_int_equal(why.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(why.msg, "is not a well-formed protobuf message"));
	/* Without memory it says so of the request as a whole. */
	return strstr(why.msg, "volume_capabilities[0].mount")
		       ? 0
		       : err_set(err, ERR_INVALID_ARGUMENT, "%s", why.msg);
}

static void refusals(void **state)
{
	const struct failing_job job = {.run = refuse};

	(void)state;
	assert_true(failing_each(FAILING_MEMORY, &job) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
