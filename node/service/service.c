/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers. Order of checks: fields are there, values are legal; whether the volume exists and
 * its state allows the call is for the core.
 */
#include "node/service/service.h"

#include "common/base/op.h"
#include "common/csi/access.h"
#include "common/csi/ids.h"
#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "node/service/health.h"
#include "node/service/kubelet_notes.h"

#include <stdio.h>

static struct node_service *self_of(Csi__V1__Node_Service *service)
{
	return container_of(service, struct node_service, service);
}

/* --- from messages to the core's words --- */

static int read_access(
	const Csi__V1__VolumeCapability *capability, struct core_access *ret, struct err *err)
{
	struct csi_access access;

	if (csi_access_of("volume_capability", capability, &access, err) < 0 ||
		csi_access_supported("volume_capability", &access, err) < 0) {
		return -1;
	}
	*ret = (struct core_access){
		.block = access.block,
		.read_only = csi_mode_read_only(access.mode),
		.many_targets = csi_mode_many_targets(access.mode),
		.mode = (int)access.mode,
		.fs_type = access.block	     ? ""
			   : *access.fs_type ? access.fs_type
					     : CSI_FS_DEFAULT,
		.flags = access.mount_flags,
		.n_flags = access.n_mount_flags,
	};
	return 0;
}

static int read_stage(
	struct op *op, const Csi__V1__NodeStageVolumeRequest *input, struct core_stage *ret)
{
	struct kv_list publish;
	struct kv_list volume;
	struct csi_id id;
	struct err *err = &op->err;

	if (csi_check_id("volume_id", input->volume_id, err) < 0 ||
		csi_check_path("staging_target_path", input->staging_target_path, err) < 0 ||
		read_access(input->volume_capability, &ret->access, err) < 0 ||
		CSI_MAP(op->arena, input, publish_context, &publish, err) < 0 ||
		CSI_MAP(op->arena, input, volume_context, &volume, err) < 0 ||
		csi_id_parse("volume", input->volume_id, &id, err) < 0 ||
		attach_parse(publish, &ret->attach, err) < 0 ||
		connect_parse(volume, &ret->options, err) < 0 ||
		reclaim_parse("volume_context." RECLAIM_KEY, kv_get(volume, RECLAIM_KEY),
			&ret->reclaim, err) < 0) {
		return -1;
	}
	const char *mkfs = kv_get(volume, "mkfsOptions");
	ret->mkfs_options = mkfs ? mkfs : "";
	ret->volume = input->volume_id;
	ret->staging = input->staging_target_path;
	return 0;
}

/* --- the handlers --- */

static void stage_volume(Csi__V1__Node_Service *service,
	const Csi__V1__NodeStageVolumeRequest *input,
	Csi__V1__NodeStageVolumeResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeStageVolumeResponse answer = CSI__V1__NODE_STAGE_VOLUME_RESPONSE__INIT;
	struct op *op = closure_data;
	struct core_stage *request = arena_alloc(op->arena, sizeof(*request));

	if (!request) {
		(void)err_set(&op->err, ERR_RESOURCE_EXHAUSTED, "NodeStageVolume: out of memory");
		closure(NULL, closure_data);
		return;
	}
	bool fine = read_stage(op, input, request) == 0 &&
		    core_stage(self_of(service)->core, request, &op->deadline, &op->err) == 0;
	if (fine) {
		(void)kubelet_notes_keep(request->staging, NULL);
	}
	closure(fine ? &answer : NULL, closure_data);
}

static void unstage_volume(Csi__V1__Node_Service *service,
	const Csi__V1__NodeUnstageVolumeRequest *input,
	Csi__V1__NodeUnstageVolumeResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeUnstageVolumeResponse answer = CSI__V1__NODE_UNSTAGE_VOLUME_RESPONSE__INIT;
	struct op *op = closure_data;

	bool fine =
		csi_check_id("volume_id", input->volume_id, &op->err) == 0 &&
		csi_check_path("staging_target_path", input->staging_target_path, &op->err) == 0 &&
		core_unstage(self_of(service)->core, input->volume_id, input->staging_target_path,
			&op->deadline, &op->err) == 0;
	closure(fine ? &answer : NULL, closure_data);
}

static int read_publish(
	struct op *op, const Csi__V1__NodePublishVolumeRequest *input, struct core_publish *ret)
{
	struct kv_list ignored;
	struct err *err = &op->err;

