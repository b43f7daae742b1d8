/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of slots, and what the plugin says it can do.
 */
#include "controller/service/controller.h"

#include "common/base/op.h"
#include "controller/service/handlers.h"

#define RPC(name) CSI__V1__CONTROLLER_SERVICE_CAPABILITY__RPC__TYPE__##name

/* What is built. PUBLISH_READONLY is not: no target enforces it by host. */
static const Csi__V1__ControllerServiceCapability__RPC__Type capabilities[] = {
	RPC(CREATE_DELETE_VOLUME),
	RPC(PUBLISH_UNPUBLISH_VOLUME),
	RPC(LIST_VOLUMES),
	RPC(LIST_VOLUMES_PUBLISHED_NODES),
	RPC(GET_CAPACITY),
	RPC(CREATE_DELETE_SNAPSHOT),
	RPC(LIST_SNAPSHOTS),
	RPC(CLONE_VOLUME),
	RPC(EXPAND_VOLUME),
	RPC(GET_VOLUME),
	RPC(GET_SNAPSHOT),
	RPC(SINGLE_NODE_MULTI_WRITER),
	RPC(GET_VOLUME_HEALTH),
	RPC(LIST_VOLUME_HEALTH),
};

void service_get_capabilities(Csi__V1__Controller_Service *service UNUSED,
	const Csi__V1__ControllerGetCapabilitiesRequest *input UNUSED,
	Csi__V1__ControllerGetCapabilitiesResponse_Closure closure, void *closure_data)
{
	Csi__V1__ControllerGetCapabilitiesResponse answer =
		CSI__V1__CONTROLLER_GET_CAPABILITIES_RESPONSE__INIT;
	Csi__V1__ControllerServiceCapability list[ARRAY_SIZE(capabilities)];
	Csi__V1__ControllerServiceCapability__RPC rpcs[ARRAY_SIZE(capabilities)];
	Csi__V1__ControllerServiceCapability *all[ARRAY_SIZE(capabilities)];

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		csi__v1__controller_service_capability__init(&list[i]);
		csi__v1__controller_service_capability__rpc__init(&rpcs[i]);
		rpcs[i].type = capabilities[i];
		list[i].type_case = CSI__V1__CONTROLLER_SERVICE_CAPABILITY__TYPE_RPC;
		list[i].rpc = &rpcs[i];
		all[i] = &list[i];
	}
	answer.n_capabilities = ARRAY_SIZE(all);
	answer.capabilities = all;
	closure(&answer, closure_data);
}

struct core *service_core(Csi__V1__Controller_Service *service)
{
	return current_core(container_of(service, struct controller_service, service)->current);
}

void controller_service_init(struct controller_service *service, struct current *current)
{
	Csi__V1__Controller_Service *slots = &service->service;

	*service = (struct controller_service){.current = current};
	/* Slots that are not set here stay NULL, and the server answers them UNIMPLEMENTED. */
	csi__v1__controller__init(slots, NULL);
	slots->create_volume = service_create_volume;
	slots->delete_volume = service_delete_volume;
	slots->controller_publish_volume = service_publish_volume;
	slots->controller_unpublish_volume = service_unpublish_volume;
	slots->validate_volume_capabilities = service_validate_capabilities;
	slots->list_volumes = service_list_volumes;
	slots->get_capacity = service_get_capacity;
	slots->controller_get_capabilities = service_get_capabilities;
	slots->create_snapshot = service_create_snapshot;
	slots->delete_snapshot = service_delete_snapshot;
	slots->list_snapshots = service_list_snapshots;
	slots->get_snapshot = service_get_snapshot;
	slots->controller_expand_volume = service_expand_volume;
	slots->controller_get_volume = service_get_volume;
	slots->controller_get_volume_health = service_get_volume_health;
	slots->controller_list_volume_health = service_list_volume_health;
}
