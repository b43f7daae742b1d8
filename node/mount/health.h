/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a mounted filesystem that can hang with its device; each is asked in a child
 * of the helper (P9). Plain functions; any thread; nothing is changed.
 */
#pragma once

#include "common/base/guard.h"

#include <sys/types.h>

/** struct mount_usage - bytes and inodes, as df shows them. */
struct mount_usage {
	int64_t bytes_total;
	int64_t bytes_used;
	int64_t bytes_free; /* for users other than root */
	int64_t inodes_total;
	int64_t inodes_used;
	int64_t inodes_free;
};

/**
 * mount_usage_read - statfs of the filesystem at @path, which must be the one on @dev.
 * Return: 0, or -1: NOT_FOUND when another filesystem is there, UNAVAILABLE when it does not
 * answer as it should, DEADLINE_EXCEEDED with guard->stuck when the child hangs.
 */
MUST_USE int mount_usage_read(
	const char *path, dev_t dev, struct guard *guard, struct mount_usage *ret, struct err *err);

/**
 * mount_alive - does the filesystem at @path still work? Its folder is opened, read and synced:
 * one that shut itself down after losing its device fails there.
 * Return: 0 and the answer, or -1 DEADLINE_EXCEEDED with
 * guard->stuck: neither dead nor alive, its device does not answer.
 */
MUST_USE int mount_alive(const char *path, struct guard *guard, bool *ret_alive, struct err *err);
/**
 * mount_opens - does the folder at @path still open? Asks nothing of the device, so it is quick
 * while that is busy; a filesystem that shut itself down refuses. Return: as mount_alive().
 */
MUST_USE int mount_opens(const char *path, struct guard *guard, bool *ret_opens, struct err *err);
