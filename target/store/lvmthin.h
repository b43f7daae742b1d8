/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `lvmthin`: each volume and snapshot is a thin logical volume in a thin pool of LVM;
 *what is known of them lies in a directory on a file system of its own (pooldir.h), so that a full
 *thin pool never keeps a state from being written.
 *
 *	<vg>/nvmetcp.v.<id>	a volume; '-' in an id is '.' in the name
 *	<vg>/nvmetcp.s.<id>	a snapshot, read-only
 *
 * The directory's identity names the volume group and the thin pool by their UUIDs, and the thin
 * pool carries the identity as a tag, as each logical volume of ours does: nothing without that
 * tag is ever resized or removed. Either part could be restored without the other (a file system
 * from a backup, the group by vgcfgrestore or as a disk's older copy), so each has the generation,
 * the thin pool as a tag, too. Thin snapshots do not need their origin.
 */
#pragma once

#include "target/store/kind.h"

#define LVMTHIN_STORE_TYPE "lvmthin"
/** What names of our logical volumes begin with. */
#define LVMTHIN_PREFIX "nvmetcp."
/** The tag: this and the pool's identity. */
#define LVMTHIN_TAG_PREFIX "nvmetcp.pool."
#define LVMTHIN_TAG_SIZE (sizeof(LVMTHIN_TAG_PREFIX) + UUID_TEXT_SIZE)
/** The tag with the generation of the thin pool: this and the number. */
#define LVMTHIN_GENERATION_PREFIX "nvmetcp.generation."
#define LVMTHIN_GENERATION_SIZE (sizeof(LVMTHIN_GENERATION_PREFIX) + 20)
/** Part of the thin pool that is never promised: one part in so many. Blocks that are given up can
 * be used again only after the pool has written its metadata. */
#define LVMTHIN_RESERVE_PART 50
/** Bytes of the pool's metadata that one mapped chunk may need (the kernel's
 * Documentation/admin-guide/device-mapper/thin-provisioning.rst). */
#define LVMTHIN_META_PER_CHUNK 48

/** lvmthin_store_open - as store_open(); FAILED_PRECONDITION also for a thin pool that does not
 * zero what it gives out. Activates the thin pool. */
MUST_USE int lvmthin_store_open(const struct step *in, const struct store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err);

/**
 * lvmthin_init - make the directory of @options and its thin pool a pool: the identity in the
 * directory first, then the tag. What is that already stays. Return: 0 and the identity, or -1
 * when one of them belongs to another pool, or cannot be one.
 */
MUST_USE int lvmthin_init(const struct step *in, const struct store_options *options,
	struct stamp *ret_stamp, struct err *err);

/** struct lvmthin_pool - what LVM says of a thin pool. */
struct lvmthin_pool {
	char vg_uuid[LVM_UUID_SIZE];
	char lv_uuid[LVM_UUID_SIZE];
	int64_t chunk;
	int64_t extent;
	int64_t vg_meta_size;	    /* room for the descriptions of logical volumes */
	bool fails_when_full;	    /* writes fail at once; else they wait a minute first */
	char owner[UUID_TEXT_SIZE]; /* the identity in its tag, "" without one */
	int64_t generation;	    /* in its tag, 0 without one */
};

/** lvmthin_pool_read - Return: 0, or -1: UNAVAILABLE when it is not there, FAILED_PRECONDITION when
 * it is none, or does not zero, or its sizes are no powers of 2, DATA_LOSS for a broken tag. */
MUST_USE int lvmthin_pool_read(
	const struct lvm *lvm, const char *thin_pool, struct lvmthin_pool *ret, struct err *err);
