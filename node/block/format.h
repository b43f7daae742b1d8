/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a filesystem in memory: mkfs.ext4 or mkfs.xfs run on a memfd that has the device's size
 * and is told its geometry. Also the table of what a user may pass as mkfsOptions.
 */
#pragma once

#include "common/base/clock.h"
#include "node/block/blkdev.h"
#include "node/block/intent.h"

#define FORMAT_WORDS_MAX 32
#define FORMAT_OPTIONS_TEXT_MAX 1024
/** Largest device whose image is made in memory (about 120 MB for 8 TiB of ext4). */
#define FORMAT_DEVICE_MAX (64 * TIB)

/** struct format_options - mkfsOptions, checked and split; words point into text. */
struct format_options {
	char text[FORMAT_OPTIONS_TEXT_MAX + 1];
	const char *words[FORMAT_WORDS_MAX + 1];
	unsigned n;
};

/** format_fstype_check - "ext4" or "xfs". Return: 0, or -1 INVALID_ARGUMENT naming @field. */
MUST_USE int format_fstype_check(const char *field, const char *fstype, struct err *err);
/**
 * format_options_parse - check and split @text ("" or NULL: none) for @fstype: words between
 * blanks, no quotes; only the options of the table in format_options.c, none that names a device or
 * file, sets the size, or is set by the driver itself. The controller cannot ask this (another
 * layer), so the node does at stage. Return: 0, or -1 INVALID_ARGUMENT naming @field, the word, and
 * what is allowed.
 * @ret must not be copied: its words point into itself.
 */
MUST_USE int format_options_parse(const char *field, const char *fstype, const char *text,
	struct format_options *ret, struct err *err);

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
MUST_USE int format_image_make(const char *fstype, const struct format_options *options,
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
