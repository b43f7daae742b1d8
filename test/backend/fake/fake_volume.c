/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake backend's volumes and grants.
 */
#include "test/backend/fake/fake_state.h"

#include <stdio.h>

/* A volume as the contract has it; lock held. */
static int show(struct fake_handle *h, const struct op *op, const struct fake_volume *from,
	struct be_volume *ret, struct err *err)
{
	bool full = h->fake->options.metadata == BE_METADATA_FULL;
	const struct fake_kept *kept = &from->kept;
	struct be_volume volume = {.size = kept->size,
		.created_ms = full ? kept->created_ms : 0,
		.source_known = full,
		.written = from->written,
		.ready = kept->ready,
		.n_hosts = from->n_hosts};
	const char **hosts = arena_alloc(op->arena, (from->n_hosts + 1) * sizeof(*hosts));

	volume.object = arena_strdup(op->arena, kept->object);
	volume.name = arena_strdup(op->arena, full ? kept->name : "");
	volume.pool = fake_pool_name(kept->pool);
	volume.source.kind = full ? kept->source_kind : BE_BLANK;
	volume.source.object = arena_strdup(op->arena, full ? kept->source : "");
	if (!hosts || !volume.object || !volume.name || !volume.source.object) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < from->n_hosts; i++) {
		hosts[i] = arena_strdup(op->arena, from->hosts[i]);
		if (!hosts[i]) {
			return be_no_memory(err);
		}
	}
	volume.hosts = hosts;
	if (full && fake_metadata(kept, op, &volume.metadata, err) < 0) {
		return -1;
	}
	*ret = volume;
	return 0;
}

/* The volume of an id, in a pool that is there; lock held. */
static int find(
	struct fake_handle *h, const char *object, struct fake_volume **ret, struct err *err)
{
	*ret = fake_find_volume(h, object);
	if (!*ret) {
		return fake_pools_there(h->fake->state, err) < 0
			       ? -1
			       : err_set(err, ERR_NOT_FOUND, "volume %s: there is none", object);
	}
	return fake_pool_there(h->fake->state, (*ret)->kept.pool, err);
}

int fake_volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	struct fake_volume *volume;
	int rc;

	if (fake_enter(h, op, "volume_get", &passage, err) < 0) {
		return -1;
	}
	fake_lock(h->fake->state);
	rc = find(h, object, &volume, err);
	rc = rc < 0 ? rc : show(h, op, volume, ret, err);
	fake_unlock(h->fake->state);
	return rc < 0 ? rc : fake_leave(&passage, err);
}

/* Pool and least size of a source; lock held. */
static int look_at_source(struct fake_handle *h, const struct be_source *source, unsigned *ret_pool,
	int64_t *ret_size, struct err *err)
{
	const struct fake_kept *kept = NULL;

	if (source->kind == BE_FROM_SNAPSHOT) {
		kept = fake_find_snapshot(h, source->object);
	} else {
		const struct fake_volume *volume = fake_find_volume(h, source->object);

		kept = volume ? &volume->kept : NULL;
	}
	if (!kept) {
		return fake_pools_there(h->fake->state, err) < 0
			       ? -1
			       : err_set(err, ERR_NOT_FOUND, "source: there is no %s",
					 source->object);
	}
	*ret_pool = kept->pool;
	*ret_size = kept->size;
	return fake_pool_there(h->fake->state, kept->pool, err);
}

/* Bytes of all volumes in the pool. */
static int64_t used_of(const struct fake_state *state, unsigned pool)
{
	int64_t used = 0;

	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		const struct fake_kept *kept = &state->volume[i].kept;

		used += kept->used && kept->pool == pool ? MAX(kept->size, kept->asked) : 0;
	}
	return used;
}

static int check_room(const struct fake_state *state, unsigned pool, int64_t more, struct err *err)
{
	int64_t left = FAKE_POOL_SIZE - used_of(state, pool);

	return more <= left ? 0
			    : err_set(err, ERR_RESOURCE_EXHAUSTED,
				      "pool %s: %lld bytes are left, but %lld more are asked for",
				      fake_pool_name(pool), (long long)left, (long long)more);
}

static int check_size(struct backend *self, const struct op *op, int64_t size, struct err *err)
{
	struct be_limits limits;

	return self->ops->limits(self, op, &limits, err) < 0 ? -1
							     : be_size_check(&limits, size, err);
}

