/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mount flags a user may give, and what they mean for mount(2): one table for each
 * filesystem. What is not in it is refused, so that a flag can neither turn a mount into something
 * else (bind, move, remount) nor switch off what keeps data safe.
 */
#pragma once

#include "common/base/err.h"

/** Longest data string for mount(2): one page, as the kernel says. */
#define MOUNT_DATA_MAX 4095

/** struct mount_options - what mount(2) takes. */
struct mount_options {
	unsigned long flags; /* MS_ */
	char data[MOUNT_DATA_MAX + 1];
};

/** struct mount_choice - what the options follow from. */
struct mount_choice {
	const char *fs_type; /* "ext4" or "xfs" */
	char *const *words;  /* the user's flags, each one or several options with commas */
	size_t n_words;
	bool read_only; /* the volume is for readers only */
	bool discard;	/* the filesystem tells the device of each deletion */
};

/**
 * mount_options_make - check the user's flags and add what the driver always sets: nouuid for xfs,
 * since a restored volume carries its origin's UUID and both may be mounted on one node; ro for
 * readers; discard where it is chosen, unless the user's flags say nodiscard. Not noload or
 * norecovery: on a device that is read-only the kernel then refuses a filesystem whose log would
 * have to be replayed, instead of showing one that is torn.
 * Return: 0, or -1 INVALID_ARGUMENT naming the option (never its value, which may be sensitive)
 * and what is allowed.
 */
MUST_USE int mount_options_make(
	const struct mount_choice *choice, struct mount_options *ret, struct err *err);

/**
 * mount_options_known - the flags that are allowed for "ext4", for "xfs" and (any other word) for
 * both, besides the generic ones of mount(8): NULL-terminated, a name with '=' takes a value. The
 * docs are tested against it.
 */
const char *const *mount_options_known(const char *fs_type);
