/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map: chained buckets that double when full; FNV-1a over the key.
 */
#include "common/base/map.h"

#define FIRST_BUCKETS 16

struct entry {
	struct entry *next;
	void *value;
	char key[];
};

struct map {
	struct entry **buckets;
	size_t size;
	size_t n;
	size_t max;
	void (*free_value)(void *);
};

static size_t bucket_of(const char *key, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (const char *p = key; *p; p++) {
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3U;
	}
	return (size_t)(hash % size);
}

struct map *map_new(size_t max, void (*free_value)(void *))
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map) {
		return NULL;
	}
	map->buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
	if (!map->buckets) {
		free(map);
		return NULL;
	}
	map->size = FIRST_BUCKETS;
	map->max = max;
	map->free_value = free_value;
	return map;
}

static void drop_value(struct map *map, void *value)
{
	if (map->free_value && value) {
		map->free_value(value);
	}
}

void map_free(struct map *map)
{
	if (!map) {
		return;
	}
	for (size_t i = 0; i < map->size; i++) {
		while (map->buckets[i]) {
			struct entry *entry = map->buckets[i];
			map->buckets[i] = entry->next;
			drop_value(map, entry->value);
			free(entry);
		}
	}
	free(map->buckets);
	free(map);
}

/* Where the pointer to @key's entry is, or to the end of its chain. */
static struct entry **find(const struct map *map, const char *key)
{
	struct entry **at = &map->buckets[bucket_of(key, map->size)];

	while (*at && !streq((*at)->key, key)) {
		at = &(*at)->next;
	}
	return at;
}

void *map_get(const struct map *map, const char *key)
{
	struct entry *entry = *find(map, key);

	return entry ? entry->value : NULL;
}

/* Double the buckets; without memory the map stays as it is, only slower. */
static void grow(struct map *map)
{
	size_t size = map->size * 2;
	struct entry **buckets = calloc(size, sizeof(struct entry *));

	if (!buckets) {
		return;
	}
	for (size_t i = 0; i < map->size; i++) {
		while (map->buckets[i]) {
			struct entry *entry = map->buckets[i];
			size_t to = bucket_of(entry->key, size);
			map->buckets[i] = entry->next;
			entry->next = buckets[to];
			buckets[to] = entry;
		}
	}
	free(map->buckets);
	map->buckets = buckets;
	map->size = size;
}

int map_put(struct map *map, const char *key, void *value, struct err *err)
{
	struct entry **at = find(map, key);

	if (*at) {
		if ((*at)->value != value) {
			drop_value(map, (*at)->value);
		}
		(*at)->value = value;
		return 0;
	}
	if (map->n >= map->max) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %zu entries", map->max);
	}
	size_t size = strlen(key) + 1;
	struct entry *entry = malloc(sizeof(*entry) + size);
	if (!entry) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "out of memory");
	}
	memcpy(entry->key, key, size);
	entry->value = value;
	entry->next = NULL;
	*at = entry;
	if (++map->n > map->size) {
		grow(map);
	}
	return 0;
}

void *map_take(struct map *map, const char *key)
{
	struct entry **at = find(map, key);
	struct entry *entry = *at;

	if (!entry) {
		return NULL;
	}
	void *value = entry->value;
	*at = entry->next;
	map->n--;
	free(entry);
	return value;
}

size_t map_len(const struct map *map)
{
	return map->n;
}

void map_each(const struct map *map, bool (*fn)(const char *key, void *value, void *arg), void *arg)
{
	for (size_t i = 0; i < map->size; i++) {
		for (struct entry *entry = map->buckets[i]; entry; entry = entry->next) {
			if (!fn(entry->key, entry->value, arg)) {
				return;
			}
		}
	}
}
