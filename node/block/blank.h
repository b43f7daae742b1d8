/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blank rule of P1: both ends, the places where ext4, XFS and LUKS keep copies of
 * their headers, and BLANK_SAMPLES blocks spread evenly over the device are read past the page
 * cache. All of them zero and no read failed: the device is taken as blank.
 */
#pragma once

#include "node/block/blkdev.h"
#include "node/block/reader.h"

#define BLANK_SAMPLES 1024
#define BLANK_BLOCK 4096
/** Bytes at either end that are read whole. */
#define BLANK_END_BYTES (256 * 1024)
struct blank_result {
	bool blank;
	uint64_t found_at; /* when not blank: offset of a block that is not zero */
	uint64_t bytes_read;
};

/**
 * blank_check - read @fd, a device or file of @size bytes. @io may be NULL. Can block with the
 * device: call it in a child. Return: 0, or -1 UNAVAILABLE naming the offset whose read failed.
 */
MUST_USE int blank_check(
	int fd, uint64_t size, const struct disk_io *io, struct blank_result *ret, struct err *err);

/**
 * blank_ranges - what is looked at, ascending, without overlap, within @size; for blank_check() and
 * its tests. The caller frees.
 */
MUST_USE int blank_ranges(
	uint64_t size, struct read_range **ret_ranges, size_t *ret_n, struct err *err);
