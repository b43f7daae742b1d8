/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letting hosts in. The whole export is built up to what it must be from whatever is there: nothing
 * after a restart of the target, a part of it after a crash of ours. The listeners come last, so
 * that no host meets a subsystem without its namespace.
 */
#include "common/base/parse.h"
#include "controller/backend/spdk/export.h"
#include "controller/backend/spdk/rates.h"
#include "controller/backend/spdk/show.h"
#include "controller/backend/spdk/spdk_table.h"

#include <stdio.h>

/** How often a part that failed is looked at and tried again, and the wait before, in ms. */
#define TRIES_MAX 5
#define AGAIN_MS 100
/** How long to wait before a target that is away is tried again, and how much time must be left
 * for it to be worth it, in ms. */
#define AWAY_MS 500
#define REST_MS 1000
/** What hosts see of the subsystem. */
#define MODEL "nvmetcp-csi volume"
#define SERIAL_DIGITS 20

/* The parts of an export, in the order in which they are made. */
enum part { PART_SUBSYSTEM, PART_CLOSED, PART_NAMESPACE, PART_HOST, PART_LISTENER, PART_NONE };

/* One grant under way. */
struct letting {
	struct spdk_backend *sb;
	const struct op *op;
	const char *object;
	const char *host;
	bool refused; /* the target is there and does not do it: waiting will not help */
	const struct spdk_lvol *lvol;
	struct spdk_published published;
	unsigned portal; /* which listener lacks, when the part is PART_LISTENER */
};

static enum part lacking(struct letting *l)
{
	const struct spdk_export *export = &l->published.export;

	if (!export->there) {
		return PART_SUBSYSTEM;
	}
	if (export->any_host) {
		return PART_CLOSED;
	}
	if (!export->open) {
		return PART_NAMESPACE;
	}
	if (!spdk_export_has(export, l->host)) {
		return PART_HOST;
	}
	for (l->portal = 0; l->portal < l->sb->portals.n; l->portal++) {
		if (!spdk_export_listens(export, &l->sb->portals.list[l->portal])) {
			return PART_LISTENER;
		}
	}
	return PART_NONE;
}

static void set_subsystem(struct js *params, const struct spdk_lvol *lvol)
{
	char serial[SERIAL_DIGITS + 1];
	size_t n = 0;

	for (const char *p = lvol->uuid; *p && n < SERIAL_DIGITS; p++) {
		if (*p != '-') {
			serial[n++] = *p;
		}
	}
	serial[n] = '\0';
	js_set_str(params, "serial_number", serial);
	js_set_str(params, "model_number", MODEL);
	js_set_bool(params, "allow_any_host", false);
	js_set_bool(params, "ana_reporting", true);
	js_set_int(params, "max_namespaces", SPDK_NSID);
}

/* The identity is that of the lvol, for ever: Linux refuses a namespace that changed its own. */
static void set_namespace(struct js *params, const struct spdk_lvol *lvol)
{
	struct js *ns = js_object();
	uint8_t id[16] = {0};
	char nguid[33];

	(void)!parse_hex("uuid", lvol->uuid, id, sizeof(id), NULL);
	hex_print(id, sizeof(id), nguid);
	js_set_str(ns, "bdev_name", lvol->uuid);
	js_set_int(ns, "nsid", SPDK_NSID);
	js_set_str(ns, "uuid", lvol->uuid);
	js_set_str(ns, "nguid", nguid);
	js_set_int(ns, "anagrpid", SPDK_NSID);
	js_set(params, "namespace", ns);
}

static void set_listener(struct js *params, const struct portal *portal)
{
	struct js *address = js_object();
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", (unsigned)portal->port);
	js_set_str(address, "trtype", "TCP");
	js_set_str(address, "adrfam", portal->v6 ? "IPv6" : "IPv4");
	js_set_str(address, "traddr", portal->addr);
	js_set_str(address, "trsvcid", port);
	js_set(params, "listen_address", address);
}

/* Make one part. */
static int make_part(const struct step *in, struct letting *l, enum part part,
	enum spdk_said *ret_said, struct err *err)
{
	static const char *const methods[] = {[PART_SUBSYSTEM] = "nvmf_create_subsystem",
		[PART_CLOSED] = "nvmf_subsystem_allow_any_host",
		[PART_NAMESPACE] = "nvmf_subsystem_add_ns",
		[PART_HOST] = "nvmf_subsystem_add_host",
		[PART_LISTENER] = "nvmf_subsystem_add_listener"};
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = methods[part], .params = js_object()};
	char nqn[NQN_SIZE];

	spdk_nqn(l->sb, l->lvol, nqn);
	js_set_str(call.params, "nqn", nqn);
	switch (part) {
	case PART_SUBSYSTEM:
		set_subsystem(call.params, l->lvol);
		break;
	case PART_CLOSED:
		js_set_bool(call.params, "allow_any_host", false);
		break;
	case PART_NAMESPACE:
		set_namespace(call.params, l->lvol);
		break;
	case PART_HOST:
		js_set_str(call.params, "host", l->host);
		break;
	default:
		set_listener(call.params, &l->sb->portals.list[l->portal]);
	}
	if (spdk_send(in, l->sb, l->op, &call, err) < 0) {
		*ret_said = call.said;
		return -1;
	}
	return 0;
}

