/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device mapper knows of a device: asked of the kernel itself, so exact, quick, and
 * without another program. Nothing is changed here; lvm and dmsetup do that.
 */
#pragma once

#include "common/base/err.h"

#include <sys/types.h>

/** Longest name and UUID of a device, with the NUL (linux/dm-ioctl.h). */
#define DM_DEVICE_NAME_SIZE 128
#define DM_DEVICE_UUID_SIZE 129
#define DM_DEVICE_TARGET_SIZE 16
/** Most of a status line that is kept. */
#define DM_DEVICE_STATUS_SIZE 256

/** struct dm_device - a device with one target, as ours are. */
struct dm_device {
	char uuid[DM_DEVICE_UUID_SIZE];
	dev_t number;
	bool suspended;
	int64_t size;			    /* bytes */
	char target[DM_DEVICE_TARGET_SIZE]; /* "thin", "thin-pool" */
	char status[DM_DEVICE_STATUS_SIZE]; /* of that target, as `dmsetup status` shows it */
};

/** struct dm_ops - how the device mapper is asked; a test stands in for it here. */
struct dm_ops {
	/** The device of this name. Return: 0, or -1 with errno: ENXIO when there is none. */
	int (*device)(const char *name, struct dm_device *ret);
};

/** The real one. */
extern const struct dm_ops dm_linux;

/** struct dm_pool - what the status of a thin pool says. */
struct dm_pool {
	int64_t meta_size; /* bytes, as the others */
	int64_t meta_used;
	int64_t data_size;
	int64_t data_used;
	bool full;	/* of data: writes into new blocks fail */
	bool read_only; /* by a fault, or as its metadata is full */
};

/** dm_pool_parse - read the status of a thin pool with chunks of @chunk bytes. Return: 0, or -1
 * UNAVAILABLE when the pool has failed or the line is not understood. */
MUST_USE int dm_pool_parse(const char *status, int64_t chunk, struct dm_pool *ret, struct err *err);
/** dm_thin_parse - bytes that a thin device has mapped. Return: 0, or -1 UNAVAILABLE. */
MUST_USE int dm_thin_parse(const char *status, int64_t *ret_bytes, struct err *err);
