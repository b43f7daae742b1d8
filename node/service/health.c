/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What node/core/health.h tells, as messages. They live in the request's arena.
 */
#include "node/service/health.h"

#include "common/base/op.h"
#include "common/csi/validate.h"
#include "node/core/health.h"
#include "node/service/service.h"

typedef Csi__V1__VolumeHealth__VolumeHealthEntry volume_entry;
typedef Csi__V1__NodeGetStorageHealthResponse__StorageBackendHealth backend_entry;

static int no_room(struct op *op)
{
	return err_set(&op->err, ERR_RESOURCE_EXHAUSTED, "health: out of memory");
}

static int fill(struct op *op, const struct core_health *health, Csi__V1__VolumeHealth *ret)
{
	ret->health_statuses =
		arena_alloc(op->arena, (health->n + 1) * sizeof(*ret->health_statuses));
	if (!ret->health_statuses) {
		return no_room(op);
	}
	for (size_t i = 0; i < health->n; i++) {
		const struct health_kind *kind = health_kind(health->list[i].reason);
		volume_entry *entry = arena_alloc(op->arena, sizeof(*entry));

		if (!entry) {
			return no_room(op);
		}
		csi__v1__volume_health__volume_health_entry__init(entry);
		entry->status = kind->inaccessible ? CSI__V1__VOLUME_HEALTH_ERROR_TYPE__INACCESSIBLE
						   : CSI__V1__VOLUME_HEALTH_ERROR_TYPE__DEGRADED;
		entry->reason = arena_strdup(op->arena, kind->name);
		entry->message = arena_strdup(op->arena, health->list[i].message);
		if (!entry->reason || !entry->message) {
			return no_room(op);
		}
		ret->health_statuses[ret->n_health_statuses++] = entry;
	}
	return 0;
}

static int check_request(const Csi__V1__NodeGetVolumeHealthRequest *input, struct err *err)
{
	if (csi_check_id("volume_id", input->volume_id, err) < 0 ||
		(!str_empty(input->volume_publish_path) &&
			csi_check_path("volume_publish_path", input->volume_publish_path, err) <
				0) ||
		(!str_empty(input->staging_target_path) &&
			csi_check_path("staging_target_path", input->staging_target_path, err) <
				0)) {
		return -1;
	}
	return 0;
}

void service_volume_health(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetVolumeHealthRequest *input,
	Csi__V1__NodeGetVolumeHealthResponse_Closure closure, void *closure_data)
{
	struct core *core = container_of(service, struct node_service, service)->core;
	Csi__V1__NodeGetVolumeHealthResponse answer =
		CSI__V1__NODE_GET_VOLUME_HEALTH_RESPONSE__INIT;
	Csi__V1__VolumeHealth health = CSI__V1__VOLUME_HEALTH__INIT;
	struct op *op = closure_data;
	struct core_health *found = arena_alloc(op->arena, sizeof(*found));

	if (!found) {
		(void)no_room(op);
	}
	if (!found || check_request(input, &op->err) < 0 ||
		core_volume_health(core, input->volume_id, input->volume_publish_path,
			&op->deadline, found, &op->err) < 0 ||
		fill(op, found, &health) < 0) {
		closure(NULL, closure_data);
		return;
	}
	health.volume_id = input->volume_id;
	answer.volume_health = &health;
	closure(&answer, closure_data);
}

void service_storage_health(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetStorageHealthRequest *input UNUSED,
	Csi__V1__NodeGetStorageHealthResponse_Closure closure, void *closure_data)
{
	struct core *core = container_of(service, struct node_service, service)->core;
	Csi__V1__NodeGetStorageHealthResponse answer =
		CSI__V1__NODE_GET_STORAGE_HEALTH_RESPONSE__INIT;
	/* CSI names no backend, and allows each status and reason only once. */
	backend_entry degraded =
		CSI__V1__NODE_GET_STORAGE_HEALTH_RESPONSE__STORAGE_BACKEND_HEALTH__INIT;
	backend_entry unreachable = degraded;
	backend_entry *entries[2];
	struct op *op = closure_data;
	struct core_backends backends;

	if (core_backend_health(core, &backends, &op->err) < 0) {
		closure(NULL, closure_data);
		return;
	}
	degraded.status = CSI__V1__STORAGE_HEALTH_ERROR_TYPE__STORAGE_DEGRADED;
	degraded.reason = "PortalsLost";
	degraded.message = backends.degraded_message;
	unreachable.status = CSI__V1__STORAGE_HEALTH_ERROR_TYPE__STORAGE_UNREACHABLE;
	unreachable.reason = "AllPortalsLost";
	unreachable.message = backends.unreachable_message;
	if (backends.degraded > 0) {
		entries[answer.n_backend_health++] = &degraded;
	}
	if (backends.unreachable > 0) {
		entries[answer.n_backend_health++] = &unreachable;
	}
	answer.backend_health = entries;
	closure(&answer, closure_data);
}
