/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a backend's list page by page. Each page lands in memory of its own, which is freed once
 * the little that is needed was copied: the metadata of thousands of volumes is large.
 */
#include "controller/core/listing.h"

#include "controller/core/core.h"

/** Entries made room for at first; doubled as needed. */
#define LISTING_FIRST 64

struct builder {
	struct listing *listing;
	size_t room;
};

static void pages_freep(struct arena **arena)
{
	arena_free(*arena);
}

static int no_room(const struct listing *listing, struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED,
		"%zu objects listed and more to come, which is beyond memory", listing->n);
}

static struct listing *listing_new(void)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing) {
		return NULL;
	}
	listing->refs = 1;
	listing->arena = arena_new(LISTING_BYTES_MAX);
	if (!listing->arena) {
		free(listing);
		return NULL;
	}
	return listing;
}

struct listing *listing_ref(struct listing *listing)
{
	(void)__atomic_add_fetch(&listing->refs, 1, __ATOMIC_RELAXED);
	return listing;
}

void listing_unref(struct listing *listing)
{
	if (!listing || __atomic_sub_fetch(&listing->refs, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	free(listing->entries);
	arena_free(listing->arena);
	free(listing);
}

size_t listing_after(const struct listing *listing, const char *object)
{
	size_t low = 0;
	size_t high = listing->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(listing->entries[middle].object, object) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const struct listing_entry *listing_find(const struct listing *listing, const char *object)
{
	size_t after = listing_after(listing, object);

	return after > 0 && streq(listing->entries[after - 1].object, object)
		       ? &listing->entries[after - 1]
		       : NULL;
}

static struct listing_entry *add_entry(struct builder *builder, struct err *err)
{
	struct listing *listing = builder->listing;

	if (listing->n >= CORE_LIST_MAX) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED,
			"more than %d objects, the most that a list can hold", CORE_LIST_MAX);
		return NULL;
	}
	if (listing->n == builder->room) {
		size_t room = builder->room ? builder->room * 2 : LISTING_FIRST;
		struct listing_entry *entries = realloc(listing->entries, room * sizeof(*entries));

		if (!entries) {
			(void)no_room(listing, err);
			return NULL;
		}
		listing->entries = entries;
		builder->room = room;
	}
	listing->entries[listing->n] = (struct listing_entry){0};
	return &listing->entries[listing->n];
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_volume(struct builder *builder, const struct be_volume *volume, struct err *err)
{
	struct arena *arena = builder->listing->arena;
	struct listing_entry *entry = add_entry(builder, err);
	const char **nodes = NULL;

	if (!entry) {
		return -1;
	}
	/* Most are of the same pool: its name is kept once for those that follow each other. */
	const char *before = builder->listing->n > 0 ? entry[-1].pool : "";

	entry->object = arena_strdup(arena, volume->object);
	entry->pool = streq(before, volume->pool) ? before : arena_strdup(arena, volume->pool);
	entry->size = volume->size;
	entry->ready = volume->ready;
	if (volume->n_hosts > 0) {
		nodes = arena_alloc(arena, volume->n_hosts * sizeof(*nodes));
		if (!nodes) {
			return no_room(builder->listing, err);
		}
	}
	for (size_t i = 0; i < volume->n_hosts; i++) {
		nodes[i] = arena_strdup(arena, volume->hosts[i]);
		if (!nodes[i]) {
			return no_room(builder->listing, err);
		}
	}
	if (nodes) {
		qsort(nodes, volume->n_hosts, sizeof(*nodes), by_text);
	}
	entry->nodes = nodes;
	entry->n_nodes = volume->n_hosts;
	if (!entry->object || !entry->pool) {
		return no_room(builder->listing, err);
	}
	builder->listing->n++;
	return 0;
}

static int add_snapshot(
	struct builder *builder, const struct be_snapshot *snapshot, struct err *err)
{
	struct arena *arena = builder->listing->arena;
	struct listing_entry *entry = add_entry(builder, err);

	if (!entry) {
		return -1;
	}
	entry->object = arena_strdup(arena, snapshot->object);
	entry->source = arena_strdup(arena, snapshot->volume);
	entry->size = snapshot->size;
	entry->created_ms = snapshot->created_ms;
	entry->ready = snapshot->ready;
	if (!entry->object || !entry->source) {
		return no_room(builder->listing, err);
	}
	builder->listing->n++;
	return 0;
}

/* One page into @builder. @token is replaced by the next one, in the listing's own memory. */
static int read_page(struct builder *builder, struct backend *be, const struct op *op,
	struct be_page *page, bool snapshots, struct err *err)
{
	_cleanup_(pages_freep) struct arena *arena = arena_new(LISTING_PAGE_BYTES_MAX);
	struct be_volumes volumes = {.next = ""};
	struct be_snapshots cut = {.next = ""};
	struct op inner = *op;

	if (!arena) {
		return no_room(builder->listing, err);
	}
	inner.arena = arena;
	if (snapshots) {
		if (be->ops->snapshot_list(be, &inner, page, &cut, err) < 0) {
			return -1;
		}
	} else if (be->ops->volume_list(be, &inner, page, &volumes, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < volumes.n; i++) {
		if (add_volume(builder, &volumes.list[i], err) < 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < cut.n; i++) {
		if (add_snapshot(builder, &cut.list[i], err) < 0) {
			return -1;
		}
	}
	page->token = arena_strdup(builder->listing->arena, snapshots ? cut.next : volumes.next);
	return page->token ? 0 : no_room(builder->listing, err);
}

static int by_object(const void *a, const void *b)
{
	return strcmp(((const struct listing_entry *)a)->object,
		((const struct listing_entry *)b)->object);
}

static int read_pages(struct builder *builder, struct backend *be, const struct op *op,
	struct be_page *page, bool snapshots, struct err *err)
{
	do {
		const char *before = page->token;

		if (deadline_check(&op->deadline, "list", err) < 0 ||
			read_page(builder, be, op, page, snapshots, err) < 0) {
			return -1;
		}
		/* A list that does not get on would have us ask for ever. */
		if (!str_empty(page->token) && streq(page->token, before)) {
			return err_set(err, ERR_UNAVAILABLE,
				"the list stands still: a page names itself as the next one; retry");
		}
	} while (!str_empty(page->token));
	return 0;
}

static int read_all(struct backend *be, const struct op *op, struct be_page *page, bool snapshots,
	struct listing **ret, struct err *err)
{
	struct builder builder = {.listing = listing_new()};

	if (!builder.listing) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for a list");
	}
	if (read_pages(&builder, be, op, page, snapshots, err) < 0) {
		listing_unref(builder.listing);
		return -1;
	}
	if (builder.listing->n > 0) {
		qsort(builder.listing->entries, builder.listing->n,
			sizeof(*builder.listing->entries), by_object);
	}
	*ret = builder.listing;
	return 0;
}

int listing_volumes(struct backend *be, const struct op *op, struct listing **ret, struct err *err)
{
	struct be_page page = {.token = ""};

	return read_all(be, op, &page, false, ret, err);
}

int listing_snapshots(struct backend *be, const struct op *op, const char *volume,
	struct listing **ret, struct err *err)
{
	struct be_page page = {.token = "", .volume = volume};

	return read_all(be, op, &page, true, ret, err);
}
