/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind host_ops_real() share.
 */
#pragma once

#include "node/core/real.h"
#include "node/nvme/subsys.h"

/** real_scan - subsys_scan() with the host's own identity. */
MUST_USE int real_scan(
	struct host_real *host, const char *nqn, struct subsys_view *ret, struct err *err);
/** real_connect - as host_ops.connect. */
int real_connect(const struct step *in, void *self, const struct host_link *link,
	struct guard *guard, struct err *err);

/** struct real_device_job - a wait for a disk, for real_more_paths(). */
struct real_device_job {
	struct host_real *host;
	const struct host_link *link;
	struct guard *guard;
};
/** real_more_paths - as head_want.kept_away: connect one portal more. @arg is the job. */
int real_more_paths(const struct step *in, void *arg, struct err *err);
