/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Controller service, called as the server calls it: by the descriptor, with messages that
 * went through their wire form, and the answer packed at once.
 */
#include "common/nvmf/attach.h"
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
	struct call call;
};

static void on_answer(const ProtobufCMessage *message, void *data)
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

static void forget(struct service_bench *s)
{
	if (s->call.answer) {
		protobuf_c_message_free_unpacked(s->call.answer, NULL);
	}
	arena_free(s->call.op.arena);
	s->call = (struct call){0};
}

/* Return: the answer, or NULL with the error in s->call.op.err. */
static const void *ask(struct service_bench *s, const char *method, const ProtobufCMessage *request)
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

static void expect(struct service_bench *s, const char *method, const ProtobufCMessage *request,
	enum err_code code, const char *text)
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

static const void *answered(
	struct service_bench *s, const char *method, const ProtobufCMessage *request)
{
	const void *answer = ask(s, method, request);

	if (!answer) {
		fail_msg("%s: %s: %s", method, err_code_name(s->call.op.err.code),
			s->call.op.err.msg);
	}
	return answer;
}

static int setup(void **state)
{
	struct service_bench *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	bench_start(&s->bench, false);
	controller_service_init(&s->service, s->bench.core);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct service_bench *s = *state;

	forget(s);
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

static void capability(struct capability *c, bool block, int mode)
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

static void creation(struct creation *c, char *name)
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
static void make(struct service_bench *s, char *name, char id[129])
{
	struct creation c;
	const Csi__V1__CreateVolumeResponse *answer;

	creation(&c, name);
	answer = answered(s, "CreateVolume", &c.message.base);
	(void)snprintf(id, 129, "%s", answer->volume->volume_id);
}

static void cut(struct service_bench *s, char *name, char *volume, char id[129])
{
	Csi__V1__CreateSnapshotRequest request = CSI__V1__CREATE_SNAPSHOT_REQUEST__INIT;
	const Csi__V1__CreateSnapshotResponse *answer;

	request.name = name;
	request.source_volume_id = volume;
	answer = answered(s, "CreateSnapshot", &request.base);
	(void)snprintf(id, 129, "%s", answer->snapshot->snapshot_id);
}

/* --- tests --- */

static void capabilities(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerGetCapabilitiesRequest request =
		CSI__V1__CONTROLLER_GET_CAPABILITIES_REQUEST__INIT;
	const Csi__V1__ControllerGetCapabilitiesResponse *answer =
		answered(s, "ControllerGetCapabilities", &request.base);
	bool seen[32] = {false};

	for (size_t i = 0; i < answer->n_capabilities; i++) {
		assert_int_equal(answer->capabilities[i]->type_case,
			CSI__V1__CONTROLLER_SERVICE_CAPABILITY__TYPE_RPC);
		assert_in_range(answer->capabilities[i]->rpc->type, 1, 31);
		assert_false(seen[answer->capabilities[i]->rpc->type]);
		seen[answer->capabilities[i]->rpc->type] = true;
	}
	assert_int_equal(answer->n_capabilities, 12);
	/* VOLUME_CONDITION is no more, and what is not built is not offered. */
	assert_false(seen[11]);
	assert_false(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__MODIFY_VOLUME]);
	assert_false(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__PUBLISH_READONLY]);
	assert_false(seen[CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__GET_VOLUME_HEALTH]);
	assert_null(s->service.service.controller_modify_volume);
	assert_null(s->service.service.controller_get_volume_health);
	assert_null(s->service.service.controller_list_volume_health);
}

static void create_and_repeat(void **state)
{
	struct service_bench *s = *state;
	const Csi__V1__CreateVolumeResponse *answer;
	struct creation c;
	char id[129];

	make(s, (char[]){"pvc-1"}, id);
	creation(&c, (char[]){"pvc-1"});
	answer = answered(s, "CreateVolume", &c.message.base);
	assert_string_equal(answer->volume->volume_id, id);
	assert_int_equal(answer->volume->capacity_bytes, GIB);
	assert_null(answer->volume->content_source);
	assert_int_equal(answer->volume->n_volume_context, 1);
	assert_string_equal(answer->volume->volume_context[0]->key, "fsType");
	assert_string_equal(answer->volume->volume_context[0]->value, "ext4");
	assert_memory_equal(id, "a/", 2);
}

