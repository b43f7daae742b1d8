/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists over all backends, in pages. A token is the id of the last entry told, so the next page
 * begins after it whatever has come or gone since: every object that stays is told exactly once.
 */
#include "common/base/parse.h"
#include "controller/core/member.h"
#include "controller/core/snapshot.h"
#include "controller/core/volume.h"

/** Longest token: backend name, '/', object. */
#define TOKEN_MAX (64 + 1 + BE_OBJECT_MAX)

/* Where a page begins. */
struct cursor {
	size_t member;	    /* index */
	const char *object; /* the last one told there, "" for the backend's first */
};

static int bad_token(const char *token, struct err *err)
{
	char shown[65];

	return err_set(err, ERR_ABORTED,
		"starting_token: \"%s\" is none of ours; start again without a token",
		printable(token, shown, sizeof(shown)));
}

static int read_token(const struct core *core, enum be_kind kind, const char *token,
	struct arena *arena, struct cursor *ret, struct err *err)
{
	char *copy;
	char *slash;

	*ret = (struct cursor){.object = ""};
	if (str_empty(token)) {
		return 0;
	}
	if (strlen(token) > TOKEN_MAX) {
		return bad_token(token, err);
	}
	copy = arena_strdup(arena, token);
	if (!copy) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "starting_token: the request is too large");
	}
	slash = strchr(copy, '/');
	if (!slash || !objname_is_of(slash + 1, core->instance, kind)) {
		return bad_token(token, err);
	}
	*slash = '\0';
	for (ret->member = 0; ret->member < core->n_members; ret->member++) {
		if (streq(core->members[ret->member].name, copy)) {
			ret->object = slash + 1;
			return 0;
		}
	}
	return bad_token(token, err);
}

static int make_token(struct op *op, const struct core_id *last, const char **ret, struct err *err)
{
	*ret = arena_printf(op->arena, "%s/%s", last->backend, last->object);
	return *ret ? 0
		    : err_set(err, ERR_RESOURCE_EXHAUSTED,
			      "max_entries: the page is too large, ask for less");
}

static struct listing *last_good(struct member *member)
{
	struct listing *last;

	(void)pthread_mutex_lock(&member->lock);
	last = member->last ? listing_ref(member->last) : NULL;
	(void)pthread_mutex_unlock(&member->lock);
	return last;
}

static void keep_good(struct member *member, struct listing *listing)
{
	struct listing *old;

	(void)pthread_mutex_lock(&member->lock);
	old = member->last;
	member->last = listing_ref(listing);
	(void)pthread_mutex_unlock(&member->lock);
	listing_unref(old);
}

/*
 * The volumes of one backend; from its last good list when it cannot be asked now. Without one the
 * call fails: an attacher takes a volume that is not listed for one that is not attached.
 */
static int member_volumes(struct member *member, const struct op *op, struct listing **ret,
	const char **ret_stale, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	_cleanup_listing_ struct listing *last = last_good(member);
	struct op inner = *op;
	struct err why = {0};

	inner.deadline = deadline_sooner(&op->deadline, last ? CORE_LIST_STALE_MS : CORE_LIST_MS);
	if (lane_enter(&member->lane, member->name, &lane, &why) == 0 &&
		listing_volumes(member->be, &inner, ret, &why) == 0) {
		keep_good(member, *ret);
		return 0;
	}
	if (last) {
		*ret_stale = member->name;
		*ret = TAKE_PTR(last);
		return 0;
	}
	if (err) {
		*err = why;
		(void)be_not_final(err);
	}
	return err_wrap(err,
		"backend %s cannot be asked for its volumes, and has not been since the start",
		member->name);
}

static int copy_volume(struct op *op, const struct member *member,
	const struct listing_entry *entry, struct core_volume *ret)
{
	const char **nodes = arena_alloc(op->arena, (entry->n_nodes + 1) * sizeof(*nodes));
	const char *object = arena_strdup(op->arena, entry->object);

	if (!nodes || !object) {
		return -1;
	}
	for (size_t i = 0; i < entry->n_nodes; i++) {
		nodes[i] = arena_strdup(op->arena, entry->nodes[i]);
		if (!nodes[i]) {
			return -1;
		}
	}
	*ret = (struct core_volume){
		.id = {.backend = member->name, .object = object},
		.size = entry->size,
		.nodes = nodes,
		.n_nodes = entry->n_nodes,
	};
	return 0;
}

static size_t page_size(size_t max_entries)
{
	return max_entries == 0 ? CORE_PAGE_MAX : MIN(max_entries, (size_t)CORE_PAGE_MAX);
}

static int no_room(struct err *err)
{
	return err_set(
		err, ERR_RESOURCE_EXHAUSTED, "max_entries: the page is too large, ask for less");
}

