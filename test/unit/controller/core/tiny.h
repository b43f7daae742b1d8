/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend of a few tables for the tests of core and service, with the calls counted and the next
 * answers scripted. One program includes it once; it is not a model of a real backend (that is
 * test/backend/fake), only something to drive the rules above it.
 */
#pragma once

#include "controller/backend/backend.h"
#include "controller/backend/objname.h"
#include "controller/core/core.h"

#include <pthread.h>
#include <stdio.h>

#define TINY_MAX 64
#define TINY_HOSTS 4
#define TINY_UNIT 4096

enum tiny_call {
	TINY_LIMITS,
	TINY_CREATE,
	TINY_DELETE,
	TINY_GET,
	TINY_LIST,
	TINY_EXPAND,
	TINY_GRANT,
	TINY_REVOKE,
	TINY_SNAP_CREATE,
	TINY_SNAP_DELETE,
	TINY_SNAP_GET,
	TINY_SNAP_LIST,
	TINY_CAPACITY,
	TINY_POOLS,
	TINY_CALLS,
};

struct tiny_volume {
	bool used;
	char object[BE_OBJECT_SIZE];
	char name[129];
	int64_t size;
	struct be_source source;
	struct be_rates rates;
	char source_object[BE_OBJECT_SIZE];
	struct kv metadata[BE_METADATA_MAX];
	size_t n_metadata;
	char text[BE_METADATA_MAX * 2][300];
	char hosts[TINY_HOSTS][NQN_SIZE];
	size_t n_hosts;
	bool unready;
};

struct tiny_snapshot {
	bool used;
	char object[BE_OBJECT_SIZE];
	char name[129];
	char volume[BE_OBJECT_SIZE];
	int64_t size;
	struct kv metadata[1];
	size_t n_metadata;
	char text[2][300];
	bool unready;
};

struct tiny {
	struct backend base;
	struct backend_ops ops;
	struct be_features features;
	struct be_limits limits;
	struct tiny_volume volumes[TINY_MAX];
	struct tiny_snapshot snapshots[TINY_MAX];
	_Atomic unsigned calls[TINY_CALLS];
	/* The next call of this kind fails so (before it does anything), or is in progress. */
	enum err_code fail[TINY_CALLS];
	unsigned in_progress[TINY_CALLS];
	struct be_pool pool; /* "p" */
	size_t page;	     /* entries of one page of a list, 0: all */
	size_t attributes;   /* that the last grant was told */
	/* Run inside grant after it took effect, as another controller might. */
	void (*during_grant)(struct tiny *tiny);
	/* Held during create, for calls that must overlap. */
	void (*during_create)(struct tiny *tiny);
	void *arg;
	unsigned closed;
	unsigned *closed_out;
};

static struct tiny *tiny_of(struct backend *be)
{
	return (struct tiny *)be;
}

/* Return: true when the call is to fail now. */
static bool tiny_enter(struct tiny *tiny, enum tiny_call call, struct err *err)
{
	enum err_code code = tiny->fail[call];

	tiny->calls[call]++;
	if (code == ERR_OK) {
		return false;
	}
	tiny->fail[call] = ERR_OK;
	(void)err_set(err, code, "scripted");
	return true;
}

static bool tiny_busy(struct tiny *tiny, enum tiny_call call)
{
	if (tiny->in_progress[call] == 0) {
		return false;
	}
	tiny->in_progress[call]--;
	return true;
}

static struct tiny_volume *tiny_volume(struct tiny *tiny, const char *object)
{
	for (size_t i = 0; i < TINY_MAX; i++) {
		if (tiny->volumes[i].used && streq(tiny->volumes[i].object, object)) {
			return &tiny->volumes[i];
		}
	}
	return NULL;
}

static struct tiny_snapshot *tiny_snapshot(struct tiny *tiny, const char *object)
{
	for (size_t i = 0; i < TINY_MAX; i++) {
		if (tiny->snapshots[i].used && streq(tiny->snapshots[i].object, object)) {
			return &tiny->snapshots[i];
		}
	}
	return NULL;
}

static void tiny_show(const struct tiny *tiny, const struct tiny_volume *v, const struct op *op,
	struct be_volume *ret)
{
	const char **hosts = arena_alloc(op->arena, (v->n_hosts + 1) * sizeof(*hosts));
	bool full = tiny->features.metadata == BE_METADATA_FULL;

	for (size_t i = 0; hosts && i < v->n_hosts; i++) {
		hosts[i] = arena_strdup(op->arena, v->hosts[i]);
	}
	*ret = (struct be_volume){
		.object = arena_strdup(op->arena, v->object),
		.name = full ? v->name : "",
		.pool = "p",
		.size = v->size,
		.source = full ? v->source : (struct be_source){.object = ""},
		.source_known = full,
		.metadata = {full ? v->metadata : NULL, full ? v->n_metadata : 0},
		.rates = v->rates,
		.ready = !v->unready,
		.hosts = hosts,
		.n_hosts = v->n_hosts,
	};
}

