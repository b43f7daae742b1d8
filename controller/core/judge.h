/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a volume, by what is known of its backend and pool. For the files of this
 * folder only.
 */
#pragma once

#include "controller/core/member.h"
#include "controller/core/volume_health.h"

/** struct judged - what is known. */
struct judged {
	const char *pool; /* of the volume */
	bool stale;	  /* the volume, or the list with it, could not be asked for now */
	const struct be_pools *pools; /* NULL: they could not be asked for, or cannot be */
};

/** judge_pools - ask for the pools, within a lane of the member. Return: 0, or -1: not known. */
MUST_USE int judge_pools(struct member *member, struct lane *of, const struct op *op, bool stale,
	struct be_pools *ret);
/** judge_by_pool - add what is wrong to @ret. Return: 0, or -1 without memory. */
MUST_USE int judge_by_pool(struct op *op, const struct member *member, const struct judged *judged,
	struct core_volume_health *ret, struct err *err);
