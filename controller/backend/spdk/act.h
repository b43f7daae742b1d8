/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes lvols: one method each. lvols are named by uuid, so that a change never meets
 * another one that took the name since it was read.
 */
#pragma once

#include "controller/backend/spdk/view.h"

/** struct spdk_new - an lvol that is to be. */
struct spdk_new {
	const char *from; /* uuid of the lvol store, snapshot or volume that it is made from */
	const char *name;
	int64_t size; /* bytes; of blank ones */
};

/** spdk_make_blank, spdk_make_snapshot, spdk_make_clone - make it. Return: 0; 1 when the name is
 * there already; or -1: RESOURCE_EXHAUSTED, ABORTED (also when what it is made from went
 * meanwhile), or a code that is not final. */
MUST_USE int spdk_make_blank(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err);
MUST_USE int spdk_make_snapshot(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err);
MUST_USE int spdk_make_clone(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_new *what, struct err *err);
/** spdk_grow - @lvol to @size bytes, which must be more than it has: SPDK would cut it without a
 * word. */
MUST_USE int spdk_grow(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, int64_t size, struct err *err);
/** spdk_rename - give @lvol another name. */
MUST_USE int spdk_rename(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, const char *name, struct err *err);
/** spdk_delete - remove @lvol, which was looked at. *ret_said: what the target said if it did not;
 * one that is not there is removed. */
MUST_USE int spdk_delete(const struct step *in, struct spdk_backend *sb, const struct op *op,
	const struct spdk_lvol *lvol, enum spdk_said *ret_said, struct err *err);
