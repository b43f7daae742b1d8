/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Controller service on a small backend, called as the server calls it: by the descriptor,
 * each answer packed and read back. What the tests of its RPC groups share.
 */
#pragma once

#include "controller/service/controller.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MODE(name) CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__##name

struct call {
	struct op op; /* first: it is the closure_data */
	unsigned answers;
	ProtobufCMessage *answer; /* unpacked copy, NULL when the call failed */
	const ProtobufCMessageDescriptor *output;
};

struct service_bench {
	struct bench bench;
	struct controller_service service;
	struct current *current;
	struct call call;
};

static UNUSED void on_answer(const ProtobufCMessage *message, void *data)
{
	struct call *call = data;
	uint8_t *packed;
	size_t len;

	call->answers++;
	if (!message) {
		return;
	}
	len = protobuf_c_message_get_packed_size(message);
	packed = malloc(len + 1);
	assert_non_null(packed);
	assert_int_equal(protobuf_c_message_pack(message, packed), len);
	call->answer = protobuf_c_message_unpack(call->output, NULL, len, packed);
	assert_non_null(call->answer);
	free(packed);
}

static UNUSED void forget(struct service_bench *s)
{
	if (s->call.answer) {
		protobuf_c_message_free_unpacked(s->call.answer, NULL);
	}
	arena_free(s->call.op.arena);
	s->call = (struct call){0};
}

/* Return: the answer, or NULL with the error in s->call.op.err. */
static UNUSED const void *ask(
	struct service_bench *s, const char *method, const ProtobufCMessage *request)
{
	const ProtobufCServiceDescriptor *d = &csi__v1__controller__descriptor;
	unsigned i = 0;

	forget(s);
	while (i < d->n_methods && !streq(d->methods[i].name, method)) {
		i++;
	}
	assert_true(i < d->n_methods);
	s->call.op = (struct op){.arena = arena_new(16 * MIB), .deadline = deadline_in(60000)};
	s->call.output = d->methods[i].output;
	s->service.service.base.invoke(&s->service.service.base, i, request, on_answer, &s->call);
	assert_int_equal(s->call.answers, 1);
	return s->call.answer;
}

static UNUSED void expect(struct service_bench *s, const char *method,
	const ProtobufCMessage *request, enum err_code code, const char *text)
{
	if (ask(s, method, request)) {
		fail_msg("%s: answered, but %s was expected", method, err_code_name(code));
	}
	if (s->call.op.err.code != code || !strstr(s->call.op.err.msg, text)) {
		fail_msg("%s: %s, not %s with \"%s\": %s", method,
			err_code_name(s->call.op.err.code), err_code_name(code), text,
			s->call.op.err.msg);
	}
}

static UNUSED const void *answered(
	struct service_bench *s, const char *method, const ProtobufCMessage *request)
{
	const void *answer = ask(s, method, request);

	if (!answer) {
		fail_msg("%s: %s: %s", method, err_code_name(s->call.op.err.code),
			s->call.op.err.msg);
	}
	return answer;
}

static void serve(struct service_bench *s)
{
	s->current = current_new(core_ref(s->bench.core));
	assert_non_null(s->current);
	controller_service_init(&s->service, s->current);
}

static UNUSED int setup(void **state)
{
	struct service_bench *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	bench_start(&s->bench, false);
	serve(s);
	*state = s;
	return 0;
}

static UNUSED int teardown(void **state)
{
	struct service_bench *s = *state;

	forget(s);
	current_free(s->current);
	bench_stop(&s->bench);
	free(s);
	return 0;
}

/* --- messages --- */

struct capability {
	Csi__V1__VolumeCapability message;
	Csi__V1__VolumeCapability__AccessMode mode;
	Csi__V1__VolumeCapability__MountVolume mount;
	Csi__V1__VolumeCapability__BlockVolume block;
	Csi__V1__VolumeCapability *list[1];
};

static UNUSED void capability(struct capability *c, bool block, int mode)
{
	csi__v1__volume_capability__init(&c->message);
	csi__v1__volume_capability__access_mode__init(&c->mode);
	csi__v1__volume_capability__mount_volume__init(&c->mount);
	csi__v1__volume_capability__block_volume__init(&c->block);
	c->mode.mode = (Csi__V1__VolumeCapability__AccessMode__Mode)mode;
	c->message.access_mode = &c->mode;
	c->message.access_type_case = block ? CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_BLOCK
					    : CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_MOUNT;
	if (block) {
		c->message.block = &c->block;
	} else {
		c->message.mount = &c->mount;
	}
	c->list[0] = &c->message;
}

struct creation {
	Csi__V1__CreateVolumeRequest message;
	Csi__V1__CapacityRange range;
	struct capability capability;
	Csi__V1__CreateVolumeRequest__ParametersEntry parameter;
	Csi__V1__CreateVolumeRequest__ParametersEntry *parameters[1];
	Csi__V1__VolumeContentSource source;
	Csi__V1__VolumeContentSource__SnapshotSource snapshot;
	Csi__V1__VolumeContentSource__VolumeSource volume;
};

static UNUSED void creation(struct creation *c, char *name)
{
	csi__v1__create_volume_request__init(&c->message);
	csi__v1__capacity_range__init(&c->range);
	csi__v1__create_volume_request__parameters_entry__init(&c->parameter);
	csi__v1__volume_content_source__init(&c->source);
	csi__v1__volume_content_source__snapshot_source__init(&c->snapshot);
	csi__v1__volume_content_source__volume_source__init(&c->volume);
	capability(&c->capability, false, MODE(SINGLE_NODE_WRITER));
	c->range.required_bytes = GIB;
	c->message.name = name;
	c->message.capacity_range = &c->range;
	c->message.n_volume_capabilities = 1;
	c->message.volume_capabilities = c->capability.list;
	c->parameters[0] = &c->parameter;
	c->message.parameters = c->parameters;
}

/* Make a volume; its id is copied to @id. */
static UNUSED void make(struct service_bench *s, char *name, char id[129])
{
	struct creation c;
	const Csi__V1__CreateVolumeResponse *answer;

	creation(&c, name);
	answer = answered(s, "CreateVolume", &c.message.base);
	(void)snprintf(id, 129, "%s", answer->volume->volume_id);
}

static UNUSED void cut(struct service_bench *s, char *name, char *volume, char id[129])
{
	Csi__V1__CreateSnapshotRequest request = CSI__V1__CREATE_SNAPSHOT_REQUEST__INIT;
	const Csi__V1__CreateSnapshotResponse *answer;

	request.name = name;
	request.source_volume_id = volume;
	answer = answered(s, "CreateSnapshot", &request.base);
	(void)snprintf(id, 129, "%s", answer->snapshot->snapshot_id);
}
