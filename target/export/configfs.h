/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's nvmet tree in configfs: making a directory makes an object, a link grants or
 * publishes, one write(2) sets an attribute. All calls may be repeated: what is there already, or
 * gone already, is fine.
 * Thread-safe: the kernel orders the calls.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/step.h"

#include <limits.h>

/** Longest path below the root. */
#define CONFIGFS_PATH_SIZE 768
/** Longest attribute that is read, with its NUL. */
#define CONFIGFS_VALUE_SIZE PATH_MAX

/** struct configfs_ops - the system calls; a test stands in for the kernel here. 0, or -1 with
 * errno. */
struct configfs_ops {
	int (*mkdir)(const struct step *in, const char *path);
	int (*rmdir)(const struct step *in, const char *path);
	int (*symlink)(const struct step *in, const char *target, const char *path);
	int (*unlink)(const struct step *in, const char *path);
	int (*write)(const struct step *in, const char *path, const char *value);
};

extern const struct configfs_ops configfs_linux;

/** struct configfs - a tree; a plain value. */
struct configfs {
	char root[PATH_MAX / 2]; /* "/sys/kernel/config/nvmet" */
	const struct configfs_ops *ops;
};

/** configfs_path - printf a path below the root. Return: @out, cut where it would not fit (the
 * kernel then says ENOENT). */
const char *configfs_path(char out[CONFIGFS_PATH_SIZE], const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Below, @path is relative to the root. Each returns 0, or -1 with the code of the errno. */

/** configfs_mkdir - there already: fine. */
MUST_USE int configfs_mkdir(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err);
/** configfs_rmdir - gone already: fine. */
MUST_USE int configfs_rmdir(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err);
/** configfs_link - link @path to @target; there already: fine. */
MUST_USE int configfs_link(const struct step *in, const struct configfs *cfs, const char *target,
	const char *path, struct err *err);
/** configfs_unlink - gone already: fine. */
MUST_USE int configfs_unlink(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err);
/** configfs_write - always write. */
MUST_USE int configfs_write(const struct step *in, const struct configfs *cfs, const char *path,
	const char *value, struct err *err);
/** configfs_set - write unless it reads so already: some attributes cannot be written any more once
 * a host came. */
MUST_USE int configfs_set(const struct step *in, const struct configfs *cfs, const char *path,
	const char *value, struct err *err);
/** configfs_read - an attribute without its newline. */
MUST_USE int configfs_read(const struct configfs *cfs, const char *path,
	char value[CONFIGFS_VALUE_SIZE], struct err *err);
/** configfs_has - is there something at @path? */
bool configfs_has(const struct configfs *cfs, const char *path);

/** struct configfs_names - what a directory held at one moment. */
struct configfs_names {
	size_t n;
	size_t size;
	char **list;
};

/** configfs_list - the names in a directory, for configfs_names_done(); a directory that is not
 * there is empty. */
MUST_USE int configfs_list(
	const struct configfs *cfs, const char *path, struct configfs_names *ret, struct err *err);
void configfs_names_done(struct configfs_names *names);
#define _cleanup_configfs_names_ _cleanup_(configfs_names_done)
