/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of a volume as a record wants them and the kernel lists them. Used by the health of
 * volumes and of backends only.
 */
#pragma once

#include "node/core/host.h"
#include "node/core/record.h"

struct core;

/** struct paths_seen - by the portals of the record. */
struct paths_seen {
	unsigned wanted;
	unsigned live;	 /* controllers that work; also one that leads elsewhere */
	unsigned lost;	 /* portals without a controller that works */
	unsigned unseen; /* of those, without any controller */
	/* The best controller to each portal, NULL: none. They belong to the caller's list. */
	const struct host_ctrl *of[PORTALS_MAX];
};

/** paths_look - the paths of @record among all controllers of this node. */
void paths_look(const struct record *record, const struct host_ctrl *ctrls, size_t n_ctrls,
	struct paths_seen *ret);
/** paths_are_new - was @volume staged less than HEALTH_GRACE_MS ago? */
bool paths_are_new(struct core *core, const char *volume);
/** paths_print_lost - "10.0.0.5:4420 (connecting), 10.0.0.6:4420 (not connected)", cut to @size. */
void paths_print_lost(
	const struct record *record, const struct paths_seen *seen, char *out, size_t size);
