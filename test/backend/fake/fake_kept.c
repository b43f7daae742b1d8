/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fake backend keeps with an object, in both modes: with metadata it is stored as it came,
 * without it is only what the stored name says.
 */
#include "common/base/parse.h"
#include "test/backend/fake/fake_state.h"

#include <stdio.h>

static const char *const pools[] = {FAKE_POOL_A, FAKE_POOL_B};

const char *fake_pool_name(unsigned pool)
{
	return pools[pool];
}

int fake_pool_index(const char *pool, unsigned *ret, struct err *err)
{
	char shown[64];

	for (unsigned i = 0; i < ARRAY_SIZE(pools); i++) {
		if (streq(pool, pools[i])) {
			*ret = i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "pool: there is no \"%s\"; it has %s, %s",
		printable(pool, shown, sizeof(shown)), pools[0], pools[1]);
}

int fake_pool_there(const struct fake_state *state, unsigned pool, struct err *err)
{
	return !state->absent[pool]
		       ? 0
		       : err_set(err, ERR_UNAVAILABLE, "pool %s: is not there", pools[pool]);
}

int fake_pools_there(const struct fake_state *state, struct err *err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pools); i++) {
		if (fake_pool_there(state, i, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Is @kept the object of this id? Without metadata, only its stored name can tell. */
static bool is(const struct fake_handle *h, const struct fake_kept *kept, const char *object)
{
	struct objname_stored stored;

	if (!kept->used) {
		return false;
	}
	if (h->fake->options.metadata == BE_METADATA_FULL) {
		return streq(kept->object, object);
	}
	return objname_read(kept->stored, h->instance, &stored) && streq(stored.object, object);
}

struct fake_volume *fake_find_volume(struct fake_handle *h, const char *object)
{
	if (!objname_is_of(object, h->instance, BE_KIND_VOLUME)) {
		return NULL;
	}
	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		if (is(h, &h->fake->state->volume[i].kept, object)) {
			return &h->fake->state->volume[i];
		}
	}
	return NULL;
}

struct fake_kept *fake_find_snapshot(struct fake_handle *h, const char *object)
{
	if (!objname_is_of(object, h->instance, BE_KIND_SNAPSHOT)) {
		return NULL;
	}
	for (size_t i = 0; i < FAKE_SNAPSHOTS_MAX; i++) {
		if (is(h, &h->fake->state->snapshot[i], object)) {
			return &h->fake->state->snapshot[i];
		}
	}
	return NULL;
}

int fake_keep(struct fake_kept *kept, const char *object, const char *name, struct kv_list metadata,
	struct err *err)
{
	const struct be_source source = {.kind = kept->source_kind, .object = kept->source};
	size_t at = 0;

	if (be_metadata_check(metadata, err) < 0) {
		return -1;
	}
	kept->used = true;
	kept->created_ms = clock_unix_ms();
	(void)snprintf(kept->object, sizeof(kept->object), "%s", object);
	(void)snprintf(kept->name, sizeof(kept->name), "%s", name);
	for (size_t i = 0; i < metadata.n; i++) {
		const struct kv *item = &metadata.items[i];

		at += (size_t)snprintf(kept->meta + at, sizeof(kept->meta) - at, "%s", item->key) +
		      1;
		at += (size_t)snprintf(
			      kept->meta + at, sizeof(kept->meta) - at, "%s", item->value) +
		      1;
	}
	kept->meta_n = metadata.n;
	return objname_store(object, &source, kept->created_ms, kept->stored, err);
}

int fake_metadata(
	const struct fake_kept *kept, const struct op *op, struct kv_list *ret, struct err *err)
{
	struct kv items[BE_METADATA_MAX];
	const char *at = kept->meta;

	for (size_t i = 0; i < kept->meta_n; i++) {
		items[i].key = at;
		at += strlen(at) + 1;
		items[i].value = at;
		at += strlen(at) + 1;
	}
	return be_metadata_copy(
		op->arena, (struct kv_list){.items = items, .n = kept->meta_n}, ret, err);
}

bool fake_from(
	const struct fake_handle *h, const struct fake_kept *kept, const struct be_source *source)
{
	struct objname_stored stored;

	if (h->fake->options.metadata == BE_METADATA_FULL) {
		return kept->source_kind == source->kind &&
		       (source->kind == BE_BLANK || streq(kept->source, source->object));
	}
	return objname_read(kept->stored, h->instance, &stored) &&
	       stored.source_hash == objname_source_hash(source);
}