static void create_bad_fields(void **state)
{
	struct service_bench *s = *state;
	char name129[130];
	struct creation c;

	creation(&c, (char[]){""});
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "name: missing");
	memset(name129, 'n', 129);
	name129[129] = '\0';
	creation(&c, name129);
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "name");
	name129[128] = '\0';
	creation(&c, name129);
	(void)answered(s, "CreateVolume", &c.message.base);

	creation(&c, (char[]){"n"});
	c.message.n_volume_capabilities = 0;
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT,
		"volume_capabilities: missing");
	creation(&c, (char[]){"n"});
	c.capability.message.access_mode = NULL;
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT,
		"volume_capabilities[0].access_mode");
	creation(&c, (char[]){"n"});
	capability(&c.capability, false, MODE(MULTI_NODE_MULTI_WRITER));
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "ReadWriteMany");
	creation(&c, (char[]){"n"});
	c.range.required_bytes = -1;
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "capacity_range");
	creation(&c, (char[]){"n"});
	c.message.n_parameters = 1;
	c.parameter.key = (char[]){"poool"};
	c.parameter.value = (char[]){"p"};
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "parameters.poool");
	creation(&c, (char[]){"n"});
	c.message.n_mutable_parameters = 1;
	c.parameter.key = (char[]){"iops"};
	c.message.mutable_parameters = (Csi__V1__CreateVolumeRequest__MutableParametersEntry *[]){&(
		Csi__V1__CreateVolumeRequest__MutableParametersEntry){
		.base = PROTOBUF_C_MESSAGE_INIT(
			&csi__v1__create_volume_request__mutable_parameters_entry__descriptor),
		.key = (char[]){"iops"},
		.value = (char[]){"1"}}};
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "mutable_parameters.iops");
	assert_int_equal(s->bench.a->calls[TINY_CREATE], 1);
}

static void two_filesystems_in_one_volume(void **state)
{
	struct service_bench *s = *state;
	struct creation c;
	struct capability xfs;
	Csi__V1__VolumeCapability *both[2];

	creation(&c, (char[]){"n"});
	capability(&xfs, false, MODE(SINGLE_NODE_WRITER));
	xfs.mount.fs_type = (char[]){"xfs"};
	c.capability.mount.fs_type = (char[]){"ext4"};
	both[0] = &c.capability.message;
	both[1] = &xfs.message;
	c.message.volume_capabilities = both;
	c.message.n_volume_capabilities = 2;
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT, "one filesystem");
}

static void create_from_sources(void **state)
{
	struct service_bench *s = *state;
	const Csi__V1__CreateVolumeResponse *answer;
	struct creation c;
	char volume[129];
	char snapshot[129];

	make(s, (char[]){"origin"}, volume);
	cut(s, (char[]){"snap"}, volume, snapshot);

	creation(&c, (char[]){"restored"});
	c.message.volume_content_source = &c.source;
	c.source.type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT;
	c.source.snapshot = &c.snapshot;
	c.snapshot.snapshot_id = snapshot;
	answer = answered(s, "CreateVolume", &c.message.base);
	assert_int_equal(answer->volume->content_source->type_case,
		CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT);
	assert_string_equal(answer->volume->content_source->snapshot->snapshot_id, snapshot);

	c.message.name = (char[]){"cloned"};
	c.source.type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_VOLUME;
	c.source.volume = &c.volume;
	c.volume.volume_id = volume;
	answer = answered(s, "CreateVolume", &c.message.base);
	assert_string_equal(answer->volume->content_source->volume->volume_id, volume);

	c.message.name = (char[]){"from-nothing"};
	c.volume.volume_id = (char[]){"non-existing-volume"};
	expect(s, "CreateVolume", &c.message.base, ERR_NOT_FOUND, "volume \"non-existing-volume\"");
	c.volume.volume_id = (char[]){""};
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT,
		"volume_content_source.volume.volume_id");
	c.source.type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE__NOT_SET;
	expect(s, "CreateVolume", &c.message.base, ERR_INVALID_ARGUMENT,
		"volume_content_source.type");
}

