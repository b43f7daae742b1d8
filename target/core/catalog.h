/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pool: its store, and in memory what the state texts in it say. The texts are the truth; the
 * memory is filled from them when the pool is attached and changed after they were written. A
 * pool that is not there, or is not the one recorded, answers UNAVAILABLE to everything.
 *
 * Thread-safe. Changes to one object are serialised by the caller (struct agent's locks).
 */
#pragma once

#include "common/base/step.h"
#include "target/store/kind.h"
#include "target/store/object.h"
#include "target/store/store.h"

/** Most volumes, and most snapshots, of one pool. */
#define CATALOG_OBJECTS_MAX 10000

/** struct catalog_config - all of it is borrowed, and must live as long as the catalog. */
struct catalog_config {
	/** uuid: the expected identity, NULL: the one recorded at first sight. */
	struct store_options store;
	double ratio;	       /* of the pool's size that may be promised */
	const char *state_dir; /* where identities are recorded, outside the pool */
};

struct catalog;

MUST_USE int catalog_new(
	const struct catalog_config *config, struct catalog **ret, struct err *err);
/** catalog_free - nobody uses it any more; accepts NULL. */
void catalog_free(struct catalog *catalog);
const char *catalog_name(const struct catalog *catalog);
const char *catalog_type(const struct catalog *catalog);
/** catalog_uuid - the identity as text into @out, "" when never attached. */
void catalog_uuid(struct catalog *catalog, char out[UUID_TEXT_SIZE]);
/** catalog_limits - of its store; zero when never attached. Asks no disk. */
struct store_limits catalog_limits(struct catalog *catalog);

/**
 * catalog_attach - open the pool and read all states, instead of what was known before. Nothing in
 * the pool but temporary files and its generation is changed. Waits until nobody uses the catalog.
 * Return: 0, or -1: then the pool counts as absent, and @err is remembered as the reason.
 */
MUST_USE int catalog_attach(const struct step *in, struct catalog *catalog, struct err *err);
/** catalog_lay_down - the pool will be used no more by this process: a copy that was made of it
 * until now counts as an older one. Best effort; logs. */
void catalog_lay_down(const struct step *in, struct catalog *catalog);
/** catalog_probe - would catalog_attach() find the pool, is it the recorded one, does reflink work?
 * Changes nothing. Return: 0, or -1 with the reason. */
MUST_USE int catalog_probe(const struct step *in, const struct catalog *catalog, struct err *err);
/** catalog_ready - is the pool there as far as is known? @reason (may be NULL) gets why not. */
bool catalog_ready(struct catalog *catalog, struct err *reason);

/**
 * catalog_use - begin an operation on the pool: checks that it is there, and keeps it attached
 * until catalog_done(). The same thread must end it.
 * Return: 0, or -1 UNAVAILABLE (the pool counts as absent from then on).
 */
MUST_USE int catalog_use(struct catalog *catalog, struct err *err);
void catalog_done(struct catalog *catalog);

/** catalog_knows - was an object of this name there when the pool was last read? Asks no disk, and
 * so never waits. */
bool catalog_knows(struct catalog *catalog, struct object_name name);

/* All below need catalog_use(). */

/** catalog_store - the store. */
struct store *catalog_store(struct catalog *catalog);
/** catalog_get - a reference to an object in any phase, NULL when there is none. */
struct object *catalog_get(struct catalog *catalog, struct object_name name);
/** catalog_damage - remember that an object cannot be used, and why. Others go on. Return: 0, or
 * -1: what is not remembered would count as not there. */
MUST_USE int catalog_damage(
	struct catalog *catalog, struct object_name name, const char *reason, struct err *err);
/** catalog_damaged - Return: 0 when all is well with it, -1 INTERNAL with the reason. */
MUST_USE int catalog_damaged(struct catalog *catalog, struct object_name name, struct err *err);
/** catalog_damage_count - objects that cannot be used. */
size_t catalog_damage_count(struct catalog *catalog);
/** catalog_damage_first - of these the first by name. Return: 0 when there is none, else -1
 * INTERNAL with its name and reason. */
MUST_USE int catalog_damage_first(struct catalog *catalog, struct err *err);

/**
 * catalog_reserve - take a new object in, or a larger version of one that is there, when the
 * capacity rule allows it. For a new volume it also chooses the NSID. In memory only.
 * Return: 0, or -1 RESOURCE_EXHAUSTED (no space, or a limit), ALREADY_EXISTS (new, but known).
 */
MUST_USE int catalog_reserve(
	struct catalog *catalog, struct object *object, bool is_new, struct err *err);
/** catalog_replace - put @object in the place of the one of its name. In memory only. */
void catalog_replace(struct catalog *catalog, struct object *object);
/** catalog_forget - remove it. In memory only. */
void catalog_forget(struct catalog *catalog, struct object_name name);
/** catalog_write - write its state to the pool. */
MUST_USE int catalog_write(const struct step *in, struct catalog *catalog,
	const struct object *object, struct err *err);

/** struct object_list - references, for object_list_done(). */
struct object_list {
	size_t n;
	struct object **list;
};

/** catalog_list - every object of a kind in order of ids. */
MUST_USE int catalog_list(
	struct catalog *catalog, enum object_kind kind, struct object_list *ret, struct err *err);
void object_list_done(struct object_list *list);
#define _cleanup_object_list_ _cleanup_(object_list_done)

/** struct catalog_usage - see the API's Pool. */
struct catalog_usage {
	struct store_usage store;
	double ratio;
	int64_t committed;
	int64_t available;
	size_t volumes;
	size_t snapshots;
};
MUST_USE int catalog_usage(struct catalog *catalog, struct catalog_usage *ret, struct err *err);
