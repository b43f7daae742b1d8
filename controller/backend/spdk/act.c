/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods that change lvols.
 */
#include "controller/backend/spdk/act.h"

/* Sizes: in bytes up to 23.05, in MiB from 23.09 on, and never both. */
static int set_size(struct spdk_backend *sb, const struct op *op, struct js *params, int64_t size,
	struct err *err)
{
	int release = 0;

	if (spdk_release(sb, op, &release, err) < 0) {
		return -1;
	}
	if (release >= SPDK_RELEASE_MIB) {
		js_set_int(params, "size_in_mib", (size + MIB - 1) / MIB);
	} else {
		js_set_int(params, "size", size);
	}
	return 0;
}

/* A name that is taken is for the caller to look at. */
static int made(const struct step *in, struct spdk_backend *sb, const struct op *op,
	struct spdk_call *call, struct err *err)
{
	struct err why = {0};

	if (spdk_send(in, sb, op, call, &why) == 0) {
		return 0;
	}
	if (call->said == SPDK_SAID_EXISTS) {
		return 1;
	}
	/* It was there a moment ago, so somebody is at work on it. */
	return err_set(err, call->said == SPDK_SAID_ABSENT ? ERR_ABORTED : why.code, "%s", why.msg);
}

int spdk_make_blank(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_create", .params = js_object()};

	js_set_str(call.params, "uuid", what->from);
	js_set_str(call.params, "lvol_name", what->name);
	js_set_bool(call.params, "thin_provision", true);
	if (set_size(sb, op, call.params, what->size, err) < 0) {
		return -1;
	}
	return made(in, sb, op, &call, err);
}

int spdk_make_snapshot(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_snapshot", .params = js_object()};

	js_set_str(call.params, "lvol_name", what->from);
	js_set_str(call.params, "snapshot_name", what->name);
	return made(in, sb, op, &call, err);
}

int spdk_make_clone(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_clone", .params = js_object()};

	js_set_str(call.params, "snapshot_name", what->from);
	js_set_str(call.params, "clone_name", what->name);
	return made(in, sb, op, &call, err);
}

int spdk_grow(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, int64_t size, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_resize", .params = js_object()};

	if (size <= lvol->size) {
		return 0;
	}
	js_set_str(call.params, "name", lvol->uuid);
	if (set_size(sb, op, call.params, size, err) < 0) {
		return -1;
	}
	return spdk_send(in, sb, op, &call, err);
}

int spdk_rename(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, const char *name, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_rename", .params = js_object()};

	js_set_str(call.params, "old_name", lvol->uuid);
	js_set_str(call.params, "new_name", name);
	return spdk_send(in, sb, op, &call, err);
}

int spdk_delete(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, enum spdk_said *ret_said, struct err *err)
{
	_cleanup_spdk_call_ struct spdk_call call = {
		.method = "bdev_lvol_delete", .params = js_object()};
	struct err why = {0};

	js_set_str(call.params, "name", lvol->uuid);
	if (spdk_send(in, sb, op, &call, &why) == 0 || call.said == SPDK_SAID_ABSENT) {
		return 0;
	}
	*ret_said = call.said;
	return err_set(err, why.code, "%s", why.msg);
}
