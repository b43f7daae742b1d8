/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making volumes: blank, from a snapshot, from a volume. The stored name of a volume follows from
 * its object, its source and its limits alone, so that a request which was lost and is carried out
 * late meets its own work, and SPDK itself says that it is there.
 */
#include "controller/backend/spdk/hidden.h"
#include "controller/backend/spdk/place.h"
#include "controller/backend/spdk/rates.h"
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

#include <stdio.h>

/* One creation under way. */
struct making {
	struct spdk_backend *sb;
	const struct op *op;
	const struct be_volume_args *args;
	struct spdk_view view;
	const struct spdk_lvol *source; /* in the view; NULL for blank ones */
	const char *pool;
	char name[BE_OBJECT_SIZE];
};

static int find_source(struct making *m, struct err *err)
{
	const struct be_source *source = &m->args->source;
	enum be_kind kind = source->kind == BE_FROM_SNAPSHOT ? BE_KIND_SNAPSHOT : BE_KIND_VOLUME;

	if (source->kind == BE_BLANK) {
		return 0;
	}
	if (objname_is_of(source->object, m->sb->instance, kind)) {
		m->source = spdk_view_find(&m->view, source->object);
	}
	return m->source ? 0
			 : err_set(err, ERR_NOT_FOUND, "source: backend %s has no %s", m->sb->name,
				   source->object);
}

/* What is promised anew: the volume, and of a volume's copy what the snapshot between holds on to.
 */
static int64_t more(const struct making *m)
{
	return m->args->size + (m->args->source.kind == BE_FROM_VOLUME
					       ? spdk_pinned(m->sb, &m->view, m->source)
					       : 0);
}

/* Is what is asked for possible, and where? */
static int plan(struct making *m, struct err *err)
{
	const struct be_volume_args *args = m->args;
	struct be_limits limits;
	uint64_t note = 0;

	if (spdk_rates_note(&args->rates, &note, err) < 0 ||
		objname_store_note(args->object, &args->source, note, m->name, err) < 0) {
		return -1;
	}
	if (spdk_limits_of(m->sb, m->view.pools, &limits, err) < 0 ||
		be_size_check(&limits, args->size, err) < 0 || find_source(m, err) < 0) {
		return -1;
	}
	if (!m->source) {
		if (spdk_pool_choose(m->sb, args->pool, &m->pool, err) < 0) {
			return -1;
		}
		return spdk_room_check(m->sb, &m->view, m->pool, more(m), err);
	}
	m->pool = m->source->pool;
	if (args->size < m->source->size) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"size: %lld bytes, but its source %s has %lld; a volume cannot be smaller than "
			"what it is made from",
			(long long)args->size, args->source.object, (long long)m->source->size);
	}
	if (!str_empty(args->pool) && !streq(args->pool, m->pool)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"pool: %s, but its source %s is in pool %s, and copies share their data with it",
			args->pool, args->source.object, m->pool);
	}
	return spdk_room_check(m->sb, &m->view, m->pool, more(m), err);
}

static int make_copy(const struct step *in, struct making *m, struct err *err)
{
	struct spdk_between between = {.name = ""};
	struct spdk_new what = {.from = between.uuid, .name = m->name};
	int rc;

	if (spdk_between_get(in, m->sb, m->op, m->source, m->args->object, &between, err) < 0) {
		keylock_release(between.held);
		return -1;
	}
	rc = spdk_make_clone(in, m->sb, m->op, &what, err);
	keylock_release(between.held);
	return rc;
}

/* Return: 0, also when it came to be meanwhile, or -1. */
static int make(const struct step *in, struct making *m, struct err *err)
{
	const struct spdk_pool *pool;
	struct spdk_new what = {.name = m->name, .size = m->args->size};
	int rc;

	if (plan(m, err) < 0) {
		return -1;
	}
	switch (m->args->source.kind) {
	case BE_FROM_SNAPSHOT:
		what.from = m->source->uuid;
		rc = spdk_make_clone(in, m->sb, m->op, &what, err);
		break;
	case BE_FROM_VOLUME:
		rc = make_copy(in, m, err);
		break;
	default:
		pool = spdk_view_pool(m->sb, &m->view, m->pool);
		what.from = pool ? pool->uuid : "";
		rc = spdk_make_blank(in, m->sb, m->op, &what, err);
	}
	return rc < 0 ? -1 : 0;
}

