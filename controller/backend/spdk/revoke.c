/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting hosts off. SPDK answers a removal when the host's connections are closed and what was
 * under way has ended; that is looked at once more, as it is what a fence means (P4).
 */
#include "controller/backend/spdk/export.h"
#include "controller/backend/spdk/spdk_table.h"

/** Most controllers of one subsystem that are read. */
#define CONTROLLERS_MAX 65536

static int remove_host(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, const char *host, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "nvmf_subsystem_remove_host", .params = js_object()};
	char nqn[NQN_SIZE];

	spdk_nqn(sb, lvol, nqn);
	js_set_str(call.params, "nqn", nqn);
	js_set_str(call.params, "host", host);
	return spdk_send(in, sb, op, &call, err);
}

/* Has @host a controller in the subsystem? Return: 1, 0 or -1. */
static int is_connected(struct spdk_backend *sb, const struct op *op, const struct spdk_lvol *lvol,
	const char *host, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "nvmf_subsystem_get_controllers", .params = js_object()};
	char nqn[NQN_SIZE];
	struct js_at list;
	struct js_at item;
	struct js_at root;

	spdk_nqn(sb, lvol, nqn);
	js_set_str(call.params, "nqn", nqn);
	if (spdk_ask(sb, op, &call, err) < 0) {
		return -1;
	}
	root = js_root(call.doc);
	if (js_get_array(&root, "result", CONTROLLERS_MAX, &list, err) < 0) {
		return spdk_garbage(sb, call.method, err);
	}
	for (size_t i = 0; i < js_len(&list); i++) {
		const char *nqn_of_host = NULL;

		if (js_item_obj(&list, i, &item, err) < 0 ||
			js_get_str(&item, "hostnqn", NQN_MAX, &nqn_of_host, err) < 0) {
			return spdk_garbage(sb, call.method, err);
		}
		if (streq(nqn_of_host, host)) {
			return 1;
		}
	}
	return 0;
}

/* The last one, or all: the subsystem goes, and with it every connection. */
static enum be_result close_all(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, struct err *err)
{
	_cleanup_spdk_published_ struct spdk_published left = {0};

	if (spdk_export_remove(in, sb, op, lvol, err) < 0 ||
		spdk_export_get(sb, op, lvol, &left, err) < 0) {
		return BE_FAILED;
	}
	return left.export.there ? BE_IN_PROGRESS : BE_DONE;
}

static enum be_result close_one(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, const char *host, struct err *err)
{
	_cleanup_spdk_published_ struct spdk_published now = {0};
	struct err why = {0};
	int failed = remove_host(in, sb, op, lvol, host, &why);
	int connected;

	if (spdk_export_get(sb, op, lvol, &now, err) < 0) {
		return BE_FAILED;
	}
	if (!now.export.there) {
		return BE_DONE;
	}
	if (spdk_export_has(&now.export, host)) {
		return failed < 0 ? (err_set(err, why.code, "%s", why.msg), BE_FAILED)
				  : BE_IN_PROGRESS;
	}
	connected = is_connected(sb, op, lvol, host, err);
	if (connected != 0) {
		return connected < 0 ? BE_FAILED : BE_IN_PROGRESS;
	}
	return now.export.n_hosts == 0 ? close_all(in, sb, op, lvol, err) : BE_DONE;
}

static enum be_result cut_off(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, const char *host, struct err *err)
{
	_cleanup_spdk_published_ struct spdk_published now = {0};
	int connected;

	if (spdk_export_get(sb, op, lvol, &now, err) < 0) {
		return BE_FAILED;
	}
	if (!now.export.there) {
		return BE_DONE;
	}
	/* Open to all is open to this one, whatever the list says. */
	if (!host || now.export.n_hosts == 0 || now.export.any_host) {
		return close_all(in, sb, op, lvol, err);
	}
	if (spdk_export_has(&now.export, host)) {
		return close_one(in, sb, op, lvol, host, err);
	}
	/* Taken off the list by a call that was given up: are its connections gone, too? */
	connected = is_connected(sb, op, lvol, host, err);
	return connected < 0 ? BE_FAILED : connected > 0 ? BE_IN_PROGRESS : BE_DONE;
}

enum be_result spdk_revoke(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_spdk_found_ struct spdk_found found = {0};
	struct err why = {0};

	if (!objname_is_of(args->object, sb->instance, BE_KIND_VOLUME)) {
		return BE_DONE;
	}
	if ((args->host_nqn && nqn_check("host", args->host_nqn, err) < 0) ||
		spdk_lock(sb, op, args->object, &held, err) < 0) {
		return BE_FAILED;
	}
	/* Twice, as a restart of the target may fall between the parts of one look. */
	if (spdk_find(sb, op, args->object, &found, &why) < 0 &&
		(why.code != ERR_NOT_FOUND || spdk_find(sb, op, args->object, &found, &why) < 0)) {
		return why.code == ERR_NOT_FOUND
			       ? BE_DONE
			       : (err_set(err, why.code, "%s", why.msg), BE_FAILED);
	}
	return cut_off(in, sb, op, &found.lvol, args->host_nqn, err);
}