int core_volume_list(struct core *core, struct op *op, size_t max_entries, const char *token,
	struct core_volumes *ret, struct err *err)
{
	size_t room = page_size(max_entries);
	struct cursor at;

	*ret = (struct core_volumes){.next_token = ""};
	if (read_token(core, BE_KIND_VOLUME, token, op->arena, &at, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, room * sizeof(*ret->list));
	if (!ret->list) {
		return no_room(err);
	}
	for (; at.member < core->n_members; at.member++, at.object = "") {
		_cleanup_listing_ struct listing *listing = NULL;
		struct member *member = &core->members[at.member];

		if (member_volumes(member, op, &listing, &ret->stale, err) < 0) {
			return -1;
		}
		for (size_t i = listing_after(listing, at.object); i < listing->n; i++) {
			if (ret->n == room) {
				return make_token(
					op, &ret->list[ret->n - 1].id, &ret->next_token, err);
			}
			if (copy_volume(op, member, &listing->entries[i], &ret->list[ret->n]) < 0) {
				return no_room(err);
			}
			ret->n++;
		}
	}
	return 0;
}

/* One snapshot by its id, as a list of at most one. */
static int list_one(struct core *core, struct op *op, const struct core_snapshot_filter *filter,
	struct core_snapshots *ret, struct err *err)
{
	struct core_snapshot found;
	struct err why = {0};

	if (core_snapshot_get(core, op, filter->id, &found, &why) < 0) {
		return core_unless_absent(&why, err);
	}
	if (filter->source && !streq(filter->source->object, found.source.object)) {
		return 0;
	}
	ret->list = arena_alloc(op->arena, sizeof(*ret->list));
	if (!ret->list) {
		return no_room(err);
	}
	ret->list[0] = found;
	ret->n = 1;
	return 0;
}

static int copy_snapshot(struct op *op, const struct member *member,
	const struct listing_entry *entry, struct core_snapshot *ret)
{
	*ret = (struct core_snapshot){
		.id = {.backend = member->name, .object = arena_strdup(op->arena, entry->object)},
		.source = {.backend = member->name,
			.object = arena_strdup(op->arena, entry->source)},
		.size = entry->size,
		.created_ms = entry->created_ms,
		.ready = entry->ready,
	};
	return ret->id.object && ret->source.object ? 0 : -1;
}

static int member_snapshots(struct member *member, const struct op *op, const char *volume,
	struct listing **ret, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	struct op inner = *op;

	inner.deadline = deadline_sooner(&op->deadline, CORE_LIST_MS);
	if (lane_enter(&member->lane, member->name, &lane, err) < 0) {
		return -1;
	}
	if (listing_snapshots(member->be, &inner, volume, ret, err) < 0) {
		(void)be_not_final(err);
		return core_wrap_backend(member, err);
	}
	return 0;
}

/* The backends from @at on; only that of @only when it is not NULL. */
static int list_many(struct core *core, struct op *op, const struct core_snapshot_filter *filter,
	const struct member *only, struct core_snapshots *ret, struct err *err)
{
	size_t room = page_size(filter->max_entries);
	struct cursor at;

	if (read_token(core, BE_KIND_SNAPSHOT, filter->token, op->arena, &at, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, room * sizeof(*ret->list));
	if (!ret->list) {
		return no_room(err);
	}
	for (; at.member < core->n_members; at.member++, at.object = "") {
		_cleanup_listing_ struct listing *listing = NULL;
		struct member *member = &core->members[at.member];

		if ((only && member != only) || !member->be->ops->snapshot_list) {
			continue;
		}
		if (member_snapshots(member, op, filter->source ? filter->source->object : "",
			    &listing, err) < 0) {
			return -1;
		}
		for (size_t i = listing_after(listing, at.object); i < listing->n; i++) {
			if (ret->n == room) {
				return make_token(
					op, &ret->list[ret->n - 1].id, &ret->next_token, err);
			}
			if (copy_snapshot(op, member, &listing->entries[i], &ret->list[ret->n]) <
				0) {
				return no_room(err);
			}
			ret->n++;
		}
	}
	return 0;
}

int core_snapshot_list(struct core *core, struct op *op, const struct core_snapshot_filter *filter,
	struct core_snapshots *ret, struct err *err)
{
	struct member *only = NULL;
	struct err why = {0};

	*ret = (struct core_snapshots){.next_token = ""};
	if (filter->id) {
		return list_one(core, op, filter, ret, err);
	}
	if (filter->source && member_of_id(core, BE_KIND_VOLUME, filter->source, &only, &why) < 0) {
		return core_unless_absent(&why, err);
	}
	return list_many(core, op, filter, only, ret, err);
}
