/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading subsystems. What SPDK prints differs in case from what it was given, and older releases
 * repeat some members under another name; only what is needed is looked at.
 */
#include "controller/backend/spdk/export.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <strings.h>

/** Most namespaces and listeners that are read. */
#define NAMESPACES_MAX 1024
#define LISTENERS_MAX 64
/** An address or port as SPDK prints it. */
#define ADDRESS_MAX 255

void spdk_nqn(const struct spdk_backend *sb, const struct spdk_lvol *lvol, char out[NQN_SIZE])
{
	uint8_t uuid[16] = {0};

	/* It was checked when the lvol was read. */
	(void)!parse_hex("uuid", lvol->uuid, uuid, sizeof(uuid), NULL);
	nqn_of_volume(sb->instance, uuid, out);
}

/* A listener that is none of TCP, or has no numeric address, is none of ours. */
static int read_listener(const struct js_at *at, struct spdk_export *ret, struct err *err)
{
	const char *type = "";
	const char *addr = "";
	const char *port = "";
	char text[2 * ADDRESS_MAX + 8];
	struct portal portal;

	if (js_opt_str(at, "trtype", ADDRESS_MAX, &type, err) < 0 ||
		js_opt_str(at, "traddr", ADDRESS_MAX, &addr, err) < 0 ||
		js_opt_str(at, "trsvcid", ADDRESS_MAX, &port, err) < 0) {
		return -1;
	}
	(void)snprintf(text, sizeof(text), strchr(addr, ':') ? "[%s]:%s" : "%s:%s", addr, port);
	if (strcasecmp(type, "TCP") == 0 && portal_parse("listener", text, &portal, NULL) == 0 &&
		!spdk_export_listens(ret, &portal) && ret->portals.n < PORTALS_MAX) {
		ret->portals.list[ret->portals.n++] = portal;
	}
	return 0;
}

