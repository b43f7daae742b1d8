/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `file`: a directory on a file system with reflink. Each volume and snapshot is a sparse
 * file that nvmet exports as it is; its state text lies beside it.
 *
 *	<path>/.nvmetcp-pool			identity of the pool
 *	<path>/.nvmetcp-generation		how old this copy of it is
 *	<path>/volumes/<id>.img, <id>.json	data and state
 *	<path>/snapshots/<id>.img, <id>.json
 */
#pragma once

#include "target/store/fsops.h"
#include "target/store/stamp.h"
#include "target/store/store.h"

#define FILE_STORE_VOLUMES "volumes"
#define FILE_STORE_SNAPSHOTS "snapshots"
/** A file of more extents is not cloned, unless the options say otherwise: a clone stops writes
 *  while it runs, and it must end long before an initiator's I/O timeout of 30 s. */
#define FILE_STORE_CLONE_EXTENTS 200000
/** Part of the file system that is left to its own metadata: so many bytes, and one part in so
 * many. */
#define FILE_STORE_RESERVE (16 * MIB)
#define FILE_STORE_RESERVE_PART 50

struct file_store_options {
	const char *path;      /* absolute */
	const char *name;      /* the pool's, as in its identity */
	const char *uuid;      /* the recorded identity; NULL: none is recorded yet */
	int64_t clone_extents; /* 0: FILE_STORE_CLONE_EXTENTS */
	const struct fsops *fs;
};

/**
 * file_store_open - open the pool at @options->path, whose identity must be the recorded one; try
 * reflink. The options are copied, but @options->fs.
 * Return: 0, the store for store_free() and its identity; or -1: UNAVAILABLE when the pool is not
 * there, FAILED_PRECONDITION when it is another one or has no reflink, DATA_LOSS for a broken
 * identity.
 */
MUST_USE int file_store_open(const struct step *in, const struct file_store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err);
