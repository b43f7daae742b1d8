/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent block: written where the primary superblock will stand before anything else of a
 * format, and overwritten by it as the last write. A device that carries it holds an unfinished
 * format of ours and nothing else; any node can tell, without a journal. It also lists which parts
 * the format writes, so that another mkfs version can clear them and start again.
 */
#pragma once

#include "common/base/err.h"
#include "common/nvmf/nsident.h"

/** The block that travels whole: superblock of ext4 (offset 1024) and of XFS (offset 0) are in it.
 */
#define INTENT_BLOCK 4096

struct intent_extent {
	uint64_t offset; /* bytes, a multiple of INTENT_BLOCK */
	uint64_t length; /* likewise */
};

struct intent {
	uint8_t volume[16]; /* identity of the volume being formatted: intent_volume_id() */
	char fstype[8];
	struct intent_extent
		*extents; /* that the format writes, ascending; freed by intent_done() */
	size_t n_extents;
};

/** Most extents of one image. */
#define INTENT_EXTENTS_MAX 65536

/** intent_volume_id - UUID, else NGUID, else EUI-64 of @ident: what an intent is bound to. */
void intent_volume_id(const struct ns_ident *ident, uint8_t ret[16]);
/**
 * intent_encode - the block for @intent. The list is packed (runs of equal gaps and lengths); one
 * that does not fit is coarsened to fewer, larger extents that cover it.
 * Return: 0, or -1 INTERNAL when the extents are not ascending multiples of the block.
 */
MUST_USE int intent_encode(
	const struct intent *intent, uint8_t block[INTENT_BLOCK], struct err *err);
/**
 * intent_decode - read a block. Return: 1 an intent (in @ret, free with intent_done()), 0 no
 * intent, -1 FAILED_PRECONDITION: it is marked as one but damaged or of a newer version.
 */
MUST_USE int intent_decode(const uint8_t block[INTENT_BLOCK], struct intent *ret, struct err *err);
void intent_done(struct intent *intent);
