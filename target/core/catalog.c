/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pool in memory: objects, the capacity rule, whether it is there.
 */
#include "target/core/catalog.h"

#include "common/base/map.h"
#include "target/core/catalog_priv.h"

#include <pthread.h>
#include <stdio.h>

static void unref_value(void *value)
{
	object_unref(value);
}

static int make_maps(struct catalog *c, struct err *err)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		map_free(c->objects[kind]);
		map_free(c->damaged[kind]);
		c->objects[kind] = map_new(CATALOG_OBJECTS_MAX, unref_value);
		c->damaged[kind] = map_new(CATALOG_OBJECTS_MAX, free);
		if (!c->objects[kind] || !c->damaged[kind]) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", c->name);
		}
	}
	return 0;
}

int catalog_new(const struct catalog_config *config, struct catalog **ret, struct err *err)
{
	struct catalog *c = calloc(1, sizeof(*c));

	if (!c) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", config->store.name);
	}
	(void)pthread_rwlock_init(&c->use, NULL);
	(void)pthread_mutex_init(&c->lock, NULL);
	c->config = *config;
	c->name = config->store.name;
	(void)err_set(&c->reason, ERR_UNAVAILABLE, "pool %s: not attached yet", c->name);
	if (make_maps(c, err) < 0) {
		catalog_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	if (!c) {
		return;
	}
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		map_free(c->objects[kind]);
		map_free(c->damaged[kind]);
	}
	store_free(c->store);
	(void)pthread_rwlock_destroy(&c->use);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

const char *catalog_name(const struct catalog *c)
{
	return c->name;
}

const char *catalog_type(const struct catalog *c)
{
	return c->config.store.type;
}

void catalog_uuid(struct catalog *c, char out[UUID_TEXT_SIZE])
{
	(void)pthread_mutex_lock(&c->lock);
	memcpy(out, c->stamp.uuid, UUID_TEXT_SIZE);
	(void)pthread_mutex_unlock(&c->lock);
}

struct store_limits catalog_limits(struct catalog *c)
{
	struct store_limits limits;

	(void)pthread_mutex_lock(&c->lock);
	limits = c->limits;
	(void)pthread_mutex_unlock(&c->lock);
	return limits;
}

/* The caller has the write lock of use. */
int catalog_reset(struct catalog *c, struct err *err)
{
	int rc;

	(void)pthread_mutex_lock(&c->lock);
	rc = make_maps(c, err);
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

void catalog_set_ready(struct catalog *c, const struct err *reason)
{
	(void)pthread_mutex_lock(&c->lock);
	c->ready = !reason;
	if (reason) {
		c->reason = *reason;
	}
	(void)pthread_mutex_unlock(&c->lock);
}

bool catalog_ready(struct catalog *c, struct err *reason)
{
	bool ready;

	(void)pthread_mutex_lock(&c->lock);
	ready = c->ready;
	if (!ready && reason) {
		*reason = c->reason;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return ready;
}

int catalog_use(struct catalog *c, struct err *err)
{
	struct err why = {0};

	(void)pthread_rwlock_rdlock(&c->use);
	if (!catalog_ready(c, &why)) {
		(void)pthread_rwlock_unlock(&c->use);
		return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
	}
	if (c->store->ops->check(c->store, &why) < 0) {
		catalog_set_ready(c, &why);
		(void)pthread_rwlock_unlock(&c->use);
		return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
	}
	return 0;
}

void catalog_done(struct catalog *c)
{
	(void)pthread_rwlock_unlock(&c->use);
}

struct store *catalog_store(struct catalog *c)
{
	return c->store;
}

struct object *catalog_get(struct catalog *c, struct object_name name)
{
	struct object *object;

	(void)pthread_mutex_lock(&c->lock);
	object = map_get(c->objects[name.kind], name.id);
	if (object) {
		object = object_ref(object);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return object;
}

bool catalog_knows(struct catalog *c, struct object_name name)
{
	bool known;

	(void)pthread_mutex_lock(&c->lock);
	known = map_get(c->objects[name.kind], name.id) || map_get(c->damaged[name.kind], name.id);
	(void)pthread_mutex_unlock(&c->lock);
	return known;
}

int catalog_damage(struct catalog *c, struct object_name name, const char *reason, struct err *err)
{
	char *copy = strdup(reason);
	int rc;

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s %s: no memory",
			object_kind_name(name.kind), name.id);
	}
	(void)pthread_mutex_lock(&c->lock);
	rc = map_put(c->damaged[name.kind], name.id, copy, err);
	(void)pthread_mutex_unlock(&c->lock);
	if (rc < 0) {
		free(copy);
	}
	return rc;
}

int catalog_damaged(struct catalog *c, struct object_name name, struct err *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&c->lock);
	const char *reason = map_get(c->damaged[name.kind], name.id);
	if (reason) {
		rc = err_set(err, ERR_INTERNAL, "%s %s: %s", object_kind_name(name.kind), name.id,
			reason);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

size_t catalog_damage_count(struct catalog *c)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&c->lock);
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		n += map_len(c->damaged[kind]);
	}
	(void)pthread_mutex_unlock(&c->lock);
	return n;
}

