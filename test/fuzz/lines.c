/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs as maps, and the end when a check does not hold.
 */
#include "test/fuzz/fuzz.h"

#include <stdio.h>

void fuzz_fail(const char *truth, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, truth);
	abort();
}

void lines_split(const uint8_t *data, size_t size, struct lines *ret)
{
	size = MIN(size, (size_t)LINES_SIZE);
	if (size > 0) {
		memcpy(ret->text, data, size);
	}
	ret->text[size] = '\0';
	ret->n = 0;
	for (char *p = ret->text; p < ret->text + size && ret->n < LINES_MAX;) {
		char *end = memchr(p, '\n', (size_t)(ret->text + size - p));
		if (!end) {
			end = ret->text + size;
		}
		*end = '\0';
		char *equals = strchr(p, '=');
		if (equals) {
			*equals = '\0';
		}
		ret->items[ret->n++] = (struct kv){.key = p, .value = equals ? equals + 1 : ""};
		p = end + 1;
	}
}

struct kv_list lines_list(const struct lines *lines)
{
	return (struct kv_list){.items = lines->items, .n = lines->n};
}
