/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing string that is born with its largest allowed size. Reaching the limit, or running out
 * of memory, makes it failed for good, so a run of appends needs one check at its end.
 */
#pragma once

#include "common/base/err.h"

struct strbuf {
	char *data;  /* always NUL-terminated once something was added; NULL before */
	size_t len;  /* bytes without the NUL */
	size_t size; /* bytes allocated */
	size_t max;  /* largest len allowed */
	bool failed; /* an append did not fit, or memory ran out; data is NULL then */
};

#define _cleanup_strbuf_ _cleanup_(sb_done)

/** sb_init - an empty buffer that may grow to @max bytes; allocates nothing yet. */
struct strbuf sb_init(size_t max);
/** sb_done - free what it holds; accepts a buffer that was only zeroed. */
void sb_done(struct strbuf *sb);
/** sb_reset - empty it for reuse; keeps the memory and the limit, clears `failed`. */
void sb_reset(struct strbuf *sb);
void sb_add(struct strbuf *sb, const char *str);
void sb_addn(struct strbuf *sb, const void *bytes, size_t n);
void sb_addc(struct strbuf *sb, char c);
void sb_addf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** sb_str - what it holds, "" when empty or failed; borrowed until the next call on @sb. */
const char *sb_str(const struct strbuf *sb);
/**
 * sb_take - hand the string over; the caller frees it. @what names the text in the error.
 * Return: 0, or -1 with RESOURCE_EXHAUSTED when an append had failed.
 */
MUST_USE int sb_take(struct strbuf *sb, const char *what, char **ret_str, struct err *err);
