/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, whole or not at all. All paths are relative to @dirfd (AT_FDCWD allowed), so tests can
 * point them at a tree of their own.
 */
#pragma once

#include "common/base/err.h"

#include <sys/types.h>

/** file_write_all - write all @len bytes where the file's offset is. Return: 0, or -1 with errno.
 */
MUST_USE int file_write_all(int fd, const char *data, size_t len);
/** file_read_all - as file_read(), of an open file, which may be a pipe; @path names it in errors.
 */
MUST_USE int file_read_all(
	int fd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err);
/** file_read - the whole file, NUL-terminated, at most @max bytes. The caller frees. Return: 0, or
 * -1 (NOT_FOUND when absent, OUT_OF_RANGE when longer, RESOURCE_EXHAUSTED without memory). */
MUST_USE int file_read(
	int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err);
/**
 * file_write_atomic - replace @path as one: temporary file beside it, fsync, rename, fsync of the
 * folder. A crash leaves the old or the new content. Temporary names start with ".tmp-".
 */
MUST_USE int file_write_atomic(
	int dirfd, const char *path, const void *data, size_t len, mode_t mode, struct err *err);
/** file_remove - unlink and fsync the folder; a file that is not there is fine. */
MUST_USE int file_remove(int dirfd, const char *path, struct err *err);
/** attr_read - a sysfs or configfs attribute: first line without the newline, into @buf. Return: 0,
 * or -1 (NOT_FOUND when absent). */
MUST_USE int attr_read(int dirfd, const char *path, char *buf, size_t size, struct err *err);
/** attr_write - one write(2) of @value; its errno is the result. Return: 0, or -1; errno is kept
 * for the caller. */
MUST_USE int attr_write(int dirfd, const char *path, const char *value, struct err *err);
/** dir_sync - fsync of a folder. */
MUST_USE int dir_sync(int dirfd, const char *path, struct err *err);
/** dir_make - mkdir -p with @mode for the folders made. */
MUST_USE int dir_make(int dirfd, const char *path, mode_t mode, struct err *err);
/**
 * dir_each - call @fn with each name but "." and "..", in no order, until it returns non-zero.
 * Return: 0, the non-zero value of @fn, or -1 with @err (NOT_FOUND when the folder is absent).
 */
MUST_USE int dir_each(int dirfd, const char *path, int (*fn)(const char *name, void *arg),
	void *arg, struct err *err);
