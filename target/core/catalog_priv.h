/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the catalog share.
 */
#pragma once

#include "common/base/map.h"
#include "target/core/catalog.h"

#include <pthread.h>

/** NSIDs are given out from 1 to here; nvmet enables no more namespaces in one subsystem. */
#define CATALOG_NSIDS_MAX 1024

struct catalog {
	struct catalog_config config;
	const char *name;

	pthread_rwlock_t use; /* read: an operation is under way; write: it is being attached */
	struct store *store;  /* changes under the write lock of use only */

	pthread_mutex_t lock; /* for all below; never held over I/O */
	bool ready;
	struct err reason; /* why it is not ready */
	struct stamp stamp;
	struct store_limits limits;
	struct map *objects[OBJECT_KINDS]; /* id to struct object */
	struct map *damaged[OBJECT_KINDS]; /* id to reason */
};

/** catalog_reset - forget all objects. */
MUST_USE int catalog_reset(struct catalog *c, struct err *err);
/** catalog_set_ready - @reason NULL: it is there. */
void catalog_set_ready(struct catalog *c, const struct err *reason);
