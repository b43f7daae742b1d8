/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `lvmthin`: opening, names, capacity, and what a crash may have left.
 */
#include "target/store/generation.h"
#include "target/store/lvmthin_priv.h"

#include <errno.h>
#include <stdio.h>

#define LV_FIELDS "lv_name,pool_lv,lv_tags"
/** Logical volumes that one command activates. */
#define ACTIVATE_AT_ONCE 32

void lvmthin_lv(struct object_name name, char out[LVM_NAME_SIZE])
{
	int n = snprintf(out, LVM_NAME_SIZE, LVMTHIN_PREFIX "%c.%s",
		name.kind == OBJECT_SNAPSHOT ? 's' : 'v', name.id);

	/* '-' is two characters to the device mapper, and "_tdata" and the like are LVM's own. */
	for (int i = 0; i < n && i < LVM_NAME_SIZE; i++) {
		out[i] = out[i] == '-' ? '.' : out[i];
	}
}

bool lvmthin_id(enum object_kind kind, const char *lv, char ret_id[OBJECT_ID_SIZE])
{
	char prefix[LVM_NAME_SIZE];
	size_t len;

	lvmthin_lv((struct object_name){kind, ""}, prefix);
	len = strlen(prefix);
	if (strncmp(lv, prefix, len) != 0 || strlen(lv + len) > OBJECT_ID_MAX) {
		return false;
	}
	(void)snprintf(ret_id, OBJECT_ID_SIZE, "%s", lv + len);
	for (char *at = ret_id; *at; at++) {
		*at = *at == '.' ? '-' : *at;
	}
	return object_id_check("id", ret_id, NULL) == 0;
}

static int lvmthin_check(struct store *store, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	struct dm_pool pool;

	return pooldir_check(store, err) < 0 ? -1 : lvmthin_pool_status(s, &pool, err);
}

static int lvmthin_usage(struct store *store, struct store_usage *ret, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	struct dm_pool pool;
	int64_t by_data;
	int64_t chunks;

	if (lvmthin_pool_status(s, &pool, err) < 0) {
		return -1;
	}
	/* What is promised must have room in both. */
	by_data = pool.data_size - pool.data_size / LVMTHIN_RESERVE_PART;
	chunks = (pool.meta_size - pool.meta_size / STORE_META_RESERVE_PART) /
		 LVMTHIN_META_PER_CHUNK;
	*ret = (struct store_usage){
		.size = MIN(by_data, chunks * s->pool.chunk),
		.free = MAX(pool.data_size - pool.data_used, 0),
		.meta_size = pool.meta_size,
		.meta_free = MAX(pool.meta_size - pool.meta_used, 0),
	};
	return 0;
}

/* Every logical volume of this pool, until @fn returns non-zero. */
static int each_lv(
	struct lvmthin_store *s, int (*fn)(const char *lv, void *arg), void *arg, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at rows;
	struct js_at row;
	const char *lv;
	const char *pool;
	const char *tags;
	int rc = 0;

	if (lvm_report(&s->lvm, NULL, LV_FIELDS, &doc, &rows, err) < 0) {
		return err_wrap(err, "pool %s", s->dir.stamp.name);
	}
	for (size_t i = 0; rc == 0 && i < js_len(&rows); i++) {
		if (js_item_obj(&rows, i, &row, err) < 0 ||
			js_get_str(&row, "lv_name", LVM_NAME_SIZE, &lv, err) < 0 ||
			js_get_str(&row, "pool_lv", LVM_NAME_SIZE, &pool, err) < 0 ||
			js_get_str(&row, "lv_tags", LVMTHIN_TAGS_MAX, &tags, err) < 0) {
			return err_wrap(err, "pool %s", s->dir.stamp.name);
		}
		if (streq(pool, s->thin_pool) && lvm_has_tag(tags, s->tag)) {
			rc = fn(lv, arg);
		}
	}
	return rc;
}

struct each {
	enum object_kind kind;
	int (*fn)(const char *id, void *arg);
	void *arg;
};

static int each_id(const char *lv, void *arg)
{
	const struct each *each = arg;
	char id[OBJECT_ID_SIZE];

	return lvmthin_id(each->kind, lv, id) ? each->fn(id, each->arg) : 0;
}

