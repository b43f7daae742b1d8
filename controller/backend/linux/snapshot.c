/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of the linux backend: cut, look up, list.
 */
#include "controller/backend/linux/linux_priv.h"
#include "controller/backend/linux/linux_table.h"
#include "controller/backend/objname.h"

static bool ours(const struct linux_backend *lb, const char *object)
{
	return objname_is_of(object, lb->instance, BE_KIND_SNAPSHOT);
}

static int read_this(struct linux_backend *lb, const struct op *op, const struct js_doc *doc,
	const char *object, struct be_snapshot *ret, struct err *err)
{
	struct js_at root = js_root(doc);
	struct be_snapshot snapshot;

	if (linux_read_snapshot(lb, op, &root, &snapshot, err) < 0) {
		return -1;
	}
	if (!streq(snapshot.object, object)) {
		(void)js_fail(&root, "id", err, "must be that of the snapshot asked for");
		return linux_garbage(lb, err);
	}
	*ret = snapshot;
	return 0;
}

int linux_snapshot_get(struct backend *self, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;

	if (!ours(lb, object)) {
		return be_none_of_ours(lb->name, lb->instance, "the snapshot", err);
	}
	if (linux_get(lb, op, linux_path(op, "snapshots", object, ""), &doc, err) < 0) {
		return -1;
	}
	return read_this(lb, op, doc, object, ret, err);
}

int linux_snapshot_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_(linux_page_done) struct linux_page got = {0};
	struct be_snapshots snapshots = {.next = ""};
	size_t n;

	if (!str_empty(page->volume) &&
		!objname_is_of(page->volume, lb->instance, BE_KIND_VOLUME)) {
		*ret = snapshots; /* no volume of ours, so it has none */
		return 0;
	}
	if (linux_page_get(lb, op, "snapshots", page, &got, err) < 0) {
		return -1;
	}
	n = js_len(&got.items);
	snapshots.next = got.next;
	snapshots.list = arena_alloc(op->arena, (n + 1) * sizeof(*snapshots.list));
	if (!snapshots.list) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		struct js_at item;

		if (js_item_obj(&got.items, i, &item, err) < 0) {
			return linux_garbage(lb, err);
		}
		if (linux_read_snapshot(lb, op, &item, &snapshots.list[snapshots.n], err) < 0) {
			return -1;
		}
		snapshots.n += ours(lb, snapshots.list[snapshots.n].object) ? 1 : 0;
	}
	*ret = snapshots;
	return 0;
}

static enum be_result found(const struct be_snapshot *snapshot, const struct be_snapshot_args *args,
	struct be_snapshot *ret, struct err *err)
{
	if (be_snapshot_fits(snapshot, args, err) < 0) {
		return BE_FAILED;
	}
	*ret = *snapshot;
	return BE_DONE;
}

enum be_result linux_snapshot_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_js_ struct js *body = NULL;
	struct linux_change change = {.method = "PUT"};
	struct be_snapshot snapshot;
	struct err why = {0};

	if (!ours(lb, args->object)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "object: not the name of a snapshot of instance %s", lb->instance),
		       BE_FAILED;
	}
	if (be_metadata_check(args->metadata, err) < 0) {
		return BE_FAILED;
	}
	if (linux_snapshot_get(self, op, args->object, &snapshot, &why) == 0) {
		return found(&snapshot, args, ret, err);
	}
	if (why.code != ERR_NOT_FOUND) {
		return err_set(err, why.code, "%s", why.msg), BE_FAILED;
	}
	if (!objname_is_of(args->volume, lb->instance, BE_KIND_VOLUME)) {
		return be_none_of_ours(lb->name, lb->instance, "the volume", err), BE_FAILED;
	}
	body = js_object();
	js_set_str(body, "volume", args->volume);
	js_set(body, "metadata", linux_metadata(args->name, args->metadata));
	change.path = linux_path(op, "snapshots", args->object, "");
	change.body = body;
	if (linux_send(in, lb, op, &change, &doc, &why) < 0) {
		if (why.code != ERR_ALREADY_EXISTS) {
			return err_set(err, why.code, "%s", why.msg), BE_FAILED;
		}
		/* Another controller cut it since we looked. */
		if (linux_snapshot_get(self, op, args->object, &snapshot, err) < 0) {
			return be_not_final(err), BE_FAILED;
		}
		return found(&snapshot, args, ret, err);
	}
	if (read_this(lb, op, doc, args->object, &snapshot, err) < 0) {
		return BE_FAILED;
	}
	return found(&snapshot, args, ret, err);
}
