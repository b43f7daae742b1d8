/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ControllerGetVolumeHealth and ControllerListVolumeHealth.
 */
#include "common/csi/kvmap.h"
#include "common/csi/validate.h"
#include "controller/core/volume_health.h"
#include "controller/service/convert.h"
#include "controller/service/handlers.h"

typedef Csi__V1__VolumeHealth__VolumeHealthEntry health_entry;

static int no_room(struct op *op)
{
	return err_set(&op->err, ERR_RESOURCE_EXHAUSTED,
		"max_entries: the page is too large, ask for less");
}

/* The volume's id is filled in by the caller. */
static int fill(struct op *op, const struct core_volume_health *health, Csi__V1__VolumeHealth *ret)
{
	ret->health_statuses =
		arena_alloc(op->arena, (health->n + 1) * sizeof(*ret->health_statuses));
	if (!ret->health_statuses) {
		return no_room(op);
	}
	for (size_t i = 0; i < health->n; i++) {
		const struct core_sick_kind *kind = core_sick_kind(health->list[i].what);
		health_entry *entry = arena_alloc(op->arena, sizeof(*entry));

		if (!entry) {
			return no_room(op);
		}
		csi__v1__volume_health__volume_health_entry__init(entry);
		entry->status = kind->inaccessible ? CSI__V1__VOLUME_HEALTH_ERROR_TYPE__INACCESSIBLE
						   : CSI__V1__VOLUME_HEALTH_ERROR_TYPE__DEGRADED;
		entry->reason = convert_text(op, kind->name);
		entry->message = convert_text(op, health->list[i].message);
		if (!entry->reason || !entry->message) {
			return -1;
		}
		ret->health_statuses[ret->n_health_statuses++] = entry;
	}
	return 0;
}

void service_get_volume_health(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerGetVolumeHealthRequest *input,
	Csi__V1__ControllerGetVolumeHealthResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerGetVolumeHealthResponse answer =
		CSI__V1__CONTROLLER_GET_VOLUME_HEALTH_RESPONSE__INIT;
	Csi__V1__VolumeHealth message = CSI__V1__VOLUME_HEALTH__INIT;
	struct core_volume_health health;
	struct csi_id parsed;
	struct core_id id;

	if (csi_check_id("volume_id", input->volume_id, &op->err) < 0 ||
		csi_id_parse("volume", input->volume_id, &parsed, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	id = convert_core_id(&parsed);
	if (core_volume_health(core, op, &id, &health, &op->err) < 0 ||
		fill(op, &health, &message) < 0) {
		closure(NULL, closure_data);
		return;
	}
	/* As it was asked for, which may be by an alias. */
	message.volume_id = input->volume_id;
	answer.volume_health = &message;
	closure(&answer, closure_data);
}

static int fill_page(struct op *op, const struct core_sick_volumes *page,
	Csi__V1__ControllerListVolumeHealthResponse *ret)
{
	ret->next_token = convert_text(op, page->next_token);
	ret->entries = arena_alloc(op->arena, (page->n + 1) * sizeof(*ret->entries));
	if (!ret->next_token || !ret->entries) {
		return no_room(op);
	}
	for (size_t i = 0; i < page->n; i++) {
		Csi__V1__VolumeHealth *entry = arena_alloc(op->arena, sizeof(*entry));

		if (!entry) {
			return no_room(op);
		}
		csi__v1__volume_health__init(entry);
		entry->volume_id = convert_id(op, &page->list[i].id);
		if (!entry->volume_id || fill(op, &page->list[i], entry) < 0) {
			return -1;
		}
		ret->entries[ret->n_entries++] = entry;
	}
	return 0;
}

void service_list_volume_health(Csi__V1__Controller_Service *service,
	const Csi__V1__ControllerListVolumeHealthRequest *input,
	Csi__V1__ControllerListVolumeHealthResponse_Closure closure, void *closure_data)
{
	_cleanup_core_ struct core *core = service_core(service);
	struct op *op = closure_data;
	Csi__V1__ControllerListVolumeHealthResponse answer =
		CSI__V1__CONTROLLER_LIST_VOLUME_HEALTH_RESPONSE__INIT;
	struct core_sick_volumes page;

	if (csi_check_max_entries("max_entries", input->max_entries, &op->err) < 0 ||
		core_volume_health_list(core, op, (size_t)input->max_entries, input->starting_token,
			&page, &op->err) < 0 ||
		fill_page(op, &page, &answer) < 0) {
		closure(NULL, closure_data);
		return;
	}
	closure(&answer, closure_data);
}
