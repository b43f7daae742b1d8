/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hosts are to use each portal: its state in ANA group 1. Every port has that group from its
 * first moment, optimized, and every namespace is in it unless it is told another; any other group
 * is inaccessible at each port until it was made there.
 */
#include "target/export/nvmet_priv.h"

#include <stdio.h>

const char *const ana_states[ANA_STATES + 1] = {
	[ANA_OPTIMIZED] = "optimized",
	[ANA_NON_OPTIMIZED] = "non-optimized",
	[ANA_INACCESSIBLE] = "inaccessible",
};

static const char *group_path(const struct nvmet *nvmet, unsigned i, char path[CONFIGFS_PATH_SIZE])
{
	return configfs_path(path, "ports/%u/ana_groups/1/ana_state", nvmet->port_ids[i]);
}

int nvmet_ana_put(const struct step *in, struct nvmet *nvmet,
	const enum ana_state states[PORTALS_MAX], struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];

	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		if (configfs_set(in, &nvmet->cfs, group_path(nvmet, i, path), ana_states[states[i]],
			    err) < 0) {
			return -1;
		}
	}
	return 0;
}

int nvmet_ana_get(struct nvmet *nvmet, unsigned i, char ret[ANA_TEXT_SIZE], struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];
	char value[CONFIGFS_VALUE_SIZE];

	if (configfs_read(&nvmet->cfs, group_path(nvmet, i, path), value, err) < 0) {
		return -1;
	}
	(void)snprintf(ret, ANA_TEXT_SIZE, "%.*s", ANA_TEXT_SIZE - 1, value);
	return 0;
}