static void delete_volumes(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__DeleteVolumeRequest request = CSI__V1__DELETE_VOLUME_REQUEST__INIT;
	char id[129];

	make(s, (char[]){"v"}, id);
	request.volume_id = (char[]){""};
	expect(s, "DeleteVolume", &request.base, ERR_INVALID_ARGUMENT, "volume_id: missing");
	request.volume_id = (char[]){"reallyfakevolumeid"};
	(void)answered(s, "DeleteVolume", &request.base);
	request.volume_id = id;
	(void)answered(s, "DeleteVolume", &request.base);
	(void)answered(s, "DeleteVolume", &request.base);
	s->bench.a->fail[TINY_DELETE] = ERR_UNAVAILABLE;
	expect(s, "DeleteVolume", &request.base, ERR_UNAVAILABLE, "scripted");
}

static void publish_and_unpublish(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerPublishVolumeRequest publish =
		CSI__V1__CONTROLLER_PUBLISH_VOLUME_REQUEST__INIT;
	Csi__V1__ControllerUnpublishVolumeRequest unpublish =
		CSI__V1__CONTROLLER_UNPUBLISH_VOLUME_REQUEST__INIT;
	const Csi__V1__ControllerPublishVolumeResponse *answer;
	struct capability c;
	struct kv items[ATTACH_KEYS_MAX];
	struct attach_info info;
	struct err err = {0};
	char id[129];

	make(s, (char[]){"v"}, id);
	capability(&c, false, MODE(SINGLE_NODE_WRITER));
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT, "volume_id");
	publish.volume_id = id;
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT, "node_id");
	publish.node_id = (char[]){"some-fake-node-id"};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_INVALID_ARGUMENT,
		"volume_capability");
	publish.volume_capability = &c.message;
	expect(s, "ControllerPublishVolume", &publish.base, ERR_NOT_FOUND, "node_id");
	publish.volume_id = (char[]){"some-fake-volume-id"};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_NOT_FOUND, "volume");
	publish.volume_id = id;
	publish.node_id = (char[]){NODE_1};
	answer = answered(s, "ControllerPublishVolume", &publish.base);
	assert_in_range(answer->n_publish_context, 5, ATTACH_KEYS_MAX);
	for (size_t i = 0; i < answer->n_publish_context; i++) {
		items[i] = (struct kv){
			answer->publish_context[i]->key, answer->publish_context[i]->value};
	}
	assert_int_equal(
		attach_parse((struct kv_list){items, answer->n_publish_context}, &info, &err), 0);
	publish.node_id = (char[]){NODE_2};
	expect(s, "ControllerPublishVolume", &publish.base, ERR_FAILED_PRECONDITION, NODE_1);

	expect(s, "ControllerUnpublishVolume", &unpublish.base, ERR_INVALID_ARGUMENT, "volume_id");
	unpublish.volume_id = (char[]){"some-fake-volume-id"};
	(void)answered(s, "ControllerUnpublishVolume", &unpublish.base);
	unpublish.volume_id = id;
	(void)answered(s, "ControllerUnpublishVolume", &unpublish.base);
	(void)answered(s, "ControllerPublishVolume", &publish.base);
}