static int lvmthin_each(struct store *store, enum object_kind kind, bool states,
	int (*fn)(const char *id, void *arg), void *arg, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	struct each each = {kind, fn, arg};

	if (states) {
		return pooldir_each(&s->dir, kind, POOLDIR_STATE_SUFFIX, fn, arg, err);
	}
	return each_lv(s, each_id, &each, err);
}

/* What is to be activated, command by command. */
struct wake {
	const struct step *in;
	struct lvmthin_store *s;
	size_t n;
	char names[ACTIVATE_AT_ONCE][2 * LVM_NAME_SIZE];
	struct err *err;
};

static int activate(struct wake *wake)
{
	const char *args[ACTIVATE_AT_ONCE + 8] = {
		"lvchange", "--activate", "y", "--ignoreactivationskip"};
	struct err why = {0};
	size_t n = 4;
	int rc = 0;

	for (size_t i = 0; i < wake->n; i++) {
		args[n++] = wake->names[i];
	}
	if (wake->n > 0) {
		rc = lvm_change(wake->in, &wake->s->lvm, args, &why);
	}
	wake->n = 0;
	/* One that cannot be activated must not hide the others: it is missed when it is used. */
	if (rc < 0 && why.code == ERR_UNAVAILABLE) {
		return err_set(
			wake->err, why.code, "pool %s: %s", wake->s->dir.stamp.name, why.msg);
	}
	return 0;
}

static int wake_lv(const char *lv, void *arg)
{
	struct wake *wake = arg;
	struct lvmthin_store *s = wake->s;
	char name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;

	if (lvm_device(s->vg, lv, "", name, wake->err) < 0) {
		return -1;
	}
	if (s->lvm.env->dm->device(name, &device) == 0) {
		/* Whoever held it was killed. */
		return device.suspended ? lvm_resume(wake->in, &s->lvm, name, wake->err) : 0;
	}
	(void)snprintf(wake->names[wake->n++], sizeof(wake->names[0]), "%s/%s", s->vg, lv);
	return wake->n == ACTIVATE_AT_ONCE ? activate(wake) : 0;
}

static int lvmthin_tidy(const struct step *in, struct store *store, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	struct wake *wake = calloc(1, sizeof(*wake));
	char name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	int rc;

	if (!wake) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", s->dir.stamp.name);
	}
	wake->in = in;
	wake->s = s;
	wake->err = err;
	rc = pooldir_tidy(in, store, err);
	if (rc == 0 && lvmthin_pool_device(s, name, &device, err) == 1 && device.suspended) {
		rc = lvm_resume(in, &s->lvm, name, err);
	}
	if (rc == 0) {
		rc = each_lv(s, wake_lv, wake, err);
	}
	if (rc == 0) {
		rc = activate(wake);
	}
	free(wake);
	return rc < 0 ? -1 : 0;
}

static void store_done(struct lvmthin_store *s)
{
	pooldir_done(&s->dir);
	free(s);
}

static void store_donep(struct lvmthin_store **s)
{
	if (*s) {
		store_done(*s);
	}
}

static void lvmthin_free(struct store *store)
{
	store_done(lvmthin_of(store));
}

static const struct store_ops lvmthin_ops = {
	.type = LVMTHIN_STORE_TYPE,
	.check = lvmthin_check,
	.usage = lvmthin_usage,
	.create = lvmthin_create,
	.clone = lvmthin_clone,
	.grow = lvmthin_grow,
	.remove = lvmthin_remove,
	.drain = lvmthin_drain,
	.wake = lvmthin_wake,
	.stat = lvmthin_stat,
	.path = lvmthin_path,
	.state_write = pooldir_state_write,
	.state_read = pooldir_state_read,
	.state_remove = pooldir_state_remove,
	.each = lvmthin_each,
	.generation_write = lvmthin_generation_write,
	.tidy = lvmthin_tidy,
	.free = lvmthin_free,
};

