/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blank rule of P1: the first and last MiB, the places where ext4, XFS and LUKS keep copies of
 * their headers, and BLANK_SAMPLES blocks spread evenly over the device are read past the page
 * cache. All of them zero and no read failed: the device is taken as blank.
 */
#pragma once

#include "common/base/err.h"

#define BLANK_SAMPLES 1024
#define BLANK_BLOCK 4096
/** Bytes at either end that are read whole. */
#define BLANK_END_BYTES (1024 * 1024)
/** Reads under way at once. */
#define BLANK_AT_ONCE 64

struct blank_result {
	bool blank;
	uint64_t found_at; /* when not blank: offset of a block that is not zero */
	uint64_t bytes_read;
};

/**
 * blank_check - read @fd, a device or file of @size bytes. Can block with the device: call it in a
 * child. Return: 0, or -1 UNAVAILABLE naming the offset whose read failed.
 */
MUST_USE int blank_check(int fd, uint64_t size, struct blank_result *ret, struct err *err);

/**
 * blank_places - the offsets that are looked at, ascending, without doubles, each a BLANK_BLOCK
 * within @size; for blank_check() and its tests. The caller frees.
 */
MUST_USE int blank_places(uint64_t size, uint64_t **ret_offsets, size_t *ret_n, struct err *err);