static void validate(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ValidateVolumeCapabilitiesRequest request =
		CSI__V1__VALIDATE_VOLUME_CAPABILITIES_REQUEST__INIT;
	Csi__V1__ValidateVolumeCapabilitiesRequest__VolumeContextEntry context =
		CSI__V1__VALIDATE_VOLUME_CAPABILITIES_REQUEST__VOLUME_CONTEXT_ENTRY__INIT;
	Csi__V1__ValidateVolumeCapabilitiesRequest__VolumeContextEntry *contexts[] = {&context};
	const Csi__V1__ValidateVolumeCapabilitiesResponse *answer;
	struct capability c;
	char id[129];

	make(s, (char[]){"v"}, id);
	capability(&c, false, MODE(SINGLE_NODE_WRITER));
	expect(s, "ValidateVolumeCapabilities", &request.base, ERR_INVALID_ARGUMENT, "volume_id");
	request.volume_id = id;
	expect(s, "ValidateVolumeCapabilities", &request.base, ERR_INVALID_ARGUMENT,
		"volume_capabilities");
	request.volume_capabilities = c.list;
	request.n_volume_capabilities = 1;
	context.key = (char[]){"fsType"};
	context.value = (char[]){"ext4"};
	request.volume_context = contexts;
	request.n_volume_context = 1;
	answer = answered(s, "ValidateVolumeCapabilities", &request.base);
	assert_non_null(answer->confirmed);
	assert_string_equal(answer->message, "");
	assert_int_equal(answer->confirmed->n_volume_capabilities, 1);
	assert_int_equal(answer->confirmed->n_volume_context, 1);
	assert_string_equal(answer->confirmed->volume_context[0]->value, "ext4");

	capability(&c, false, MODE(MULTI_NODE_MULTI_WRITER));
	answer = answered(s, "ValidateVolumeCapabilities", &request.base);
	assert_null(answer->confirmed);
	assert_non_null(strstr(answer->message, "ReadWriteMany"));
	capability(&c, true, MODE(MULTI_NODE_MULTI_WRITER));
	answer = answered(s, "ValidateVolumeCapabilities", &request.base);
	assert_non_null(answer->confirmed);
	capability(&c, false, MODE(SINGLE_NODE_WRITER));
	c.mount.fs_type = (char[]){"xfs"};
	answer = answered(s, "ValidateVolumeCapabilities", &request.base);
	assert_null(answer->confirmed);
	assert_non_null(strstr(answer->message, "made for \"ext4\""));
	request.volume_id = (char[]){"none"};
	expect(s, "ValidateVolumeCapabilities", &request.base, ERR_NOT_FOUND, "none");
}

static void expand(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerExpandVolumeRequest request =
		CSI__V1__CONTROLLER_EXPAND_VOLUME_REQUEST__INIT;
	Csi__V1__CapacityRange range = CSI__V1__CAPACITY_RANGE__INIT;
	const Csi__V1__ControllerExpandVolumeResponse *answer;
	struct capability c;
	char id[129];

	make(s, (char[]){"v"}, id);
	expect(s, "ControllerExpandVolume", &request.base, ERR_INVALID_ARGUMENT, "volume_id");
	request.volume_id = id;
	expect(s, "ControllerExpandVolume", &request.base, ERR_INVALID_ARGUMENT, "capacity_range");
	request.capacity_range = &range;
	range.required_bytes = 2 * GIB;
	answer = answered(s, "ControllerExpandVolume", &request.base);
	assert_int_equal(answer->capacity_bytes, 2 * GIB);
	assert_true(answer->node_expansion_required);
	capability(&c, true, MODE(SINGLE_NODE_WRITER));
	request.volume_capability = &c.message;
	answer = answered(s, "ControllerExpandVolume", &request.base);
	assert_false(answer->node_expansion_required);
	capability(&c, false, MODE(SINGLE_NODE_WRITER));
	answer = answered(s, "ControllerExpandVolume", &request.base);
	assert_true(answer->node_expansion_required);
	c.message.access_mode = NULL;
	expect(s, "ControllerExpandVolume", &request.base, ERR_INVALID_ARGUMENT,
		"volume_capability.access_mode");
	request.volume_capability = NULL;
	request.volume_id = (char[]){"none"};
	expect(s, "ControllerExpandVolume", &request.base, ERR_NOT_FOUND, "none");
}