static void tiny_show_snapshot(const struct tiny_snapshot *s, struct be_snapshot *ret)
{
	*ret = (struct be_snapshot){
		.object = s->object,
		.name = s->name,
		.volume = s->volume,
		.pool = "p",
		.size = s->size,
		.created_ms = 1700000000123,
		.metadata = {s->metadata, s->n_metadata},
		.ready = !s->unready,
	};
}

static void tiny_close(struct backend *self)
{
	struct tiny *tiny = tiny_of(self);

	if (tiny->closed_out) {
		(*tiny->closed_out)++;
	}
	free(tiny);
}

static const struct be_features *tiny_features(const struct backend *self)
{
	return &((const struct tiny *)self)->features;
}

static int tiny_limits(
	struct backend *self, const struct op *op UNUSED, struct be_limits *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);

	if (tiny_enter(tiny, TINY_LIMITS, err)) {
		return -1;
	}
	*ret = tiny->limits;
	return 0;
}

static void tiny_keep(struct kv *metadata, char (*text)[300], struct kv_list from, size_t *n)
{
	*n = from.n;
	for (size_t i = 0; i < from.n; i++) {
		(void)snprintf(text[2 * i], 300, "%s", from.items[i].key);
		(void)snprintf(text[2 * i + 1], 300, "%s", from.items[i].value);
		metadata[i] = (struct kv){text[2 * i], text[2 * i + 1]};
	}
}

static struct tiny_volume *tiny_new_volume(struct tiny *tiny, const struct be_volume_args *args)
{
	for (size_t i = 0; i < TINY_MAX; i++) {
		struct tiny_volume *v = &tiny->volumes[i];

		if (v->used) {
			continue;
		}
		*v = (struct tiny_volume){.used = true,
			.size = args->size,
			.source = args->source,
			.rates = args->rates};
		(void)snprintf(v->object, sizeof(v->object), "%s", args->object);
		(void)snprintf(v->name, sizeof(v->name), "%s", args->name);
		(void)snprintf(
			v->source_object, sizeof(v->source_object), "%s", args->source.object);
		v->source.object = v->source_object;
		tiny_keep(v->metadata, v->text, args->metadata, &v->n_metadata);
		return v;
	}
	return NULL;
}

static enum be_result tiny_create(const struct step *in UNUSED, struct backend *self,
	const struct op *op, const struct be_volume_args *args, struct be_volume *ret,
	struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, args->object);

	if (tiny_enter(tiny, TINY_CREATE, err)) {
		return BE_FAILED;
	}
	if (tiny->during_create) {
		tiny->during_create(tiny);
	}
	if (tiny_busy(tiny, TINY_CREATE)) {
		return BE_IN_PROGRESS;
	}
	if (!v) {
		v = tiny_new_volume(tiny, args);
		if (!v) {
			(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "full");
			return BE_FAILED;
		}
	}
	if (v->source.kind != BE_BLANK && v->size < args->size) {
		v->size = args->size;
	}
	tiny_show(tiny, v, op, ret);
	return be_volume_fits(ret, args, err) < 0 ? BE_FAILED : BE_DONE;
}

static enum be_result tiny_delete(const struct step *in UNUSED, struct backend *self,
	const struct op *op UNUSED, const char *object, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, object);

	if (tiny_enter(tiny, TINY_DELETE, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_DELETE)) {
		return BE_IN_PROGRESS;
	}
	if (v) {
		v->used = false;
	}
	return BE_DONE;
}

static int tiny_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, object);

	if (tiny_enter(tiny, TINY_GET, err)) {
		return -1;
	}
	if (!v) {
		return err_set(err, ERR_NOT_FOUND, "no such volume");
	}
	tiny_show(tiny, v, op, ret);
	return 0;
}

static int tiny_by_object(const void *a, const void *b)
{
	const struct tiny_volume *const *x = a;
	const struct tiny_volume *const *y = b;

	return strcmp((*x)->object, (*y)->object);
}

static int tiny_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	const struct tiny_volume *sorted[TINY_MAX];
	size_t max = tiny->page ? tiny->page : TINY_MAX;
	size_t n = 0;

	if (tiny_enter(tiny, TINY_LIST, err)) {
		return -1;
	}
	for (size_t i = 0; i < TINY_MAX; i++) {
		if (tiny->volumes[i].used && strcmp(tiny->volumes[i].object, page->token) > 0) {
			sorted[n++] = &tiny->volumes[i];
		}
	}
	qsort(sorted, n, sizeof(sorted[0]), tiny_by_object);
	*ret = (struct be_volumes){.next = ""};
	ret->list = arena_alloc(op->arena, (n + 1) * sizeof(*ret->list));
	for (size_t i = 0; i < MIN(n, max); i++) {
		tiny_show(tiny, sorted[i], op, &ret->list[ret->n++]);
	}
	if (n > max) {
		ret->next = arena_strdup(op->arena, sorted[max - 1]->object);
	}
	return 0;
}

