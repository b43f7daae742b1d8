/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The StorageClass parameters: one table of what may stand there and what is done with it. Some
 * choose where a volume is made, some travel to the node in the volume context, some are the
 * provisioner's and are only tolerated. Anything else is an error that names it.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/nvmf/kv.h"
#include "controller/backend/backend.h"

/** Longest value of a parameter, in bytes. */
#define PARAM_VALUE_MAX 256
/** Key of the volume context that names the filesystem for the node. */
#define PARAM_FS_KEY "fsType"
/** Smallest xfs that mkfs.xfs makes, in bytes. */
#define PARAM_XFS_MIN (300 * MIB)

/** struct volume_params - a StorageClass, checked. All pointers live as long as the arena. */
struct volume_params {
	const char *backend;	/* "" : not named */
	const char *pool;	/* "" : the backend's own choice */
	const char *fs_type;	/* "" : not named here (it may stand in the capability) */
	struct be_rates rates;	/* limits of rates, 0 for none */
	struct kv_list context; /* for the node, sorted by key: mkfsOptions, reclaim, connection */
	const char *compare; /* what must be equal for two volumes to be "the same", as one text */
};

/**
 * params_parse - check @params against the table.
 * Return: 0, or -1 INVALID_ARGUMENT naming the parameter, its value and what is allowed;
 * RESOURCE_EXHAUSTED when the arena is full.
 */
MUST_USE int params_parse(
	struct kv_list params, struct arena *arena, struct volume_params *ret, struct err *err);

/** params_is_context - true when @key is one of a volume context that this version writes. */
bool params_is_context(const char *key);

/**
 * params_context - the volume context of @params for a volume with filesystem @fs_type ("": none,
 * as for block access), sorted by key. Return: 0, or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int params_context(const struct volume_params *params, const char *fs_type,
	struct arena *arena, struct kv_list *ret, struct err *err);

/**
 * params_snapshot_check - a VolumeSnapshotClass has no parameters of ours; those that the
 * snapshotter adds are tolerated. Return: 0, or -1 INVALID_ARGUMENT naming the parameter.
 */
MUST_USE int params_snapshot_check(struct kv_list params, struct err *err);
