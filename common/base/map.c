/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map: hashing with chains. The hash is seeded per map, since keys come from outside and must
 * not be able to meet in one chain on purpose.
 */
#include "common/base/map.h"

#include <sys/random.h>

#define FIRST_BUCKETS 16

struct entry {
	struct entry *next;
	uint64_t hash;
	void *value;
	char key[];
};

struct map {
	struct entry **buckets;
	size_t n_buckets; /* a power of two */
	size_t len;
	size_t max;
	uint64_t seed;
	void (*free_value)(void *);
};

/* FNV-1a from a random start, its upper bits folded in since the bucket is told by the lower. */
static uint64_t hash_of(const struct map *map, const char *key)
{
	uint64_t hash = map->seed;

	for (; *key; key++) {
		hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	}
	return hash ^ (hash >> 32);
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
	map->n_buckets = FIRST_BUCKETS;
	map->max = max;
	map->free_value = free_value;
	/* Without randomness the map is right all the same, only not hardened. */
	(void)!getrandom(&map->seed, sizeof(map->seed), GRND_NONBLOCK);
	return map;
}

static void drop(const struct map *map, void *value)
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
	for (size_t i = 0; i < map->n_buckets; i++) {
		while (map->buckets[i]) {
			struct entry *entry = map->buckets[i];
			map->buckets[i] = entry->next;
			drop(map, entry->value);
			free(entry);
		}
	}
	free(map->buckets);
	free(map);
}

/* Where the pointer to @key's entry is, or would be. */
static struct entry **find(const struct map *map, const char *key, uint64_t hash)
{
	struct entry **place = &map->buckets[hash & (map->n_buckets - 1)];

	while (*place && ((*place)->hash != hash || !streq((*place)->key, key))) {
		place = &(*place)->next;
	}
	return place;
}

/* Twice the buckets; without memory the chains get longer instead. */
static void grow(struct map *map)
{
	size_t n = map->n_buckets * 2;
	struct entry **buckets = calloc(n, sizeof(struct entry *));

	if (!buckets) {
		return;
	}
	for (size_t i = 0; i < map->n_buckets; i++) {
		while (map->buckets[i]) {
			struct entry *entry = map->buckets[i];
			map->buckets[i] = entry->next;
			entry->next = buckets[entry->hash & (n - 1)];
			buckets[entry->hash & (n - 1)] = entry;
		}
	}
	free(map->buckets);
	map->buckets = buckets;
	map->n_buckets = n;
}

void *map_get(const struct map *map, const char *key)
{
	struct entry *entry = *find(map, key, hash_of(map, key));

	return entry ? entry->value : NULL;
}

int map_put(struct map *map, const char *key, void *value, struct err *err)
{
	uint64_t hash = hash_of(map, key);
	struct entry **place = find(map, key, hash);

	if (*place) {
		void *old = (*place)->value;
		(*place)->value = value;
		if (old != value) {
			drop(map, old);
		}
		return 0;
	}
	if (map->len >= map->max) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: the %zu entries allowed are in use", key, map->max);
	}
	size_t size = strlen(key) + 1;
	struct entry *entry = malloc(sizeof(*entry) + size);
	if (!entry) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", key);
	}
	entry->next = NULL;
	entry->hash = hash;
	entry->value = value;
	memcpy(entry->key, key, size);
	*place = entry;
	map->len++;
	if (map->len > map->n_buckets) {
		grow(map);
	}
	return 0;
}

void *map_take(struct map *map, const char *key)
{
	struct entry **place = find(map, key, hash_of(map, key));
	struct entry *entry = *place;

	if (!entry) {
		return NULL;
	}
	void *value = entry->value;
	*place = entry->next;
	map->len--;
	free(entry);
	return value;
}

size_t map_len(const struct map *map)
{
	return map->len;
}

void map_each(const struct map *map, bool (*fn)(const char *key, void *value, void *arg), void *arg)
{
	for (size_t i = 0; i < map->n_buckets; i++) {
		for (struct entry *entry = map->buckets[i]; entry; entry = entry->next) {
			if (!fn(entry->key, entry->value, arg)) {
				return;
			}
		}
	}
}
