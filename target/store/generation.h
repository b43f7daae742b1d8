/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a pool of files was taken into use and laid down: a number in a small file beside its
 * identity, which only grows. The same number is recorded outside the pool, so that a pool with a
 * smaller one is known for what it is: an older copy, restored from a backup, in which objects that
 * were made since are missing.
 */
#pragma once

#include "common/base/step.h"

#include <stdint.h>

/** Name of the file. */
#define GENERATION_FILE ".nvmetcp-generation"

/**
 * generation_read - the number in @dirfd, 0 without the file; @path is for messages.
 * Return: 0, or -1: UNAVAILABLE when it cannot be read, DATA_LOSS when it is no number.
 */
MUST_USE int generation_read(int dirfd, const char *path, int64_t *ret, struct err *err);
/** generation_write - Return: 0 when it is on stable storage, or -1 (RESOURCE_EXHAUSTED without
 * space, and the old one is kept). */
MUST_USE int generation_write(
	const struct step *in, int dirfd, int64_t generation, struct err *err);
