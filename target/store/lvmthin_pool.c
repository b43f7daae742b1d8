/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin pools: are they fit to hold volumes, whose are they, and how are they?
 */
#include "common/base/parse.h"
#include "target/store/generation.h"
#include "target/store/lvmthin_priv.h"

#include <errno.h>
#include <stdio.h>

#define POOL_FIELDS                                                                                \
	"lv_name,vg_uuid,lv_uuid,segtype,zero,lv_when_full,lv_tags,chunk_size,vg_extent_size,"     \
	"vg_mda_size"
/** Tags with a generation that one command takes away: there is one at a time. */
#define GENERATION_TAGS_MAX 8

void lvmthin_tag(const char *uuid, char out[LVMTHIN_TAG_SIZE])
{
	(void)snprintf(out, LVMTHIN_TAG_SIZE, LVMTHIN_TAG_PREFIX "%s", uuid);
}

/* The identity in the first tag of ours. */
static void find_owner(const char *tags, char out[UUID_TEXT_SIZE])
{
	const char *tag = strstr(tags, LVMTHIN_TAG_PREFIX);

	out[0] = '\0';
	if (tag && (tag == tags || tag[-1] == ',')) {
		tag += strlen(LVMTHIN_TAG_PREFIX);
		(void)snprintf(out, UUID_TEXT_SIZE, "%.*s",
			(int)MIN(strcspn(tag, ","), (size_t)UUID_TEXT_SIZE - 1), tag);
	}
}

/* The next tag of a generation in *@rest into @out. Return: false when there is none. */
static bool next_generation_tag(const char **rest, char out[LVMTHIN_GENERATION_SIZE])
{
	static const char prefix[] = LVMTHIN_GENERATION_PREFIX;
	bool found = false;

	while (!found && **rest) {
		size_t len = strcspn(*rest, ",");

		found = len >= strlen(prefix) && len < LVMTHIN_GENERATION_SIZE &&
			strncmp(*rest, prefix, strlen(prefix)) == 0;
		if (found) {
			(void)snprintf(out, LVMTHIN_GENERATION_SIZE, "%.*s", (int)len, *rest);
		}
		*rest += len + ((*rest)[len] == ',');
	}
	return found;
}

/* Of several the largest: a command that left the older one behind has set it. */
static int find_generation(const char *tags, int64_t *ret, struct err *err)
{
	char tag[LVMTHIN_GENERATION_SIZE];
	int64_t its;

	*ret = 0;
	while (next_generation_tag(&tags, tag)) {
		if (parse_i64("generation", tag + strlen(LVMTHIN_GENERATION_PREFIX), 1,
			    INT64_MAX - 1, &its, err) < 0) {
			return err_set(err, ERR_DATA_LOSS, "tag %s: is no generation", tag);
		}
		*ret = MAX(*ret, its);
	}
	return 0;
}

static bool power_of_2(int64_t n)
{
	return n > 0 && (n & (n - 1)) == 0;
}

/* What lvm said is whole, but is it a pool for volumes? */
static int refuse_unfit(const struct lvm *lvm, const char *thin_pool, const char *segtype,
	const char *zero, const struct lvmthin_pool *pool, struct err *err)
{
	if (!streq(segtype, "thin-pool")) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s/%s: is of the type \"%s\", not a thin pool: make one with lvcreate --type thin-pool",
			lvm->vg, thin_pool, segtype);
	}
	if (!streq(zero, "zero")) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s/%s: does not zero the chunks that it gives out, so a new volume would show what another one held: turn it on with lvchange --zero y %s/%s",
			lvm->vg, thin_pool, lvm->vg, thin_pool);
	}
	if (!power_of_2(pool->chunk) || !power_of_2(pool->extent) ||
		pool->extent < STORE_GRANULARITY) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s/%s: its chunks have %lld bytes and its group's extents %lld: both must be powers of 2, and extents not below %lld",
			lvm->vg, thin_pool, (long long)pool->chunk, (long long)pool->extent,
			(long long)STORE_GRANULARITY);
	}
	return 0;
}

