/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a volume goes and whether there is room. SPDK promises more than it has without a word, so
 * the rule is kept here: sizes of all volumes of a pool, and what its snapshots hold, within ratio.
 */
#pragma once

#include "controller/backend/spdk/view.h"

/** spdk_limits - from the clusters of the pools, kept for SPDK_LIMITS_MS. */
MUST_USE int spdk_limits(
	struct spdk_backend *sb, const struct op *op, struct be_limits *ret, struct err *err);
/** spdk_limits_of - the same of pools that were read. */
MUST_USE int spdk_limits_of(const struct spdk_backend *sb, const struct spdk_pool *pools,
	struct be_limits *ret, struct err *err);
/** spdk_pool_choose - @wanted, else the configured one, else the only one. Return: 0, or -1
 * INVALID_ARGUMENT listing them. */
MUST_USE int spdk_pool_choose(
	const struct spdk_backend *sb, const char *wanted, const char **ret_name, struct err *err);
/** spdk_room - bytes of @pool that may still be promised. */
int64_t spdk_room(
	const struct spdk_backend *sb, const struct spdk_view *view, const struct spdk_pool *pool);
/** spdk_room_check - may @more bytes be promised in the pool @name? Return: 0, or -1
 * RESOURCE_EXHAUSTED. */
MUST_USE int spdk_room_check(const struct spdk_backend *sb, const struct spdk_view *view,
	const char *name, int64_t more, struct err *err);
/** spdk_pinned - bytes that a snapshot of @lvol will hold on to. */
int64_t spdk_pinned(
	const struct spdk_backend *sb, const struct spdk_view *view, const struct spdk_lvol *lvol);
