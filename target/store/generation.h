/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a pool was taken into use and laid down: a number that only grows, in each part of the
 * pool that could be restored from a backup alone. In its directory that is a small file beside the
 * identity. The same number is recorded outside the pool, so that a part with a smaller one is
 * known for what it is: an older copy, in which objects that were made since are missing.
 */
#pragma once

#include "common/base/step.h"
#include "target/store/kind.h"

#include <stdint.h>

/** Name of the file. */
#define GENERATION_FILE ".nvmetcp-generation"

/**
 * generation_read - the number in @dirfd, 0 without the file; @path is for messages.
 * Return: 0, or -1: UNAVAILABLE when it cannot be read, DATA_LOSS when it is no number.
 */
MUST_USE int generation_read(int dirfd, const char *path, int64_t *ret, struct err *err);
/**
 * generation_refuse_older - is the part @where of a pool as new as was recorded? Return: 0, or -1
 * FAILED_PRECONDITION.
 */
MUST_USE int generation_refuse_older(const struct store_options *options, const char *where,
	int64_t generation, struct err *err);
/** generation_write - Return: 0 when it is on stable storage, or -1 (RESOURCE_EXHAUSTED without
 * space, and the old one is kept). */
MUST_USE int generation_write(
	const struct step *in, int dirfd, int64_t generation, struct err *err);
