/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateVolume, DeleteVolume, ControllerExpandVolume, ValidateVolumeCapabilities,
 * ControllerGetVolume.
 */
#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "controller/core/params.h"
#include "controller/service/convert.h"
#include "controller/service/handlers.h"

/* CSI maps that only have limits: what is in them is of no use to us, or not our business. */
#define MAP_CHECK(op, input, field)                                                                \
	({                                                                                         \
		struct kv_list _list;                                                              \
		CSI_MAP((op)->arena, (input), field, &_list, &(op)->err);                          \
	})

static int read_source(struct op *op, const Csi__V1__VolumeContentSource *content,
	struct csi_id *id, struct core_source *ret)
{
	*ret = (struct core_source){.kind = CORE_BLANK};
	if (!content) {
		return 0;
	}
	switch (content->type_case) {
	case CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT:
		if (csi_check_id("volume_content_source.snapshot.snapshot_id",
			    content->snapshot->snapshot_id, &op->err) < 0 ||
			csi_id_parse("snapshot", content->snapshot->snapshot_id, id, &op->err) <
				0) {
			return -1;
		}
		ret->kind = CORE_FROM_SNAPSHOT;
		break;
	case CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_VOLUME:
		if (csi_check_id("volume_content_source.volume.volume_id",
			    content->volume->volume_id, &op->err) < 0 ||
			csi_id_parse("volume", content->volume->volume_id, id, &op->err) < 0) {
			return -1;
		}
		ret->kind = CORE_FROM_VOLUME;
		break;
	default:
		return err_set(&op->err, ERR_INVALID_ARGUMENT,
			"volume_content_source.type: missing, snapshot or volume is required");
	}
	ret->id = convert_core_id(id);
	return 0;
}

/* MODIFY_VOLUME is not advertised, so no mutable parameter can be known. */
static int refuse_mutable(struct op *op, struct kv_list parameters)
{
	if (parameters.n == 0) {
		return 0;
	}
	return err_set(&op->err, ERR_INVALID_ARGUMENT,
		"mutable_parameters.%s: this driver has no mutable parameters; use no VolumeAttributesClass",
		parameters.items[0].key);
}

static int read_create(struct op *op, const Csi__V1__CreateVolumeRequest *input,
	struct csi_id *source, struct core_create *ret)
{
	struct wanted_access wanted;
	struct csi_range range;
	struct kv_list mutable;

	if (csi_check_name("name", input->name, &op->err) < 0 ||
		convert_capabilities(op, input->n_volume_capabilities, input->volume_capabilities,
			&wanted, NULL) < 0 ||
		csi_check_range("capacity_range", input->capacity_range, false, &range, &op->err) <
			0 ||
		CSI_MAP(op->arena, input, parameters, &ret->parameters, &op->err) < 0 ||
		CSI_MAP(op->arena, input, mutable_parameters, &mutable, &op->err) < 0 ||
		MAP_CHECK(op, input, secrets) < 0 || refuse_mutable(op, mutable) < 0 ||
		convert_requisite(op, input->accessibility_requirements, &ret->requisite) < 0 ||
		read_source(op, input->volume_content_source, source, &ret->source) < 0) {
		return -1;
	}
	ret->name = input->name;
	ret->range = (struct core_range){.required = range.required, .limit = range.limit};
	ret->mount = wanted.mount;
	ret->fs_type = wanted.fs_type;
	return 0;
}

void service_create_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__CreateVolumeRequest *input, Csi__V1__CreateVolumeResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__CreateVolumeResponse answer = CSI__V1__CREATE_VOLUME_RESPONSE__INIT;
	Csi__V1__Volume message = CSI__V1__VOLUME__INIT;
	struct core_create create = {0};
	struct core_volume volume;
	struct csi_id source;

	if (read_create(op, input, &source, &create) < 0 ||
		core_volume_create(core, op, &create, &volume, &op->err) < 0 ||
		convert_volume(op, &volume, &message) < 0) {
		closure(NULL, closure_data);
		return;
	}
	answer.volume = &message;
	closure(&answer, closure_data);
}

void service_delete_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__DeleteVolumeRequest *input, Csi__V1__DeleteVolumeResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__DeleteVolumeResponse answer = CSI__V1__DELETE_VOLUME_RESPONSE__INIT;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		MAP_CHECK(op, input, secrets) < 0) {
		closure(NULL, closure_data);
		return;
	}
	/* An id that cannot be ours names nothing, and nothing is what is left of it. */
	if (csi_id_parse("volume", input->volume_id, &parsed, NULL) == 0) {
		id = convert_core_id(&parsed);
		if (core_volume_delete(core, op, &id, &op->err) < 0) {
			closure(NULL, closure_data);
			return;
		}
	}
	closure(&answer, closure_data);
}

/* A filesystem must be grown by the node; a raw device's size is told by the namespace change. */
static int needs_node(struct op *op, const Csi__V1__VolumeCapability *capability, bool *ret_needed)
{
	struct csi_access access;

	*ret_needed = true;
	if (!capability) {
		return 0;
	}
	if (csi_access_of("volume_capability", capability, &access, &op->err) < 0) {
		return -1;
	}
	*ret_needed = !access.block;
	return 0;
}