static int read_listeners(const struct js_at *at, struct spdk_export *ret, struct err *err)
{
	struct js_at listeners;
	struct js_at item;

	if (js_get_array(at, "listen_addresses", LISTENERS_MAX, &listeners, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&listeners); i++) {
		if (js_item_obj(&listeners, i, &item, err) < 0 ||
			read_listener(&item, ret, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_namespace(
	const struct js_at *at, const char *uuid, struct spdk_export *ret, struct err *err)
{
	const char *bdev = NULL;
	const char *shown = "";
	int64_t nsid = 0;
	bool same;

	if (js_get_int(at, "nsid", 1, UINT32_MAX - 1, &nsid, err) < 0 ||
		js_get_str(at, "bdev_name", SPDK_TEXT_MAX, &bdev, err) < 0 ||
		js_opt_str(at, "uuid", SPDK_TEXT_MAX, &shown, err) < 0) {
		return -1;
	}
	same = streq(bdev, uuid) && (!*shown || strcasecmp(shown, uuid) == 0);
	if (nsid == SPDK_NSID) {
		ret->open = same;
		ret->taken = !same;
	}
	return 0;
}

static int read_namespaces(
	const struct js_at *at, const char *uuid, struct spdk_export *ret, struct err *err)
{
	struct js_at namespaces = {0};
	struct js_at item;

	if (js_opt_array(at, "namespaces", NAMESPACES_MAX, &namespaces, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < js_len(&namespaces); i++) {
		if (js_item_obj(&namespaces, i, &item, err) < 0 ||
			read_namespace(&item, uuid, ret, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_hosts(const struct js_at *at, struct spdk_export *ret, struct err *err)
{
	struct js_at hosts;
	struct js_at item;

	if (js_get_bool(at, "allow_any_host", &ret->any_host, err) < 0 ||
		js_get_array(at, "hosts", SPDK_HOSTS_MAX, &hosts, err) < 0) {
		return -1;
	}
	ret->hosts = calloc(js_len(&hosts) + 1, sizeof(*ret->hosts));
	if (!ret->hosts) {
		return err_set(err, ERR_UNAVAILABLE, "no memory for the hosts of a subsystem");
	}
	for (size_t i = 0; i < js_len(&hosts); i++) {
		if (js_item_obj(&hosts, i, &item, err) < 0 ||
			js_get_str(&item, "nqn", NQN_MAX, &ret->hosts[i], err) < 0) {
			return -1;
		}
		ret->n_hosts++;
	}
	return 0;
}

int spdk_read_export(
	const struct js_at *at, const char *uuid, struct spdk_export *ret, struct err *err)
{
	struct spdk_export export = {.there = true};

	if (read_hosts(at, &export, err) < 0 || read_listeners(at, &export, err) < 0 ||
		read_namespaces(at, uuid, &export, err) < 0) {
		free(export.hosts);
		return -1;
	}
	*ret = export;
	return 0;
}

void spdk_published_done(struct spdk_published *published)
{
	free(published->export.hosts);
	js_doc_free(published->doc);
	*published = (struct spdk_published){0};
}

/* The one subsystem of an answer, under the name that was asked for. */
static int read_one(const struct js_at *root, const char *nqn, const char *uuid,
	struct spdk_export *ret, struct err *err)
{
	struct js_at subsystems;
	struct js_at item;
	const char *name = NULL;

	if (js_get_array(root, "result", 1, &subsystems, err) < 0) {
		return -1;
	}
	if (js_len(&subsystems) == 0) {
		return js_fail(root, "result", err, "must have the subsystem asked for");
	}
	if (js_item_obj(&subsystems, 0, &item, err) < 0 ||
		js_get_str(&item, "nqn", NQN_MAX, &name, err) < 0) {
		return -1;
	}
	return streq(name, nqn) ? spdk_read_export(&item, uuid, ret, err)
				: js_fail(&item, "nqn", err, "must be the one asked for");
}

int spdk_export_get(struct spdk_backend *sb, const struct op *op, const struct spdk_lvol *lvol,
	struct spdk_published *ret, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "nvmf_get_subsystems", .params = js_object()};
	char nqn[NQN_SIZE];
	struct err why = {0};
	struct js_at root;

	*ret = (struct spdk_published){0};
	spdk_nqn(sb, lvol, nqn);
	js_set_str(call.params, "nqn", nqn);
	if (spdk_ask(sb, op, &call, &why) < 0) {
		return call.said == SPDK_SAID_ABSENT ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	root = js_root(call.doc);
	if (read_one(&root, nqn, lvol->uuid, &ret->export, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	ret->doc = TAKE_PTR(call.doc);
	return 0;
}

bool spdk_export_has(const struct spdk_export *export, const char *host)
{
	for (size_t i = 0; i < export->n_hosts; i++) {
		if (streq(export->hosts[i], host)) {
			return true;
		}
	}
	return false;
}

bool spdk_export_listens(const struct spdk_export *export, const struct portal *portal)
{
	for (unsigned i = 0; i < export->portals.n; i++) {
		if (portal_equal(&export->portals.list[i], portal)) {
			return true;
		}
	}
	return false;
}

bool spdk_export_whole(const struct spdk_backend *sb, const struct spdk_export *export)
{
	for (unsigned i = 0; i < sb->portals.n; i++) {
		if (!spdk_export_listens(export, &sb->portals.list[i])) {
			return false;
		}
	}
	return export->there && export->open;
}

int spdk_export_remove(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "nvmf_delete_subsystem", .params = js_object()};
	_cleanup_spdk_published_ struct spdk_published left = {0};
	char nqn[NQN_SIZE];
	struct err why = {0};

	spdk_nqn(sb, lvol, nqn);
	js_set_str(call.params, "nqn", nqn);
	if (spdk_send(in, sb, op, &call, &why) == 0) {
		return 0;
	}
	/* What releases up to 26.05 say of a subsystem that is not there says nothing. */
	if (call.said == SPDK_SAID_UNCLEAR && spdk_export_get(sb, op, lvol, &left, &why) == 0 &&
		!left.export.there) {
		return 0;
	}
	return call.said == SPDK_SAID_ABSENT ? 0 : err_set(err, why.code, "%s", why.msg);
}
