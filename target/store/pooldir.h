/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a pool, whatever the kind of store: its identity, and a state text per object.
 * A store of files has the data there, too.
 *
 *	<path>/.nvmetcp-pool			identity of the pool
 *	<path>/.nvmetcp-generation		how old this copy of it is
 *	<path>/volumes/<id>.json		state
 *	<path>/snapshots/<id>.json		state
 *	<path>/.spare				see spare.h
 */
#pragma once

#include "target/store/kind.h"
#include "target/store/stamp.h"

#include <pthread.h>

#define POOLDIR_STATE_SUFFIX ".json"
/** A file's name: an id and a suffix. */
#define POOLDIR_NAME_SIZE (OBJECT_ID_SIZE + 8)

struct pooldir {
	char *path;
	struct stamp stamp;
	int dirfd;
	int folders[OBJECT_KINDS]; /* descriptors of volumes/ and snapshots/ */
	pthread_mutex_t spares;	   /* for the two below, also while they are written */
	int spare_folder;	   /* -1: there is none yet */
	bool spares_low;	   /* they are to be filled once there is space */
};

/** pooldir_init - before all else, so that pooldir_done() may follow. */
void pooldir_init(struct pooldir *dir);
void pooldir_done(struct pooldir *dir);
/**
 * pooldir_open - open the directory of @options, whose identity must be the recorded one and of the
 * kind @type, and which is no older copy. Return: 0, or -1: UNAVAILABLE when it is not there,
 * FAILED_PRECONDITION when it is another one, DATA_LOSS when it is not whole.
 */
MUST_USE int pooldir_open(struct pooldir *dir, const char *type,
	const struct store_options *options, struct err *err);

/** pooldir_folder - "volumes" or "snapshots". */
const char *pooldir_folder(enum object_kind kind);
/** pooldir_name - "<id><suffix>" into @out. */
void pooldir_name(struct object_name name, const char *suffix, char out[POOLDIR_NAME_SIZE]);
/** pooldir_each - ids of the files with this suffix, until @fn returns non-zero. Return: that, or
 * -1. */
MUST_USE int pooldir_each(struct pooldir *dir, enum object_kind kind, const char *suffix,
	int (*fn)(const char *id, void *arg), void *arg, struct err *err);

/* What is the same in each store, as struct store_ops says; check and tidy may not be all of it. */
MUST_USE int pooldir_check(struct store *store, struct err *err);
MUST_USE int pooldir_state_write(const struct step *in, struct store *store,
	struct object_name name, const char *text, struct err *err);
MUST_USE int pooldir_state_read(
	struct store *store, struct object_name name, char **ret_text, struct err *err);
MUST_USE int pooldir_state_remove(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
MUST_USE int pooldir_generation_write(
	const struct step *in, struct store *store, int64_t generation, struct err *err);
MUST_USE int pooldir_tidy(const struct step *in, struct store *store, struct err *err);