struct first {
	const char *id;
	const char *reason;
};

static bool note_first(const char *key, void *value, void *arg)
{
	struct first *first = arg;

	if (!first->id || strcmp(key, first->id) < 0) {
		*first = (struct first){key, value};
	}
	return true;
}

int catalog_damage_first(struct catalog *c, struct err *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&c->lock);
	for (int kind = 0; rc == 0 && kind < OBJECT_KINDS; kind++) {
		struct first first = {NULL, NULL};

		map_each(c->damaged[kind], note_first, &first);
		if (first.id) {
			rc = err_set(err, ERR_INTERNAL, "%s %s: %s",
				object_kind_name((enum object_kind)kind), first.id, first.reason);
		}
	}
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

struct sum {
	int64_t extent;
	int64_t bytes;
};

static bool add_committed(const char *key UNUSED, void *value, void *arg)
{
	struct sum *sum = arg;

	sum->bytes += object_committed(value, sum->extent);
	return true;
}

/* The caller holds c->lock. */
static int64_t committed(struct catalog *c)
{
	struct sum sum = {.extent = c->store->limits.extent};

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		map_each(c->objects[kind], add_committed, &sum);
	}
	return sum.bytes;
}

static int64_t allowed(const struct catalog *c, const struct store_usage *usage)
{
	double most = c->config.ratio * (double)usage->size;

	return most >= (double)INT64_MAX ? INT64_MAX : (int64_t)most;
}

struct nsids {
	const struct object *object;
	bool taken[CATALOG_NSIDS_MAX + 1];
};

static bool note_nsid(const char *key UNUSED, void *value, void *arg)
{
	const struct object *other = value;
	struct nsids *nsids = arg;

	if (streq(other->subsystem, nsids->object->subsystem) &&
		streq(other->instance, nsids->object->instance) &&
		other->nsid <= CATALOG_NSIDS_MAX) {
		nsids->taken[other->nsid] = true;
	}
	return true;
}

/* The caller holds c->lock. */
static int choose_nsid(struct catalog *c, struct object *object, struct err *err)
{
	struct nsids nsids = {.object = object};

	if (!*object->subsystem) {
		object->nsid = 1;
		return 0;
	}
	map_each(c->objects[OBJECT_VOLUME], note_nsid, &nsids);
	for (uint32_t nsid = 1; nsid <= CATALOG_NSIDS_MAX; nsid++) {
		if (!nsids.taken[nsid]) {
			object->nsid = nsid;
			return 0;
		}
	}
	return err_set(err, ERR_RESOURCE_EXHAUSTED,
		"subsystem %s: it has %d volumes already, the most there can be", object->subsystem,
		CATALOG_NSIDS_MAX);
}

