/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subsystem of a volume: its name and identity follow from the uuid of the lvol, so that it can
 * be made anew after a restart of the target, and hosts find the device that they had.
 */
#pragma once

#include "controller/backend/spdk/view.h"

/** The only namespace of a subsystem. */
#define SPDK_NSID 1

/** struct spdk_export - how a volume is published; strings belong to the answer. */
struct spdk_export {
	bool there;
	bool any_host;	    /* somebody opened it to all: not by us */
	bool open;	    /* the namespace is the volume, by its right number and identity */
	bool taken;	    /* the number is another bdev's */
	const char **hosts; /* owned */
	size_t n_hosts;
	struct portals portals; /* where it listens by TCP */
};

/** struct spdk_published - an export and the answer that it was read from. */
struct spdk_published {
	struct js_doc *doc;
	struct spdk_export export;
};
/** spdk_published_done - free what it holds. */
void spdk_published_done(struct spdk_published *published);
#define _cleanup_spdk_published_ _cleanup_(spdk_published_done)

/** spdk_nqn - the name of the subsystem of @lvol. */
void spdk_nqn(const struct spdk_backend *sb, const struct spdk_lvol *lvol, char out[NQN_SIZE]);
/** spdk_read_export - a subsystem of nvmf_get_subsystems, as the export of the lvol @uuid. Return:
 * 0 and *ret with hosts for free(), or -1 when it has not SPDK's shape. */
MUST_USE int spdk_read_export(
	const struct js_at *at, const char *uuid, struct spdk_export *ret, struct err *err);
/** spdk_export_get - how @lvol is published now. */
MUST_USE int spdk_export_get(struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct spdk_published *ret, struct err *err);
/** spdk_export_has - may @host use it? */
bool spdk_export_has(const struct spdk_export *export, const char *host);
/** spdk_export_listens - is @portal among those it listens at? */
bool spdk_export_listens(const struct spdk_export *export, const struct portal *portal);
/** spdk_export_whole - can a host that is let in use it at every portal? */
bool spdk_export_whole(const struct spdk_backend *sb, const struct spdk_export *export);
/** spdk_export_remove - the subsystem and all connections to it. A namespace is closed before it
 * answers. */
MUST_USE int spdk_export_remove(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err);
