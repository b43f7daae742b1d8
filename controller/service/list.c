/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListVolumes and GetCapacity.
 */
#include "common/base/log.h"
#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "controller/service/convert.h"
#include "controller/service/handlers.h"

/* One entry is four messages; they are allocated together. */
struct entry {
	Csi__V1__ListVolumesResponse__Entry entry;
	Csi__V1__ListVolumesResponse__VolumeStatus status;
	Csi__V1__Volume volume;
};

static int fill_entry(struct op *op, const struct core_volume *volume, struct entry *ret)
{
	csi__v1__list_volumes_response__entry__init(&ret->entry);
	csi__v1__list_volumes_response__volume_status__init(&ret->status);
	csi__v1__volume__init(&ret->volume);
	ret->entry.volume = &ret->volume;
	ret->entry.status = &ret->status;
	ret->status.published_node_ids =
		convert_nodes(op, volume, &ret->status.n_published_node_ids);
	if (volume->n_nodes > 0 && !ret->status.published_node_ids) {
		return -1;
	}
	return convert_volume(op, volume, &ret->volume);
}

static int fill_page(
	struct op *op, const struct core_volumes *page, Csi__V1__ListVolumesResponse *ret)
{
	ret->next_token = convert_text(op, page->next_token);
	if (!ret->next_token) {
		return -1;
	}
	if (page->n == 0) {
		return 0;
	}
	ret->entries = arena_alloc(op->arena, page->n * sizeof(*ret->entries));
	if (!ret->entries) {
		return err_set(&op->err, ERR_RESOURCE_EXHAUSTED,
			"max_entries: the page is too large, ask for less");
	}
	for (size_t i = 0; i < page->n; i++) {
		struct entry *entry = arena_alloc(op->arena, sizeof(*entry));

		if (!entry) {
			return err_set(&op->err, ERR_RESOURCE_EXHAUSTED,
				"max_entries: the page is too large, ask for less");
		}
		if (fill_entry(op, &page->list[i], entry) < 0) {
			return -1;
		}
		ret->entries[i] = &entry->entry;
	}
	ret->n_entries = page->n;
	return 0;
}

void service_list_volumes(Csi__V1__Controller_Service *service,
	const Csi__V1__ListVolumesRequest *input, Csi__V1__ListVolumesResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ListVolumesResponse answer = CSI__V1__LIST_VOLUMES_RESPONSE__INIT;
	struct core_volumes page;

	if (csi_check_max_entries("max_entries", input->max_entries, &op->err) < 0 ||
		core_volume_list(core, op, (size_t)input->max_entries, input->starting_token, &page,
			&op->err) < 0 ||
		fill_page(op, &page, &answer) < 0) {
		closure(NULL, closure_data);
		return;
	}
	if (page.stale) {
		LOG_WARNING("a backend cannot be asked; its last good list was told",
			LOG_STR("backend", page.stale), LOG_STR("rpc", op->method));
	}
	closure(&answer, closure_data);
}

void service_get_capacity(Csi__V1__Controller_Service *service,
	const Csi__V1__GetCapacityRequest *input, Csi__V1__GetCapacityResponse_Closure closure,
	void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__GetCapacityResponse answer = CSI__V1__GET_CAPACITY_RESPONSE__INIT;
	Google__Protobuf__Int64Value max_size = GOOGLE__PROTOBUF__INT64_VALUE__INIT;
	Google__Protobuf__Int64Value min_size = GOOGLE__PROTOBUF__INT64_VALUE__INIT;
	struct core_capacity room = {0};
	struct wanted_access wanted;
	struct kv_list parameters;
	struct kv_list from;
	bool possible = true;
	bool malformed = false;

	if (CSI_MAP(op->arena, input, parameters, &parameters, &op->err) < 0 ||
		convert_segment(op, "accessible_topology", input->accessible_topology, &from) < 0) {
		closure(NULL, closure_data);
		return;
	}
	if (input->n_volume_capabilities > 0 &&
		convert_capabilities(op, input->n_volume_capabilities, input->volume_capabilities,
			&wanted, &malformed) < 0) {
		if (malformed) {
			closure(NULL, closure_data);
			return;
		}
		possible = false;
	}
	if (possible) {
		if (core_capacity(core, op, parameters, from, &room, &op->err) < 0) {
			closure(NULL, closure_data);
			return;
		}
		max_size.value = room.max_size;
		min_size.value = room.min_size;
		answer.maximum_volume_size = room.max_size > 0 ? &max_size : NULL;
		answer.minimum_volume_size = room.max_size > 0 ? &min_size : NULL;
	}
	answer.available_capacity = room.available;
	closure(&answer, closure_data);
}
