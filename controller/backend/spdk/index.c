/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of what was read, so that looking something up does not go through all of it.
 */
#include "controller/backend/spdk/view.h"

/* Of the same object the oldest is meant. */
static int by_object(const void *a, const void *b)
{
	const struct spdk_lvol *x = *(const struct spdk_lvol *const *)a;
	const struct spdk_lvol *y = *(const struct spdk_lvol *const *)b;
	int order = strcmp(x->stored.object, y->stored.object);

	if (order != 0) {
		return order;
	}
	if (x->stored.created_ms != y->stored.created_ms) {
		return x->stored.created_ms < y->stored.created_ms ? -1 : 1;
	}
	return strcmp(x->name, y->name);
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = (*(const struct spdk_lvol *const *)a)->hash;
	uint64_t y = (*(const struct spdk_lvol *const *)b)->hash;

	return x < y ? -1 : x > y;
}

int spdk_view_index(struct spdk_view *view, struct err *err)
{
	view->named = calloc(view->n + 1, sizeof(*view->named));
	view->hashed = calloc(view->n + 1, sizeof(*view->hashed));
	if (!view->named || !view->hashed) {
		return err_set(err, ERR_UNAVAILABLE, "no memory for %zu lvols", view->n);
	}
	for (size_t i = 0; i < view->n; i++) {
		const struct spdk_lvol *lvol = &view->lvols[i];

		if (lvol->kind == SPDK_VOLUME) {
			view->hashed[view->n_hashed++] = lvol;
		}
		if (lvol->kind == SPDK_VOLUME || lvol->kind == SPDK_SNAPSHOT) {
			view->named[view->n_named++] = lvol;
		}
	}
	qsort(view->named, view->n_named, sizeof(*view->named), by_object);
	qsort(view->hashed, view->n_hashed, sizeof(*view->hashed), by_hash);
	return 0;
}

size_t spdk_view_after(const struct spdk_view *view, const char *object)
{
	size_t low = 0;
	size_t high = view->n_named;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(view->named[middle]->stored.object, object) > 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return low;
}

const struct spdk_lvol *spdk_view_find(const struct spdk_view *view, const char *object)
{
	size_t low = 0;
	size_t high = view->n_named;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(view->named[middle]->stored.object, object) >= 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return low < view->n_named && streq(view->named[low]->stored.object, object)
		       ? view->named[low]
		       : NULL;
}

const struct spdk_lvol *spdk_view_volume(const struct spdk_view *view, uint64_t hash)
{
	const struct spdk_lvol key = {.hash = hash};
	const struct spdk_lvol *at = &key;
	const struct spdk_lvol **found;

	if (hash == 0 || view->n_hashed == 0) {
		return NULL;
	}
	found = bsearch(&at, view->hashed, view->n_hashed, sizeof(*view->hashed), by_hash);
	return found ? *found : NULL;
}
