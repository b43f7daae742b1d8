/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists over all backends, in pages. A token is the id of the last entry told, so the next page
 * begins after it whatever has come or gone since: every object that stays is told exactly once.
 */
#include "common/base/parse.h"
#include "controller/core/judge.h"
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
		if (streq(core->members[ret->member]->name, copy)) {
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

/* The list of one backend, asked for beside those of others. */
struct fetch {
	struct round *round;
	struct member *member;
	bool done;
	int result;
	struct listing *listing;
	const char *stale;
	struct err err;
};

/* The lists that one page needs. */
struct round {
	struct core *core;
	const struct op *op;
	const char *snapshots_of;  /* NULL: volumes; "": snapshots of all */
	const struct member *only; /* NULL: all backends */
	size_t room;
	struct fetch of[CORE_BACKENDS_MAX]; /* by index of the member */
};

static void round_freep(struct round **round)
{
	for (size_t i = 0; *round && i < CORE_BACKENDS_MAX; i++) {
		listing_unref((*round)->of[i].listing);
	}
	free(*round);
}
#define _cleanup_round_ _cleanup_(round_freep)

/*
 * The volumes of one backend; from its last good list when it cannot be asked now. Without one the
 * call fails: an attacher takes a volume that is not listed for one that is not attached.
 */
static int member_volumes(struct fetch *fetch, struct err *err)
{
	struct member *member = fetch->member;
	const struct op *op = fetch->round->op;
	_cleanup_lane_ struct lane *lane = NULL;
	_cleanup_listing_ struct listing *last = last_good(member);
	struct op inner = *op;
	struct err why = {0};

	inner.deadline = deadline_sooner(&op->deadline, last ? CORE_LIST_STALE_MS : CORE_LIST_MS);
	if (member_enter(member, &member->lists, &lane, &why) == 0 &&
		listing_volumes(member->be, &inner, &fetch->listing, &why) == 0) {
		keep_good(member, fetch->listing);
		return 0;
	}
	if (last) {
		fetch->stale = member->name;
		fetch->listing = TAKE_PTR(last);
		return 0;
	}
	*err = why;
	(void)be_not_final(err);
	return err_wrap(err,
		"backend %s cannot be asked for its volumes, and has not been since the start",
		member->name);
}

static int member_snapshots(struct fetch *fetch, struct err *err)
{
	struct member *member = fetch->member;
	const struct op *op = fetch->round->op;
	_cleanup_lane_ struct lane *lane = NULL;
	struct op inner = *op;

	inner.deadline = deadline_sooner(&op->deadline, CORE_LIST_MS);
	if (member_enter(member, &member->lists, &lane, err) < 0) {
		return -1;
	}
	if (listing_snapshots(
		    member->be, &inner, fetch->round->snapshots_of, &fetch->listing, err) < 0) {
		(void)be_not_final(err);
		return core_wrap_backend(member, err);
	}
	return 0;
}

static void run_fetch(void *arg)
{
	struct fetch *fetch = arg;

	fetch->result = fetch->round->snapshots_of ? member_snapshots(fetch, &fetch->err)
						   : member_volumes(fetch, &fetch->err);
	fetch->done = true;
}

static bool wanted(const struct round *round, const struct member *member)
{
	return (!round->only || member == round->only) &&
	       (!round->snapshots_of || member->be->ops->snapshot_list);
}

/* Ask the backends from @first on, as many as the page will need by what they had last time. */
static void fetch_from(struct round *round, size_t first)
{
	struct fan_job jobs[CORE_BACKENDS_MAX];
	size_t known = 0;
	size_t n = 0;

	for (size_t i = first; i < round->core->n_members && known <= round->room; i++) {
		struct member *member = round->core->members[i];

		if (!wanted(round, member)) {
			continue;
		}
		if (!round->snapshots_of) {
			_cleanup_listing_ struct listing *last = last_good(member);
			known += last ? last->n : 0;
		}
		round->of[i].round = round;
		round->of[i].member = member;
		jobs[n++] = (struct fan_job){.run = run_fetch, .arg = &round->of[i]};
	}
	fan_run(round->core->fan, jobs, n);
}

/* The list of the member @i; NULL with @err when there is none. */
static const struct listing *listing_of(
	struct round *round, size_t i, const char **ret_stale, struct err *err)
{
	const struct fetch *fetch = &round->of[i];

	if (!fetch->done) {
		fetch_from(round, i);
	}
	if (fetch->result < 0) {
		(void)err_set(err, fetch->err.code, "%s", fetch->err.msg);
		return NULL;
	}
	if (fetch->stale) {
		*ret_stale = fetch->stale;
	}
	return fetch->listing;
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
		.topology = &member->topology,
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
	_cleanup_round_ struct round *round = calloc(1, sizeof(*round));
	struct cursor at;

	*ret = (struct core_volumes){.next_token = ""};
	if (read_token(core, BE_KIND_VOLUME, token, op->arena, &at, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, room * sizeof(*ret->list));
	if (!ret->list || !round) {
		return no_room(err);
	}
	*round = (struct round){.core = core, .op = op, .room = room};
	for (; at.member < core->n_members; at.member++, at.object = "") {
		const struct member *member = core->members[at.member];
		const struct listing *listing = listing_of(round, at.member, &ret->stale, err);

		if (!listing) {
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

int core_volume_health_list(struct core *core, struct op *op, size_t max_entries, const char *token,
	struct core_sick_volumes *ret, struct err *err)
{
	size_t room = page_size(max_entries);
	_cleanup_round_ struct round *round = calloc(1, sizeof(*round));
	struct cursor at;

	*ret = (struct core_sick_volumes){.next_token = ""};
	if (read_token(core, BE_KIND_VOLUME, token, op->arena, &at, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, room * sizeof(*ret->list));
	if (!ret->list || !round) {
		return no_room(err);
	}
	/* How many are not well is not known before: all are asked at once. */
	*round = (struct round){.core = core, .op = op, .room = SIZE_MAX};
	for (; at.member < core->n_members; at.member++, at.object = "") {
		struct member *member = core->members[at.member];
		const char *stale = NULL;
		const struct listing *listing = listing_of(round, at.member, &stale, err);
		struct be_pools pools;

		if (!listing) {
			return -1;
		}
		bool told = judge_pools(member, &member->lists, op, stale != NULL, &pools) == 0;
		struct judged judged = {.stale = stale != NULL, .pools = told ? &pools : NULL};

		for (size_t i = listing_after(listing, at.object); i < listing->n; i++) {
			struct core_volume_health health = {.id = {.backend = member->name}};

			judged.pool = listing->entries[i].pool;
			if (judge_by_pool(op, member, &judged, &health, err) < 0) {
				return -1;
			}
			if (health.n == 0) {
				continue;
			}
			if (ret->n == room) {
				return make_token(
					op, &ret->list[ret->n - 1].id, &ret->next_token, err);
			}
			health.id.object = arena_strdup(op->arena, listing->entries[i].object);
			if (!health.id.object) {
				return no_room(err);
			}
			ret->list[ret->n++] = health;
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

/* The backends from @at on; only that of @only when it is not NULL. */
static int list_many(struct core *core, struct op *op, const struct core_snapshot_filter *filter,
	const struct member *only, struct core_snapshots *ret, struct err *err)
{
	size_t room = page_size(filter->max_entries);
	_cleanup_round_ struct round *round = calloc(1, sizeof(*round));
	const char *none_is_stale = NULL;
	struct cursor at;

	if (read_token(core, BE_KIND_SNAPSHOT, filter->token, op->arena, &at, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, room * sizeof(*ret->list));
	if (!ret->list || !round) {
		return no_room(err);
	}
	*round = (struct round){.core = core,
		.op = op,
		.snapshots_of = filter->source ? filter->source->object : "",
		.only = only,
		.room = room};
	for (; at.member < core->n_members; at.member++, at.object = "") {
		const struct member *member = core->members[at.member];
		const struct listing *listing;

		if (!wanted(round, member)) {
			continue;
		}
		listing = listing_of(round, at.member, &none_is_stale, err);
		if (!listing) {
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