void service_expand_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerExpandVolumeRequest *input,
	Csi__V1__ControllerExpandVolumeResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerExpandVolumeResponse answer =
		CSI__V1__CONTROLLER_EXPAND_VOLUME_RESPONSE__INIT;
	struct core_range wanted;
	struct csi_range range;
	struct csi_id parsed;
	struct core_id id;
	bool node = true;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		csi_check_range("capacity_range", input->capacity_range, true, &range, &op->err) <
			0 ||
		MAP_CHECK(op, input, secrets) < 0 ||
		needs_node(op, input->volume_capability, &node) < 0 ||
		csi_id_parse("volume", input->volume_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	id = convert_core_id(&parsed);
	wanted = (struct core_range){.required = range.required, .limit = range.limit};
	if (core_volume_expand(core, op, &id, &wanted, &answer.capacity_bytes, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	answer.node_expansion_required = node;
	closure(&answer, closure_data);
}

/* The answer's maps repeat the request's, entry by entry; the types differ only in name. */
static int echo(struct op *op, const Csi__V1__ValidateVolumeCapabilitiesRequest *input,
	Csi__V1__ValidateVolumeCapabilitiesResponse__Confirmed *ret)
{
	struct kv_list context;
	struct kv_list parameters;

	if (CSI_MAP(op->arena, input, volume_context, &context, &op->err) < 0 ||
		CSI_MAP(op->arena, input, parameters, &parameters, &op->err) < 0) {
		return -1;
	}
	ret->volume_context = csi_map_make(op->arena,
		&csi__v1__validate_volume_capabilities_response__confirmed__volume_context_entry__descriptor,
		context, &ret->n_volume_context, &op->err);
	ret->parameters = csi_map_make(op->arena,
		&csi__v1__validate_volume_capabilities_response__confirmed__parameters_entry__descriptor,
		parameters, &ret->n_parameters, &op->err);
	if ((context.n > 0 && !ret->volume_context) || (parameters.n > 0 && !ret->parameters)) {
		return -1;
	}
	ret->n_volume_capabilities = input->n_volume_capabilities;
	ret->volume_capabilities = input->volume_capabilities;
	return 0;
}

/* Why the volume is not confirmed, NULL when it is. The text lives in op->err. */
static const char *unconfirmed(struct op *op,
	const Csi__V1__ValidateVolumeCapabilitiesRequest *input, const struct core_volume *volume)
{
	struct volume_params params;
	struct wanted_access wanted;
	struct kv_list list;
	const char *fs_type;

	if (convert_capabilities(op, input->n_volume_capabilities, input->volume_capabilities,
		    &wanted, NULL) < 0 ||
		CSI_MAP(op->arena, input, mutable_parameters, &list, &op->err) < 0 ||
		refuse_mutable(op, list) < 0 ||
		CSI_MAP(op->arena, input, parameters, &list, &op->err) < 0 ||
		params_parse(list, op->arena, &params, &op->err) < 0) {
		return op->err.msg;
	}
	fs_type = kv_get(volume->context, PARAM_FS_KEY);
	if (fs_type && !str_empty(wanted.fs_type) && !streq(fs_type, wanted.fs_type)) {
		(void)err_set(&op->err, ERR_INVALID_ARGUMENT,
			"volume_capabilities: fs_type \"%s\", but the volume was made for \"%s\"",
			wanted.fs_type, fs_type);
		return op->err.msg;
	}
	return NULL;
}

void service_validate_capabilities(Csi__V1__Controller_Service *service,
	const Csi__V1__ValidateVolumeCapabilitiesRequest *input,
	Csi__V1__ValidateVolumeCapabilitiesResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ValidateVolumeCapabilitiesResponse answer =
		CSI__V1__VALIDATE_VOLUME_CAPABILITIES_RESPONSE__INIT;
	Csi__V1__ValidateVolumeCapabilitiesResponse__Confirmed confirmed =
		CSI__V1__VALIDATE_VOLUME_CAPABILITIES_RESPONSE__CONFIRMED__INIT;
	struct core_volume volume;
	struct wanted_access wanted;
	struct csi_id parsed;
	struct core_id id;
	bool malformed = false;
	const char *why;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		MAP_CHECK(op, input, secrets) < 0) {
		closure(NULL, closure_data);
		return;
	}
	/* What is only not supported is told in the answer, once the volume was found. */
	if ((convert_capabilities(op, input->n_volume_capabilities, input->volume_capabilities,
		     &wanted, &malformed) < 0 &&
		    malformed) ||
		csi_id_parse("volume", input->volume_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	id = convert_core_id(&parsed);
	if (core_volume_get(core, op, &id, &volume, &op->err) < 0 ||
		echo(op, input, &confirmed) < 0) {
		closure(NULL, closure_data);
		return;
	}
	why = unconfirmed(op, input, &volume);
	if (why) {
		answer.message = convert_text(op, why);
		if (!answer.message) {
			closure(NULL, closure_data);
			return;
		}
	} else {
		answer.confirmed = &confirmed;
	}
	closure(&answer, closure_data);
}

void service_get_volume(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerGetVolumeRequest *input,
	Csi__V1__ControllerGetVolumeResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerGetVolumeResponse answer = CSI__V1__CONTROLLER_GET_VOLUME_RESPONSE__INIT;
	Csi__V1__ControllerGetVolumeResponse__VolumeStatus status =
		CSI__V1__CONTROLLER_GET_VOLUME_RESPONSE__VOLUME_STATUS__INIT;
	Csi__V1__Volume message = CSI__V1__VOLUME__INIT;
	struct core_volume volume;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		csi_id_parse("volume", input->volume_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	id = convert_core_id(&parsed);
	if (core_volume_get(core, op, &id, &volume, &op->err) < 0 ||
		convert_volume(op, &volume, &message) < 0) {
		closure(NULL, closure_data);
		return;
	}
	status.published_node_ids = convert_nodes(op, &volume, &status.n_published_node_ids);
	if (volume.n_nodes > 0 && !status.published_node_ids) {
		closure(NULL, closure_data);
		return;
	}
	answer.volume = &message;
	answer.status = &status;
	closure(&answer, closure_data);
}
