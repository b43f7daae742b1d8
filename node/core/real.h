/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real node behind struct host_ops: node/nvme, node/block and node/mount put together.
 */
#pragma once

#include "node/core/gate.h"
#include "node/core/host.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/keeper.h"
#include "node/nvme/portal_probe.h"
#include "node/nvme/uev.h"

/** How long one connect may take in the kernel before the portal is put in quarantine. */
#define REAL_CONNECT_MS 20000
/** How long the disk may take to appear once a path is live. */
#define REAL_DEVICE_MS 30000

/** struct host_real - the self of host_ops_real(); all borrowed. */
struct host_real {
	struct fab *fab;
	struct uev *uev;
	struct keeper *keeper;
	struct quarantine *quarantine;
	struct gate *gate;
	const char *mountinfo; /* MOUNT_INFO_PATH */
};

/** host_ops_real - the functions, for a struct host_real. */
const struct host_ops *host_ops_real(void);
