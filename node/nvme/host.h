/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel is seen and spoken to: /sys, /dev, and what is asked of an open disk. Tests
 * put fixture trees and calls of their own in place.
 */
#pragma once

#include "common/base/err.h"

#include <sys/types.h>

/** struct host_calls - what is asked of an open disk; replaced in tests. All return 0 or -1 with
 * errno. */
struct host_calls {
	/** The device number of the block device @fd; ENOTBLK when it is none. */
	int (*disk_number)(int fd, dev_t *ret_dev);
	/** Its size in bytes (BLKGETSIZE64). */
	int (*disk_size)(int fd, uint64_t *ret_bytes);
};

/** struct host_paths - roots of all look-ups. Shared by all threads, never changed once they
 * run. */
struct host_paths {
	int sysfs; /* /sys */
	int dev;   /* /dev */
	int nodes; /* a private folder for device nodes of ours, or -1 */
	const struct host_calls *calls;
	const char *node_name; /* for messages; borrowed, NULL: not known */
};

/**
 * host_open - open the roots. @nodes_path may be NULL: then only nodes in @dev_path are used.
 * Return: 0, or -1 naming the folder that is not there.
 */
MUST_USE int host_open(const char *sysfs_path, const char *dev_path, const char *nodes_path,
	struct host_paths *ret, struct err *err);
/** host_close - close the roots; accepts a zeroed-to-(-1) or half-opened struct. */
void host_close(struct host_paths *host);