/* Everything that may be wrong with a new volume; lock held. */
static int plan(struct backend *self, const struct op *op, const struct be_volume_args *args,
	struct fake_volume *fresh, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_kept *kept = &fresh->kept;
	int64_t least = 0;

	if (check_size(self, op, args->size, err) < 0 ||
		(!str_empty(args->pool) && fake_pool_index(args->pool, &kept->pool, err) < 0)) {
		return -1;
	}
	if (args->source.kind != BE_BLANK) {
		unsigned pool = 0;

		if (look_at_source(h, &args->source, &pool, &least, err) < 0) {
			return -1;
		}
		if (!str_empty(args->pool) && pool != kept->pool) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"pool: %s, but its source is in %s", args->pool,
				fake_pool_name(pool));
		}
		kept->pool = pool;
	}
	if (args->size < least) {
		return err_set(err, ERR_OUT_OF_RANGE, "size: %lld bytes, but its source has %lld",
			(long long)args->size, (long long)least);
	}
	if (fake_pool_there(h->fake->state, kept->pool, err) < 0 ||
		check_room(h->fake->state, kept->pool, args->size, err) < 0) {
		return -1;
	}
	kept->size = least > 0 ? least : args->size;
	kept->asked = args->size;
	return 0;
}

static struct fake_volume *free_slot(struct fake_state *state)
{
	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		if (!state->volume[i].kept.used) {
			return &state->volume[i];
		}
	}
	return NULL;
}

/* Put a new volume into the state, at its source's size and not ready; lock held. */
static int make(struct backend *self, const struct op *op, const struct be_volume_args *args,
	struct fake_volume **ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_volume *slot = free_slot(h->fake->state);
	struct fake_volume fresh = {.written = args->source.kind != BE_BLANK};

	if (plan(self, op, args, &fresh, err) < 0) {
		return -1;
	}
	if (!slot) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "volumes: there is room for %d only",
			FAKE_VOLUMES_MAX);
	}
	fresh.kept.source_kind = args->source.kind;
	if (args->source.kind != BE_BLANK) {
		(void)snprintf(
			fresh.kept.source, sizeof(fresh.kept.source), "%s", args->source.object);
	}
	if (fake_keep(&fresh.kept, args->object, args->name, args->metadata, err) < 0) {
		return -1;
	}
	uuid_random(fresh.uuid);
	*slot = fresh;
	*ret = slot;
	return 0;
}

/* What is there must be what is asked for, as far as the mode can tell; lock held. */
static int check_found(struct fake_handle *h, const struct op *op, const struct fake_volume *volume,
	const struct be_volume_args *args, struct err *err)
{
	struct be_volume_args known = *args;
	struct be_volume have;

	if (!fake_from(h, &volume->kept, &args->source)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it was made from another source", args->object);
	}
	/* A copy that was not grown yet will be; without metadata it cannot be told from a smaller
	 * one that was asked for. */
	if (args->source.kind != BE_BLANK && (h->fake->options.metadata != BE_METADATA_FULL ||
						     args->size <= volume->kept.asked)) {
		known.size = 0;
	}
	return show(h, op, volume, &have, err) < 0 ? -1 : be_volume_fits(&have, &known, err);
}

/* lock held */
static enum be_result create(struct backend *self, const struct fake_passage *passage,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	const struct op *op = passage->op;
	struct fake_volume *volume = fake_find_volume(h, args->object);

	if (!objname_is_of(args->object, h->instance, BE_KIND_VOLUME)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "object: not a name of a volume"),
		       BE_FAILED;
	}
	if (volume && (fake_pool_there(h->fake->state, volume->kept.pool, err) < 0 ||
			      check_found(h, op, volume, args, err) < 0)) {
		return BE_FAILED;
	}
	if (!volume && (fake_pools_there(h->fake->state, err) < 0 ||
			       make(self, op, args, &volume, err) < 0)) {
		return BE_FAILED;
	}
	if (!volume) {
		abort(); /* make() had promised one */
	}
	if (fake_told(passage, FAKE_IN_PROGRESS)) {
		return BE_IN_PROGRESS;
	}
	if (!fake_told(passage, FAKE_HALF)) {
		if (args->source.kind != BE_BLANK) {
			volume->kept.size = MAX(volume->kept.size, args->size);
		}
		volume->kept.ready = true;
	}
	return show(h, op, volume, ret, err) < 0 ? BE_FAILED : BE_DONE;
}

