/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids say it; a request to make something says it by its source, or by its parameters. Nothing is
 * checked here: what is wrong with a request is told by its handler, wherever that runs.
 */
#include "controller/service/place.h"

#include "common/csi/ids.h"
#include "proto/csi.pb-c.h"

static size_t place_of_id(const struct core *core, const char *text)
{
	struct csi_id id;

	return !str_empty(text) && csi_id_parse("id", text, &id, NULL) == 0
		       ? core_backend_index(core, id.backend)
		       : CORE_BACKEND_NONE;
}

static const char *text_field(const ProtobufCMessage *request, const char *name)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
	const char *text;

	if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
		field->label == PROTOBUF_C_LABEL_REPEATED) {
		return NULL;
	}
	memcpy(&text, (const char *)request + field->offset, sizeof(text));
	return text;
}

/* Without a name it is the only one, when there is only one. */
static size_t place_of_name(const struct core *core, const char *name)
{
	if (str_empty(name)) {
		return core_backend_count(core) == 1 ? 0 : CORE_BACKEND_NONE;
	}
	return core_backend_index(core, name);
}

static size_t place_of_creation(
	const struct core *core, const Csi__V1__CreateVolumeRequest *request)
{
	const Csi__V1__VolumeContentSource *source = request->volume_content_source;
	const char *name = NULL;

	if (source && source->type_case == CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT) {
		return place_of_id(core, source->snapshot->snapshot_id);
	}
	if (source && source->type_case == CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_VOLUME) {
		return place_of_id(core, source->volume->volume_id);
	}
	for (size_t i = 0; i < request->n_parameters; i++) {
		if (streq(request->parameters[i]->key, "backend")) {
			name = request->parameters[i]->value;
		}
	}
	return place_of_name(core, name);
}

static size_t place_of_capacity(const struct core *core, const Csi__V1__GetCapacityRequest *request)
{
	const char *name = NULL;

	for (size_t i = 0; i < request->n_parameters; i++) {
		if (streq(request->parameters[i]->key, "backend")) {
			name = request->parameters[i]->value;
		}
	}
	return place_of_name(core, name);
}

size_t service_place(const struct core *core, const ProtobufCMessage *request)
{
	static const char *const ids[] = {"volume_id", "snapshot_id", "source_volume_id"};
	size_t place;

	if (request->descriptor == &csi__v1__create_volume_request__descriptor) {
		return place_of_creation(core, (const Csi__V1__CreateVolumeRequest *)request);
	}
	if (request->descriptor == &csi__v1__get_capacity_request__descriptor) {
		return place_of_capacity(core, (const Csi__V1__GetCapacityRequest *)request);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		place = place_of_id(core, text_field(request, ids[i]));
		if (place != CORE_BACKEND_NONE) {
			return place;
		}
	}
	return CORE_BACKEND_NONE;
}
