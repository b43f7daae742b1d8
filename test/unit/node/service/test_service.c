/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node service on a make-believe node: requests checked field by field, the core's words in
 * the answers.
 */
#include "common/base/arena.h"
#include "common/base/op.h"
#include "node/service/service.h"
#include "test/unit/node/core/rig.h"

/* One call and its answer. */
struct call {
	struct op op;
	unsigned closed;
	bool answered;
	size_t n_usage;
	int64_t total;
	int64_t capacity;
	int64_t max_volumes;
	bool placed;
	char node_id[NQN_SIZE];
	int capabilities[16];
	size_t n_capabilities;
};

static struct call new_call(void)
{
	return (struct call){
		.op = {.arena = arena_new(1024 * 1024), .deadline = deadline_in(20000)}};
}

/* Start the next call with a fresh error. */
static void again(struct call *call)
{
	arena_free(call->op.arena);
	*call = new_call();
}

#define CLOSE(call, message)                                                                       \
	do {                                                                                       \
		(call)->closed++;                                                                  \
		(call)->answered = (message) != NULL;                                              \
	} while (0)

static void closed_stage(const Csi__V1__NodeStageVolumeResponse *message, void *data)
{
	CLOSE((struct call *)data, message);
}

static void closed_unstage(const Csi__V1__NodeUnstageVolumeResponse *message, void *data)
{
	CLOSE((struct call *)data, message);
}

static void closed_publish(const Csi__V1__NodePublishVolumeResponse *message, void *data)
{
	CLOSE((struct call *)data, message);
}

static void closed_unpublish(const Csi__V1__NodeUnpublishVolumeResponse *message, void *data)
{
	CLOSE((struct call *)data, message);
}

static void closed_expand(const Csi__V1__NodeExpandVolumeResponse *message, void *data)
{
	struct call *call = data;

	CLOSE(call, message);
	call->capacity = message ? message->capacity_bytes : -1;
}

static void closed_stats(const Csi__V1__NodeGetVolumeStatsResponse *message, void *data)
{
	struct call *call = data;

	CLOSE(call, message);
	if (message) {
		call->n_usage = message->n_usage;
		call->total = message->usage[0]->total;
		assert_int_equal(message->usage[0]->unit, CSI__V1__VOLUME_USAGE__UNIT__BYTES);
	}
}

static void closed_info(const Csi__V1__NodeGetInfoResponse *message, void *data)
{
	struct call *call = data;

	CLOSE(call, message);
	call->max_volumes = message->max_volumes_per_node;
	call->placed = message->accessible_topology != NULL;
	if (call->placed) {
		assert_int_equal(message->accessible_topology->n_segments, 1);
		assert_string_equal(message->accessible_topology->segments[0]->key, "x.dev/zone");
		assert_string_equal(message->accessible_topology->segments[0]->value, "a");
	}
	(void)snprintf(call->node_id, sizeof(call->node_id), "%s", message->node_id);
}

static void closed_capabilities(const Csi__V1__NodeGetCapabilitiesResponse *message, void *data)
{
	struct call *call = data;

	CLOSE(call, message);
	call->n_capabilities = message->n_capabilities;
	for (size_t i = 0; i < message->n_capabilities; i++) {
		call->capabilities[i] = (int)message->capabilities[i]->rpc->type;
	}
}

/* A whole, legal stage request that tests then damage. */
struct stage {
	Csi__V1__NodeStageVolumeRequest message;
	Csi__V1__NodePublishVolumeRequest publish;
	Csi__V1__VolumeCapability capability;
	Csi__V1__VolumeCapability__AccessMode mode;
	Csi__V1__VolumeCapability__MountVolume mount;
	Csi__V1__NodeStageVolumeRequest__PublishContextEntry entries[8];
	Csi__V1__NodeStageVolumeRequest__PublishContextEntry *publish_context[8];
	Csi__V1__NodeStageVolumeRequest__VolumeContextEntry volume_entries[2];
	Csi__V1__NodeStageVolumeRequest__VolumeContextEntry *volume_context[2];
};

