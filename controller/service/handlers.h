/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of the Controller service, one file per group of RPCs. Each is a slot of the
 * generated struct: closure_data is the request's struct op, and it calls its closure once.
 */
#pragma once

#include "controller/service/controller.h"

#define HANDLER(function, name)                                                                    \
	void function(Csi__V1__Controller_Service *service, const Csi__V1__##name##Request *input, \
		Csi__V1__##name##Response_Closure closure, void *closure_data)

/* volume.c */
HANDLER(service_create_volume, CreateVolume);
HANDLER(service_delete_volume, DeleteVolume);
HANDLER(service_expand_volume, ControllerExpandVolume);
HANDLER(service_validate_capabilities, ValidateVolumeCapabilities);
HANDLER(service_get_volume, ControllerGetVolume);
/* publish.c */
HANDLER(service_publish_volume, ControllerPublishVolume);
HANDLER(service_unpublish_volume, ControllerUnpublishVolume);
/* list.c */
HANDLER(service_list_volumes, ListVolumes);
HANDLER(service_get_capacity, GetCapacity);
/* health.c */
HANDLER(service_get_volume_health, ControllerGetVolumeHealth);
HANDLER(service_list_volume_health, ControllerListVolumeHealth);
/* snapshot.c */
HANDLER(service_create_snapshot, CreateSnapshot);
HANDLER(service_delete_snapshot, DeleteSnapshot);
HANDLER(service_list_snapshots, ListSnapshots);
HANDLER(service_get_snapshot, GetSnapshot);
/* controller.c */
HANDLER(service_get_capabilities, ControllerGetCapabilities);

/** service_core - the core in force, held for the call: core_free() it. */
struct core *service_core(Csi__V1__Controller_Service *service);
