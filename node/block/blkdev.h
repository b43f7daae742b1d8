/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts and switches of an open block device. Regular files and memfds are taken as well, so that
 * tests and image building need no device.
 */
#pragma once

#include "common/base/step.h"

#include <sys/types.h>

/** struct blkdev_geometry - bytes; 0 where the device does not say. */
struct blkdev_geometry {
	uint64_t size;
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t io_min;
	uint32_t io_opt;
	bool read_only;
	bool regular; /* a file, not a device */
};

/**
 * struct disk_io - how a device is read and written; a NULL struct means the device itself
 * (parallel O_DIRECT reads, pwrite(2), fsync(2)). Tests cut and fail here. Functions return as
 * pread(2), pwrite(2) and fsync(2) do.
 */
struct disk_io {
	ssize_t (*read)(void *self, int fd, void *data, size_t n, off_t at);
	ssize_t (*write)(void *self, int fd, const void *data, size_t n, off_t at);
	int (*flush)(void *self, int fd);
	void *self;
};

/** blkdev_geometry_read - ask @fd. Return: 0, or -1. */
MUST_USE int blkdev_geometry_read(int fd, struct blkdev_geometry *ret, struct err *err);
/** blkdev_set_read_only - BLKROSET; needed for ROX. Return: 0, or -1. */
MUST_USE int blkdev_set_read_only(const struct step *in, int fd, bool read_only, struct err *err);
