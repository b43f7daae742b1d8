/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: cut, look up, delete. A snapshot is an lvol that its volume becomes a clone of.
 */
#include "controller/backend/spdk/hidden.h"
#include "controller/backend/spdk/place.h"
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

static bool ours(const struct spdk_backend *sb, const char *object)
{
	return objname_is_of(object, sb->instance, BE_KIND_SNAPSHOT);
}

/* From what is remembered of it and of its volume. Return: 1 and *ret, 0 when all must be looked
 * through, -1. */
static int get_hinted(struct spdk_backend *sb, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err)
{
	_cleanup_spdk_found_ struct spdk_found snapshot = {0};
	_cleanup_spdk_found_ struct spdk_found volume = {0};
	char of[BE_OBJECT_SIZE];
	int rc = spdk_find_hinted(sb, op, object, &snapshot, err);

	if (rc <= 0) {
		return rc;
	}
	if (!spdk_hint_volume(sb, snapshot.lvol.stored.source_hash, of)) {
		return 0;
	}
	rc = spdk_find_hinted(sb, op, of, &volume, err);
	return rc <= 0 ? rc : spdk_show_snapshot(op, &snapshot.lvol, of, ret, err) < 0 ? -1 : 1;
}

int spdk_snapshot_get(struct backend *self, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_spdk_view_ struct spdk_view view = {0};
	const struct spdk_lvol *volume;
	const struct spdk_lvol *lvol;
	int rc;

	if (!ours(sb, object)) {
		return be_none_of_ours(sb->name, sb->instance, "the snapshot", err);
	}
	rc = get_hinted(sb, op, object, ret, err);
	if (rc != 0) {
		return rc < 0 ? -1 : 0;
	}
	if (spdk_look(sb, op, &view, err) < 0) {
		return -1;
	}
	lvol = spdk_view_find(&view, object);
	if (!lvol) {
		return err_set(err, ERR_NOT_FOUND,
			"backend %s: there is no %s, and all pools are there", sb->name, object);
	}
	volume = spdk_view_volume(&view, lvol->stored.source_hash);
	return spdk_show_snapshot(op, lvol, volume ? volume->stored.object : "", ret, err);
}

static int found(const struct op *op, const struct spdk_lvol *lvol,
	const struct be_snapshot_args *args, struct be_snapshot *ret, struct err *err)
{
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = args->volume};

	if (lvol->stored.source_hash != objname_source_hash(&source)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"snapshot %s: it was cut from another volume", args->object);
	}
	return spdk_show_snapshot(op, lvol, args->volume, ret, err);
}

/* A request that was lost and carried out late, with another time in its name: the oldest counts,
 * and later ones go. */
static void drop_twins(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_view *view, const struct spdk_lvol *keep)
{
	enum spdk_said said;

	for (size_t i = 0; i < view->n; i++) {
		const struct spdk_lvol *lvol = &view->lvols[i];

		if (lvol != keep && lvol->kind == SPDK_SNAPSHOT &&
			streq(lvol->stored.object, keep->stored.object)) {
			(void)!spdk_delete(in, sb, op, lvol, &said, NULL);
		}
	}
}

static int cut(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct be_snapshot_args *args, const struct spdk_view *view, struct err *err)
{
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = args->volume};
	const struct spdk_lvol *volume = NULL;
	char name[BE_OBJECT_SIZE];
	struct spdk_new what = {.name = name};

	if (objname_is_of(args->volume, sb->instance, BE_KIND_VOLUME)) {
		volume = spdk_view_find(view, args->volume);
	}
	if (!volume) {
		return err_set(err, ERR_NOT_FOUND, "backend %s: there is no volume %s", sb->name,
			args->volume);
	}
	if (spdk_room_check(sb, view, volume->pool, spdk_pinned(sb, view, volume), err) < 0 ||
		objname_store(args->object, &source, clock_unix_ms(), name, err) < 0) {
		return -1;
	}
	what.from = volume->uuid;
	return spdk_make_snapshot(in, sb, op, &what, err) < 0 ? -1 : 0;
}

static int create(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct be_snapshot_args *args, struct be_snapshot *ret, struct err *err)
{
	_cleanup_spdk_view_ struct spdk_view before = {0};
	_cleanup_spdk_view_ struct spdk_view after = {0};
	const struct spdk_lvol *lvol;

	if (spdk_look(sb, op, &before, err) < 0) {
		return -1;
	}
	lvol = spdk_view_find(&before, args->object);
	if (lvol) {
		return found(op, lvol, args, ret, err);
	}
	if (cut(in, sb, op, args, &before, err) < 0 || spdk_look(sb, op, &after, err) < 0) {
		return -1;
	}
	lvol = spdk_view_find(&after, args->object);
	if (!lvol) {
		return err_set(err, ERR_ABORTED, "backend %s: %s went away while it was cut; retry",
			sb->name, args->object);
	}
	drop_twins(in, sb, op, &after, lvol);
	return found(op, lvol, args, ret, err);
}

enum be_result spdk_snapshot_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;

	if (!ours(sb, args->object)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "object: not the name of a snapshot of instance %s", sb->instance),
		       BE_FAILED;
	}
	if (be_metadata_check(args->metadata, err) < 0 ||
		spdk_lock(sb, op, args->object, &held, err) < 0) {
		return BE_FAILED;
	}
	return create(in, sb, op, args, ret, err) < 0 ? BE_FAILED : BE_DONE;
}

/* With two clones it stays, out of sight. SPDK refuses when another clone came meanwhile. */
static int delete_one(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err)
{
	enum spdk_said said = SPDK_SAID_NOTHING;
	struct err why = {0};

	if (lvol->n_clones > 1) {
		return spdk_hide(in, sb, op, lvol, err);
	}
	if (spdk_delete(in, sb, op, lvol, &said, &why) == 0) {
		spdk_prune(in, sb, op, lvol->pool, lvol->base);
		return 0;
	}
	return said == SPDK_SAID_REFUSED ? spdk_hide(in, sb, op, lvol, err)
					 : err_set(err, why.code, "%s", why.msg);
}

/* Every lvol of that name in @view. Return: how many are gone now, or -1. */
static int delete_named(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_view *view, const char *object, struct err *err)
{
	int n = 0;

	for (size_t i = 0; i < view->n_named; i++) {
		if (streq(view->named[i]->stored.object, object)) {
			if (delete_one(in, sb, op, view->named[i], err) < 0) {
				return -1;
			}
			n++;
		}
	}
	return n;
}

static int delete_all(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const char *object, struct err *err)
{
	int n = 0;

	/* When it is not there a second look makes sure: a restart of the target may have fallen
	 * into the first one. */
	for (unsigned turn = 0; turn < 2 && n == 0; turn++) {
		_cleanup_spdk_view_ struct spdk_view view = {0};

		if (spdk_look(sb, op, &view, err) < 0) {
			return -1;
		}
		n = delete_named(in, sb, op, &view, object, err);
		if (n > 0 || turn > 0) {
			spdk_sweep(in, sb, op, &view);
		}
	}
	return n < 0 ? -1 : 0;
}

enum be_result spdk_snapshot_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;

	if (!ours(sb, object)) {
		return BE_DONE;
	}
	if (spdk_lock(sb, op, object, &held, err) < 0 || delete_all(in, sb, op, object, err) < 0) {
		return BE_FAILED;
	}
	spdk_hint_set(sb, object, NULL);
	return BE_DONE;
}
