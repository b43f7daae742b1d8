/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching a pool: its identity against the record, then all states into memory.
 */
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "target/core/catalog_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define RECORD_MAX 4096

static void record_path(const struct catalog *c, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/pools/%s.json", c->config.state_dir, c->name);
}

/* What is known of the pool outside of it. */
struct record {
	char uuid[UUID_TEXT_SIZE]; /* "": it was never seen */
	int64_t generation;	   /* the newest that was seen */
};

static int record_read(const struct catalog *c, struct record *ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct err why = {0};
	char path[PATH_MAX];
	const char *uuid;

	*ret = (struct record){0};
	record_path(c, path);
	if (js_parse_file(path, RECORD_MAX, &doc, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			return 0;
		}
		return err_set(err, ERR_DATA_LOSS, "%s", why.msg);
	}
	struct js_at top = js_root(doc);

	if (js_want_obj(&top, &why) < 0 ||
		js_get_str(&top, "uuid", UUID_TEXT_SIZE - 1, &uuid, &why) < 0 ||
		js_opt_int(&top, "generation", 0, INT64_MAX - 1, &ret->generation, &why) < 0) {
		return err_set(err, ERR_DATA_LOSS, "%s", why.msg);
	}
	(void)snprintf(ret->uuid, UUID_TEXT_SIZE, "%s", uuid);
	return 0;
}

static int record_write(const struct step *in UNUSED, const struct catalog *c,
	const struct stamp *stamp, struct err *err)
{
	_cleanup_js_ struct js *obj = js_object();
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	size_t len;

	js_set_str(obj, "name", c->name);
	js_set_str(obj, "uuid", stamp->uuid);
	js_set_str(obj, "path", c->config.store.path);
	js_set_int(obj, "generation", stamp->generation);
	if (js_print(obj, "record of the pool", RECORD_MAX, &text, &len, err) < 0) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/pools", c->config.state_dir);
	if (dir_make(AT_FDCWD, path, 0700, err) < 0) {
		return -1;
	}
	record_path(c, path);
	return file_write_atomic(AT_FDCWD, path, text, len, 0600, err);
}

/* The pool, if it is the one that was recorded and no older copy of it. */
static int open_recorded(const struct step *in, const struct catalog *c, bool look_only,
	struct record *record, struct store **ret_store, struct stamp *ret_stamp, struct err *err)
{
	struct store_options options = c->config.store;
	char path[PATH_MAX];

	options.look_only = look_only;
	record_path(c, path);
	options.record = path;
	if (record_read(c, record, err) < 0) {
		return -1;
	}
	if (!options.uuid && record->uuid[0]) {
		options.uuid = record->uuid;
	}
	if (options.uuid && streq(record->uuid, options.uuid)) {
		options.generation = record->generation;
	}
	return store_open(in, &options, ret_store, ret_stamp, err);
}

/*
 * One generation more, first in the pool, then in the record: a crash in between leaves a pool that
 * is newer than recorded, which is fine. Without a free block the old one is kept.
 */
static int next_generation(const struct step *in, const struct catalog *c, struct store *store,
	struct stamp *stamp, struct err *err)
{
	struct err why = {0};

	if (store->ops->generation_write(in, store, stamp->generation + 1, &why) == 0) {
		stamp->generation++;
	} else if (why.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, why.code, "pool %s: %s", c->name, why.msg);
	}
	return 0;
}

static int take_into_use(const struct step *in, const struct catalog *c,
	const struct record *record, struct store *store, struct stamp *stamp, struct err *err)
{
	struct err why = {0};

	if (next_generation(in, c, store, stamp, err) < 0) {
		return -1;
	}
	if (record_write(in, c, stamp, &why) == 0) {
		return 0;
	}
	if (!streq(record->uuid, stamp->uuid)) {
		return err_set(err, why.code, "pool %s: record its identity: %s", c->name, why.msg);
	}
	/* It is known for what it is; only how new it is, is not. */
	LOG_WARNING("generation of the pool cannot be recorded", LOG_STR("pool", c->name),
		LOG_ERR(&why));
	return 0;
}

static int open_store(const struct step *in, struct catalog *c, struct store **ret_store,
	struct stamp *ret_stamp, struct err *err)
{
	struct record record;

	if (open_recorded(in, c, false, &record, ret_store, ret_stamp, err) < 0) {
		return -1;
	}
	if (take_into_use(in, c, &record, *ret_store, ret_stamp, err) < 0) {
		store_free(*ret_store);
		*ret_store = NULL;
		return -1;
	}
	return 0;
}

