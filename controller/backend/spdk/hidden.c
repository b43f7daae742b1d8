/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hidden snapshots come and go.
 */
#include "controller/backend/spdk/hidden.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <stdio.h>

/** Longest chain of hidden snapshots that is followed. */
#define CHAIN_MAX 64

int spdk_hide(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *snapshot, struct err *err)
{
	char name[SPDK_HIDDEN_SIZE];
	uint8_t id[16];

	if (parse_hex("uuid", snapshot->uuid, id, sizeof(id), err) < 0) {
		return be_not_final(err);
	}
	spdk_hidden_name(sb->instance, id, name);
	return spdk_rename(in, sb, op, snapshot, name, err);
}

/* Is it needed by nothing that is there? One that a copy is being made from is held. */
static bool remove_hidden(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *hidden)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	enum spdk_said said = SPDK_SAID_NOTHING;

	return hidden->kind == SPDK_HIDDEN && hidden->n_clones <= 1 &&
	       keylock_try(sb->objects, "object", hidden->name, &held, NULL) == 0 &&
	       spdk_delete(in, sb, op, hidden, &said, NULL) == 0;
}

void spdk_prune(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const char *pool, const char *base)
{
	char name[BE_POOL_MAX + 1 + SPDK_TEXT_MAX];

	(void)snprintf(name, sizeof(name), "%s/%s", pool, base);
	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		_cleanup_spdk_found_ struct spdk_found found = {0};
		const char *slash = strrchr(name, '/');
		struct objname_stored stored;

		if (spdk_kind_of(slash + 1, sb->instance, &stored) != SPDK_HIDDEN ||
			spdk_find_named(sb, op, name, &found, NULL) <= 0 ||
			!remove_hidden(in, sb, op, &found.lvol)) {
			return;
		}
		(void)snprintf(name, sizeof(name), "%s/%s", pool, found.lvol.base);
	}
}

void spdk_sweep(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_view *view)
{
	for (size_t i = 0; i < view->n; i++) {
		const struct spdk_lvol *lvol = &view->lvols[i];

		if (remove_hidden(in, sb, op, lvol)) {
			spdk_prune(in, sb, op, lvol->pool, lvol->base);
		}
	}
}

int spdk_between_get(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *source, const char *object, struct spdk_between *ret,
	struct err *err)
{
	char pair[2 * BE_OBJECT_SIZE + 2];
	char path[BE_POOL_MAX + 1 + SPDK_HIDDEN_SIZE];
	_cleanup_spdk_found_ struct spdk_found found = {0};
	struct spdk_new what = {.from = source->uuid, .name = ret->name};
	uint8_t id[16];
	int rc;

	/* Of both names: the same copy of another volume must not meet it. */
	(void)snprintf(pair, sizeof(pair), "%s\n%s", object, source->stored.object);
	uuid_of_name(pair, id);
	spdk_hidden_name(sb->instance, id, ret->name);
	(void)snprintf(path, sizeof(path), "%s/%s", source->pool, ret->name);
	if (spdk_lock(sb, op, ret->name, &ret->held, err) < 0) {
		return -1;
	}
	rc = spdk_find_named(sb, op, path, &found, err);
	if (rc == 0) {
		rc = spdk_make_snapshot(in, sb, op, &what, err);
		rc = rc < 0 ? rc : spdk_find_named(sb, op, path, &found, err);
	}
	if (rc <= 0) {
		return rc < 0 ? -1
			      : err_set(err, ERR_ABORTED,
					"backend %s: the snapshot %s between %s and its copy went "
					"away; retry",
					sb->name, ret->name, source->stored.object);
	}
	memcpy(ret->uuid, found.lvol.uuid, SPDK_UUID_SIZE);
	return 0;
}