static void stage_fill(struct stage *stage)
{
	static const char *const context[][2] = {
		{"v", "1"},
		{"nqn", FAKE_NQN},
		{"shared", "false"},
		{"uuid", "01010101-0101-0101-0101-010101010101"},
		{"minSize", "1073741824"},
		{"portals", "10.0.0.5:4420"},
		{"auth", "none"},
		{"tls", "none"},
	};

	csi__v1__node_stage_volume_request__init(&stage->message);
	csi__v1__node_publish_volume_request__init(&stage->publish);
	csi__v1__volume_capability__init(&stage->capability);
	csi__v1__volume_capability__access_mode__init(&stage->mode);
	csi__v1__volume_capability__mount_volume__init(&stage->mount);
	stage->mode.mode = CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__SINGLE_NODE_SINGLE_WRITER;
	stage->capability.access_mode = &stage->mode;
	stage->capability.access_type_case = CSI__V1__VOLUME_CAPABILITY__ACCESS_TYPE_MOUNT;
	stage->capability.mount = &stage->mount;
	for (size_t i = 0; i < ARRAY_SIZE(context); i++) {
		csi__v1__node_stage_volume_request__publish_context_entry__init(&stage->entries[i]);
		stage->entries[i].key = (char *)context[i][0];
		stage->entries[i].value = (char *)context[i][1];
		stage->publish_context[i] = &stage->entries[i];
	}
	for (size_t i = 0; i < 2; i++) {
		csi__v1__node_stage_volume_request__volume_context_entry__init(
			&stage->volume_entries[i]);
		stage->volume_context[i] = &stage->volume_entries[i];
	}
	stage->message.volume_id = (char *)VOLUME;
	stage->message.staging_target_path = (char *)STAGING;
	stage->message.volume_capability = &stage->capability;
	stage->message.publish_context = stage->publish_context;
	stage->message.n_publish_context = ARRAY_SIZE(context);
	stage->message.volume_context = stage->volume_context;
	stage->publish.volume_id = (char *)VOLUME;
	stage->publish.staging_target_path = (char *)STAGING;
	stage->publish.target_path = (char *)TARGET;
	stage->publish.volume_capability = &stage->capability;
}

static void set_context(struct stage *stage, const char *key, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(stage->entries); i++) {
		if (streq(stage->entries[i].key, key)) {
			stage->entries[i].value = (char *)value;
			return;
		}
	}
	fail_msg("no %s in the context", key);
}

static struct node_service service_of(struct rig *rig)
{
	struct node_service service;

	node_service_init(&service, rig->core, "nqn.node", 77);
	return service;
}

static void run_stage(struct node_service *service, struct stage *stage, struct call *call)
{
	again(call);
	service->service.node_stage_volume(&service->service, &stage->message, closed_stage, call);
	assert_int_equal(call->closed, 1);
}

static void refused(
	struct node_service *service, struct stage *stage, enum err_code code, const char *field)
{
	struct call call = new_call();

	run_stage(service, stage, &call);
	assert_false(call.answered);
	assert_int_equal(call.op.err.code, code);
	assert_non_null(strstr(call.op.err.msg, field));
	arena_free(call.op.arena);
	stage_fill(stage);
}

