/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing: secrets never, bounded always.
 */
#include "common/csi/redact.h"
#include "proto/csi.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void secrets_are_stripped(void **state UNUSED)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(CSI_PRINT_MAX);
	Csi__V1__CreateVolumeRequest__SecretsEntry secret =
		CSI__V1__CREATE_VOLUME_REQUEST__SECRETS_ENTRY__INIT;
	Csi__V1__CreateVolumeRequest__SecretsEntry *secrets[] = {&secret};
	Csi__V1__CreateVolumeRequest__ParametersEntry param =
		CSI__V1__CREATE_VOLUME_REQUEST__PARAMETERS_ENTRY__INIT;
	Csi__V1__CreateVolumeRequest__ParametersEntry *params[] = {&param};
	Csi__V1__CreateVolumeRequest msg = CSI__V1__CREATE_VOLUME_REQUEST__INIT;

	secret.key = (char[]){"dhchap-key"};
	secret.value = (char[]){"DHHC-1:00:hunter2:"};
	param.key = (char[]){"pool"};
	param.value = (char[]){"fast"};
	msg.name = (char[]){"pvc-1"};
	msg.n_secrets = 1;
	msg.secrets = secrets;
	msg.n_parameters = 1;
	msg.parameters = params;
	csi_print(&msg.base, &out);
	assert_string_equal(sb_str(&out),
		"{name: \"pvc-1\", parameters: [\"pool\": \"fast\"], secrets: ***stripped***}");
}

/* Every map of CSI that carries secrets, found by its descriptor: none may print its content. */
static void every_secret_field(void **state UNUSED)
{
	static const ProtobufCMessageDescriptor *const all[] = {
		&csi__v1__create_volume_request__descriptor,
		&csi__v1__delete_volume_request__descriptor,
		&csi__v1__controller_publish_volume_request__descriptor,
		&csi__v1__controller_unpublish_volume_request__descriptor,
		&csi__v1__validate_volume_capabilities_request__descriptor,
		&csi__v1__controller_expand_volume_request__descriptor,
		&csi__v1__create_snapshot_request__descriptor,
		&csi__v1__delete_snapshot_request__descriptor,
		&csi__v1__list_snapshots_request__descriptor,
		&csi__v1__get_snapshot_request__descriptor,
		&csi__v1__controller_modify_volume_request__descriptor,
		&csi__v1__node_stage_volume_request__descriptor,
		&csi__v1__node_publish_volume_request__descriptor,
		&csi__v1__node_expand_volume_request__descriptor,
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_non_null(protobuf_c_message_descriptor_get_field_by_name(all[i], "secrets"));
	}
	assert_true(csi_field_is_sensitive("secrets"));
	assert_false(csi_field_is_sensitive("parameters"));
}

static void nested_and_enums(void **state UNUSED)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(CSI_PRINT_MAX);
	Csi__V1__NodeStageVolumeRequest msg = CSI__V1__NODE_STAGE_VOLUME_REQUEST__INIT;
	Csi__V1__VolumeCapability capability = CSI__V1__VOLUME_CAPABILITY__INIT;
	Csi__V1__VolumeCapability__AccessMode mode = CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__INIT;
	Csi__V1__VolumeCapability__MountVolume mount =
		CSI__V1__VOLUME_CAPABILITY__MOUNT_VOLUME__INIT;
	char *flags[] = {(char[]){"password=hunter2"}};
	const int unknown = 77;

	mode.mode = CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__SINGLE_NODE_WRITER;
	mount.fs_type = (char[]){"ext4"};
	mount.n_mount_flags = 1;
	mount.mount_flags = flags;
	capability.access_mode = &mode;
	capability.access_type_case = CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_MOUNT;
	capability.mount = &mount;
	msg.volume_id = (char[]){"b/v"};
	msg.volume_capability = &capability;
	csi_print(&msg.base, &out);
	assert_non_null(strstr(sb_str(&out), "volume_id: \"b/v\""));
	assert_non_null(strstr(sb_str(&out), "mode: SINGLE_NODE_WRITER"));
	assert_non_null(strstr(sb_str(&out), "fs_type: \"ext4\""));
	assert_non_null(strstr(sb_str(&out), "mount_flags: ***stripped***"));
	assert_null(strstr(sb_str(&out), "hunter2"));

	sb_reset(&out);
	memcpy(&mode.mode, &unknown, sizeof(unknown));
	csi_print(&capability.base, &out);
	assert_non_null(strstr(sb_str(&out), "mode: 77"));
}

