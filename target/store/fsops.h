/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the file store asks of the file system beyond POSIX. Passed in, so that tests can stand in
 * for a file system without reflink.
 */
#pragma once

#include "common/base/step.h"

/** struct fsops - each returns 0, or -1 with errno. */
struct fsops {
	/** Share all of @src with the empty file @dst, as of one moment (FICLONE). */
	int (*clone)(const struct step *in, int dst, int src);
	/** Prepare @fd, which is empty: writes are answered from stable storage only, and it grows
	 * by @bytes at a time where the file system knows such a hint. */
	int (*extent_hint)(const struct step *in, int fd, uint32_t bytes);
	/** Extents of @fd. */
	int (*extents)(int fd, int64_t *ret);
};

/** The real ones. */
extern const struct fsops fsops_linux;