enum be_result fake_volume_create(const struct step *in, struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (fake_enter(h, op, "volume_create", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = create(self, &passage, args, ret, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

/* Does anything depend on it? lock held */
static int check_unused(struct fake_handle *h, const struct fake_volume *volume, struct err *err)
{
	const struct fake_state *state = h->fake->state;

	if (volume->n_hosts > 0) {
		return err_set(err, ERR_FAILED_PRECONDITION, "volume %s: in use by %s and %zu more",
			volume->kept.object, volume->hosts[0], volume->n_hosts - 1);
	}
	for (size_t i = 0; h->fake->options.dependent_snapshots && i < FAKE_SNAPSHOTS_MAX; i++) {
		if (state->snapshot[i].used &&
			streq(state->snapshot[i].source, volume->kept.object)) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"volume %s: snapshot %s is of it", volume->kept.object,
				state->snapshot[i].object);
		}
	}
	return 0;
}

enum be_result fake_volume_delete(const struct step *in, struct backend *self, const struct op *op,
	const char *object, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	struct fake_volume *volume;
	enum be_result result = BE_DONE;
	struct err why = {0};

	(void)in;
	if (fake_enter(h, op, "volume_delete", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	if (find(h, object, &volume, &why) < 0) {
		result = why.code == ERR_NOT_FOUND ? BE_DONE : BE_FAILED;
	} else if (check_unused(h, volume, &why) < 0) {
		result = BE_FAILED;
	} else if (fake_told(&passage, FAKE_IN_PROGRESS)) {
		volume->kept.ready = false;
		result = BE_IN_PROGRESS;
	} else {
		*volume = (struct fake_volume){0};
	}
	fake_unlock(h->fake->state);
	if (result == BE_FAILED) {
		return err_set(err, why.code, "%s", why.msg), BE_FAILED;
	}
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

static int by_object(const void *a, const void *b)
{
	const struct fake_volume *const *x = a;
	const struct fake_volume *const *y = b;

	return strcmp((*x)->kept.object, (*y)->kept.object);
}

/* lock held */
static int list(struct fake_handle *h, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct fake_state *state = h->fake->state;
	const char *token = str_empty(page->token) ? "" : page->token;
	size_t max = page->max && page->max < BE_PAGE_MAX ? page->max : BE_PAGE_MAX;
	_cleanup_free_ const struct fake_volume **found = calloc(FAKE_VOLUMES_MAX, sizeof(*found));
	size_t n = 0;

	for (size_t i = 0; found && i < FAKE_VOLUMES_MAX; i++) {
		const struct fake_volume *volume = &state->volume[i];

		if (volume->kept.used && strcmp(volume->kept.object, token) > 0 &&
			objname_is_of(volume->kept.object, h->instance, BE_KIND_VOLUME)) {
			found[n++] = volume;
		}
	}
	*ret = (struct be_volumes){.n = MIN(n, max), .next = ""};
	ret->list = arena_alloc(op->arena, (ret->n + 1) * sizeof(*ret->list));
	if (!found || !ret->list) {
		return be_no_memory(err);
	}
	qsort(found, n, sizeof(*found), by_object);
	for (size_t i = 0; i < ret->n; i++) {
		if (show(h, op, found[i], &ret->list[i], err) < 0) {
			return -1;
		}
	}
	if (n > max) {
		ret->next = ret->list[max - 1].object;
	}
	return 0;
}

int fake_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	int rc;

	if (fake_enter(h, op, "volume_list", &passage, err) < 0) {
		return -1;
	}
	if (!str_empty(page->token) && !objname_is_of(page->token, h->instance, BE_KIND_VOLUME)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "token: not one that this backend gave");
	}
	fake_lock(h->fake->state);
	rc = fake_pools_there(h->fake->state, err);
	rc = rc < 0 ? rc : list(h, op, page, ret, err);
	fake_unlock(h->fake->state);
	return rc < 0 ? rc : fake_leave(&passage, err);
}

/* lock held */
static enum be_result expand(struct backend *self, const struct fake_passage *passage,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_volume *volume;

	if (find(h, args->object, &volume, err) < 0 ||
		check_size(self, passage->op, args->size, err) < 0) {
		return BE_FAILED;
	}
	if (args->size > volume->kept.size) {
		if (check_room(h->fake->state, volume->kept.pool, args->size - volume->kept.size,
			    err) < 0) {
			return BE_FAILED;
		}
		if (fake_told(passage, FAKE_IN_PROGRESS)) {
			return BE_IN_PROGRESS;
		}
		volume->kept.size = args->size;
	}
	return show(h, passage->op, volume, ret, err) < 0 ? BE_FAILED : BE_DONE;
}

enum be_result fake_volume_expand(const struct step *in, struct backend *self, const struct op *op,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	enum be_result result;

	(void)in;
	if (fake_enter(h, op, "volume_expand", &passage, err) < 0) {
		return BE_FAILED;
	}
	fake_lock(h->fake->state);
	result = expand(self, &passage, args, ret, err);
	fake_unlock(h->fake->state);
	return result == BE_DONE && fake_leave(&passage, err) < 0 ? BE_FAILED : result;
}

int fake_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	struct fake_handle *h = fake_of(self);
	struct fake_passage passage;
	unsigned index = 0;
	int rc;

	if (fake_enter(h, op, "capacity", &passage, err) < 0 ||
		(!str_empty(pool) && fake_pool_index(pool, &index, err) < 0)) {
		return -1;
	}
	fake_lock(h->fake->state);
	rc = fake_pool_there(h->fake->state, index, err);
	ret->available = FAKE_POOL_SIZE - used_of(h->fake->state, index);
	fake_unlock(h->fake->state);
	ret->min_size = FAKE_MIN_SIZE;
	ret->max_size = MIN(ret->available, FAKE_MAX_SIZE);
	return rc < 0 ? rc : fake_leave(&passage, err);
}