static enum be_result tiny_expand(const struct step *in UNUSED, struct backend *self,
	const struct op *op, const struct be_expand_args *args, struct be_volume *ret,
	struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, args->object);

	if (tiny_enter(tiny, TINY_EXPAND, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_EXPAND)) {
		return BE_IN_PROGRESS;
	}
	v->size = MAX(v->size, args->size);
	tiny_show(tiny, v, op, ret);
	return BE_DONE;
}

static void tiny_add_host(struct tiny_volume *v, const char *host)
{
	for (size_t i = 0; i < v->n_hosts; i++) {
		if (streq(v->hosts[i], host)) {
			return;
		}
	}
	(void)snprintf(v->hosts[v->n_hosts++], NQN_SIZE, "%s", host);
}

static enum be_result tiny_grant(const struct step *in UNUSED, struct backend *self,
	const struct op *op UNUSED, const struct be_grant_args *args, struct attach_info *ret,
	struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, args->object);

	if (tiny_enter(tiny, TINY_GRANT, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_GRANT)) {
		return BE_IN_PROGRESS;
	}
	tiny->attributes = args->attributes.n;
	tiny_add_host(v, args->host_nqn);
	*ret = (struct attach_info){.min_size = v->size, .auth = "none", .tls = "none"};
	memset(ret->ident.uuid, 0x11, sizeof(ret->ident.uuid));
	(void)snprintf(ret->nqn, sizeof(ret->nqn), NQN_PREFIX "t:%s",
		"11111111-1111-1111-1111-111111111111");
	if (portals_parse("portals", "127.0.0.1:4420", &ret->portals, err) < 0) {
		return BE_FAILED;
	}
	if (tiny->during_grant) {
		tiny->during_grant(tiny);
	}
	return BE_DONE;
}

static enum be_result tiny_revoke(const struct step *in UNUSED, struct backend *self,
	const struct op *op UNUSED, const struct be_grant_args *args, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_volume *v = tiny_volume(tiny, args->object);
	size_t kept = 0;

	if (tiny_enter(tiny, TINY_REVOKE, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_REVOKE)) {
		return BE_IN_PROGRESS;
	}
	for (size_t i = 0; v && args->host_nqn && i < v->n_hosts; i++) {
		if (!streq(v->hosts[i], args->host_nqn)) {
			memmove(v->hosts[kept++], v->hosts[i], NQN_SIZE);
		}
	}
	if (v) {
		v->n_hosts = kept;
	}
	return BE_DONE;
}

static enum be_result tiny_snap_create(const struct step *in UNUSED, struct backend *self,
	const struct op *op UNUSED, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_snapshot *s = tiny_snapshot(tiny, args->object);

	if (tiny_enter(tiny, TINY_SNAP_CREATE, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_SNAP_CREATE)) {
		return BE_IN_PROGRESS;
	}
	for (size_t i = 0; !s && i < TINY_MAX; i++) {
		if (!tiny->snapshots[i].used) {
			s = &tiny->snapshots[i];
			*s = (struct tiny_snapshot){
				.used = true, .size = tiny_volume(tiny, args->volume)->size};
			(void)snprintf(s->object, sizeof(s->object), "%s", args->object);
			(void)snprintf(s->name, sizeof(s->name), "%s", args->name);
			(void)snprintf(s->volume, sizeof(s->volume), "%s", args->volume);
			tiny_keep(s->metadata, s->text, args->metadata, &s->n_metadata);
		}
	}
	tiny_show_snapshot(s, ret);
	return be_snapshot_fits(ret, args, err) < 0 ? BE_FAILED : BE_DONE;
}

static enum be_result tiny_snap_delete(const struct step *in UNUSED, struct backend *self,
	const struct op *op UNUSED, const char *object, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_snapshot *s = tiny_snapshot(tiny, object);

	if (tiny_enter(tiny, TINY_SNAP_DELETE, err)) {
		return BE_FAILED;
	}
	if (tiny_busy(tiny, TINY_SNAP_DELETE)) {
		return BE_IN_PROGRESS;
	}
	if (s) {
		s->used = false;
	}
	return BE_DONE;
}

static int tiny_snap_get(struct backend *self, const struct op *op UNUSED, const char *object,
	struct be_snapshot *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);
	struct tiny_snapshot *s = tiny_snapshot(tiny, object);

	if (tiny_enter(tiny, TINY_SNAP_GET, err)) {
		return -1;
	}
	if (!s) {
		return err_set(err, ERR_NOT_FOUND, "no such snapshot");
	}
	tiny_show_snapshot(s, ret);
	return 0;
}

