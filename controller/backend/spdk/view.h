/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a target: its pools and their lvols, ours and others', read and checked.
 */
#pragma once

#include "controller/backend/spdk/spdk_priv.h"

/** What an lvol is to us. */
enum spdk_kind {
	SPDK_FOREIGN, /* not of our instance */
	SPDK_VOLUME,
	SPDK_SNAPSHOT,
	/** A snapshot that nobody sees: one that was deleted while it had clones, or the one
	 * between a volume and its copy. It goes when it has one clone left, or none. */
	SPDK_HIDDEN,
};

/** struct spdk_lvol - one lvol; strings belong to the answer that it was read from, or to the view;
 * pool to the backend. */
struct spdk_lvol {
	const char *uuid; /* and name of its bdev */
	const char *pool; /* name of a pool of the configuration; NULL: of none */
	const char *name;
	const char *base; /* name of the snapshot that it is a clone of, "" for none */
	size_t n_clones;
	int64_t size;	   /* bytes */
	int64_t allocated; /* clusters that are its own */
	bool snapshot;
	bool claimed; /* something has opened it for itself: a namespace, as a rule */
	enum spdk_kind kind;
	struct objname_stored stored; /* of volumes and snapshots */
	struct be_rates rates;	      /* of volumes: what its name says of them */
	struct be_rates limited;      /* what the target keeps it to now */
	uint64_t hash;		      /* of volumes: what their snapshots and copies say of it */
};

/** struct spdk_pool - an lvol store that the configuration names. */
struct spdk_pool {
	const struct spdk_wanted_pool *wanted;
	bool there;
	char uuid[SPDK_UUID_SIZE];
	int64_t cluster; /* bytes */
	int64_t total;	 /* bytes */
};

/** struct spdk_view - all of it at one time. */
struct spdk_view {
	struct arena *texts;	 /* owned */
	struct spdk_lvol *lvols; /* owned */
	size_t n;
	size_t room;
	/* Our volumes and snapshots by object; of those of one object the one that is meant comes
	 * first. Owned. */
	const struct spdk_lvol **named;
	size_t n_named;
	/* Our volumes by hash; owned. */
	const struct spdk_lvol **hashed;
	size_t n_hashed;
	struct spdk_pool pools[SPDK_POOLS_MAX]; /* as many as are configured */
};
/** spdk_view_done - free what it holds. */
void spdk_view_done(struct spdk_view *view);
#define _cleanup_spdk_view_ _cleanup_(spdk_view_done)

/** Longest name that spdk_hidden_name() makes, with its NUL. */
#define SPDK_HIDDEN_SIZE (INSTANCE_MAX + 3 + 32 + 1)
/** spdk_hidden_name - the name of a hidden snapshot: "<instance>-h-" and @id, 16 bytes. */
void spdk_hidden_name(const char *instance, const uint8_t id[16], char out[SPDK_HIDDEN_SIZE]);
/** spdk_kind_of - what a name makes of an lvol; @ret_stored is filled for volumes and snapshots. */
enum spdk_kind spdk_kind_of(
	const char *name, const char *instance, struct objname_stored *ret_stored);

/**
 * spdk_read_lvol - an element of bdev_get_bdevs. Return: 1 with *ret; 0 when it is no lvol; -1
 * when it has not SPDK's shape.
 */
MUST_USE int spdk_read_lvol(const struct spdk_backend *sb, const struct js_at *bdev,
	struct spdk_lvol *ret, struct err *err);
/**
 * spdk_pools - the pools of the configuration, into @ret (SPDK_POOLS_MAX). One that is not there,
 * or is another one of its name, is not an error here. Return: 0, or -1.
 */
MUST_USE int spdk_pools(
	struct spdk_backend *sb, const struct op *op, struct spdk_pool *ret, struct err *err);
/** spdk_pools_there - fail with UNAVAILABLE unless all of them are there: only then does "not
 * found" mean something. */
MUST_USE int spdk_pools_there(
	const struct spdk_backend *sb, const struct spdk_pool *pools, struct err *err);

/** spdk_look - the whole target, after its disks were examined and with all pools there. */
MUST_USE int spdk_look(
	struct spdk_backend *sb, const struct op *op, struct spdk_view *ret, struct err *err);
/** spdk_view_index - sort what was read, so that it can be looked up. */
MUST_USE int spdk_view_index(struct spdk_view *view, struct err *err);
/** spdk_view_after - index in named of the first lvol whose object comes after @object. */
size_t spdk_view_after(const struct spdk_view *view, const char *object);
/** spdk_view_find - the lvol of @object, NULL when there is none. Of snapshots of the same name,
 * which a lost request may leave, the oldest is meant. */
const struct spdk_lvol *spdk_view_find(const struct spdk_view *view, const char *object);
/** spdk_view_volume - the volume whose hash a stored name has as its source, NULL when gone. */
const struct spdk_lvol *spdk_view_volume(const struct spdk_view *view, uint64_t hash);
/** spdk_view_pool - the pool of that name, NULL when there is none. */
const struct spdk_pool *spdk_view_pool(
	const struct spdk_backend *sb, const struct spdk_view *view, const char *name);

/** struct spdk_found - one lvol and the answer that holds its strings. */
struct spdk_found {
	struct spdk_view view; /* when the whole list was needed */
	struct js_doc *doc;
	struct spdk_lvol lvol;
};
/** spdk_found_done - free what it holds. */
void spdk_found_done(struct spdk_found *found);
#define _cleanup_spdk_found_ _cleanup_(spdk_found_done)

/** spdk_find_hinted - the lvol of @object by its uuid, where that is remembered. Return: 1 and
 * *ret, 0 when it must be looked for in the whole list, -1. */
MUST_USE int spdk_find_hinted(struct spdk_backend *sb, const struct op *op, const char *object,
	struct spdk_found *ret, struct err *err);
/** spdk_find - the lvol of @object, by its uuid where that is remembered, else in the whole list.
 * Return: 0, or -1 (NOT_FOUND: it is surely not there). */
MUST_USE int spdk_find(struct spdk_backend *sb, const struct op *op, const char *object,
	struct spdk_found *ret, struct err *err);
/** spdk_find_named - the lvol @name of @pool. Return: 1 and *ret, 0 when there is none, -1. */
MUST_USE int spdk_find_named(struct spdk_backend *sb, const struct op *op, const char *name,
	struct spdk_found *ret, struct err *err);