static void numbers_and_wrappers(void **state UNUSED)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(CSI_PRINT_MAX);
	Csi__V1__CapacityRange range = CSI__V1__CAPACITY_RANGE__INIT;
	Csi__V1__ProbeResponse answer = CSI__V1__PROBE_RESPONSE__INIT;
	Google__Protobuf__BoolValue ready = GOOGLE__PROTOBUF__BOOL_VALUE__INIT;
	Csi__V1__ListVolumesRequest list = CSI__V1__LIST_VOLUMES_REQUEST__INIT;

	range.required_bytes = INT64_MAX;
	range.limit_bytes = -5;
	csi_print(&range.base, &out);
	assert_string_equal(sb_str(&out), "{required_bytes: 9223372036854775807, limit_bytes: -5}");
	sb_reset(&out);
	ready.value = 1;
	answer.ready = &ready;
	csi_print(&answer.base, &out);
	assert_string_equal(sb_str(&out), "{ready: {value: true}}");
	sb_reset(&out);
	list.max_entries = -3;
	csi_print(&list.base, &out);
	assert_string_equal(sb_str(&out), "{max_entries: -3}");
	sb_reset(&out);
	csi_print(NULL, &out);
	assert_string_equal(sb_str(&out), "{}");
}

static void bounded(void **state UNUSED)
{
	static char text[CSI_PRINT_STRING_MAX * 2];
	_cleanup_strbuf_ struct strbuf out = sb_init(1024 * 1024);
	_cleanup_strbuf_ struct strbuf small = sb_init(16);
	char *flag = (char[]){"x"};
	char *ids[CSI_PRINT_ELEMENTS_MAX + 5];
	Csi__V1__ListVolumesResponse__VolumeStatus status =
		CSI__V1__LIST_VOLUMES_RESPONSE__VOLUME_STATUS__INIT;
	Csi__V1__DeleteVolumeRequest msg = CSI__V1__DELETE_VOLUME_REQUEST__INIT;

	memset(text, 'v', sizeof(text) - 1);
	msg.volume_id = text;
	csi_print(&msg.base, &out);
	assert_true(out.len < CSI_PRINT_STRING_MAX + 64);
	assert_non_null(strstr(sb_str(&out), "…"));

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = flag;
	}
	status.n_published_node_ids = ARRAY_SIZE(ids);
	status.published_node_ids = ids;
	sb_reset(&out);
	csi_print(&status.base, &out);
	assert_non_null(strstr(sb_str(&out), "… 5 more"));

	csi_print(&msg.base, &small);
	assert_true(small.failed);
}

static void control_characters(void **state UNUSED)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(CSI_PRINT_MAX);
	Csi__V1__DeleteVolumeRequest msg = CSI__V1__DELETE_VOLUME_REQUEST__INIT;

	msg.volume_id = (char[]){"a\n{\"level\":\"fake\"}\033[0m"};
	csi_print(&msg.base, &out);
	assert_null(strchr(sb_str(&out), '\n'));
	assert_null(strchr(sb_str(&out), '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_stripped),
		cmocka_unit_test(every_secret_field),
		cmocka_unit_test(nested_and_enums),
		cmocka_unit_test(numbers_and_wrappers),
		cmocka_unit_test(bounded),
		cmocka_unit_test(control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