void catalog_lay_down(const struct step *in, struct catalog *c)
{
	struct record record = {0};
	struct stamp stamp;
	struct err err = {0};

	if (catalog_use(c, NULL) < 0) {
		return;
	}
	(void)pthread_mutex_lock(&c->lock);
	stamp = c->stamp;
	(void)pthread_mutex_unlock(&c->lock);
	(void)snprintf(record.uuid, sizeof(record.uuid), "%s", stamp.uuid);
	if (take_into_use(in, c, &record, c->store, &stamp, &err) < 0) {
		LOG_WARNING("generation of the pool cannot be written", LOG_ERR(&err));
	}
	catalog_done(c);
}

int catalog_probe(const struct step *in, const struct catalog *c, struct err *err)
{
	struct store *store = NULL;
	struct stamp stamp;
	struct record record;

	if (open_recorded(in, c, true, &record, &store, &stamp, err) < 0) {
		return -1;
	}
	store_free(store);
	return 0;
}

struct load {
	struct catalog *c;
	enum object_kind kind;
	struct err *err;
};

/* The pool cannot be attached now. Return: always 1. */
static int give_up(const struct catalog *c, const struct err *why, struct err *err)
{
	(void)err_set(err, why->code, "pool %s: %s", c->name, why->msg);
	return 1;
}

static int load_state(const char *id, void *arg)
{
	const struct load *load = arg;
	struct catalog *c = load->c;
	struct object_name name = {load->kind, id};
	_cleanup_free_ char *text = NULL;
	struct object *object = NULL;
	struct err why = {0};

	if (c->store->ops->state_read(c->store, name, &text, &why) < 0 ||
		object_parse(name, text, &object, &why) < 0) {
		LOG_ERROR("state cannot be read", LOG_STR("pool", c->name), LOG_STR("id", id),
			LOG_ERR(&why));
		/* One object that cannot be read must not hide the others; want of memory, which
		 * passes, is none of its faults. */
		if (why.code != ERR_RESOURCE_EXHAUSTED) {
			return catalog_damage(c, name, why.msg, load->err) < 0 ? 1 : 0;
		}
		return give_up(c, &why, load->err);
	}
	(void)pthread_mutex_lock(&c->lock);
	int rc = map_put(c->objects[name.kind], id, object, load->err);
	(void)pthread_mutex_unlock(&c->lock);
	if (rc < 0) {
		object_unref(object);
		(void)err_wrap(load->err, "pool %s: of %ss there may be %d", c->name,
			object_kind_name(name.kind), CATALOG_OBJECTS_MAX);
		return 1;
	}
	return 0;
}

/* Data that no state speaks of is never touched: nobody knows what it is. */
static int note_orphan(const char *id, void *arg)
{
	const struct load *load = arg;
	struct object_name name = {load->kind, id};
	_cleanup_object_ struct object *object = catalog_get(load->c, name);

	if (!object && catalog_damaged(load->c, name, NULL) == 0) {
		LOG_ERROR("data without a state; it is left alone", LOG_STR("pool", load->c->name),
			LOG_STR("kind", object_kind_name(name.kind)), LOG_STR("id", id));
		return catalog_damage(load->c, name,
			       "its data is there, but its state file is not: move the data out of the pool, or restore the state file, and restart the agent",
			       load->err) < 0
			       ? 1
			       : 0;
	}
	return 0;
}

static int load_all(struct catalog *c, struct err *err)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		struct load load = {c, (enum object_kind)kind, err};
		const struct store_ops *ops = c->store->ops;

		if (ops->each(c->store, load.kind, true, load_state, &load, err) != 0 ||
			ops->each(c->store, load.kind, false, note_orphan, &load, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int catalog_attach(const struct step *in, struct catalog *c, struct err *err)
{
	struct err why = {0};
	struct store *store = NULL;
	struct stamp stamp;
	int rc;

	(void)pthread_rwlock_wrlock(&c->use);
	rc = open_store(in, c, &store, &stamp, &why);
	if (rc == 0) {
		store_free(c->store);
		c->store = store;
		(void)pthread_mutex_lock(&c->lock);
		c->stamp = stamp;
		c->limits = store->limits;
		(void)pthread_mutex_unlock(&c->lock);
		if (catalog_reset(c, &why) < 0 || store->ops->tidy(in, store, &why) < 0 ||
			load_all(c, &why) < 0) {
			rc = -1;
		}
	}
	catalog_set_ready(c, rc < 0 ? &why : NULL);
	(void)pthread_rwlock_unlock(&c->use);
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}
