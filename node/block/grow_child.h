/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of grow.h that runs in a child of the helper. For node/block only.
 */
#pragma once

#include "common/base/helper.h"
#include "node/block/grow.h"

/** "fs-grow", fstype, "query" or "grow", and perhaps the path of the mount point, which is then
 * opened in place of mount_fd; fd: a socket that gives mount_fd and device_fd. Answers
 * "<fs bytes> <device bytes> <block bytes>". */
#define VERB_GROW "fs-grow"

int verb_grow(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);

/** grow_size_ext4 - how many bytes the ext4 superblock on @device_fd spans, and its block size.
 * Return: 0, or -1. */
MUST_USE int grow_size_ext4(
	int device_fd, uint64_t *ret_bytes, uint32_t *ret_block, struct err *err);