/* The directory names the thin pool, and the thin pool the directory. */
static int match_identity(const struct lvmthin_store *s, struct err *err)
{
	const struct stamp *stamp = &s->dir.stamp;

	if (!streq(stamp->vg_uuid, s->pool.vg_uuid) || !streq(stamp->lv_uuid, s->pool.lv_uuid)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: %s/%s is another thin pool (%s in %s) than the one of %s (%s in %s): correct vg and thinPool, or path",
			stamp->name, s->vg, s->thin_pool, s->pool.lv_uuid, s->pool.vg_uuid,
			s->dir.path, stamp->lv_uuid, stamp->vg_uuid);
	}
	if (!streq(s->pool.owner, stamp->uuid)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: the thin pool %s/%s has no tag " LVMTHIN_TAG_PREFIX
			"%s: run nvmetcp-target --init-pool once more",
			stamp->name, s->vg, s->thin_pool, stamp->uuid);
	}
	return 0;
}

/* The longest names must be names, too. */
static int refuse_long_names(const struct lvmthin_store *s, struct err *err)
{
	char id[OBJECT_ID_SIZE];
	char lv[LVM_NAME_SIZE];
	char device[DM_DEVICE_NAME_SIZE];

	memset(id, 'x', OBJECT_ID_MAX);
	id[OBJECT_ID_MAX] = '\0';
	lvmthin_lv((struct object_name){OBJECT_VOLUME, id}, lv);
	if (lvm_device(s->vg, lv, "", device, NULL) < 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: vg: the name \"%s\" is too long: with a volume's name of %zu characters the device mapper takes %d at most, a '-' counted twice: vgrename it",
			s->dir.stamp.name, s->vg, strlen(lv), DM_DEVICE_NAME_SIZE - 1);
	}
	return 0;
}

static int wake_pool(const struct step *in, struct lvmthin_store *s, struct err *err)
{
	char what[2 * LVM_NAME_SIZE];
	char name[DM_DEVICE_NAME_SIZE];
	const char *const args[] = {"lvchange", "--activate", "y", what, NULL};
	struct dm_device device;
	int rc = lvmthin_pool_device(s, name, &device, err);

	if (rc != 0) {
		return rc < 0 ? -1 : 0;
	}
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, s->thin_pool);
	return lvm_change(in, &s->lvm, args, err) < 0 ? -1 : step_changed(in, "pool", err);
}

static int open_pool(const struct step *in, const struct store_options *options,
	struct lvmthin_store *s, struct err *err)
{
	struct dm_pool status;
	char what[2 * LVM_NAME_SIZE];

	if (pooldir_open(&s->dir, LVMTHIN_STORE_TYPE, options, err) < 0) {
		return -1;
	}
	if (lvmthin_pool_read(&s->lvm, s->thin_pool, &s->pool, err) < 0) {
		return err_wrap(err, "pool %s", options->name);
	}
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, s->thin_pool);
	if (match_identity(s, err) < 0 || refuse_long_names(s, err) < 0 ||
		generation_refuse_older(options, what, s->pool.generation, err) < 0) {
		return -1;
	}
	s->dir.stamp.generation = MIN(s->dir.stamp.generation, s->pool.generation);
	lvmthin_tag(s->dir.stamp.uuid, s->tag);
	s->base.limits = (struct store_limits){
		.granularity = s->pool.extent,
		.extent = MAX(s->pool.extent, s->pool.chunk),
	};
	if (options->look_only) {
		return 0;
	}
	return wake_pool(in, s, err) < 0 ? -1 : lvmthin_pool_status(s, &status, err);
}

int lvmthin_store_open(const struct step *in, const struct store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err)
{
	_cleanup_(store_donep) struct lvmthin_store *s = calloc(1, sizeof(*s));

	if (!s) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", options->name);
	}
	pooldir_init(&s->dir);
	s->base.ops = &lvmthin_ops;
	s->base.dir = &s->dir;
	(void)snprintf(s->vg, sizeof(s->vg), "%s", options->vg);
	(void)snprintf(s->thin_pool, sizeof(s->thin_pool), "%s", options->thin_pool);
	s->lvm = (struct lvm){options->lvm, s->vg};
	if (open_pool(in, options, s, err) < 0) {
		return -1;
	}
	*ret_stamp = s->dir.stamp;
	*ret_store = &TAKE_PTR(s)->base;
	return 0;
}
