/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ControllerPublishVolume and ControllerUnpublishVolume.
 */
#include "controller/core/publish.h"

#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "controller/service/convert.h"
#include "controller/service/handlers.h"

static int read_publish(struct op *op, const Csi__V1__ControllerPublishVolumeRequest *input,
	struct csi_id *id, struct core_publish *ret)
{
	struct csi_access access;
	struct kv_list attributes;
	struct kv_list ignored;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		csi_check_node_id("node_id", input->node_id, &op->err) < 0 ||
		csi_access_of("volume_capability", input->volume_capability, &access, &op->err) <
			0 ||
		csi_access_supported("volume_capability", &access, &op->err) < 0 ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0 ||
		CSI_MAP(op->arena, input, volume_context, &attributes, &op->err) < 0 ||
		csi_id_parse("volume", input->volume_id, id, &op->err) < 0) {
		return -1;
	}
	*ret = (struct core_publish){
		.id = convert_core_id(id),
		.node = input->node_id,
		.single_node = csi_mode_single_node(access.mode),
		.mode = csi_mode_name(access.mode),
		.read_only = input->readonly,
		.attributes = attributes,
	};
	return 0;
}

void service_publish_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerPublishVolumeRequest *input,
	Csi__V1__ControllerPublishVolumeResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerPublishVolumeResponse answer =
		CSI__V1__CONTROLLER_PUBLISH_VOLUME_RESPONSE__INIT;
	struct attach_text *context = arena_alloc(op->arena, sizeof(*context));
	struct core_publish publish;
	struct csi_id id;

	if (!context) {
		(void)err_set(&op->err, ERR_RESOURCE_EXHAUSTED, "the request is too large");
		closure(NULL, closure_data);
		return;
	}
	if (read_publish(op, input, &id, &publish) < 0 ||
		core_publish(core, op, &publish, context, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	answer.publish_context = csi_map_make(op->arena,
		&csi__v1__controller_publish_volume_response__publish_context_entry__descriptor,
		(struct kv_list){.items = context->items, .n = context->n},
		&answer.n_publish_context, &op->err);
	closure(answer.publish_context ? &answer : NULL, closure_data);
}

void service_unpublish_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerUnpublishVolumeRequest *input,
	Csi__V1__ControllerUnpublishVolumeResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerUnpublishVolumeResponse answer =
		CSI__V1__CONTROLLER_UNPUBLISH_VOLUME_RESPONSE__INIT;
	struct kv_list ignored;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		(!str_empty(input->node_id) &&
			csi_check_node_id("node_id", input->node_id, &op->err) < 0) ||
		CSI_MAP(op->arena, input, secrets, &ignored, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	if (csi_id_parse("volume", input->volume_id, &parsed, NULL) == 0) {
		id = convert_core_id(&parsed);
		if (core_unpublish(core, op, &id, input->node_id, &op->err) < 0) {
			closure(NULL, closure_data);
			return;
		}
	}
	closure(&answer, closure_data);
}
