/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user may pass to mkfs: filesystems, their smallest size, and the table of mkfsOptions.
 * The controller refuses what is wrong when the volume is made, the node before it formats.
 */
#pragma once

#include "common/base/err.h"

#define MKFS_WORDS_MAX 32
#define MKFS_OPTIONS_TEXT_MAX 1024

/** struct mkfs_options - mkfsOptions, checked and split; words point into text. */
struct mkfs_options {
	char text[MKFS_OPTIONS_TEXT_MAX + 1];
	const char *words[MKFS_WORDS_MAX + 1];
	unsigned n;
};

/** mkfs_fstype_check - "ext4" or "xfs". Return: 0, or -1 INVALID_ARGUMENT naming @field. */
MUST_USE int mkfs_fstype_check(const char *field, const char *fstype, struct err *err);

/**
 * mkfs_options_parse - check and split @text ("" or NULL: none) for @fstype: words between blanks,
 * no quotes; only the options of the table in mkfs_options.c, none that names a device or file,
 * sets the size, or is set by the driver itself.
 * @ret must not be copied: its words point into itself.
 * Return: 0, or -1 INVALID_ARGUMENT naming @field, the word, and what is allowed.
 */
MUST_USE int mkfs_options_parse(const char *field, const char *fstype, const char *text,
	struct mkfs_options *ret, struct err *err);
