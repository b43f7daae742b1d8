/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing a small file on a file system without one free block. Some files whose blocks are
 * allocated lie in a folder of the pool; one of them gets the new content and then changes places
 * with the old file, which becomes a spare itself. So nothing is allocated, and as often as the new
 * content fits into the blocks of the old one, no spare is used up.
 */
#pragma once

#include "common/base/step.h"

/** The folder in the pool's directory. */
#define SPARE_FOLDER ".spare"
/** How many, and how large: more than any state with all its hosts and metadata needs. */
#define SPARES 8
#define SPARE_SIZE (64 * 1024)

/**
 * spares_fill - make the spares in @folder whole as far as there is space. Return: 0 when all are,
 * or -1: RESOURCE_EXHAUSTED when space ran out (those that are whole can be used), or what failed.
 */
MUST_USE int spares_fill(const struct step *in, int folder, struct err *err);

/**
 * spares_use - let the existing file @name in @dirfd, of the same file system, have the content
 * @data. A crash leaves the old or the new content. The caller serialises all uses of @folder.
 * Return: 0, or -1: NOT_FOUND when the file does not exist, RESOURCE_EXHAUSTED when no spare is
 * large enough.
 */
MUST_USE int spares_use(const struct step *in, int folder, int dirfd, const char *name,
	const void *data, size_t len, struct err *err);
