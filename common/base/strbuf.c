/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing string: doubles its memory up to its limit; the first append that does not fit drops
 * everything, so that half a text is never taken for a whole one.
 */
#include "common/base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>

#define FIRST_SIZE 64

static void fail(struct strbuf *sb)
{
	free(sb->data);
	sb->data = NULL;
	sb->len = 0;
	sb->size = 0;
	sb->failed = true;
}

/* Make room for @n more bytes and a NUL. */
static bool reserve(struct strbuf *sb, size_t n)
{
	if (sb->failed) {
		return false;
	}
	/* Half of the address space is no limit in practice, and keeps the sums below from
	 * wrapping. */
	size_t max = MIN(sb->max, SIZE_MAX / 2);
	if (sb->len > max || n > max - sb->len) {
		fail(sb);
		return false;
	}
	size_t need = sb->len + n + 1;
	if (need <= sb->size) {
		return true;
	}
	size_t size = MAX(sb->size, (size_t)FIRST_SIZE);
	while (size < need) {
		size *= 2;
	}
	size = MIN(size, max + 1);
	char *data = realloc(sb->data, size);
	if (!data) {
		fail(sb);
		return false;
	}
	sb->data = data;
	sb->size = size;
	return true;
}

struct strbuf sb_init(size_t max)
{
	return (struct strbuf){.max = max};
}

void sb_done(struct strbuf *sb)
{
	free(sb->data);
	*sb = (struct strbuf){.max = sb->max};
}

void sb_reset(struct strbuf *sb)
{
	sb->len = 0;
	sb->failed = false;
	if (sb->data) {
		sb->data[0] = '\0';
	}
}

void sb_add(struct strbuf *sb, const char *str)
{
	sb_addn(sb, str, strlen(str));
}

void sb_addn(struct strbuf *sb, const void *bytes, size_t n)
{
	if (!reserve(sb, n)) {
		return;
	}
	if (n > 0) {
		memcpy(sb->data + sb->len, bytes, n);
	}
	sb->len += n;
	sb->data[sb->len] = '\0';
}

void sb_addc(struct strbuf *sb, char c)
{
	sb_addn(sb, &c, 1);
}

void sb_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		fail(sb);
		return;
	}
	if (!reserve(sb, (size_t)n)) {
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(sb->data + sb->len, (size_t)n + 1, fmt, args);
	va_end(args);
	sb->len += (size_t)n;
}

const char *sb_str(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}

int sb_take(struct strbuf *sb, const char *what, char **ret_str, struct err *err)
{
	sb_addn(sb, NULL, 0);
	if (sb->failed) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: longer than %zu bytes, or out of memory", what, sb->max);
	}
	*ret_str = sb->data;
	*sb = sb_init(sb->max);
	return 0;
}