static void the_whole_life_of_a_volume(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	Csi__V1__Node_Service *api = &service.service;
	struct call call = new_call();
	struct stage stage;
	Csi__V1__NodeGetVolumeStatsRequest stats = CSI__V1__NODE_GET_VOLUME_STATS_REQUEST__INIT;
	Csi__V1__NodeExpandVolumeRequest expand = CSI__V1__NODE_EXPAND_VOLUME_REQUEST__INIT;
	Csi__V1__NodeUnpublishVolumeRequest unpublish =
		CSI__V1__NODE_UNPUBLISH_VOLUME_REQUEST__INIT;
	Csi__V1__NodeUnstageVolumeRequest unstage = CSI__V1__NODE_UNSTAGE_VOLUME_REQUEST__INIT;
	Csi__V1__CapacityRange range = CSI__V1__CAPACITY_RANGE__INIT;

	stage_fill(&stage);
	run_stage(&service, &stage, &call);
	assert_true(call.answered);
	/* No fs_type: the default. */
	assert_string_equal(rig->fake->disks[0].content, "ext4");
	again(&call);
	api->node_publish_volume(api, &stage.publish, closed_publish, &call);
	assert_true(call.answered);
	stats.volume_id = expand.volume_id = (char *)VOLUME;
	stats.volume_path = expand.volume_path = (char *)TARGET;
	again(&call);
	api->node_get_volume_stats(api, &stats, closed_stats, &call);
	assert_int_equal(call.n_usage, 2);
	assert_int_equal(call.total, FAKE_SIZE);
	rig->fake->disks[0].size = FAKE_SIZE * 2;
	range.required_bytes = FAKE_SIZE * 2;
	expand.capacity_range = &range;
	again(&call);
	api->node_expand_volume(api, &expand, closed_expand, &call);
	assert_int_equal(call.capacity, FAKE_SIZE * 2);
	unpublish.volume_id = unstage.volume_id = (char *)VOLUME;
	unpublish.target_path = (char *)TARGET;
	unstage.staging_target_path = (char *)STAGING;
	for (int twice = 0; twice < 2; twice++) {
		again(&call);
		api->node_unpublish_volume(api, &unpublish, closed_unpublish, &call);
		assert_true(call.answered);
	}
	for (int twice = 0; twice < 2; twice++) {
		again(&call);
		api->node_unstage_volume(api, &unstage, closed_unstage, &call);
		assert_true(call.answered);
	}
	rig_assert_nothing(rig);
	arena_free(call.op.arena);
}

static void a_wrong_stage_request_names_the_field(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	struct stage stage;

	stage_fill(&stage);
	stage.message.volume_id = (char *)"";
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "volume_id");
	stage.message.volume_id = (char *)"no-slash";
	refused(&service, &stage, ERR_NOT_FOUND, "volume");
	stage.message.staging_target_path = (char *)"";
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "staging_target_path");
	stage.message.staging_target_path = (char *)"/a/../b";
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "staging_target_path");
	stage.message.volume_capability = NULL;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "volume_capability");
	stage.mount.fs_type = (char *)"ntfs";
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "fs_type");
	stage.mode.mode = CSI__V1__VOLUME_CAPABILITY__ACCESS_MODE__MODE__MULTI_NODE_MULTI_WRITER;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "volume_capability");
	stage.message.n_publish_context = 0;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "publish_context");
	set_context(&stage, "portals", "some.host:4420");
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "portals");
	stage.volume_entries[0].key = (char *)"queueSize";
	stage.volume_entries[0].value = (char *)"9999999";
	stage.message.n_volume_context = 1;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "queueSize");
	stage.volume_entries[0].key = (char *)"mkfsOptions";
	stage.volume_entries[0].value = (char *)"--evil";
	stage.message.n_volume_context = 1;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "mkfsOptions");
	stage.volume_entries[0].key = (char *)"reclaim";
	stage.volume_entries[0].value = (char *)"sometimes";
	stage.message.n_volume_context = 1;
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "volume_context.reclaim");
	assert_int_equal(rig->fake->connects, 0);
	rig_assert_nothing(rig);
}

/* What protects the data path and is not known here must not be left out in silence. */
static void unknown_protection_is_refused(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	struct stage stage;

	stage_fill(&stage);
	set_context(&stage, "tls", "psk");
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "publish_context.tls");
	set_context(&stage, "auth", "dhchap");
	refused(&service, &stage, ERR_INVALID_ARGUMENT, "publish_context.auth");
	assert_int_equal(rig->fake->connects, 0);
}

static void publish_checks_its_own_fields(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	Csi__V1__Node_Service *api = &service.service;
	struct call call = new_call();
	struct stage stage;
	const struct {
		char **field;
		enum err_code code;
	} cases[] = {
		{&stage.publish.volume_id, ERR_INVALID_ARGUMENT},
		{&stage.publish.target_path, ERR_INVALID_ARGUMENT},
		{&stage.publish.staging_target_path, ERR_FAILED_PRECONDITION},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		stage_fill(&stage);
		*cases[i].field = (char *)"";
		again(&call);
		api->node_publish_volume(api, &stage.publish, closed_publish, &call);
		assert_false(call.answered);
		assert_int_equal(call.op.err.code, cases[i].code);
	}
	stage_fill(&stage);
	stage.publish.volume_capability = NULL;
	again(&call);
	api->node_publish_volume(api, &stage.publish, closed_publish, &call);
	assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
	arena_free(call.op.arena);
}

