/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists. SPDK has no pages, so each page is cut from the whole. A host counts as published only
 * where the whole export is there: after a restart of the target the attacher sees what is missing
 * and publishes it again.
 */
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

#include <stdio.h>

/** struct chosen - the lvols of one page, in order; owned. */
struct chosen {
	const struct spdk_lvol **list;
	size_t n;
	bool more;
};

static void chosen_done(struct chosen *chosen)
{
	free(chosen->list);
}

/* The page of the lvols of @kind, each object once; with @hash only those of that source. */
static int choose(const struct spdk_view *view, enum spdk_kind kind, uint64_t hash,
	const struct be_page *page, struct chosen *ret, struct err *err)
{
	const char *token = str_empty(page->token) ? "" : page->token;
	size_t max = page->max && page->max < BE_PAGE_MAX ? page->max : BE_PAGE_MAX;
	const char *last = "";

	*ret = (struct chosen){.list = calloc(MIN(max, view->n_named) + 1, sizeof(*ret->list))};
	if (!ret->list) {
		return be_no_memory(err);
	}
	for (size_t i = spdk_view_after(view, token); i < view->n_named && !ret->more; i++) {
		const struct spdk_lvol *lvol = view->named[i];

		if (lvol->kind != kind || (hash != 0 && lvol->stored.source_hash != hash) ||
			streq(lvol->stored.object, last)) {
			continue;
		}
		last = lvol->stored.object;
		if (ret->n == max) {
			ret->more = true;
		} else {
			ret->list[ret->n++] = lvol;
		}
	}
	return 0;
}

static int token_check(
	const struct spdk_backend *sb, enum be_kind kind, const char *token, struct err *err)
{
	if (!str_empty(token) && !objname_is_of(token, sb->instance, kind)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"token: not one that this backend gave; list from the start");
	}
	return 0;
}

/** struct subsystems - all of them by name; owned. */
struct subsystems {
	struct js_doc *doc;
	struct named {
		const char *nqn;
		size_t at; /* in the answer */
	} *list;
	size_t n;
	struct js_at items;
};

static void subsystems_done(struct subsystems *all)
{
	free(all->list);
	js_doc_free(all->doc);
}

static int by_nqn(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->nqn, ((const struct named *)b)->nqn);
}

static int read_names(struct subsystems *all, struct err *err)
{
	struct js_at root = js_root(all->doc);
	struct js_at item;

	if (js_get_array(&root, "result", SPDK_LVOLS_MAX, &all->items, err) < 0) {
		return -1;
	}
	all->list = calloc(js_len(&all->items) + 1, sizeof(*all->list));
	if (!all->list) {
		return err_set(err, ERR_UNAVAILABLE, "no memory for the subsystems");
	}
	for (size_t i = 0; i < js_len(&all->items); i++) {
		if (js_item_obj(&all->items, i, &item, err) < 0 ||
			js_get_str(&item, "nqn", NQN_MAX, &all->list[i].nqn, err) < 0) {
			return -1;
		}
		all->list[i].at = i;
	}
	all->n = js_len(&all->items);
	qsort(all->list, all->n, sizeof(*all->list), by_nqn);
	return 0;
}

static int get_subsystems(
	struct spdk_backend *sb, const struct op *op, struct subsystems *ret, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {.method = "nvmf_get_subsystems"};

	if (spdk_ask(sb, op, &call, err) < 0) {
		return -1;
	}
	ret->doc = TAKE_PTR(call.doc);
	return read_names(ret, err) < 0 ? spdk_garbage(sb, "nvmf_get_subsystems", err) : 0;
}

static int show_listed(struct spdk_backend *sb, const struct op *op, const struct subsystems *all,
	const struct spdk_lvol *lvol, struct be_volume *ret, struct err *err)
{
	char nqn[NQN_SIZE];
	struct named key = {.nqn = nqn};
	struct spdk_export export = {0};
	const struct named *found;
	struct js_at item;
	int rc;

	spdk_nqn(sb, lvol, nqn);
	found = all->n > 0 ? bsearch(&key, all->list, all->n, sizeof(*all->list), by_nqn) : NULL;
	if (found && (js_item_obj(&all->items, found->at, &item, err) < 0 ||
			     spdk_read_export(&item, lvol->uuid, &export, err) < 0)) {
		return spdk_garbage(sb, "nvmf_get_subsystems", err);
	}
	if (!spdk_export_whole(sb, &export)) {
		export.n_hosts = 0;
	}
	rc = spdk_show_volume(op, lvol, &export, ret, err);
	free(export.hosts);
	return rc;
}

int spdk_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_spdk_view_ struct spdk_view view = {0};
	_cleanup_(subsystems_done) struct subsystems all = {0};
	_cleanup_(chosen_done) struct chosen chosen = {0};
	struct be_volumes volumes = {.next = ""};

	if (token_check(sb, BE_KIND_VOLUME, page->token, err) < 0 ||
		spdk_look(sb, op, &view, err) < 0 || get_subsystems(sb, op, &all, err) < 0 ||
		choose(&view, SPDK_VOLUME, 0, page, &chosen, err) < 0) {
		return -1;
	}
	volumes.list = arena_alloc(op->arena, (chosen.n + 1) * sizeof(*volumes.list));
	if (!volumes.list) {
		return be_no_memory(err);
	}
	for (; volumes.n < chosen.n; volumes.n++) {
		if (show_listed(sb, op, &all, chosen.list[volumes.n], &volumes.list[volumes.n],
			    err) < 0) {
			return -1;
		}
	}
	if (chosen.more) {
		volumes.next = volumes.list[volumes.n - 1].object;
	}
	*ret = volumes;
	return 0;
}

int spdk_snapshot_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	const struct be_source source = {.kind = BE_FROM_VOLUME, .object = page->volume};
	_cleanup_spdk_view_ struct spdk_view view = {0};
	_cleanup_(chosen_done) struct chosen chosen = {0};
	struct be_snapshots snapshots = {.next = ""};
	bool of_one = !str_empty(page->volume);

	*ret = snapshots;
	if (of_one && !objname_is_of(page->volume, sb->instance, BE_KIND_VOLUME)) {
		return 0; /* no volume of ours, so it has none */
	}
	if (token_check(sb, BE_KIND_SNAPSHOT, page->token, err) < 0 ||
		spdk_look(sb, op, &view, err) < 0 ||
		choose(&view, SPDK_SNAPSHOT, of_one ? objname_source_hash(&source) : 0, page,
			&chosen, err) < 0) {
		return -1;
	}
	snapshots.list = arena_alloc(op->arena, (chosen.n + 1) * sizeof(*snapshots.list));
	if (!snapshots.list) {
		return be_no_memory(err);
	}
	for (; snapshots.n < chosen.n; snapshots.n++) {
		const struct spdk_lvol *lvol = chosen.list[snapshots.n];
		const struct spdk_lvol *volume = spdk_view_volume(&view, lvol->stored.source_hash);
		const char *cut_from = of_one ? page->volume : volume ? volume->stored.object : "";

		if (spdk_show_snapshot(op, lvol, cut_from, &snapshots.list[snapshots.n], err) < 0) {
			return -1;
		}
	}
	if (chosen.more) {
		snapshots.next = snapshots.list[snapshots.n - 1].object;
	}
	*ret = snapshots;
	return 0;
}
