/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the agent's objects. Everything is bounded and checked, since what is read here ends in
 * ids, contexts and decisions; a value out of shape fails the call without saying anything final.
 */
#include "common/base/parse.h"
#include "controller/backend/linux/linux_priv.h"
#include "controller/backend/objname.h"

/** Longest value of a metadata member, in bytes. */
#define METADATA_VALUE_MAX 4096

/* A string of the document, in the arena. */
static int take(const struct op *op, const char *from, const char **ret, struct err *err)
{
	*ret = arena_strdup(op->arena, from);
	return *ret ? 0 : be_no_memory(err);
}

static int get_str(const struct op *op, const struct js_at *at, const char *key, size_t max,
	const char **ret, struct err *err)
{
	const char *text = NULL;

	return js_get_str(at, key, max, &text, err) < 0 ? -1 : take(op, text, ret, err);
}

/* What js_each_str() fills. */
struct kept {
	const struct op *op;
	const char *name;
	struct kv *items;
	size_t n;
};

static int keep(const char *key, const char *value, void *arg, struct err *err)
{
	struct kept *kept = arg;

	if (streq(key, BE_KEY_NAME)) {
		return take(kept->op, value, &kept->name, err);
	}
	if (take(kept->op, key, &kept->items[kept->n].key, err) < 0 ||
		take(kept->op, value, &kept->items[kept->n].value, err) < 0) {
		return -1;
	}
	kept->n++;
	return 0;
}

static int read_metadata(const struct op *op, const struct js_at *at, const char **ret_name,
	struct kv_list *ret, struct err *err)
{
	struct kept kept = {.op = op, .name = ""};
	struct js_at object;
	size_t n;

	if (js_get_obj(at, "metadata", &object, err) < 0) {
		return -1;
	}
	n = js_len(&object);
	if (n > 2 * BE_METADATA_MAX) {
		return js_fail(at, "metadata", err, "must have at most %d members, not %zu",
			2 * BE_METADATA_MAX, n);
	}
	kept.items = arena_alloc(op->arena, (n + 1) * sizeof(*kept.items));
	if (!kept.items) {
		return be_no_memory(err);
	}
	if (js_each_str(&object, METADATA_VALUE_MAX, keep, &kept, err) < 0) {
		return -1;
	}
	*ret_name = kept.name;
	*ret = (struct kv_list){.items = kept.items, .n = kept.n};
	return 0;
}

static int read_source(
	const struct op *op, const struct js_at *at, struct be_source *ret, struct err *err)
{
	struct js_at source;

	*ret = (struct be_source){.kind = BE_BLANK, .object = ""};
	if (js_opt_obj(at, "source", &source, err) < 0) {
		return -1;
	}
	if (!source.value) {
		return 0;
	}
	if (js_has(&source, "volume")) {
		ret->kind = BE_FROM_VOLUME;
		return get_str(op, &source, "volume", BE_OBJECT_MAX, &ret->object, err);
	}
	ret->kind = BE_FROM_SNAPSHOT;
	return get_str(op, &source, "snapshot", BE_OBJECT_MAX, &ret->object, err);
}

static int read_hosts(
	const struct op *op, const struct js_at *at, struct be_volume *ret, struct err *err)
{
	struct js_at array;
	const char **hosts;
	size_t n;

	if (js_get_array(at, "hosts", LINUX_HOSTS_MAX, &array, err) < 0) {
		return -1;
	}
	n = js_len(&array);
	hosts = arena_alloc(op->arena, (n + 1) * sizeof(*hosts));
	if (!hosts) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		const char *nqn = NULL;

		if (js_item_str(&array, i, NQN_MAX, &nqn, err) < 0 ||
			nqn_check("hosts", nqn, err) < 0 || take(op, nqn, &hosts[i], err) < 0) {
			return -1;
		}
	}
	ret->hosts = hosts;
	ret->n_hosts = n;
	return 0;
}

int linux_read_volume(struct linux_backend *lb, const struct op *op, const struct js_at *at,
	struct be_volume *ret, struct err *err)
{
	struct be_volume volume = {.source_known = true, .ready = true};

	if (get_str(op, at, "id", BE_OBJECT_MAX, &volume.object, err) < 0 ||
		get_str(op, at, "pool", BE_POOL_MAX, &volume.pool, err) < 0 ||
		js_get_int(at, "size", 1, INT64_MAX, &volume.size, err) < 0 ||
		js_get_int(at, "createdAt", 0, INT64_MAX, &volume.created_ms, err) < 0 ||
		js_get_bool(at, "written", &volume.written, err) < 0 ||
		read_source(op, at, &volume.source, err) < 0 ||
		read_metadata(op, at, &volume.name, &volume.metadata, err) < 0 ||
		read_hosts(op, at, &volume, err) < 0) {
		return linux_garbage(lb, err);
	}
	*ret = volume;
	return 0;
}

int linux_read_snapshot(struct linux_backend *lb, const struct op *op, const struct js_at *at,
	struct be_snapshot *ret, struct err *err)
{
	struct be_snapshot snapshot = {.ready = true};

	if (get_str(op, at, "id", BE_OBJECT_MAX, &snapshot.object, err) < 0 ||
		get_str(op, at, "volume", BE_OBJECT_MAX, &snapshot.volume, err) < 0 ||
		get_str(op, at, "pool", BE_POOL_MAX, &snapshot.pool, err) < 0 ||
		js_get_int(at, "size", 1, INT64_MAX, &snapshot.size, err) < 0 ||
		js_get_int(at, "createdAt", 0, INT64_MAX, &snapshot.created_ms, err) < 0 ||
		read_metadata(op, at, &snapshot.name, &snapshot.metadata, err) < 0) {
		return linux_garbage(lb, err);
	}
	*ret = snapshot;
	return 0;
}

