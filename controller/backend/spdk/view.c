/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the whole target, and finding one lvol. An lvol store that is still being loaded has
 * not all of its lvols, so that is waited for before anything counts as missing.
 */
#include "controller/backend/spdk/view.h"

#include "common/base/arena.h"
#include "common/base/parse.h"

#include <stdio.h>

/** Lvols that room is made for at first; doubled as needed. */
#define LVOLS_FIRST 64
/** Most lvol stores of a target. */
#define STORES_MAX 1024

static int read_store(
	struct spdk_backend *sb, const struct js_at *at, struct spdk_pool *pools, struct err *err)
{
	const char *name = NULL;
	const char *uuid = NULL;
	int64_t clusters = 0;
	int64_t cluster = 0;

	if (js_get_str(at, "name", SPDK_TEXT_MAX, &name, err) < 0 ||
		js_get_str(at, "uuid", SPDK_UUID_SIZE - 1, &uuid, err) < 0 ||
		js_get_int(at, "cluster_size", 1, 1 << 30, &cluster, err) < 0 ||
		js_get_int(at, "total_data_clusters", 0, INT64_MAX / cluster, &clusters, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < sb->n_pools; i++) {
		const struct spdk_wanted_pool *wanted = &sb->pools[i];
		struct spdk_pool *pool = &pools[i];

		if (!streq(wanted->name, name)) {
			continue;
		}
		(void)snprintf(pool->uuid, sizeof(pool->uuid), "%s", uuid);
		pool->there = !*wanted->uuid || strcasecmp(wanted->uuid, uuid) == 0;
		pool->cluster = cluster;
		pool->total = clusters * cluster;
	}
	return 0;
}

int spdk_pools(struct spdk_backend *sb, const struct op *op, struct spdk_pool *ret, struct err *err)
{
	/* Without params: an empty object asks for a store without a name. */
	_cleanup_spdk_call_ struct spdk_call call = {.method = "bdev_lvol_get_lvstores"};
	struct js_at stores;
	struct js_at item;
	struct js_at root;

	for (size_t i = 0; i < sb->n_pools; i++) {
		ret[i] = (struct spdk_pool){.wanted = &sb->pools[i]};
	}
	if (spdk_ask(sb, op, &call, err) < 0) {
		return -1;
	}
	root = js_root(call.doc);
	if (js_get_array(&root, "result", STORES_MAX, &stores, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	for (size_t i = 0; i < js_len(&stores); i++) {
		if (js_item_obj(&stores, i, &item, err) < 0 ||
			read_store(sb, &item, ret, err) < 0) {
			return spdk_garbage(sb, call.method, err);
		}
	}
	return 0;
}

int spdk_pools_there(const struct spdk_backend *sb, const struct spdk_pool *pools, struct err *err)
{
	for (size_t i = 0; i < sb->n_pools; i++) {
		if (pools[i].there) {
			continue;
		}
		if (*pools[i].uuid) {
			return err_set(err, ERR_UNAVAILABLE,
				"backend %s: lvol store %s has the uuid %s, but pools says %s: is it "
				"another disk? Attach the right one, or correct pools",
				sb->name, pools[i].wanted->name, pools[i].uuid,
				pools[i].wanted->uuid);
		}
		return err_set(err, ERR_UNAVAILABLE,
			"backend %s: lvol store %s is not there; attach its disk on the target "
			"(bdev_nvme_attach_controller, bdev_aio_create), so that what is on it does "
			"not count as missing",
			sb->name, pools[i].wanted->name);
	}
	return 0;
}

void spdk_view_done(struct spdk_view *view)
{
	free(view->named);
	free(view->hashed);
	free(view->lvols);
	arena_free(view->texts);
	*view = (struct spdk_view){0};
}

/* Of each bdev only the little that is needed is kept. */
static int keep_lvol(struct spdk_view *view, const struct spdk_lvol *lvol, struct err *err)
{
	struct spdk_lvol *kept;

	if (view->n == view->room) {
		size_t room = MAX(2 * view->room, (size_t)LVOLS_FIRST);

		kept = reallocarray(view->lvols, room, sizeof(*view->lvols));
		if (!kept) {
			return err_set(err, ERR_UNAVAILABLE, "no memory for %zu lvols", room);
		}
		view->lvols = kept;
		view->room = room;
	}
	kept = &view->lvols[view->n];
	*kept = *lvol;
	kept->uuid = arena_strdup(view->texts, lvol->uuid);
	kept->name = arena_strdup(view->texts, lvol->name);
	kept->base = arena_strdup(view->texts, lvol->base);
	if (!kept->uuid || !kept->name || !kept->base) {
		return err_set(err, ERR_UNAVAILABLE, "no memory for the lvols");
	}
	view->n++;
	return 0;
}

static int read_bdevs(
	struct spdk_backend *sb, struct spdk_view *view, struct spdk_call *call, struct err *err)
{
	for (;;) {
		_cleanup_js_doc_ struct js_doc *doc = NULL;
		struct spdk_lvol lvol;
		struct js_at bdev;
		int rc = spdk_next(sb, call, &doc, err);

		if (rc <= 0) {
			return rc;
		}
		bdev = js_root(doc);
		rc = spdk_read_lvol(sb, &bdev, &lvol, err);
		if (rc < 0) {
			return spdk_garbage(sb, call->method, err);
		}
		if (rc > 0 && keep_lvol(view, &lvol, err) < 0) {
			return -1;
		}
	}
}

/* Disks that were attached a moment ago are still being read. */
static int wait_for_examine(struct spdk_backend *sb, const struct op *op, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {.method = "bdev_wait_for_examine"};

	return spdk_ask(sb, op, &call, err);
}

/* Where each object is: the next call looks there first. */
static void remember(struct spdk_backend *sb, const struct spdk_view *view)
{
	for (size_t i = 0; i < view->n_named; i++) {
		const struct spdk_lvol *lvol = view->named[i];

		if (i == 0 || !streq(view->named[i - 1]->stored.object, lvol->stored.object)) {
			spdk_hint_set(sb, lvol->stored.object, lvol->uuid);
		}
	}
}

int spdk_look(struct spdk_backend *sb, const struct op *op, struct spdk_view *ret, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {.method = "bdev_get_bdevs", .list = true};
	_cleanup_spdk_view_ struct spdk_view view = {0};

	*ret = view;
	view.texts = arena_new(SPDK_ANSWER_MAX);
	if (!view.texts) {
		return err_set(err, ERR_UNAVAILABLE, "no memory for a list");
	}
	if (wait_for_examine(sb, op, err) < 0 || spdk_pools(sb, op, view.pools, err) < 0 ||
		spdk_pools_there(sb, view.pools, err) < 0 || spdk_ask(sb, op, &call, err) < 0 ||
		read_bdevs(sb, &view, &call, err) < 0 || spdk_view_index(&view, err) < 0) {
		return -1;
	}
	remember(sb, &view);
	*ret = view;
	view = (struct spdk_view){0};
	return 0;
}

const struct spdk_pool *spdk_view_pool(
	const struct spdk_backend *sb, const struct spdk_view *view, const char *name)
{
	for (size_t i = 0; i < sb->n_pools; i++) {
		if (streq(sb->pools[i].name, name)) {
			return &view->pools[i];
		}
	}
	return NULL;
}

void spdk_found_done(struct spdk_found *found)
{
	spdk_view_done(&found->view);
	js_doc_free(found->doc);
	*found = (struct spdk_found){0};
}

int spdk_find_named(struct spdk_backend *sb, const struct op *op, const char *name,
	struct spdk_found *ret, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_get_bdevs", .params = js_object()};
	struct spdk_found found = {0};
	struct err why = {0};
	struct js_at bdevs;
	struct js_at item;
	struct js_at root;

	*ret = found;
	js_set_str(call.params, "name", name);
	if (spdk_ask(sb, op, &call, &why) < 0) {
		return call.said == SPDK_SAID_ABSENT ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	root = js_root(call.doc);
	if (js_get_array(&root, "result", 1, &bdevs, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	if (js_len(&bdevs) != 1) {
		(void)js_fail(&root, "result", err, "must have one bdev");
		return spdk_garbage(sb, call.method, err);
	}
	if (js_item_obj(&bdevs, 0, &item, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	switch (spdk_read_lvol(sb, &item, &found.lvol, err)) {
	case 1:
		found.doc = TAKE_PTR(call.doc);
		*ret = found;
		return 1;
	case 0:
		return 0;
	default:
		return spdk_garbage(sb, call.method, err);
	}
}

int spdk_find_hinted(struct spdk_backend *sb, const struct op *op, const char *object,
	struct spdk_found *ret, struct err *err)
{
	char uuid[SPDK_UUID_SIZE];
	int rc;

	if (!spdk_hint(sb, object, uuid)) {
		return 0;
	}
	rc = spdk_find_named(sb, op, uuid, ret, err);
	if (rc > 0 && ret->lvol.kind != SPDK_FOREIGN && ret->lvol.kind != SPDK_HIDDEN &&
		streq(ret->lvol.stored.object, object)) {
		return 1;
	}
	spdk_found_done(ret);
	if (rc >= 0) {
		spdk_hint_set(sb, object, NULL);
	}
	return rc < 0 ? -1 : 0;
}

int spdk_find(struct spdk_backend *sb, const struct op *op, const char *object,
	struct spdk_found *ret, struct err *err)
{
	const struct spdk_lvol *lvol;
	int rc = spdk_find_hinted(sb, op, object, ret, err);

	if (rc != 0) {
		return rc < 0 ? -1 : 0;
	}
	*ret = (struct spdk_found){0};
	if (spdk_look(sb, op, &ret->view, err) < 0) {
		return -1;
	}
	lvol = spdk_view_find(&ret->view, object);
	if (!lvol) {
		spdk_found_done(ret);
		return err_set(err, ERR_NOT_FOUND,
			"backend %s: there is no %s, and all pools are there", sb->name, object);
	}
	ret->lvol = *lvol;
	spdk_hint_set(sb, object, lvol->uuid);
	return 0;
}