static int tiny_snap_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);

	if (tiny_enter(tiny, TINY_SNAP_LIST, err)) {
		return -1;
	}
	*ret = (struct be_snapshots){.next = ""};
	ret->list = arena_alloc(op->arena, TINY_MAX * sizeof(*ret->list));
	for (size_t i = 0; i < TINY_MAX; i++) {
		const struct tiny_snapshot *s = &tiny->snapshots[i];

		if (s->used && (str_empty(page->volume) || streq(page->volume, s->volume))) {
			tiny_show_snapshot(s, &ret->list[ret->n++]);
		}
	}
	return 0;
}

static int tiny_capacity(struct backend *self, const struct op *op UNUSED, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);

	if (tiny_enter(tiny, TINY_CAPACITY, err)) {
		return -1;
	}
	if (!str_empty(pool) && !streq(pool, "p")) {
		return err_set(err, ERR_INVALID_ARGUMENT, "pool: no pool %s", pool);
	}
	*ret = (struct be_capacity){
		.available = 10 * GIB, .max_size = 4 * GIB, .min_size = TINY_UNIT};
	return 0;
}

static int tiny_pools(
	struct backend *self, const struct op *op, struct be_pools *ret, struct err *err)
{
	struct tiny *tiny = tiny_of(self);

	if (tiny_enter(tiny, TINY_POOLS, err)) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, sizeof(*ret->list));
	if (!ret->list) {
		return -1;
	}
	ret->list[0] = tiny->pool;
	ret->n = 1;
	return 0;
}

static struct tiny *tiny_open(void)
{
	struct tiny *tiny = calloc(1, sizeof(*tiny));

	if (!tiny) {
		abort();
	}
	tiny->pool = (struct be_pool){
		.name = "p", .there = true, .reason = "", .size = 1000 * MIB, .free = 500 * MIB};
	tiny->ops = (struct backend_ops){
		.close = tiny_close,
		.features = tiny_features,
		.limits = tiny_limits,
		.volume_create = tiny_create,
		.volume_delete = tiny_delete,
		.volume_get = tiny_get,
		.volume_list = tiny_list,
		.volume_expand = tiny_expand,
		.grant = tiny_grant,
		.revoke = tiny_revoke,
		.snapshot_create = tiny_snap_create,
		.snapshot_delete = tiny_snap_delete,
		.snapshot_get = tiny_snap_get,
		.snapshot_list = tiny_snap_list,
		.capacity = tiny_capacity,
		.pools = tiny_pools,
	};
	tiny->base.ops = &tiny->ops;
	tiny->features = (struct be_features){.metadata = BE_METADATA_FULL,
		.two_writers = true,
		.snapshots = true,
		.clone_volume = true,
		.expand = true,
		.exports_persist = true,
		.max_portals = 1};
	tiny->limits = (struct be_limits){
		.granularity = TINY_UNIT, .min_size = TINY_UNIT, .max_size = TIB};
	return tiny;
}

/* --- a core on one or two of them, and a request --- */

struct bench {
	struct core *core;
	struct tiny *a; /* "a", alias "old-a" */
	struct tiny *b; /* "b", NULL with one backend */
	struct op op;
	struct err err;
};

#define BENCH_INSTANCE "t1"
#define NODE_1 NQN_PREFIX "node." BENCH_INSTANCE ".n1"
#define NODE_2 NQN_PREFIX "node." BENCH_INSTANCE ".n2"

static void bench_fresh(struct bench *bench)
{
	arena_free(bench->op.arena);
	bench->op = (struct op){.arena = arena_new(16 * MIB), .deadline = deadline_in(60000)};
	bench->err = (struct err){0};
}

/* "a" is reached from @topology, "b" from everywhere. */
static void bench_start_at(struct bench *bench, bool two, struct topology topology)
{
	static const char *const aliases[] = {"old-a"};
	struct core_backend backends[2] = {
		{.name = "a", .aliases = aliases, .n_aliases = 1, .topology = topology},
		{.name = "b"}};

	*bench = (struct bench){.a = tiny_open(), .b = two ? tiny_open() : NULL};
	backends[0].take_backend = &bench->a->base;
	backends[1].take_backend = two ? &bench->b->base : NULL;
	if (core_new(BENCH_INSTANCE, backends, two ? 2 : 1, &bench->core, &bench->err) < 0) {
		abort();
	}
	bench_fresh(bench);
}

static UNUSED void bench_start(struct bench *bench, bool two)
{
	bench_start_at(bench, two, (struct topology){0});
}

static void bench_stop(struct bench *bench)
{
	core_free(bench->core);
	arena_free(bench->op.arena);
}
