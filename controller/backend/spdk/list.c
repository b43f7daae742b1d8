/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists. SPDK has no pages, so each page is cut from the whole. A host counts as published only
 * where the whole export is there: after a restart of the target the attacher sees what is missing
 * and publishes it again.
 */
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

#include <stdio.h>

/** Entries of a page when none is asked for: each page costs as much as all, so one should do. */
#define PAGE_MAX ((size_t)8192)

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
	size_t max = page->max ? MIN(page->max, (size_t)BE_PAGE_MAX) : PAGE_MAX;
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

/** struct listed - a volume of the page by the name of its subsystem. */
struct listed {
	char nqn[NQN_SIZE];
	const struct spdk_lvol *lvol;
	struct be_volume *volume;
};

static int by_nqn(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->nqn, ((const struct listed *)b)->nqn);
}

/* A host counts only where the whole export is there. */
static int show_hosts(struct spdk_backend *sb, const struct op *op, const struct listed *listed,
	const struct js_at *subsystem, struct err *err)
{
	struct spdk_export export = {0};
	int rc = 0;

	if (spdk_read_export(subsystem, listed->lvol->uuid, &export, err) < 0) {
		return spdk_garbage(sb, "nvmf_get_subsystems", err);
	}
	if (spdk_export_whole(sb, &export)) {
		rc = spdk_show_volume(op, listed->lvol, &export, listed->volume, err);
	}
	free(export.hosts);
	return rc;
}

/* Go through all subsystems for those of the @n volumes in @page, which are in order. */
static int read_hosts(struct spdk_backend *sb, const struct op *op, const struct listed *page,
	size_t n, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {.method = "nvmf_get_subsystems", .list = true};

	if (spdk_ask(sb, op, &call, err) < 0) {
		return -1;
	}
	for (;;) {
		_cleanup_js_doc_ struct js_doc *doc = NULL;
		const struct listed *found;
		struct listed key;
		const char *nqn = NULL;
		struct js_at subsystem;
		int rc = spdk_next(sb, &call, &doc, err);

		if (rc <= 0) {
			return rc;
		}
		subsystem = js_root(doc);
		if (js_get_str(&subsystem, "nqn", NQN_MAX, &nqn, err) < 0) {
			return spdk_garbage(sb, call.method, err);
		}
		(void)snprintf(key.nqn, sizeof(key.nqn), "%s", nqn);
		found = bsearch(&key, page, n, sizeof(*page), by_nqn);
		if (found && show_hosts(sb, op, found, &subsystem, err) < 0) {
			return -1;
		}
	}
}

static int show_page(struct spdk_backend *sb, const struct op *op, const struct chosen *chosen,
	struct be_volume *volumes, struct err *err)
{
	_cleanup_free_ struct listed *page = calloc(chosen->n + 1, sizeof(*page));
	const struct spdk_export none = {0};

	if (!page) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < chosen->n; i++) {
		page[i].lvol = chosen->list[i];
		page[i].volume = &volumes[i];
		spdk_nqn(sb, page[i].lvol, page[i].nqn);
		if (spdk_show_volume(op, page[i].lvol, &none, &volumes[i], err) < 0) {
			return -1;
		}
	}
	qsort(page, chosen->n, sizeof(*page), by_nqn);
	return read_hosts(sb, op, page, chosen->n, err);
}

int spdk_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_spdk_view_ struct spdk_view view = {0};
	_cleanup_(chosen_done) struct chosen chosen = {0};
	struct be_volumes volumes = {.next = ""};

	if (token_check(sb, BE_KIND_VOLUME, page->token, err) < 0 ||
		spdk_look(sb, op, &view, err) < 0 ||
		choose(&view, SPDK_VOLUME, 0, page, &chosen, err) < 0) {
		return -1;
	}
	volumes.n = chosen.n;
	volumes.list = arena_alloc(op->arena, (chosen.n + 1) * sizeof(*volumes.list));
	if (!volumes.list) {
		return be_no_memory(err);
	}
	if (show_page(sb, op, &chosen, volumes.list, err) < 0) {
		return -1;
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
