/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of NodeGetVolumeHealth and NodeGetStorageHealth, for service.c.
 */
#pragma once

#include "proto/csi.pb-c.h"

void service_volume_health(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetVolumeHealthRequest *input,
	Csi__V1__NodeGetVolumeHealthResponse_Closure closure, void *closure_data);
void service_storage_health(Csi__V1__Node_Service *service,
	const Csi__V1__NodeGetStorageHealthRequest *input,
	Csi__V1__NodeGetStorageHealthResponse_Closure closure, void *closure_data);
