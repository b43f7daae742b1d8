/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions between core and CSI messages.
 */
#include "controller/service/convert.h"

#include "common/csi/kvmap.h"
#include "common/csi/validate.h"

#include <stdio.h>

static int no_room(struct op *op)
{
	return err_set(&op->err, ERR_UNAVAILABLE,
		"the answer is too large for the memory of one call; retry");
}

char *convert_text(struct op *op, const char *text)
{
	char *copy = arena_strdup(op->arena, text);

	if (!copy) {
		(void)no_room(op);
	}
	return copy;
}

char *convert_id(struct op *op, const struct core_id *id)
{
	char text[CSI_ID_SIZE];

	return csi_id_print(id->backend, id->object, text, &op->err) < 0 ? NULL
									 : convert_text(op, text);
}

struct core_id convert_core_id(const struct csi_id *id)
{
	return (struct core_id){.backend = id->backend, .object = id->object};
}

static int convert_source(struct op *op, const struct core_source *source, Csi__V1__Volume *ret)
{
	Csi__V1__VolumeContentSource *content = arena_alloc(op->arena, sizeof(*content));
	Csi__V1__VolumeContentSource__SnapshotSource *snapshot =
		arena_alloc(op->arena, sizeof(*snapshot));
	Csi__V1__VolumeContentSource__VolumeSource *volume =
		arena_alloc(op->arena, sizeof(*volume));
	char *id = convert_id(op, &source->id);

	if (!id) {
		return -1;
	}
	if (!content || !snapshot || !volume) {
		return no_room(op);
	}
	csi__v1__volume_content_source__init(content);
	if (source->kind == CORE_FROM_SNAPSHOT) {
		csi__v1__volume_content_source__snapshot_source__init(snapshot);
		snapshot->snapshot_id = id;
		content->type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_SNAPSHOT;
		content->snapshot = snapshot;
	} else {
		csi__v1__volume_content_source__volume_source__init(volume);
		volume->volume_id = id;
		content->type_case = CSI__V1__VOLUME_CONTENT_SOURCE__TYPE_VOLUME;
		content->volume = volume;
	}
	ret->content_source = content;
	return 0;
}

int convert_segment(
	struct op *op, const char *field, const Csi__V1__Topology *topology, struct kv_list *ret)
{
	*ret = (struct kv_list){0};
	return topology ? csi_map_read(op->arena, field, topology->n_segments, topology->segments,
				  ret, &op->err)
			: 0;
}

int convert_requisite(
	struct op *op, const Csi__V1__TopologyRequirement *requirement, struct topology *ret)
{
	size_t n = requirement ? requirement->n_requisite : 0;
	struct kv_list *segments;

	*ret = (struct topology){0};
	if (n > CONVERT_SEGMENTS_MAX) {
		return err_set(&op->err, ERR_INVALID_ARGUMENT,
			"accessibility_requirements.requisite: %zu of them, at most %d are allowed",
			n, CONVERT_SEGMENTS_MAX);
	}
	segments = arena_alloc(op->arena, (n + 1) * sizeof(*segments));
	if (!segments) {
		return no_room(op);
	}
	for (size_t i = 0; i < n; i++) {
		if (convert_segment(op, "accessibility_requirements.requisite",
			    requirement->requisite[i], &segments[i]) < 0) {
			return -1;
		}
	}
	*ret = (struct topology){.segments = segments, .n = n};
	return 0;
}

/* From where the volume is reached; a volume without this is reached from everywhere. */
static int convert_topology(struct op *op, const struct topology *topology, Csi__V1__Volume *ret)
{
	if (topology->n == 0) {
		return 0;
	}
	ret->accessible_topology =
		arena_alloc(op->arena, topology->n * sizeof(*ret->accessible_topology));
	for (size_t i = 0; ret->accessible_topology && i < topology->n; i++) {
		Csi__V1__Topology *one = arena_alloc(op->arena, sizeof(*one));

		if (!one) {
			return no_room(op);
		}
		csi__v1__topology__init(one);
		one->segments =
			csi_map_make(op->arena, &csi__v1__topology__segments_entry__descriptor,
				topology->segments[i], &one->n_segments, &op->err);
		if (!one->segments) {
			return -1;
		}
		ret->accessible_topology[i] = one;
	}
	if (!ret->accessible_topology) {
		return no_room(op);
	}
	ret->n_accessible_topology = topology->n;
	return 0;
}

