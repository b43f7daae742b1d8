/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake backend's snapshots.
 */
#include "test/backend/fake/fake_state.h"

#include <stdio.h>

/* The volume it was cut from: without metadata, one whose hash is that of the stored name. */
static const char *volume_of(struct fake_handle *h, const struct fake_kept *kept)
{
	if (h->fake->options.metadata == BE_METADATA_FULL) {
		return kept->source;
	}
	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		const struct fake_kept *volume = &h->fake->state->volume[i].kept;
		const struct be_source source = {.kind = BE_FROM_VOLUME, .object = volume->object};

		if (volume->used && fake_from(h, kept, &source)) {
			return volume->object;
		}
	}
	return "";
}

/* lock held */
static int show(struct fake_handle *h, const struct op *op, const struct fake_kept *kept,
	struct be_snapshot *ret, struct err *err)
{
	bool full = h->fake->options.metadata == BE_METADATA_FULL;
	struct be_snapshot snapshot = {.size = kept->size, .ready = kept->ready};
	struct objname_stored stored;

	snapshot.object = arena_strdup(op->arena, kept->object);
	snapshot.name = arena_strdup(op->arena, full ? kept->name : "");
	snapshot.volume = arena_strdup(op->arena, volume_of(h, kept));
	snapshot.pool = fake_pool_name(kept->pool);
	snapshot.created_ms = kept->created_ms;
	if (!full && objname_read(kept->stored, h->instance, &stored)) {
		snapshot.created_ms = stored.created_ms;
	}
	if (!snapshot.object || !snapshot.name || !snapshot.volume) {
		return be_no_memory(err);
	}
	if (full && fake_metadata(kept, op, &snapshot.metadata, err) < 0) {
		return -1;
	}
	*ret = snapshot;
	return 0;
}

static struct fake_kept *free_slot(struct fake_state *state)
{
	for (size_t i = 0; i < FAKE_SNAPSHOTS_MAX; i++) {
		if (!state->snapshot[i].used) {
			return &state->snapshot[i];
		}
	}
	return NULL;
}

/* lock held */
static int make(struct fake_handle *h, const struct be_snapshot_args *args, struct fake_kept **ret,
	struct err *err)
{
	struct fake_volume *volume = fake_find_volume(h, args->volume);
	struct fake_kept *slot = free_slot(h->fake->state);
	struct fake_kept fresh = {.source_kind = BE_FROM_VOLUME};

	if (!volume) {
		return err_set(err, ERR_NOT_FOUND, "volume %s: there is none", args->volume);
	}
	if (!slot) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "snapshots: there is room for %d only",
			FAKE_SNAPSHOTS_MAX);
	}
	(void)snprintf(fresh.source, sizeof(fresh.source), "%s", args->volume);
	fresh.pool = volume->kept.pool;
	fresh.size = volume->kept.size;
	if (fake_keep(&fresh, args->object, args->name, args->metadata, err) < 0) {
		return -1;
	}
	*slot = fresh;
	*ret = slot;
	return 0;
}

/* lock held */
static enum be_result create(struct fake_handle *h, const struct fake_passage *passage,
	const struct be_snapshot_args *args, struct be_snapshot *ret, struct err *err)
{
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = args->volume};
	struct fake_kept *kept = fake_find_snapshot(h, args->object);

	if (!objname_is_of(args->object, h->instance, BE_KIND_SNAPSHOT)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "object: not a name of a snapshot"),
		       BE_FAILED;
	}
	if (kept && (fake_pool_there(h->fake->state, kept->pool, err) < 0 ||
			    show(h, passage->op, kept, ret, err) < 0 ||
			    be_snapshot_fits(ret, args, err) < 0)) {
		return BE_FAILED;
	}
	if (kept && !fake_from(h, kept, &source)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			       "snapshot %s: it was cut from another volume", args->object),
		       BE_FAILED;
	}
	if (!kept && (fake_pools_there(h->fake->state, err) < 0 || make(h, args, &kept, err) < 0)) {
		return BE_FAILED;
	}
	if (!kept) {
		abort(); /* make() had promised one */
	}
	if (fake_told(passage, FAKE_IN_PROGRESS)) {
		return BE_IN_PROGRESS;
	}
	kept->ready = true;
	if (show(h, passage->op, kept, ret, err) < 0) {
		return BE_FAILED;
	}
	ret->volume = arena_strdup(passage->op->arena, args->volume);
	return ret->volume ? BE_DONE : (be_no_memory(err), BE_FAILED);
}

