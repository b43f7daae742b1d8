/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from strings to pointers, with a limit. Keys are copied; values belong to the caller,
 * unless a free function was given. Not thread-safe.
 */
#pragma once

#include "common/base/err.h"

struct map;

/** map_new - an empty map of at most @max entries; @free_value (may be NULL) is called for values
 * dropped. */
struct map *map_new(size_t max, void (*free_value)(void *));
void map_free(struct map *map);
/** map_get - the value at @key, NULL when there is none. */
void *map_get(const struct map *map, const char *key);
/** map_put - set @key; the old value, if any, is dropped. Return: 0, or -1 RESOURCE_EXHAUSTED
 * (value not taken). */
MUST_USE int map_put(struct map *map, const char *key, void *value, struct err *err);
/** map_take - remove @key and hand its value over, NULL when there was none. */
void *map_take(struct map *map, const char *key);
size_t map_len(const struct map *map);
/** map_each - call @fn for every entry, in no order, until it returns false; @fn must not change
 * the map. */
void map_each(
	const struct map *map, bool (*fn)(const char *key, void *value, void *arg), void *arg);
