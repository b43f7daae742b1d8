/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives as long as one call: allocate freely, free once. It has a hard limit, and is
 * wiped before it is freed since requests carry secrets.
 * Not thread-safe: one arena belongs to one call.
 */
#pragma once

#include "common/base/base.h"

struct arena;

/** arena_new - an empty arena that gives out at most @max bytes in all. Return: NULL without
 * memory. */
struct arena *arena_new(size_t max);
/** arena_free - wipe (explicit_bzero) and free everything; accepts NULL. */
void arena_free(struct arena *arena);
/** arena_alloc - @size zeroed bytes, aligned for any type. Return: NULL past the limit or without
 * memory. */
void *arena_alloc(struct arena *arena, size_t size);
/** arena_strdup - a copy that lives as long as the arena, NULL when it does not fit or @str is
 * NULL. */
char *arena_strdup(struct arena *arena, const char *str);
/** arena_printf - printf into the arena. Return: NULL when it does not fit. */
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** arena_used - bytes given out so far. */
size_t arena_used(const struct arena *arena);
