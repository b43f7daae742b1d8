/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table as the kernel tells it (/proc/self/mountinfo), read with libmount. Mounts are
 * told apart by device number and place, never by their source's name: names are recycled, and a
 * source may be spelled in many ways.
 */
#pragma once

#include "common/base/err.h"

#include <limits.h>
#include <sys/types.h>

#define MOUNT_INFO_PATH "/proc/self/mountinfo"
/** Most mounts of a node that are looked at. */
#define MOUNT_TABLE_MAX 100000

/** struct mount_entry - one mount; strings belong to the table. */
struct mount_entry {
	const char *target;
	const char *root; /* what of the filesystem is mounted there: "/" or a path in it */
	const char *fs_type;
	const char *fs_options; /* of the superblock */
	dev_t dev;		/* of the filesystem, st_dev of what is in it */
	bool read_only;		/* this mount */
	bool fs_read_only;	/* the superblock: ext4 gets there by itself after an error */
};

struct mount_table;

/**
 * mount_table_read - read @path (MOUNT_INFO_PATH or a fixture). A line that cannot be read is an
 * error: it might be ours. Return: 0 and a table for mount_table_free(), or -1 INTERNAL.
 */
MUST_USE int mount_table_read(const char *path, struct mount_table **ret_table, struct err *err);
void mount_table_free(struct mount_table *table);
static inline void mount_table_freep(struct mount_table **table)
{
	mount_table_free(*table);
}
#define _cleanup_mount_table_ _cleanup_(mount_table_freep)

size_t mount_table_len(const struct mount_table *table);
/** mount_table_at - entry @i, in the kernel's order: of two at one place the later one is on top.
 */
const struct mount_entry *mount_table_at(const struct mount_table *table, size_t i);
/** mount_table_find - the topmost mount exactly at @target (mount_real_path()), NULL when none. */
const struct mount_entry *mount_table_find(const struct mount_table *table, const char *target);
/** mount_table_find_dev - the first mount of the filesystem on @dev, NULL when none. */
const struct mount_entry *mount_table_find_dev(const struct mount_table *table, dev_t dev);
/**
 * mount_table_find_root - the first mount whose root holds @part, for bind mounts of device nodes
 * that we named ourselves. NULL when none.
 */
const struct mount_entry *mount_table_find_root(const struct mount_table *table, const char *part);

/**
 * mount_real_path - @path as the mount table spells it: the folder it is in resolved, its last
 * part left alone (looking at it could hang). A folder that is not there leaves the path as it is.
 * Return: 0, or -1 INVALID_ARGUMENT when it is not absolute or too long.
 */
MUST_USE int mount_real_path(const char *path, char out[PATH_MAX], struct err *err);
