/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a filesystem in memory: mkfs.ext4 or mkfs.xfs run on a memfd that has the device's size
 * and is told its geometry. Also the table of what a user may pass as mkfsOptions.
 */
#pragma once

#include "common/base/clock.h"
#include "common/fs/mkfs_options.h"
#include "node/block/blkdev.h"
#include "node/block/intent.h"

/** Largest device whose image is made in memory (about 120 MB for 8 TiB of ext4). */
#define FORMAT_DEVICE_MAX (64 * TIB)

/** struct format_image - a filesystem in a memfd. */
struct format_image {
	int fd; /* close-on-exec */
	uint64_t size;
	struct intent_extent *extents; /* all that is not a hole, block 0 included, ascending */
	size_t n_extents;
};

/**
 * format_image_make - run mkfs for a device of @geometry. @options may be NULL.
 * Return: 0 (free with format_image_done()), or -1: INVALID_ARGUMENT with mkfs's own words when it
 * refuses, OUT_OF_RANGE too small or above FORMAT_DEVICE_MAX, FAILED_PRECONDITION no mkfs program.
 */
MUST_USE int format_image_make(const char *fstype, const struct mkfs_options *options,
	const struct blkdev_geometry *geometry, const struct deadline *dl, struct format_image *ret,
	struct err *err);
void format_image_done(struct format_image *image);

/** struct format_target - where an image is written. */
struct format_target {
	int fd;
	const char *fstype;
	uint8_t volume[16]; /* intent_volume_id() */
	const struct intent
		*redo; /* an earlier attempt stands there: what it lists is zeroed first; or NULL */
	const struct disk_io *io; /* NULL: the device itself */
};

/**
 * format_image_copy - write @image in the order that can be cut anywhere: intent block, flush,
 * all but the first block, flush, the first block, flush.
 * Runs in the child of disk_format(). Return: 0, or -1 UNAVAILABLE naming the offset.
 */
MUST_USE int format_image_copy(
	const struct format_image *image, const struct format_target *target, struct err *err);
