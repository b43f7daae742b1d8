/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateVolume, DeleteVolume, ControllerExpandVolume, ValidateVolumeCapabilities,
 * ControllerGetVolume: fields, codes, answers.
 */
#include "test/unit/controller/service/service_bench.h"

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
		cmocka_unit_test_setup_teardown(create_and_repeat, setup, teardown),
		cmocka_unit_test_setup_teardown(create_bad_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(two_filesystems_in_one_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(create_from_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(delete_volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(validate, setup, teardown),
		cmocka_unit_test_setup_teardown(expand, setup, teardown),
		cmocka_unit_test_setup_teardown(get_volume, setup, teardown),
		cmocka_unit_test_setup_teardown(little_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