int convert_volume(struct op *op, const struct core_volume *volume, Csi__V1__Volume *ret)
{
	ret->volume_id = convert_id(op, &volume->id);
	if (!ret->volume_id) {
		return -1;
	}
	ret->capacity_bytes = volume->size;
	ret->volume_context =
		csi_map_make(op->arena, &csi__v1__volume__volume_context_entry__descriptor,
			volume->context, &ret->n_volume_context, &op->err);
	if (volume->context.n > 0 && !ret->volume_context) {
		return -1;
	}
	if (convert_topology(op, volume->topology, ret) < 0) {
		return -1;
	}
	return volume->source.kind == CORE_BLANK ? 0 : convert_source(op, &volume->source, ret);
}

Csi__V1__Snapshot *convert_snapshot(struct op *op, const struct core_snapshot *snapshot)
{
	Csi__V1__Snapshot *ret = arena_alloc(op->arena, sizeof(*ret));
	Google__Protobuf__Timestamp *created = arena_alloc(op->arena, sizeof(*created));

	if (!ret || !created) {
		(void)no_room(op);
		return NULL;
	}
	csi__v1__snapshot__init(ret);
	google__protobuf__timestamp__init(created);
	ret->snapshot_id = convert_id(op, &snapshot->id);
	ret->source_volume_id = convert_id(op, &snapshot->source);
	if (!ret->snapshot_id || !ret->source_volume_id) {
		return NULL;
	}
	created->seconds = snapshot->created_ms / 1000;
	created->nanos = (int32_t)(snapshot->created_ms % 1000) * 1000000;
	ret->creation_time = created;
	ret->size_bytes = snapshot->size;
	ret->ready_to_use = snapshot->ready;
	return ret;
}

char **convert_nodes(struct op *op, const struct core_volume *volume, size_t *ret_n)
{
	char **nodes;

	*ret_n = 0;
	if (volume->n_nodes == 0) {
		return NULL;
	}
	nodes = arena_alloc(op->arena, volume->n_nodes * sizeof(*nodes));
	for (size_t i = 0; nodes && i < volume->n_nodes; i++) {
		nodes[i] = convert_text(op, volume->nodes[i]);
		if (!nodes[i]) {
			return NULL;
		}
	}
	if (!nodes) {
		(void)no_room(op);
		return NULL;
	}
	*ret_n = volume->n_nodes;
	return nodes;
}

int convert_capabilities(struct op *op, size_t n, Csi__V1__VolumeCapability *const *capabilities,
	struct wanted_access *ret, bool *ret_malformed)
{
	*ret = (struct wanted_access){.fs_type = ""};
	if (ret_malformed) {
		*ret_malformed = true;
	}
	if (n == 0) {
		return err_set(&op->err, ERR_INVALID_ARGUMENT,
			"volume_capabilities: missing, at least one is required");
	}
	if (n > CSI_CAPABILITIES_MAX) {
		return err_set(&op->err, ERR_INVALID_ARGUMENT,
			"volume_capabilities: %zu of them, at most %d are allowed", n,
			CSI_CAPABILITIES_MAX);
	}
	for (size_t i = 0; i < n; i++) {
		struct csi_access access;
		char field[48];

		(void)snprintf(field, sizeof(field), "volume_capabilities[%zu]", i);
		if (csi_access_of(field, capabilities[i], &access, &op->err) < 0) {
			return -1;
		}
	}
	if (ret_malformed) {
		*ret_malformed = false;
	}
	for (size_t i = 0; i < n; i++) {
		struct csi_access access;
		char field[48];

		(void)snprintf(field, sizeof(field), "volume_capabilities[%zu]", i);
		if (csi_access_of(field, capabilities[i], &access, &op->err) < 0 ||
			csi_access_supported(field, &access, &op->err) < 0) {
			return -1;
		}
		*(access.block ? &ret->block : &ret->mount) = true;
		if (str_empty(access.fs_type)) {
			continue;
		}
		if (!str_empty(ret->fs_type) && !streq(ret->fs_type, access.fs_type)) {
			return err_set(&op->err, ERR_INVALID_ARGUMENT,
				"%s.mount.fs_type: \"%s\", but another capability asks for \"%s\"; a volume has "
				"one filesystem",
				field, access.fs_type, ret->fs_type);
		}
		ret->fs_type = access.fs_type;
	}
	return 0;
}
