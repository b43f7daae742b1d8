/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How real.c connects.
 */
#pragma once

#include "node/core/real.h"

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