	if (csi_check_id("volume_id", input->volume_id, err) < 0 ||
		csi_check_path("target_path", input->target_path, err) < 0 ||
		read_access(input->volume_capability, &ret->access, err) < 0 ||
		CSI_MAP(op->arena, input, publish_context, &ignored, err) < 0 ||
		CSI_MAP(op->arena, input, volume_context, &ignored, err) < 0) {
		return -1;
	}
	/* CSI: without it the volume cannot be published by a plugin that stages. */
	if (str_empty(input->staging_target_path)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"staging_target_path: is required, as this plugin stages volumes");
	}
	if (csi_check_path("staging_target_path", input->staging_target_path, err) < 0) {
		return -1;
	}
	ret->volume = input->volume_id;
	ret->staging = input->staging_target_path;
	ret->target = input->target_path;
	ret->read_only = input->readonly;
	return 0;
}

static void publish_volume(Csi__V1__Node_Service *service,
	const Csi__V1__NodePublishVolumeRequest *input,
	Csi__V1__NodePublishVolumeResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodePublishVolumeResponse answer = CSI__V1__NODE_PUBLISH_VOLUME_RESPONSE__INIT;
	struct op *op = closure_data;
	struct core_publish request = {0};

	bool fine = read_publish(op, input, &request) == 0 &&
		    core_publish(self_of(service)->core, &request, &op->deadline, &op->err) == 0;
	if (fine) {
		(void)kubelet_notes_keep(request.staging, request.target);
	}
	closure(fine ? &answer : NULL, closure_data);
}

static void unpublish_volume(Csi__V1__Node_Service *service,
	const Csi__V1__NodeUnpublishVolumeRequest *input,
	Csi__V1__NodeUnpublishVolumeResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeUnpublishVolumeResponse answer = CSI__V1__NODE_UNPUBLISH_VOLUME_RESPONSE__INIT;
	struct op *op = closure_data;

	bool fine = csi_check_id("volume_id", input->volume_id, &op->err) == 0 &&
		    csi_check_path("target_path", input->target_path, &op->err) == 0 &&
		    core_unpublish(self_of(service)->core, input->volume_id, input->target_path,
			    &op->deadline, &op->err) == 0;
	closure(fine ? &answer : NULL, closure_data);
}

static int read_expand(
	struct op *op, const Csi__V1__NodeExpandVolumeRequest *input, struct core_expand *ret)
{
	struct csi_range range = {0};
	struct core_access access;
	struct err *err = &op->err;

	if (csi_check_id("volume_id", input->volume_id, err) < 0 ||
		csi_check_published_path("volume_path", input->volume_path, err) < 0 ||
		csi_check_range("capacity_range", input->capacity_range, false, &range, err) < 0 ||
		(input->volume_capability &&
			read_access(input->volume_capability, &access, err) < 0)) {
		return -1;
	}
	ret->volume = input->volume_id;
	ret->path = input->volume_path;
	ret->required = range.required;
	ret->limit = range.limit;
	return 0;
}

static void expand_volume(Csi__V1__Node_Service *service,
	const Csi__V1__NodeExpandVolumeRequest *input,
	Csi__V1__NodeExpandVolumeResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeExpandVolumeResponse answer = CSI__V1__NODE_EXPAND_VOLUME_RESPONSE__INIT;
	struct op *op = closure_data;
	struct core_expand request = {0};

	bool fine = read_expand(op, input, &request) == 0 &&
		    core_expand(self_of(service)->core, &request, &op->deadline,
			    &answer.capacity_bytes, &op->err) == 0;
	closure(fine ? &answer : NULL, closure_data);
}

