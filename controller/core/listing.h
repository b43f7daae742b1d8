/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole list of one backend's volumes or snapshots, kept small: what a page of a CSI list
 * tells and no more. It never changes once it is made, so many may read it; the last one to let go
 * frees it.
 */
#pragma once

#include "common/base/op.h"
#include "controller/backend/backend.h"

/** Most bytes of one listing: room for 32,768 volumes with a few nodes each. */
#define LISTING_BYTES_MAX (24 * MIB)
/** Most bytes of one page as the backend gives it. */
#define LISTING_PAGE_BYTES_MAX (8 * MIB)

struct listing_entry {
	const char *object;
	const char *pool; /* volumes */
	int64_t size;
	const char *const *nodes; /* volumes: sorted node ids */
	size_t n_nodes;
	const char *source; /* snapshots: the volume's object */
	int64_t created_ms; /* snapshots */
	bool ready;
};

struct listing {
	struct listing_entry *entries; /* in the order of their objects */
	size_t n;
	/* inside */
	struct arena *arena;
	unsigned refs;
};

/**
 * listing_volumes - read all pages of @be. The request's deadline holds.
 * Return: 0 and a listing for listing_unref(), or -1: what the backend says, RESOURCE_EXHAUSTED
 * when it has more than CORE_LIST_MAX objects.
 */
MUST_USE int listing_volumes(
	struct backend *be, const struct op *op, struct listing **ret, struct err *err);
/** listing_snapshots - the same for snapshots; @volume "": of all volumes. */
MUST_USE int listing_snapshots(struct backend *be, const struct op *op, const char *volume,
	struct listing **ret, struct err *err);
/** listing_after - index of the first entry whose object comes after @object ("": the first). */
size_t listing_after(const struct listing *listing, const char *object);
/** listing_find - the entry of @object, NULL when there is none. */
const struct listing_entry *listing_find(const struct listing *listing, const char *object);
/** listing_ref, listing_unref - hold and let go; thread-safe. unref accepts NULL. */
struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing);
static inline void listing_unrefp(struct listing **listing)
{
	listing_unref(*listing);
}
#define _cleanup_listing_ _cleanup_(listing_unrefp)
