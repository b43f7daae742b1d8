/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: create, delete, look up, grow, list, and the room that is left.
 */
#pragma once

#include "controller/core/core.h"

/** The least ctrlLossTmo, in s, on a backend that forgets its exports: time for its restart, for
 * the attacher to see it (reconcile-sync, 1 min), and for many volumes to be published again. */
#define CORE_HEAL_S 300

enum core_source_kind { CORE_BLANK, CORE_FROM_SNAPSHOT, CORE_FROM_VOLUME };

/** struct core_source - what a volume is made from; id is set unless kind is CORE_BLANK. */
struct core_source {
	enum core_source_kind kind;
	struct core_id id;
};

/** struct core_volume - a volume as it is; everything lives as long as the request. */
struct core_volume {
	struct core_id id;
	int64_t size;		   /* bytes */
	struct kv_list context;	   /* for the node; empty when the backend keeps no parameters */
	struct core_source source; /* as asked at creation */
	const struct topology *topology; /* from where it is reached; lives as long as the core */
	const char *const *nodes;	 /* where it is published: node ids, sorted */
	size_t n_nodes;
};

/** struct core_range - how large: bytes, 0 where not given; required <= limit was checked. */
struct core_range {
	int64_t required;
	int64_t limit;
};

struct core_create {
	const char *name; /* the CO's; checked */
	struct core_range range;
	struct kv_list parameters;
	struct core_source source;
	struct topology requisite; /* it must be reached from one of these */
	bool mount;		   /* a filesystem is asked for, at least sometimes */
	const char *fs_type;	   /* which one, "" for the default */
};

/**
 * core_volume_create - make a volume, or find it made. A volume that a crash left unfinished is
 * finished.
 * Return: 0, or -1: INVALID_ARGUMENT (parameters), NOT_FOUND (source), ALREADY_EXISTS (the name is
 * another volume's), OUT_OF_RANGE (size), RESOURCE_EXHAUSTED (no room, or the backend is not
 * reached from where it must be), ABORTED (under way), and what the backend says.
 */
MUST_USE int core_volume_create(struct core *core, struct op *op, const struct core_create *create,
	struct core_volume *ret, struct err *err);
/**
 * core_volume_delete - remove it; one that is not there is fine.
 * Return: 0, or -1: FAILED_PRECONDITION (published, or something depends on it), ABORTED.
 */
MUST_USE int core_volume_delete(
	struct core *core, struct op *op, const struct core_id *id, struct err *err);
/** core_volume_get - look it up. Return: 0, or -1 (NOT_FOUND). */
MUST_USE int core_volume_get(struct core *core, struct op *op, const struct core_id *id,
	struct core_volume *ret, struct err *err);
/**
 * core_volume_expand - make it at least range->required bytes large; it never shrinks.
 * Return: 0 and its size, or -1: OUT_OF_RANGE (the limit below what it has or needs, or beyond the
 * backend), NOT_FOUND, RESOURCE_EXHAUSTED, ABORTED.
 */
MUST_USE int core_volume_expand(struct core *core, struct op *op, const struct core_id *id,
	const struct core_range *range, int64_t *ret_size, struct err *err);

/** struct core_volumes - one page of the list. */
struct core_volumes {
	struct core_volume *list;
	size_t n;
	const char *next_token; /* "" at the end */
	const char *stale; /* a backend that was answered for from its last good list, or NULL */
};

/**
 * core_volume_list - all volumes of this instance on all backends, in the order of their ids, with
 * the nodes where they are published. A backend out of reach is answered for from its last good
 * list; without one the call fails, since leaving volumes out would say that they are detached.
 * @max_entries 0: as many as fit. Return: 0, or -1: ABORTED (token), UNAVAILABLE.
 */
MUST_USE int core_volume_list(struct core *core, struct op *op, size_t max_entries,
	const char *token, struct core_volumes *ret, struct err *err);

struct core_capacity {
	int64_t available;
	int64_t max_size;
	int64_t min_size;
};

/**
 * core_capacity - the room for volumes with @parameters; without a backend named there, on all.
 * @from, where it has keys, is the segment that they must be reached from; from one that no backend
 * knows there is none, which is no error.
 */
MUST_USE int core_capacity(struct core *core, struct op *op, struct kv_list parameters,
	struct kv_list from, struct core_capacity *ret, struct err *err);