static int parse_pool(const struct lvm *lvm, const char *thin_pool, const struct js_at *row,
	struct lvmthin_pool *ret, struct err *err)
{
	const char *vg_uuid;
	const char *lv_uuid;
	const char *segtype;
	const char *zero;
	const char *when_full;
	const char *tags;
	struct err why = {0};

	if (js_get_str(row, "vg_uuid", LVM_UUID_SIZE - 1, &vg_uuid, &why) < 0 ||
		js_get_str(row, "lv_uuid", LVM_UUID_SIZE - 1, &lv_uuid, &why) < 0 ||
		js_get_str(row, "segtype", 32, &segtype, &why) < 0 ||
		js_get_str(row, "zero", 32, &zero, &why) < 0 ||
		js_get_str(row, "lv_when_full", 32, &when_full, &why) < 0 ||
		js_get_str(row, "lv_tags", LVMTHIN_TAGS_MAX, &tags, &why) < 0 ||
		lvm_bytes(row, "chunk_size", &ret->chunk, &why) < 0 ||
		lvm_bytes(row, "vg_extent_size", &ret->extent, &why) < 0 ||
		lvm_bytes(row, "vg_mda_size", &ret->vg_meta_size, &why) < 0) {
		return err_set(err, ERR_INTERNAL, "lvm lvs %s/%s: %s", lvm->vg, thin_pool, why.msg);
	}
	(void)snprintf(ret->vg_uuid, sizeof(ret->vg_uuid), "%s", vg_uuid);
	(void)snprintf(ret->lv_uuid, sizeof(ret->lv_uuid), "%s", lv_uuid);
	ret->fails_when_full = streq(when_full, "error");
	find_owner(tags, ret->owner);
	if (find_generation(tags, &ret->generation, err) < 0) {
		return err_wrap(err, "%s/%s", lvm->vg, thin_pool);
	}
	return refuse_unfit(lvm, thin_pool, segtype, zero, ret, err);
}

int lvmthin_pool_read(
	const struct lvm *lvm, const char *thin_pool, struct lvmthin_pool *ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at rows;
	struct js_at row;
	struct err why = {0};

	*ret = (struct lvmthin_pool){0};
	if (lvm_name_check("vg", lvm->vg, err) < 0 ||
		lvm_name_check("thinPool", thin_pool, err) < 0) {
		return -1;
	}
	if (lvm_report(lvm, thin_pool, POOL_FIELDS, &doc, &rows, &why) < 0) {
		/* Its devices may come yet. */
		return err_set(
			err, why.code == ERR_NOT_FOUND ? ERR_UNAVAILABLE : why.code, "%s", why.msg);
	}
	if (js_len(&rows) != 1 || js_item_obj(&rows, 0, &row, &why) < 0) {
		return err_set(err, ERR_INTERNAL, "lvm lvs %s/%s: %zu rows, not one", lvm->vg,
			thin_pool, js_len(&rows));
	}
	return parse_pool(lvm, thin_pool, &row, ret, err);
}

int lvmthin_init(const struct step *in, const struct store_options *options,
	struct stamp *ret_stamp, struct err *err)
{
	const struct lvm lvm = {options->lvm, options->vg};
	struct lvmthin_pool pool;
	struct stamp there = {0};
	char tag[LVMTHIN_TAG_SIZE];
	char what[2 * LVM_NAME_SIZE];
	const char *const args[] = {"lvchange", "--addtag", tag, what, NULL};

