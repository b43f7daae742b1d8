/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grow a mounted filesystem to its device, by the ioctls that resize2fs and xfs_growfs use
 * themselves: those programs want to find the device by name in the mount table, which a container
 * need not be able to. Nothing is called when the filesystem has its size already.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"

#include <sys/types.h>

/** struct grow_target - a mounted filesystem: an open directory on it and its open device. */
struct grow_target {
	const char *fstype; /* "ext4" or "xfs" */
	int mount_fd;
	int device_fd;
};

struct grow_size {
	uint64_t fs_bytes; /* what the filesystem spans now */
	uint64_t device_bytes;
	bool needed; /* whole filesystem blocks could be added */
};

/**
 * grow_query - is the filesystem smaller than its device? Runs in a child of the helper. Return: 0,
 * or -1.
 */
MUST_USE int grow_query(struct guard *guard, const struct grow_target *target,
	struct grow_size *ret, struct err *err);
/** struct grow_place - a filesystem by where it must be mounted; all borrowed. */
struct grow_place {
	const char *fstype;
	const char *path; /* its mount point; opened in the child, where it may hang */
	int device_fd;
};

/**
 * grow_mounted - as grow_fs(), after looking whether what is mounted at the path is the device's
 * filesystem. Return: 0, or -1; UNAVAILABLE also when something else, or nothing, is mounted there.
 */
MUST_USE int grow_mounted(const struct step *in, struct guard *guard,
	const struct grow_place *place, struct grow_size *ret, struct err *err);
/**
 * grow_fs - grow it to the device when needed. Runs in a child of the helper. Return: 0 (@ret as
 * after it), or -1 UNAVAILABLE / DEADLINE_EXCEEDED; growing again later is safe.
 */
MUST_USE int grow_fs(const struct step *in, struct guard *guard, const struct grow_target *target,
	struct grow_size *ret, struct err *err);
