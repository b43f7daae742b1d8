/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: a list of chunks, the newest first; each allocation is cut from the newest chunk or
 * gets a new one.
 */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#define CHUNK_BYTES 4096
#define ALIGNMENT _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks;
	size_t max;
	size_t used;
};

struct arena *arena_new(size_t max)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena) {
		arena->max = max;
	}
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena) {
		return;
	}
	while (arena->chunks) {
		struct chunk *chunk = arena->chunks;
		arena->chunks = chunk->next;
		explicit_bzero(chunk->data, chunk->used);
		free(chunk);
	}
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->chunks;
	size_t rounded = MAX(size, (size_t)1);

	if (size > arena->max) {
		return NULL;
	}
	if (__builtin_add_overflow(rounded, ALIGNMENT - 1, &rounded)) {
		return NULL;
	}
	rounded &= ~(ALIGNMENT - 1);
	/* Counted as rounded: the limit is about memory, also when every piece is one byte. */
	if (rounded > arena->max - arena->used) {
		return NULL;
	}
	if (!chunk || rounded > chunk->size - chunk->used) {
		size_t bytes;
		if (__builtin_add_overflow(
			    MAX(rounded, CHUNK_BYTES - sizeof(*chunk)), sizeof(*chunk), &bytes)) {
			return NULL;
		}
		chunk = calloc(1, bytes);
		if (!chunk) {
			return NULL;
		}
		chunk->size = bytes - sizeof(*chunk);
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	void *result = chunk->data + chunk->used;
	chunk->used += rounded;
	arena->used += rounded;
	return result;
}

char *arena_strdup(struct arena *arena, const char *str)
{
	if (!str) {
		return NULL;
	}
	size_t size = strlen(str) + 1;
	char *copy = arena_alloc(arena, size);
	if (copy) {
		memcpy(copy, str, size);
	}
	return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		return NULL;
	}
	char *text = arena_alloc(arena, (size_t)n + 1);
	if (text) {
		va_start(args, fmt);
		(void)vsnprintf(text, (size_t)n + 1, fmt, args);
		va_end(args);
	}
	return text;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
