/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one decision about a device before it is mounted: use it, format it, or leave it alone (P1),
 * and the format itself. Both touch the device only in a child of the helper (base/helper.h), which
 * holds it exclusively while it writes.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"
#include "node/block/blkdev.h"
#include "node/block/format.h"
#include "node/block/probe.h"

/** struct disk_want - what the volume is to be, and what is known of it. */
struct disk_want {
	const char *device; /* for messages: "nvme0n1 (volume pool1/x)" */
	const char *fstype; /* "ext4" or "xfs" */
	uint8_t volume[16]; /* intent_volume_id() of the proven identity */
	bool written;	    /* publish context or backend: holds data: never format */
	bool formatted;	    /* our own record on this node says it was formatted */
	bool read_only;	    /* ROX or a read-only stage: never format */
};

enum disk_verdict {
	DISK_USE,    /* holds the wanted filesystem: fsck and mount */
	DISK_FORMAT, /* nothing found, or an unfinished format of ours (redo): ask disk_format()
		      */
};

struct disk_state {
	enum disk_verdict verdict;
	bool redo; /* an unfinished format of ours stands on it */
	struct probe_result probe;
	struct blkdev_geometry geometry;
};

/**
 * disk_inspect - look for an intent and probe. Whether a device without a signature is blank is
 * asked by disk_format() only, since that costs more than a thousand reads.
 * Return: 0 with the verdict in @ret; -1: FAILED_PRECONDITION says what is on the device, why it is
 * not formatted, and how to release it; UNAVAILABLE a read failed; DEADLINE_EXCEEDED, with
 * guard->stuck when the child hangs (the volume stays busy until it is gone).
 */
MUST_USE int disk_inspect(struct guard *guard, int fd, const struct disk_want *want,
	struct disk_state *ret, struct err *err);

/**
 * disk_format - mkfs into memory, then: intent block, flush, everything else, flush, primary
 * superblock, flush. First disk_inspect() is asked again and the blank rule applied, in the very
 * child that writes and holds the device, so nothing can change in between. A call cut at any
 * instruction leaves a device that is blank, carries our intent, or holds the whole filesystem.
 * Formatted already by an earlier call: success.
 * Return: 0, or -1 as disk_inspect(), INVALID_ARGUMENT for mkfsOptions that mkfs refuses,
 * OUT_OF_RANGE for a device too small for the filesystem.
 */
MUST_USE int disk_format(const struct step *in, struct guard *guard, int fd,
	const struct disk_want *want, const struct mkfs_options *options, struct err *err);

/** disk_verbs - what the helper must be able to do for this layer; for helper_start(). */
const struct helper_verb *disk_verbs(size_t *ret_n);