/* The volume is there: is it the one asked for? One that is smaller, and has a source, was left
 * unfinished. */
static int fits(const struct making *m, const struct spdk_lvol *lvol, struct err *err)
{
	struct be_volume have = {
		.object = m->args->object, .name = "", .pool = lvol->pool, .rates = lvol->rates};

	if (lvol->stored.source_hash != objname_source_hash(&m->args->source)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"volume %s: it was made from another source, or from none",
			m->args->object);
	}
	have.size = lvol->stored.has_source ? MAX(lvol->size, m->args->size) : lvol->size;
	return be_volume_fits(&have, m->args, err);
}

/* What is there, looked at anew, grown where it has to be, and shown. */
static int finish(const struct step *in, struct making *m, const char *pool, const char *name,
	struct be_volume *ret, struct err *err)
{
	_cleanup_spdk_found_ struct spdk_found found = {0};
	_cleanup_spdk_published_ struct spdk_published published = {0};
	char path[BE_POOL_MAX + 1 + SPDK_TEXT_MAX];
	int64_t lacks;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", pool, name);
	for (unsigned turn = 0; turn < 2; turn++) {
		spdk_found_done(&found);
		rc = spdk_find_named(m->sb, m->op, path, &found, err);
		if (rc <= 0 || found.lvol.kind != SPDK_VOLUME) {
			return rc < 0 ? -1
				      : err_set(err, ERR_ABORTED,
						"backend %s: %s went away while it was made; retry",
						m->sb->name, m->args->object);
		}
		if (fits(m, &found.lvol, err) < 0) {
			return -1;
		}
		lacks = m->args->size - found.lvol.size;
		if (lacks <= 0) {
			break;
		}
		if (turn > 0 || spdk_grow(in, m->sb, m->op, &found.lvol, m->args->size, err) < 0) {
			return turn > 0 ? err_set(err, ERR_UNAVAILABLE,
						  "backend %s: %s did not grow; retry", m->sb->name,
						  m->args->object)
					: -1;
		}
	}
	spdk_hint_set(m->sb, m->args->object, found.lvol.uuid);
	if (spdk_rates_hold(in, m->sb, m->op, &found.lvol, err) < 0 ||
		spdk_export_get(m->sb, m->op, &found.lvol, &published, err) < 0) {
		return -1;
	}
	return spdk_show_volume(m->op, &found.lvol, &published.export, ret, err);
}

static int create(const struct step *in, struct making *m, struct be_volume *ret, struct err *err)
{
	const struct spdk_lvol *there;

	if (spdk_look(m->sb, m->op, &m->view, err) < 0) {
		return -1;
	}
	there = spdk_view_find(&m->view, m->args->object);
	if (there) {
		return fits(m, there, err) < 0 ? -1
					       : finish(in, m, there->pool, there->name, ret, err);
	}
	return make(in, m, err) < 0 ? -1 : finish(in, m, m->pool, m->name, ret, err);
}

enum be_result spdk_volume_create(const struct step *in, struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct making m = {.sb = sb, .op = op, .args = args};
	int rc;

	if (!objname_is_of(args->object, sb->instance, BE_KIND_VOLUME)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "object: not the name of a volume of instance %s", sb->instance),
		       BE_FAILED;
	}
	if (be_metadata_check(args->metadata, err) < 0 ||
		spdk_lock(sb, op, args->object, &held, err) < 0) {
		return BE_FAILED;
	}
	rc = create(in, &m, ret, err);
	spdk_view_done(&m.view);
	return rc < 0 ? BE_FAILED : BE_DONE;
}
