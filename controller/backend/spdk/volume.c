/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: look up, delete, grow. SPDK deletes what hosts are writing to, and shrinks when asked
 * for less; both are kept from it here.
 */
#include "controller/backend/spdk/hidden.h"
#include "controller/backend/spdk/place.h"
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

static bool ours(const struct spdk_backend *sb, const char *object)
{
	return objname_is_of(object, sb->instance, BE_KIND_VOLUME);
}

int spdk_volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_spdk_found_ struct spdk_found found = {0};
	_cleanup_spdk_published_ struct spdk_published published = {0};

	if (!ours(sb, object)) {
		return be_none_of_ours(sb->name, sb->instance, "the volume", err);
	}
	if (spdk_find(sb, op, object, &found, err) < 0 ||
		spdk_export_get(sb, op, &found.lvol, &published, err) < 0) {
		return -1;
	}
	/* Every host that is let in counts, also where the rest of the export is missing. */
	return spdk_show_volume(op, &found.lvol, &published.export, ret, err);
}

static int in_use(const struct spdk_backend *sb, const struct spdk_lvol *lvol, const char *by,
	struct err *err)
{
	return err_set(err, ERR_FAILED_PRECONDITION,
		"volume %s: in use by %s; backend %s would take it away from under it",
		lvol->stored.object, by, sb->name);
}

/* Make sure that nobody has it: SPDK would delete it under a host's hands. */
static int close_export(const struct step *in, struct spdk_backend *sb, const struct op *op,
	struct spdk_found *found, struct err *err)
{
	_cleanup_spdk_published_ struct spdk_published published = {0};
	const struct spdk_export *export = &published.export;
	const char *uuid = found->lvol.uuid;
	struct spdk_found now = {0};
	int rc;

	if (spdk_export_get(sb, op, &found->lvol, &published, err) < 0) {
		return -1;
	}
	if (export->n_hosts > 0 || export->any_host) {
		return in_use(sb, &found->lvol,
			export->n_hosts > 0 ? export->hosts[0] : "any host that connects", err);
	}
	if (!export->there && !found->lvol.claimed) {
		return 0;
	}
	if (export->there && spdk_export_remove(in, sb, op, &found->lvol, err) < 0) {
		return -1;
	}
	/* Still claimed without our subsystem: somebody exported it by hand, or built on it. */
	rc = spdk_find_named(sb, op, uuid, &now, err);
	if (rc > 0 && now.lvol.claimed) {
		rc = in_use(
			sb, &now.lvol, "something else on the target, which has claimed it", err);
	}
	spdk_found_done(&now);
	return rc < 0 ? -1 : 0;
}

/* One lvol of the name. Return: 1 when it is gone and there may be more, 0 when there is none. */
static int delete_one(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const char *object, struct err *err)
{
	_cleanup_spdk_found_ struct spdk_found found = {0};
	enum spdk_said said = SPDK_SAID_NOTHING;
	struct err why = {0};

	if (spdk_find(sb, op, object, &found, &why) < 0) {
		return why.code == ERR_NOT_FOUND ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	if (close_export(in, sb, op, &found, err) < 0 ||
		spdk_delete(in, sb, op, &found.lvol, &said, err) < 0) {
		return -1;
	}
	spdk_hint_set(sb, object, NULL);
	spdk_prune(in, sb, op, found.lvol.pool, found.lvol.base);
	return 1;
}

/* It is not there: is that sure, and did a deletion that was cut off leave something behind? */
static int settle(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const char *object, struct err *err)
{
	_cleanup_spdk_view_ struct spdk_view view = {0};

	/* A second look: between the two of one look the target may have been started anew. */
	if (spdk_look(sb, op, &view, err) < 0) {
		return -1;
	}
	if (spdk_view_find(&view, object)) {
		return err_set(err, ERR_ABORTED,
			"backend %s: %s came while it was looked for; retry", sb->name, object);
	}
	spdk_sweep(in, sb, op, &view);
	return 0;
}

enum be_result spdk_volume_delete(const struct step *in, struct backend *self, const struct op *op,
	const char *object, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;
	int rc;

	if (!ours(sb, object)) {
		return BE_DONE;
	}
	if (spdk_lock(sb, op, object, &held, err) < 0) {
		return BE_FAILED;
	}
	rc = delete_one(in, sb, op, object, err);
	if (rc == 0) {
		rc = settle(in, sb, op, object, err);
	}
	return rc < 0 ? BE_FAILED : BE_DONE;
}

static int grow(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct be_expand_args *args, struct err *err)
{
	_cleanup_spdk_view_ struct spdk_view view = {0};
	const struct spdk_lvol *lvol;
	struct be_limits limits;

	if (spdk_look(sb, op, &view, err) < 0) {
		return -1;
	}
	lvol = spdk_view_find(&view, args->object);
	if (!lvol) {
		return err_set(
			err, ERR_NOT_FOUND, "backend %s: there is no %s", sb->name, args->object);
	}
	if (spdk_limits_of(sb, view.pools, &limits, err) < 0 ||
		be_size_check(&limits, args->size, err) < 0 ||
		spdk_room_check(sb, &view, lvol->pool, args->size - lvol->size, err) < 0) {
		return -1;
	}
	return spdk_grow(in, sb, op, lvol, args->size, err);
}

enum be_result spdk_volume_expand(const struct step *in, struct backend *self, const struct op *op,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;

	if (!ours(sb, args->object)) {
		return be_none_of_ours(sb->name, sb->instance, "the volume", err), BE_FAILED;
	}
	if (spdk_lock(sb, op, args->object, &held, err) < 0 ||
		spdk_volume_get(self, op, args->object, ret, err) < 0) {
		return BE_FAILED;
	}
	if (ret->size >= args->size) {
		return BE_DONE; /* never smaller: SPDK would cut it off */
	}
	if (grow(in, sb, op, args, err) < 0 ||
		spdk_volume_get(self, op, args->object, ret, err) < 0) {
		return BE_FAILED;
	}
	if (ret->size < args->size) {
		return err_set(err, ERR_UNAVAILABLE,
			       "backend %s: %s has %lld bytes after growing to %lld; retry",
			       sb->name, args->object, (long long)ret->size, (long long)args->size),
		       BE_FAILED;
	}
	return BE_DONE;
}