static void paths_and_ids_of_the_other_calls_are_checked(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	Csi__V1__Node_Service *api = &service.service;
	struct call call = new_call();
	Csi__V1__NodeGetVolumeStatsRequest stats = CSI__V1__NODE_GET_VOLUME_STATS_REQUEST__INIT;
	Csi__V1__NodeExpandVolumeRequest expand = CSI__V1__NODE_EXPAND_VOLUME_REQUEST__INIT;
	Csi__V1__NodeUnpublishVolumeRequest unpublish =
		CSI__V1__NODE_UNPUBLISH_VOLUME_REQUEST__INIT;
	Csi__V1__NodeUnstageVolumeRequest unstage = CSI__V1__NODE_UNSTAGE_VOLUME_REQUEST__INIT;

	for (int with_id = 0; with_id < 2; with_id++) {
		char *id = (char *)(with_id ? VOLUME : "");
		stats.volume_id = expand.volume_id = unpublish.volume_id = unstage.volume_id = id;
		again(&call);
		api->node_get_volume_stats(api, &stats, closed_stats, &call);
		assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
		again(&call);
		api->node_expand_volume(api, &expand, closed_expand, &call);
		assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
		again(&call);
		api->node_unpublish_volume(api, &unpublish, closed_unpublish, &call);
		assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
		again(&call);
		api->node_unstage_volume(api, &unstage, closed_unstage, &call);
		assert_int_equal(call.op.err.code, ERR_INVALID_ARGUMENT);
	}
	/* What nobody knows: not there for questions, fine for taking away. */
	stats.volume_path = expand.volume_path = unpublish.target_path = (char *)TARGET;
	unstage.staging_target_path = (char *)STAGING;
	stats.volume_id = expand.volume_id = unpublish.volume_id = unstage.volume_id =
		(char *)"junk";
	again(&call);
	api->node_get_volume_stats(api, &stats, closed_stats, &call);
	assert_int_equal(call.op.err.code, ERR_NOT_FOUND);
	again(&call);
	api->node_expand_volume(api, &expand, closed_expand, &call);
	assert_int_equal(call.op.err.code, ERR_NOT_FOUND);
	again(&call);
	api->node_unpublish_volume(api, &unpublish, closed_unpublish, &call);
	assert_true(call.answered);
	again(&call);
	api->node_unstage_volume(api, &unstage, closed_unstage, &call);
	assert_true(call.answered);
	arena_free(call.op.arena);
}

static void tells_who_it_is_and_what_it_can(void **state)
{
	struct rig *rig = *state;
	struct node_service service = service_of(rig);
	Csi__V1__Node_Service *api = &service.service;
	struct call call = new_call();
	Csi__V1__NodeGetInfoRequest info = CSI__V1__NODE_GET_INFO_REQUEST__INIT;
	Csi__V1__NodeGetCapabilitiesRequest capabilities =
		CSI__V1__NODE_GET_CAPABILITIES_REQUEST__INIT;

	api->node_get_info(api, &info, closed_info, &call);
	assert_string_equal(call.node_id, "nqn.node");
	assert_int_equal(call.max_volumes, 77);
	assert_false(call.placed);
	service.topology = (struct kv_list){&(struct kv){"x.dev/zone", "a"}, 1};
	again(&call);
	api->node_get_info(api, &info, closed_info, &call);
	assert_true(call.placed);
	again(&call);
	api->node_get_capabilities(api, &capabilities, closed_capabilities, &call);
	static const int expected[] = {1, 2, 3, 5, 7, 8};
	assert_int_equal(call.n_capabilities, ARRAY_SIZE(expected));
	assert_memory_equal(call.capabilities, expected, sizeof(expected));
	arena_free(call.op.arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_whole_life_of_a_volume),
		TEST(a_wrong_stage_request_names_the_field),
		TEST(unknown_protection_is_refused),
		TEST(publish_checks_its_own_fields),
		TEST(paths_and_ids_of_the_other_calls_are_checked),
		TEST(tells_who_it_is_and_what_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