static int look(struct letting *l, struct err *err)
{
	spdk_published_done(&l->published);
	return spdk_export_get(l->sb, l->op, l->lvol, &l->published, err);
}

/* Why a part cannot be made, as far as can be seen; SPDK itself only says "Invalid parameters". */
static int explain(struct letting *l, enum part part, const struct err *why, struct err *err)
{
	char portal[PORTAL_TEXT_SIZE] = "";

	l->refused = true;
	if (part == PART_LISTENER) {
		portal_print(&l->sb->portals.list[l->portal], portal);
		return err_set(err, ERR_UNAVAILABLE,
			"%s; portal %s: has the target this address, is the port free, and does "
			"nvmf_get_transports list TCP (else nvmf_create_transport -t TCP)?",
			why->msg, portal);
	}
	if (part == PART_NAMESPACE) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s; is the volume in another subsystem, which nobody but SPDK's own can "
			"tell? See nvmf_get_subsystems for bdev %s",
			why->msg, l->lvol->uuid);
	}
	return err_set(err, why->code, "%s", why->msg);
}

/* Part by part. What failed is looked at: another one may have made it, or an older release was in
 * the middle of another change, which it tells as an internal error. */
static int build(const struct step *in, struct letting *l, struct err *err)
{
	enum spdk_said said = SPDK_SAID_NOTHING;
	unsigned tries = 0;
	enum part part;

	if (look(l, err) < 0) {
		return -1;
	}
	while ((part = lacking(l)) != PART_NONE) {
		struct err why = {0};

		if (part == PART_NAMESPACE && l->published.export.taken) {
			l->refused = true;
			return err_set(err, ERR_UNAVAILABLE,
				"backend %s: namespace %d of the subsystem of %s is not this volume; "
				"it was made by somebody else: remove it on the target",
				l->sb->name, SPDK_NSID, l->lvol->stored.object);
		}
		if (make_part(in, l, part, &said, &why) < 0) {
			if (said == SPDK_SAID_NOTHING) {
				return err_set(err, why.code, "%s", why.msg);
			}
			if (++tries == TRIES_MAX || deadline_poll(&l->op->deadline, -1, 0, AGAIN_MS,
							    "retry", err) < 0) {
				return explain(l, part, &why, err);
			}
		}
		if (look(l, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static void show(const struct letting *l, struct attach_info *ret)
{
	struct attach_info info = {.min_size = l->lvol->size,
		.portals = l->sb->portals,
		.written = spdk_written(l->lvol),
		.auth = "none",
		.tls = "none"};

	spdk_nqn(l->sb, l->lvol, info.nqn);
	info.ident.nsid = SPDK_NSID;
	(void)!parse_hex("uuid", l->lvol->uuid, info.ident.uuid, sizeof(info.ident.uuid), NULL);
	memcpy(info.ident.nguid, info.ident.uuid, sizeof(info.ident.nguid));
	*ret = info;
}

static int grant_once(
	const struct step *in, struct letting *l, struct attach_info *ret, struct err *err)
{
	_cleanup_spdk_found_ struct spdk_found found = {0};
	int rc;

	if (spdk_find(l->sb, l->op, l->object, &found, err) < 0) {
		return -1;
	}
	l->lvol = &found.lvol;
	/* Before a host is let in: a restart of the target has forgotten them. */
	rc = spdk_rates_hold(in, l->sb, l->op, l->lvol, err) < 0 ? -1 : build(in, l, err);
	if (rc == 0) {
		show(l, ret);
	}
	spdk_published_done(&l->published);
	return rc;
}

/*
 * A target that is being started again is waited for as long as the caller has time: after a
 * restart every volume must be published anew before its hosts give their paths up, and a caller
 * that was turned away comes back later and later.
 */
enum be_result spdk_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct letting l = {.sb = sb, .op = op, .object = args->object, .host = args->host_nqn};
	struct err why = {0};

	if (!objname_is_of(args->object, sb->instance, BE_KIND_VOLUME)) {
		return be_none_of_ours(sb->name, sb->instance, "the volume", err), BE_FAILED;
	}
	if (nqn_check("host", args->host_nqn, err) < 0 ||
		spdk_lock(sb, op, args->object, &held, err) < 0) {
		return BE_FAILED;
	}
	while (grant_once(in, &l, ret, &why) < 0) {
		if (why.code != ERR_UNAVAILABLE || l.refused ||
			deadline_left_ms(&op->deadline) < AWAY_MS + REST_MS ||
			deadline_poll(&op->deadline, -1, 0, AWAY_MS, "retry", NULL) < 0) {
			return err_set(err, why.code, "%s", why.msg), BE_FAILED;
		}
		why = (struct err){0};
	}
	return BE_DONE;
}