static void get_volume_stats(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetVolumeStatsRequest *input,
	Csi__V1__NodeGetVolumeStatsResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeGetVolumeStatsResponse answer = CSI__V1__NODE_GET_VOLUME_STATS_RESPONSE__INIT;
	Csi__V1__VolumeUsage bytes = CSI__V1__VOLUME_USAGE__INIT;
	Csi__V1__VolumeUsage inodes = CSI__V1__VOLUME_USAGE__INIT;
	Csi__V1__VolumeUsage *usage[] = {&bytes, &inodes};
	struct op *op = closure_data;
	struct core_stats stats;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		csi_check_published_path("volume_path", input->volume_path, &op->err) < 0 ||
		core_stats(self_of(service)->core, input->volume_id, input->volume_path,
			&op->deadline, &stats, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	bytes.unit = CSI__V1__VOLUME_USAGE__UNIT__BYTES;
	bytes.total = stats.usage.bytes_total;
	bytes.used = stats.usage.bytes_used;
	bytes.available = stats.usage.bytes_free;
	inodes.unit = CSI__V1__VOLUME_USAGE__UNIT__INODES;
	inodes.total = stats.usage.inodes_total;
	inodes.used = stats.usage.inodes_used;
	inodes.available = stats.usage.inodes_free;
	answer.usage = usage;
	/* Of a raw block device nobody can say how much of it is in use. */
	answer.n_usage = stats.block ? 1 : 2;
	closure(&answer, closure_data);
}

static void get_capabilities(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetCapabilitiesRequest *input,
	Csi__V1__NodeGetCapabilitiesResponse_Closure closure, void *closure_data)
{
	static const Csi__V1__NodeServiceCapability__RPC__Type types[] = {
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__STAGE_UNSTAGE_VOLUME,
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__GET_VOLUME_STATS,
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__EXPAND_VOLUME,
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__SINGLE_NODE_MULTI_WRITER,
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__GET_VOLUME_HEALTH,
		CSI__V1__NODE_SERVICE_CAPABILITY__RPC__TYPE__GET_STORAGE_HEALTH,
	};
	Csi__V1__NodeGetCapabilitiesResponse answer = CSI__V1__NODE_GET_CAPABILITIES_RESPONSE__INIT;
	Csi__V1__NodeServiceCapability capabilities[ARRAY_SIZE(types)];
	Csi__V1__NodeServiceCapability__RPC rpcs[ARRAY_SIZE(types)];
	Csi__V1__NodeServiceCapability *all[ARRAY_SIZE(types)];

	(void)service;
	(void)input;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		csi__v1__node_service_capability__rpc__init(&rpcs[i]);
		csi__v1__node_service_capability__init(&capabilities[i]);
		rpcs[i].type = types[i];
		capabilities[i].type_case = CSI__V1__NODE_SERVICE_CAPABILITY__TYPE_RPC;
		capabilities[i].rpc = &rpcs[i];
		all[i] = &capabilities[i];
	}
	answer.n_capabilities = ARRAY_SIZE(types);
	answer.capabilities = all;
	closure(&answer, closure_data);
}

static void get_info(Csi__V1__Node_Service *service, const Csi__V1__NodeGetInfoRequest *input,
	Csi__V1__NodeGetInfoResponse_Closure closure, void *closure_data)
{
	Csi__V1__NodeGetInfoResponse answer = CSI__V1__NODE_GET_INFO_RESPONSE__INIT;
	const struct node_service *self = self_of(service);
	Csi__V1__Topology topology = CSI__V1__TOPOLOGY__INIT;
	char node_id[NQN_SIZE]; /* the generated structs want writable strings */
	struct op *op = closure_data;

	(void)input;
	(void)snprintf(node_id, sizeof(node_id), "%s", self->node_id);
	answer.node_id = node_id;
	answer.max_volumes_per_node = self->max_volumes;
	topology.segments = csi_map_make(op->arena, &csi__v1__topology__segments_entry__descriptor,
		self->topology, &topology.n_segments, &op->err);
	if (self->topology.n > 0) {
		if (!topology.segments) {
			closure(NULL, closure_data);
			return;
		}
		answer.accessible_topology = &topology;
	}
	closure(&answer, closure_data);
}

void node_service_init(
	struct node_service *service, struct core *core, const char *node_id, int64_t max_volumes)
{
	*service =
		(struct node_service){.core = core, .node_id = node_id, .max_volumes = max_volumes};
	csi__v1__node__init(&service->service, NULL);
	service->service.node_stage_volume = stage_volume;
	service->service.node_unstage_volume = unstage_volume;
	service->service.node_publish_volume = publish_volume;
	service->service.node_unpublish_volume = unpublish_volume;
	service->service.node_expand_volume = expand_volume;
	service->service.node_get_volume_stats = get_volume_stats;
	service->service.node_get_volume_health = service_volume_health;
	service->service.node_get_storage_health = service_storage_health;
	service->service.node_get_capabilities = get_capabilities;
	service->service.node_get_info = get_info;
}