	if (lvmthin_pool_read(&lvm, options->thin_pool, &pool, err) < 0) {
		return -1;
	}
	(void)snprintf(what, sizeof(what), "%s/%s", options->vg, options->thin_pool);
	/* One that came to be so later is used, and `check` warns of it: its volumes are needed. */
	if (!pool.fails_when_full) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: lets writes wait when it is full, so hosts would hang: let them fail at once with lvchange --errorwhenfull y %s",
			what, what);
	}
	if (*pool.owner && (stamp_read_at(options->path, &there, NULL) < 0 ||
				   !streq(there.uuid, pool.owner))) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: belongs to the pool with the identity %s, which %s is not: use its own directory; if that is lost for good, so is what is known of its volumes, and lvchange --deltag " LVMTHIN_TAG_PREFIX
			"%s %s gives the thin pool free",
			what, pool.owner, options->path, pool.owner, what);
	}
	if (stamp_init_thin(in, options->path, options->name, pool.vg_uuid, pool.lv_uuid, ret_stamp,
		    err) < 0 ||
		step_changed(in, "identity", err) < 0) {
		return -1;
	}
	lvmthin_tag(ret_stamp->uuid, tag);
	if (*pool.owner) {
		return 0;
	}
	return lvm_change(in, &lvm, args, err) < 0 ? -1 : step_changed(in, "tag", err);
}

/* One tag for all of that kind, in one command: what lvm writes is there as a whole or not at all.
 */
static int retag(const struct step *in, struct lvmthin_store *s, const char *tag, const char *tags,
	struct err *err)
{
	char old[GENERATION_TAGS_MAX][LVMTHIN_GENERATION_SIZE];
	const char *args[2 * GENERATION_TAGS_MAX + 5] = {"lvchange", "--addtag", tag};
	char what[2 * LVM_NAME_SIZE];
	size_t n = 3;

	for (size_t i = 0; i < ARRAY_SIZE(old) && next_generation_tag(&tags, old[i]); i++) {
		if (!streq(old[i], tag)) {
			args[n++] = "--deltag";
			args[n++] = old[i];
		}
	}
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, s->thin_pool);
	args[n] = what;
	return lvm_change(in, &s->lvm, args, err) < 0 ? -1 : step_changed(in, "tag", err);
}

int lvmthin_generation_write(
	const struct step *in, struct store *store, int64_t generation, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct js_at rows;
	struct js_at row;
	char tag[LVMTHIN_GENERATION_SIZE];
	const char *tags;

	(void)snprintf(tag, sizeof(tag), LVMTHIN_GENERATION_PREFIX "%lld", (long long)generation);
	if (lvm_report(&s->lvm, s->thin_pool, "lv_tags", &doc, &rows, err) < 0 ||
		js_item_obj(&rows, 0, &row, err) < 0 ||
		js_get_str(&row, "lv_tags", LVMTHIN_TAGS_MAX, &tags, err) < 0 ||
		retag(in, s, tag, tags, err) < 0) {
		return err_wrap(err, "generation of %s/%s", s->vg, s->thin_pool);
	}
	return pooldir_generation_write(in, store, generation, err);
}

int lvmthin_pool_device(struct lvmthin_store *s, char ret_name[DM_DEVICE_NAME_SIZE],
	struct dm_device *ret, struct err *err)
{
	static const char *const layers[] = {"tpool", ""};

	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		if (lvm_device(s->vg, s->thin_pool, layers[i], ret_name, err) < 0) {
			return -1;
		}
		if (s->lvm.env->dm->device(ret_name, ret) < 0) {
			if (errno == ENXIO) {
				continue;
			}
			return err_set(err, ERR_UNAVAILABLE, "pool %s: device mapper: %s: %m",
				s->dir.stamp.name, ret_name);
		}
		if (streq(ret->target, "thin-pool")) {
			if (lvm_device_is(ret->uuid, s->pool.vg_uuid, s->pool.lv_uuid)) {
				return 1;
			}
			return err_set(err, ERR_UNAVAILABLE,
				"pool %s: %s is another thin pool now (%s)", s->dir.stamp.name,
				ret_name, ret->uuid);
		}
	}
	return 0;
}

int lvmthin_pool_status(struct lvmthin_store *s, struct dm_pool *ret, struct err *err)
{
	char name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	int rc = lvmthin_pool_device(s, name, &device, err);

	if (rc < 0) {
		return -1;
	}
	if (rc == 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: the thin pool %s/%s is not active",
			s->dir.stamp.name, s->vg, s->thin_pool);
	}
	if (dm_pool_parse(device.status, s->pool.chunk, ret, err) < 0) {
		return err_wrap(err, "pool %s", s->dir.stamp.name);
	}
	return 0;
}