static int read_identity(const struct js_at *at, struct attach_info *ret, struct err *err)
{
	const char *nguid = NULL;
	const char *uuid = NULL;
	const char *nqn = NULL;
	int64_t nsid = 0;

	if (js_get_str(at, "nqn", NQN_MAX, &nqn, err) < 0 || nqn_check("nqn", nqn, err) < 0 ||
		js_get_int(at, "nsid", 1, UINT32_MAX - 1, &nsid, err) < 0 ||
		js_get_str(at, "nguid", 64, &nguid, err) < 0 ||
		parse_hex("nguid", nguid, ret->ident.nguid, sizeof(ret->ident.nguid), err) < 0 ||
		js_get_str(at, "uuid", 64, &uuid, err) < 0 ||
		parse_hex("uuid", uuid, ret->ident.uuid, sizeof(ret->ident.uuid), err) < 0) {
		return -1;
	}
	memcpy(ret->nqn, nqn, strlen(nqn) + 1);
	ret->ident.nsid = (uint32_t)nsid;
	if (!ns_ident_known(&ret->ident)) {
		return js_fail(at, "uuid", err, "must not be zero, and nguid neither");
	}
	return 0;
}

static int read_portals(const struct js_at *at, struct portals *ret, struct err *err)
{
	struct js_at array;

	if (js_get_array(at, "portals", PORTALS_MAX, &array, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&array); i++) {
		const char *text = NULL;

		if (js_item_str(&array, i, PORTAL_TEXT_SIZE, &text, err) < 0 ||
			portal_parse("portals", text, &ret->list[i], err) < 0) {
			return -1;
		}
		ret->n++;
	}
	return ret->n > 0 ? 0 : js_fail(at, "portals", err, "must name at least one portal");
}

int linux_read_export(
	struct linux_backend *lb, const struct js_at *at, struct attach_info *ret, struct err *err)
{
	struct attach_info info = {.auth = "none", .tls = "none"};

	if (read_identity(at, &info, err) < 0 || read_portals(at, &info.portals, err) < 0 ||
		js_get_int(at, "size", 1, INT64_MAX, &info.min_size, err) < 0 ||
		js_get_bool(at, "shared", &info.shared, err) < 0 ||
		js_get_bool(at, "written", &info.written, err) < 0) {
		return linux_garbage(lb, err);
	}
	*ret = info;
	return 0;
}

/* A token of ours is an id of the agent's. */
static int token_check(const char *token, struct err *err)
{
	size_t n = strlen(token);

	if (n > BE_OBJECT_MAX || strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789-") != n) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"token: not one that this backend gave; list from the start");
	}
	return 0;
}

/* Ids must ascend beyond the token and `next` must be the last: else a list could go round in
 * circles or leave something out without anybody seeing it. */
static int check_frame(
	const struct op *op, const char *token, struct linux_page *page, struct err *err)
{
	struct js_at root = js_root(page->doc);
	const char *next = "";
	const char *last = token;

	for (size_t i = 0; i < js_len(&page->items); i++) {
		struct js_at item;
		const char *id = NULL;

		if (js_item_obj(&page->items, i, &item, err) < 0 ||
			js_get_str(&item, "id", BE_OBJECT_MAX, &id, err) < 0) {
			return -1;
		}
		if (strcmp(id, last) <= 0) {
			return js_fail(&item, "id", err, "must come after the ids before it");
		}
		last = id;
	}
	if (js_opt_str(&root, "next", BE_OBJECT_MAX, &next, err) < 0 ||
		token_check(next, err) < 0) {
		return -1;
	}
	if (*next && (strcmp(next, token) <= 0 || strcmp(next, last) < 0)) {
		return js_fail(&root, "next", err, "must be beyond the ids of its page");
	}
	return take(op, next, &page->next, err);
}

static char *page_path(const struct linux_backend *lb, const struct op *op, const char *collection,
	const struct be_page *page)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(HTTP_PATH_MAX);
	size_t max = page->max ? page->max : BE_PAGE_MAX;

	sb_addf(&sb, "/v1/%s?limit=%zu&instance=%s", collection, MIN(max, (size_t)LINUX_PAGE_MAX),
		lb->instance);
	if (!str_empty(page->token)) {
		sb_addf(&sb, "&token=%s", page->token);
	}
	if (!str_empty(page->volume)) {
		sb_addf(&sb, "&volume=%s", page->volume);
	}
	return sb.failed ? NULL : arena_strdup(op->arena, sb_str(&sb));
}

int linux_page_get(struct linux_backend *lb, const struct op *op, const char *collection,
	const struct be_page *page, struct linux_page *ret, struct err *err)
{
	const char *token = str_empty(page->token) ? "" : page->token;
	struct js_at root;

	*ret = (struct linux_page){.next = ""};
	if (token_check(token, err) < 0) {
		return -1;
	}
	if (linux_get(lb, op, page_path(lb, op, collection, page), &ret->doc, err) < 0) {
		/* A list is never "not there". */
		return err && err->code == ERR_NOT_FOUND ? be_not_final(err) : -1;
	}
	root = js_root(ret->doc);
	if (js_get_array(&root, collection, BE_PAGE_MAX, &ret->items, err) < 0 ||
		check_frame(op, token, ret, err) < 0) {
		js_doc_free(TAKE_PTR(ret->doc));
		return linux_garbage(lb, err);
	}
	return 0;
}

struct js *linux_metadata(const char *name, struct kv_list metadata)
{
	struct js *object = js_object();

	js_set_str(object, BE_KEY_NAME, name);
	for (size_t i = 0; i < metadata.n; i++) {
		js_set_str(object, metadata.items[i].key, metadata.items[i].value);
	}
	return object;
}