static void lists(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ListVolumesRequest request = CSI__V1__LIST_VOLUMES_REQUEST__INIT;
	const Csi__V1__ListVolumesResponse *answer;
	char token[256];
	char first[129];
	char id[129];

	make(s, (char[]){"v1"}, id);
	make(s, (char[]){"v2"}, id);
	tiny_add_host(tiny_volume(s->bench.a, strchr(id, '/') + 1), NODE_1);
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 2);
	assert_string_equal(answer->next_token, "");
	assert_int_equal(answer->entries[0]->status->n_published_node_ids +
				 answer->entries[1]->status->n_published_node_ids,
		1);
	request.max_entries = 1;
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 1);
	(void)snprintf(token, sizeof(token), "%s", answer->next_token);
	(void)snprintf(first, sizeof(first), "%s", answer->entries[0]->volume->volume_id);
	request.starting_token = token;
	answer = answered(s, "ListVolumes", &request.base);
	assert_int_equal(answer->n_entries, 1);
	assert_string_not_equal(answer->entries[0]->volume->volume_id, first);
	assert_string_equal(answer->next_token, "");
	request.starting_token = (char[]){"invalid-token"};
	expect(s, "ListVolumes", &request.base, ERR_ABORTED, "starting_token");
	request.max_entries = -1;
	expect(s, "ListVolumes", &request.base, ERR_INVALID_ARGUMENT, "max_entries");
}

static void capacity(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__GetCapacityRequest request = CSI__V1__GET_CAPACITY_REQUEST__INIT;
	Csi__V1__Topology topology = CSI__V1__TOPOLOGY__INIT;
	Csi__V1__Topology__SegmentsEntry segment = CSI__V1__TOPOLOGY__SEGMENTS_ENTRY__INIT;
	Csi__V1__Topology__SegmentsEntry *segments[] = {&segment};
	const Csi__V1__GetCapacityResponse *answer;
	struct capability c;

	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 10 * GIB);
	assert_int_equal(answer->maximum_volume_size->value, 4 * GIB);
	assert_int_equal(answer->minimum_volume_size->value, TINY_UNIT);
	request.accessible_topology = &topology;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 10 * GIB);
	topology.segments = segments;
	topology.n_segments = 1;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 0);
	request.accessible_topology = NULL;
	capability(&c, false, MODE(MULTI_NODE_MULTI_WRITER));
	request.volume_capabilities = c.list;
	request.n_volume_capabilities = 1;
	answer = answered(s, "GetCapacity", &request.base);
	assert_int_equal(answer->available_capacity, 0);
	c.message.access_mode = NULL;
	expect(s, "GetCapacity", &request.base, ERR_INVALID_ARGUMENT, "access_mode");
}

static void get_volume(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__ControllerGetVolumeRequest request = CSI__V1__CONTROLLER_GET_VOLUME_REQUEST__INIT;
	const Csi__V1__ControllerGetVolumeResponse *answer;
	char id[129];

	make(s, (char[]){"v"}, id);
	tiny_add_host(tiny_volume(s->bench.a, strchr(id, '/') + 1), NODE_1);
	request.volume_id = id;
	answer = answered(s, "ControllerGetVolume", &request.base);
	assert_string_equal(answer->volume->volume_id, id);
	assert_int_equal(answer->status->n_published_node_ids, 1);
	assert_string_equal(answer->status->published_node_ids[0], NODE_1);
	request.volume_id = (char[]){"none"};
	expect(s, "ControllerGetVolume", &request.base, ERR_NOT_FOUND, "none");
	request.volume_id = (char[]){""};
	expect(s, "ControllerGetVolume", &request.base, ERR_INVALID_ARGUMENT, "volume_id");
}

