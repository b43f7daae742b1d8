/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hidden snapshots: those that were deleted while they had clones, and those between a volume and
 * its copy. SPDK removes a snapshot with one clone (its data becomes the clone's), not with two, so
 * each goes when its last clone but one does.
 */
#pragma once

#include "controller/backend/spdk/act.h"

/** spdk_hide - take @snapshot out of sight; its name is free again. */
MUST_USE int spdk_hide(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *snapshot, struct err *err);
/** spdk_prune - from the snapshot @base of @pool upwards, remove the hidden ones that nothing
 * needs any more. Best effort: what stays is removed by spdk_sweep(). */
void spdk_prune(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const char *pool, const char *base);
/** spdk_sweep - the same for all that are in @view. */
void spdk_sweep(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_view *view);

/** struct spdk_between - the hidden snapshot between a volume and the copy @object of it. */
struct spdk_between {
	char name[SPDK_HIDDEN_SIZE];
	char uuid[SPDK_UUID_SIZE];
	struct keylock_held *held; /* keeps a sweep off; keylock_release() */
};
/** spdk_between_get - find or cut it. Return: 0, or -1 ABORTED when somebody else was quicker. */
MUST_USE int spdk_between_get(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *source, const char *object, struct spdk_between *ret,
	struct err *err);
