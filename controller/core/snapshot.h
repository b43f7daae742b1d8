/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: cut, delete, look up, list.
 */
#pragma once

#include "controller/core/core.h"

/** struct core_snapshot - a snapshot as it is; everything lives as long as the request. */
struct core_snapshot {
	struct core_id id;
	struct core_id source; /* the volume; it may be gone by now */
	int64_t size;	       /* bytes that a volume made from it needs at least */
	int64_t created_ms;    /* since 1970 */
	bool ready;
};

/**
 * core_snapshot_create - cut a snapshot of @source, or find it cut.
 * Return: 0, or -1: NOT_FOUND (source), ALREADY_EXISTS (the name is a snapshot of another volume),
 * RESOURCE_EXHAUSTED, ABORTED, and what the backend says.
 */
MUST_USE int core_snapshot_create(struct core *core, struct op *op, const char *name,
	const struct core_id *source, struct core_snapshot *ret, struct err *err);
/** core_snapshot_delete - remove it; one that is not there is fine. Return: 0, or -1. */
MUST_USE int core_snapshot_delete(
	struct core *core, struct op *op, const struct core_id *id, struct err *err);
/** core_snapshot_get - look it up, ready or not. Return: 0, or -1 (NOT_FOUND). */
MUST_USE int core_snapshot_get(struct core *core, struct op *op, const struct core_id *id,
	struct core_snapshot *ret, struct err *err);

/** struct core_snapshots - one page of the list. */
struct core_snapshots {
	struct core_snapshot *list;
	size_t n;
	const char *next_token; /* "" at the end */
};

struct core_snapshot_filter {
	const struct core_id *id;     /* NULL: any */
	const struct core_id *source; /* NULL: any */
	size_t max_entries;	      /* 0: as many as fit */
	const char *token;	      /* "" : from the start */
};

/** core_snapshot_list - the snapshots that match, in the order of their ids. Return: 0, or -1:
 * ABORTED (token), UNAVAILABLE. */
MUST_USE int core_snapshot_list(struct core *core, struct op *op,
	const struct core_snapshot_filter *filter, struct core_snapshots *ret, struct err *err);