static int reserve(struct catalog *c, struct object *object, bool is_new,
	const struct store_usage *usage, struct err *err)
{
	int64_t most = allowed(c, usage);
	struct object *old = map_get(c->objects[object->kind], object->id);
	int64_t extent = c->store->limits.extent;
	int64_t before = old ? object_committed(old, extent) : 0;
	int64_t used = committed(c) - before;
	int64_t wanted = object_committed(object, extent);

	if (is_new && old) {
		return err_set(err, ERR_ALREADY_EXISTS, "%s %s: is there already",
			object_kind_name(object->kind), object->id);
	}
	if (wanted > before && usage->meta_size > 0 &&
		usage->meta_free < usage->meta_size / STORE_META_RESERVE_PART) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"pool %s: of the %lld bytes for its metadata only %lld are free: enlarge it (lvextend --poolmetadatasize), or delete snapshots or volumes",
			c->name, (long long)usage->meta_size, (long long)usage->meta_free);
	}
	if (wanted > before && (used > most || wanted > most - used)) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"pool %s: %lld bytes are wanted for %s %s and %lld are available (%lld may be promised in all, %lld are); delete volumes or snapshots, enlarge the pool, or raise its ratio",
			c->name, (long long)(wanted - before), object_kind_name(object->kind),
			object->id, (long long)MAX(most - used - before, 0), (long long)most,
			(long long)(used + before));
	}
	if (is_new && object->kind == OBJECT_VOLUME && choose_nsid(c, object, err) < 0) {
		return -1;
	}
	if (map_put(c->objects[object->kind], object->id, object, err) < 0) {
		return err_wrap(err, "pool %s: has %d %ss, the most there can be", c->name,
			CATALOG_OBJECTS_MAX, object_kind_name(object->kind));
	}
	(void)object_ref(object);
	return 0;
}

int catalog_reserve(struct catalog *c, struct object *object, bool is_new, struct err *err)
{
	struct store_usage usage;
	int rc;

	if (c->store->ops->usage(c->store, &usage, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&c->lock);
	rc = reserve(c, object, is_new, &usage, err);
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

void catalog_replace(struct catalog *c, struct object *object)
{
	(void)pthread_mutex_lock(&c->lock);
	/* The key is there, so this needs no room; what is in place already keeps its reference. */
	if (map_get(c->objects[object->kind], object->id) != object &&
		map_put(c->objects[object->kind], object->id, object, NULL) == 0) {
		(void)object_ref(object);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

void catalog_forget(struct catalog *c, struct object_name name)
{
	(void)pthread_mutex_lock(&c->lock);
	object_unref(map_take(c->objects[name.kind], name.id));
	(void)pthread_mutex_unlock(&c->lock);
}

int catalog_write(
	const struct step *in, struct catalog *c, const struct object *object, struct err *err)
{
	_cleanup_free_ char *text = NULL;

	if (object_print(object, &text, err) < 0) {
		return -1;
	}
	return c->store->ops->state_write(in, c->store, object_name_of(object), text, err);
}

static bool add_object(const char *key UNUSED, void *value, void *arg)
{
	struct object_list *list = arg;

	list->list[list->n++] = object_ref(value);
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct object *const *x = a;
	const struct object *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

int catalog_list(struct catalog *c, enum object_kind kind, struct object_list *ret, struct err *err)
{
	*ret = (struct object_list){0};
	(void)pthread_mutex_lock(&c->lock);
	ret->list = calloc(map_len(c->objects[kind]) + 1, sizeof(*ret->list));
	if (ret->list) {
		map_each(c->objects[kind], add_object, ret);
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (!ret->list) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", c->name);
	}
	qsort(ret->list, ret->n, sizeof(*ret->list), by_id);
	return 0;
}

void object_list_done(struct object_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		object_unref(list->list[i]);
	}
	free(list->list);
	*list = (struct object_list){0};
}

int catalog_usage(struct catalog *c, struct catalog_usage *ret, struct err *err)
{
	*ret = (struct catalog_usage){.ratio = c->config.ratio};
	if (c->store->ops->usage(c->store, &ret->store, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&c->lock);
	ret->committed = committed(c);
	ret->volumes = map_len(c->objects[OBJECT_VOLUME]);
	ret->snapshots = map_len(c->objects[OBJECT_SNAPSHOT]);
	(void)pthread_mutex_unlock(&c->lock);
	ret->available = MAX(allowed(c, &ret->store) - ret->committed, 0);
	return 0;
}
