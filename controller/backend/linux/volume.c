/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and grants of the linux backend. The agent's PUTs are idempotent by themselves; what is
 * done here is to look first, so that answers do not depend on what a newer controller keeps in the
 * metadata, and to say exactly what does not fit.
 */
#include "controller/backend/linux/linux_priv.h"
#include "controller/backend/linux/linux_table.h"
#include "controller/backend/objname.h"

static bool ours(const struct linux_backend *lb, const char *object)
{
	return objname_is_of(object, lb->instance, BE_KIND_VOLUME);
}

/* The document is the volume @object. */
static int read_this(struct linux_backend *lb, const struct op *op, const struct js_doc *doc,
	const char *object, struct be_volume *ret, struct err *err)
{
	struct js_at root = js_root(doc);
	struct be_volume volume;

	if (linux_read_volume(lb, op, &root, &volume, err) < 0) {
		return -1;
	}
	if (!streq(volume.object, object)) {
		(void)js_fail(&root, "id", err, "must be that of the volume asked for");
		return linux_garbage(lb, err);
	}
	*ret = volume;
	return 0;
}

int linux_volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;

	if (!ours(lb, object)) {
		return be_none_of_ours(lb->name, lb->instance, "the volume", err);
	}
	if (linux_get(lb, op, linux_path(op, "volumes", object, ""), &doc, err) < 0) {
		return -1;
	}
	return read_this(lb, op, doc, object, ret, err);
}

int linux_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_(linux_page_done) struct linux_page got = {0};
	struct be_volumes volumes = {0};
	size_t n;

	if (linux_page_get(lb, op, "volumes", page, &got, err) < 0) {
		return -1;
	}
	n = js_len(&got.items);
	volumes.next = got.next;
	volumes.list = arena_alloc(op->arena, (n + 1) * sizeof(*volumes.list));
	if (!volumes.list) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		struct js_at item;

		if (js_item_obj(&got.items, i, &item, err) < 0) {
			return linux_garbage(lb, err);
		}
		if (linux_read_volume(lb, op, &item, &volumes.list[volumes.n], err) < 0) {
			return -1;
		}
		volumes.n += ours(lb, volumes.list[volumes.n].object) ? 1 : 0;
	}
	*ret = volumes;
	return 0;
}

/* What a new volume takes from its source: the pool, and the least size. */
struct origin {
	const char *pool;
	int64_t size;
};

static int look_at_source(struct backend *self, const struct op *op, const struct be_source *source,
	struct origin *ret, struct err *err)
{
	struct be_snapshot snapshot;
	struct be_volume volume;

	*ret = (struct origin){.pool = ""};
	if (source->kind == BE_FROM_SNAPSHOT) {
		if (linux_snapshot_get(self, op, source->object, &snapshot, err) < 0) {
			return err_wrap(err, "source");
		}
		*ret = (struct origin){.pool = snapshot.pool, .size = snapshot.size};
	} else if (source->kind == BE_FROM_VOLUME) {
		if (linux_volume_get(self, op, source->object, &volume, err) < 0) {
			return err_wrap(err, "source");
		}
		*ret = (struct origin){.pool = volume.pool, .size = volume.size};
	}
	return 0;
}

/* The pool to create in, and is what is asked for possible at all? */
static int plan(struct backend *self, const struct op *op, const struct be_volume_args *args,
	const char **ret_pool, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	struct be_limits limits;
	struct origin origin;

	if (linux_limits(lb, op, &limits, err) < 0 || be_size_check(&limits, args->size, err) < 0 ||
		look_at_source(self, op, &args->source, &origin, err) < 0) {
		return -1;
	}
	if (args->size < origin.size) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"size: %lld bytes, but its source %s has %lld; a volume cannot be smaller than "
			"what it is made from",
			(long long)args->size, args->source.object, (long long)origin.size);
	}
	if (*origin.pool && !str_empty(args->pool) && !streq(origin.pool, args->pool)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"pool: %s, but its source %s is in pool %s, and copies share their data with it",
			args->pool, args->source.object, origin.pool);
	}
	if (*origin.pool) {
		*ret_pool = origin.pool;
		return 0;
	}
	return linux_pool_choose(lb, op, args->pool, ret_pool, err);
}

static struct js *volume_body(
	const struct linux_backend *lb, const struct be_volume_args *args, const char *pool)
{
	struct js *body = js_object();

	js_set_str(body, "pool", pool);
	js_set_str(body, "instance", lb->instance);
	js_set_int(body, "size", args->size);
	if (args->source.kind != BE_BLANK) {
		struct js *source = js_object();

		js_set_str(source, args->source.kind == BE_FROM_VOLUME ? "volume" : "snapshot",
			args->source.object);
		js_set(body, "source", source);
	}
	js_set(body, "metadata", linux_metadata(args->name, args->metadata));
	return body;
}

/* The volume is there: is it the one asked for? */
static enum be_result found(const struct be_volume *volume, const struct be_volume_args *args,
	struct be_volume *ret, struct err *err)
{
	if (be_volume_fits(volume, args, err) < 0) {
		return BE_FAILED;
	}
	*ret = *volume;
	return BE_DONE;
}

/* The agent said no: two of its reasons mean something else to the caller. */
static enum be_result create_refused(struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *why, struct err *err)
{
	struct be_volume volume;

