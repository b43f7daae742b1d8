/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a device, by libblkid's low-level probe. The places where signatures stand are read by
 * us, past the page cache, into memory that libblkid then looks at: so every read is seen to have
 * worked, one that failed is an error and never "nothing found" (P1), and libblkid cannot hang.
 */
#pragma once

#include "node/block/blkdev.h"

enum probe_kind {
	PROBE_NONE,	  /* no signature; says nothing about data: see blank.h */
	PROBE_FS,	  /* a filesystem */
	PROBE_PARTITIONS, /* a partition table */
	PROBE_OTHER,	  /* LUKS, LVM, RAID, swap: used by something */
	PROBE_AMBIVALENT, /* several signatures: nobody can say what it is */
};

struct probe_result {
	enum probe_kind kind;
	char type[32]; /* "ext4", "xfs", "crypto_LUKS", "gpt"; "" for none */
	char uuid[64];
	char label[64];
};

/** Bytes at either end of the device that are looked at. */
#define PROBE_END_BYTES (512 * 1024)

/**
 * probe_read - look at @fd, of which @geometry was read. @io may be NULL. Can block with the
 * device: call it in a child. Return: 0, or -1 UNAVAILABLE naming the offset whose read failed.
 */
MUST_USE int probe_read(int fd, const struct blkdev_geometry *geometry, const struct disk_io *io,
	struct probe_result *ret, struct err *err);
/** probe_print - "an ext4 filesystem (label x, UUID y)", for messages. */
void probe_print(const struct probe_result *result, char *out, size_t size);
