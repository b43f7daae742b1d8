/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `file`: a directory on a file system with reflink. Each volume and snapshot is a sparse
 * file that nvmet exports as it is, <path>/volumes/<id>.img or <path>/snapshots/<id>.img; its state
 * text lies beside it (pooldir.h).
 */
#pragma once

#include "target/store/kind.h"

#define FILE_STORE_TYPE "file"
/** A file of more extents is not cloned, unless the options say otherwise: a clone stops writes
 *  while it runs, and it must end long before an initiator's I/O timeout of 30 s. */
#define FILE_STORE_CLONE_EXTENTS 200000
/** Space is given out in pieces of this many bytes (the extent-size hint on XFS): a volume may take
 * up to one more than its size. */
#define FILE_STORE_EXTENT MIB
/** Part of the file system that is left to its own metadata: so many bytes, and one part in so
 * many. */
#define FILE_STORE_RESERVE (16 * MIB)
#define FILE_STORE_RESERVE_PART 50

/** file_store_open - as store_open(); tries reflink, and is FAILED_PRECONDITION without it. */
MUST_USE int file_store_open(const struct step *in, const struct store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err);