static void snapshots(void **state)
{
	struct service_bench *s = *state;
	Csi__V1__CreateSnapshotRequest create = CSI__V1__CREATE_SNAPSHOT_REQUEST__INIT;
	Csi__V1__ListSnapshotsRequest list = CSI__V1__LIST_SNAPSHOTS_REQUEST__INIT;
	Csi__V1__GetSnapshotRequest get = CSI__V1__GET_SNAPSHOT_REQUEST__INIT;
	Csi__V1__DeleteSnapshotRequest delete = CSI__V1__DELETE_SNAPSHOT_REQUEST__INIT;
	const Csi__V1__CreateSnapshotResponse *made;
	const Csi__V1__ListSnapshotsResponse *page;
	const Csi__V1__GetSnapshotResponse *found;
	char volume[129];
	char snapshot[129];

	make(s, (char[]){"v"}, volume);
	expect(s, "CreateSnapshot", &create.base, ERR_INVALID_ARGUMENT, "name");
	create.name = (char[]){"s"};
	expect(s, "CreateSnapshot", &create.base, ERR_INVALID_ARGUMENT, "source_volume_id");
	create.source_volume_id = (char[]){"none"};
	expect(s, "CreateSnapshot", &create.base, ERR_NOT_FOUND, "none");
	create.source_volume_id = volume;
	made = answered(s, "CreateSnapshot", &create.base);
	assert_string_equal(made->snapshot->source_volume_id, volume);
	assert_int_equal(made->snapshot->size_bytes, GIB);
	assert_int_equal(made->snapshot->creation_time->seconds, 1700000000);
	assert_int_equal(made->snapshot->creation_time->nanos, 123000000);
	assert_true(made->snapshot->ready_to_use);
	(void)snprintf(snapshot, sizeof(snapshot), "%s", made->snapshot->snapshot_id);

	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.source_volume_id = volume;
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.source_volume_id = (char[]){"none"};
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 0);
	list.source_volume_id = (char[]){""};
	list.snapshot_id = snapshot;
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 1);
	list.snapshot_id = (char[]){"none"};
	page = answered(s, "ListSnapshots", &list.base);
	assert_int_equal(page->n_entries, 0);
	list.max_entries = -1;
	expect(s, "ListSnapshots", &list.base, ERR_INVALID_ARGUMENT, "max_entries");

	get.snapshot_id = snapshot;
	found = answered(s, "GetSnapshot", &get.base);
	assert_string_equal(found->snapshot->snapshot_id, snapshot);
	get.snapshot_id = (char[]){""};
	expect(s, "GetSnapshot", &get.base, ERR_INVALID_ARGUMENT, "snapshot_id");
	expect(s, "DeleteSnapshot", &delete.base, ERR_INVALID_ARGUMENT, "snapshot_id");
	delete.snapshot_id = (char[]){"none"};
	(void)answered(s, "DeleteSnapshot", &delete.base);
	delete.snapshot_id = snapshot;
	(void)answered(s, "DeleteSnapshot", &delete.base);
	(void)answered(s, "DeleteSnapshot", &delete.base);
	get.snapshot_id = snapshot;
	expect(s, "GetSnapshot", &get.base, ERR_NOT_FOUND, "snapshot a/");
}

/* With little memory a call fails, and never with a code that says that nothing was made. */
static void little_memory(void **state)
{
	struct service_bench *s = *state;
	const ProtobufCServiceDescriptor *d = &csi__v1__controller__descriptor;
	struct creation c;
	bool made = false;

	creation(&c, (char[]){"n"});
	for (size_t size = 0; size < 4096 && !made; size += 64) {
		struct op op = {.arena = arena_new(size), .deadline = deadline_in(60000)};
		struct call call = {.op = op, .output = d->methods[0].output};
		bool there;

		assert_non_null(op.arena);
		assert_string_equal(d->methods[0].name, "CreateVolume");
		there = s->bench.a->calls[TINY_CREATE] > 0;
		s->service.service.create_volume(&s->service.service, &c.message,
			(Csi__V1__CreateVolumeResponse_Closure)on_answer, &call);
		assert_int_equal(call.answers, 1);
		made = call.answer != NULL;
		there = there || s->bench.a->calls[TINY_CREATE] > 0;
		if (!made && there && err_is_final(call.op.err.code)) {
			fail_msg("%zu bytes: %s: %s", size, err_code_name(call.op.err.code),
				call.op.err.msg);
		}
		if (made) {
			protobuf_c_message_free_unpacked(call.answer, NULL);
		}
		arena_free(call.op.arena);
	}
	assert_true(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capabilities, setup, teardown),
		cmocka_unit_test_setup_teardown(create_and_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(create_bad_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(two_filesystems_in_one_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(create_from_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(delete_volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(publish_and_unpublish, setup, teardown),
		cmocka_unit_test_setup_teardown(validate, setup, teardown),
		cmocka_unit_test_setup_teardown(expand, setup, teardown),
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test_setup_teardown(capacity, setup, teardown),
		cmocka_unit_test_setup_teardown(get_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots, setup, teardown),
		cmocka_unit_test_setup_teardown(little_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