	if (why->code == ERR_ALREADY_EXISTS) {
		/* Another controller made it since we looked; its metadata may differ from ours. */
		if (linux_volume_get(self, op, args->object, &volume, err) < 0) {
			return be_not_final(err), BE_FAILED;
		}
		return found(&volume, args, ret, err);
	}
	if (why->code == ERR_NOT_FOUND && args->source.kind == BE_BLANK) {
		why->code = ERR_INVALID_ARGUMENT; /* there is nothing but the pool to be missing */
	}
	return err_set(err, why->code, "%s", why->msg), BE_FAILED;
}

enum be_result linux_volume_create(const struct step *in, struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_js_ struct js *body = NULL;
	struct linux_change change = {.method = "PUT"};
	struct be_volume volume;
	struct err why = {0};
	const char *pool = NULL;

	if (!ours(lb, args->object)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "object: not the name of a volume of instance %s", lb->instance),
		       BE_FAILED;
	}
	if (be_metadata_check(args->metadata, err) < 0) {
		return BE_FAILED;
	}
	if (linux_volume_get(self, op, args->object, &volume, &why) == 0) {
		return found(&volume, args, ret, err);
	}
	if (why.code != ERR_NOT_FOUND) {
		return err_set(err, why.code, "%s", why.msg), BE_FAILED;
	}
	if (plan(self, op, args, &pool, err) < 0) {
		return BE_FAILED;
	}
	body = volume_body(lb, args, pool);
	change.path = linux_path(op, "volumes", args->object, "");
	change.body = body;
	if (linux_send(in, lb, op, &change, &doc, &why) < 0) {
		return create_refused(self, op, args, ret, &why, err);
	}
	if (read_this(lb, op, doc, args->object, &volume, err) < 0) {
		return BE_FAILED;
	}
	return found(&volume, args, ret, err);
}

/* A deletion or fence that finds nothing is done. */
static enum be_result remove_at(const struct step *in, struct linux_backend *lb,
	const struct op *op, const char *path, struct err *err)
{
	const struct linux_change change = {.method = "DELETE", .path = path};
	struct err why = {0};

	if (linux_send(in, lb, op, &change, NULL, &why) == 0 || why.code == ERR_NOT_FOUND) {
		return BE_DONE;
	}
	return err_set(err, why.code, "%s", why.msg), BE_FAILED;
}

enum be_result linux_volume_delete(const struct step *in, struct backend *self, const struct op *op,
	const char *object, struct err *err)
{
	struct linux_backend *lb = linux_of(self);

	if (!ours(lb, object)) {
		return BE_DONE;
	}
	return remove_at(in, lb, op, linux_path(op, "volumes", object, ""), err);
}

enum be_result linux_snapshot_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err)
{
	struct linux_backend *lb = linux_of(self);

	if (!objname_is_of(object, lb->instance, BE_KIND_SNAPSHOT)) {
		return BE_DONE;
	}
	return remove_at(in, lb, op, linux_path(op, "snapshots", object, ""), err);
}

enum be_result linux_volume_expand(const struct step *in, struct backend *self, const struct op *op,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_js_ struct js *body = NULL;
	struct linux_change change = {.method = "POST"};
	struct be_limits limits;

	if (!ours(lb, args->object)) {
		return be_none_of_ours(lb->name, lb->instance, "the volume", err), BE_FAILED;
	}
	if (linux_limits(lb, op, &limits, err) < 0 || be_size_check(&limits, args->size, err) < 0) {
		return BE_FAILED;
	}
	body = js_object();
	js_set_int(body, "size", args->size);
	change.path = linux_path(op, "volumes", args->object, "/resize");
	change.body = body;
	/* Sent even when it is large enough already: the agent tells the hosts again. */
	if (linux_send(in, lb, op, &change, &doc, err) < 0) {
		return BE_FAILED;
	}
	if (read_this(lb, op, doc, args->object, ret, err) < 0) {
		return BE_FAILED;
	}
	if (ret->size < args->size) {
		(void)err_set(err, ERR_UNAVAILABLE,
			"volume %s: it has %lld bytes after growing to %lld", args->object,
			(long long)ret->size, (long long)args->size);
		return linux_garbage(lb, err), BE_FAILED;
	}
	return BE_DONE;
}

/* "/hosts/<nqn>", or "/hosts" for all of them. */
static char *hosts_path(const struct op *op, const struct be_grant_args *args)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(HTTP_PATH_MAX);

	sb_add(&sb, "/hosts");
	if (args->host_nqn) {
		sb_addc(&sb, '/');
		http_path_escape(&sb, args->host_nqn);
	}
	return sb.failed ? NULL : linux_path(op, "volumes", args->object, sb_str(&sb));
}

enum be_result linux_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct linux_change change = {.method = "PUT"};
	struct js_at root;

	if (!ours(lb, args->object)) {
		return be_none_of_ours(lb->name, lb->instance, "the volume", err), BE_FAILED;
	}
	if (nqn_check("host", args->host_nqn, err) < 0) {
		return BE_FAILED;
	}
	change.path = hosts_path(op, args);
	if (linux_send(in, lb, op, &change, &doc, err) < 0) {
		return BE_FAILED;
	}
	root = js_root(doc);
	return linux_read_export(lb, &root, ret, err) < 0 ? BE_FAILED : BE_DONE;
}

enum be_result linux_revoke(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct err *err)
{
	struct linux_backend *lb = linux_of(self);

	if (!ours(lb, args->object)) {
		return BE_DONE;
	}
	if (args->host_nqn && nqn_check("host", args->host_nqn, err) < 0) {
		return BE_FAILED;
	}
	return remove_at(in, lb, op, hosts_path(op, args), err);
}
