/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the nvmet export share.
 */
#pragma once

#include "target/export/nvmet.h"

#include <pthread.h>

struct nvmet {
	struct configfs cfs;
	struct portals portals;
	int (*nft)(const struct step *in, const char *script, struct err *err);
	int lock_fd;			/* of the root, locked as long as this process has it */
	pthread_mutex_t hosts;		/* host entries are shared by subsystems */
	unsigned port_ids[PORTALS_MAX]; /* written by nvmet_ports_put() before others run */
	pthread_mutex_t ports;		/* for the two below */
	bool up[PORTALS_MAX];		/* what is to be published is published there */
	struct err down;		/* why a port is not up */
};