enum be_result fake_snapshot_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (fake_enter(h, op, "snapshot_create", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = create(h, &passage, args, ret, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

/* lock held */
static enum be_result remove_one(struct fake_handle *h, const struct fake_passage *passage,
	const char *object, struct err *err)
{
	struct fake_kept *kept = fake_find_snapshot(h, object);

	if (!kept) {
		return fake_pools_there(h->fake->state, err) < 0 ? BE_FAILED : BE_DONE;
	}
	if (fake_pool_there(h->fake->state, kept->pool, err) < 0) {
		return BE_FAILED;
	}
	if (fake_told(passage, FAKE_IN_PROGRESS)) {
		kept->ready = false;
		return BE_IN_PROGRESS;
	}
	*kept = (struct fake_kept){0};
	return BE_DONE;
}

enum be_result fake_snapshot_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (fake_enter(h, op, "snapshot_delete", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = remove_one(h, &passage, object, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

int fake_snapshot_get(struct backend *self, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	struct fake_kept *kept;
	int rc;

	if (fake_enter(h, op, "snapshot_get", &passage, err) < 0) {
		return -1;
	}
	fake_lock(h->fake->state);
	kept = fake_find_snapshot(h, object);
	rc = kept ? fake_pool_there(h->fake->state, kept->pool, err)
		  : fake_pools_there(h->fake->state, err);
	if (rc == 0) {
		rc = kept ? show(h, op, kept, ret, err)
			  : err_set(err, ERR_NOT_FOUND, "snapshot %s: there is none", object);
	}
	fake_unlock(h->fake->state);
	return rc < 0 ? rc : fake_leave(&passage, err);
}

static int by_object(const void *a, const void *b)
{
	const struct fake_kept *const *x = a;
	const struct fake_kept *const *y = b;

	return strcmp((*x)->object, (*y)->object);
}

static bool wanted(struct fake_handle *h, const struct fake_kept *kept, const struct be_page *page)
{
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = page->volume};

	return kept->used && objname_is_of(kept->object, h->instance, BE_KIND_SNAPSHOT) &&
	       (str_empty(page->token) || strcmp(kept->object, page->token) > 0) &&
	       (str_empty(page->volume) || fake_from(h, kept, &source));
}

/* lock held */
static int list(struct fake_handle *h, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	size_t max = page->max && page->max < BE_PAGE_MAX ? page->max : BE_PAGE_MAX;
	_cleanup_free_ const struct fake_kept **found = calloc(FAKE_SNAPSHOTS_MAX, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; found && i < FAKE_SNAPSHOTS_MAX; i++) {
		if (wanted(h, &h->fake->state->snapshot[i], page)) {
			found[n++] = &h->fake->state->snapshot[i];
		}
	}
	*ret = (struct be_snapshots){.n = MIN(n, max), .next = ""};
	ret->list = arena_alloc(op->arena, (ret->n + 1) * sizeof(*ret->list));
	if (!found || !ret->list) {
		return be_no_memory(err);
	}
	qsort(found, n, sizeof(*found), by_object);
	for (size_t i = 0; i < ret->n; i++) {
		if (show(h, op, found[i], &ret->list[i], err) < 0) {
			return -1;
		}
		if (!str_empty(page->volume)) {
			ret->list[i].volume = arena_strdup(op->arena, page->volume);
		}
	}
	if (n > max) {
		ret->next = ret->list[max - 1].object;
	}
	return 0;
}

int fake_snapshot_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	int rc;

	if (fake_enter(h, op, "snapshot_list", &passage, err) < 0) {
		return -1;
	}
	if (!str_empty(page->token) && !objname_is_of(page->token, h->instance, BE_KIND_SNAPSHOT)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "token: not one that this backend gave");
	}
	fake_lock(h->fake->state);
	rc = fake_pools_there(h->fake->state, err);
	rc = rc < 0 ? rc : list(h, op, page, ret, err);
	fake_unlock(h->fake->state);
	return rc < 0 ? rc : fake_leave(&passage, err);
}
