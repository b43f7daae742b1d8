/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of store there are: one row of a table each. Above this line nobody asks which it is;
 * what differs is in the store's limits.
 */
#pragma once

#include "target/store/fsops.h"
#include "target/store/lvm.h"
#include "target/store/stamp.h"
#include "target/store/store.h"

/** struct store_options - one pool as configured; a store copies what it keeps, but the functions
 * of fs and lvm. */
struct store_options {
	const char *type;
	const char *name;   /* the pool's, as in its identity */
	const char *path;   /* absolute: the directory of the pool */
	const char *uuid;   /* the recorded identity; NULL: none is recorded yet */
	int64_t generation; /* the recorded one of that identity (generation.h); 0: none */
	const char *record; /* the file with both, for messages */
	/* file */
	int64_t clone_extents; /* 0: FILE_STORE_CLONE_EXTENTS */
	const struct fsops *fs;
	/* lvmthin */
	const char *vg;
	const char *thin_pool;
	const struct lvm_env *lvm;
	bool look_only; /* open it without activating anything; good for nothing but to be freed */
};

/** Their names, NULL-terminated; the first is the default. */
extern const char *const store_types[];

/**
 * store_open - open the pool, whose identity must be the recorded one and its generation not below
 * that, and try what its store needs of the machine. Return: 0, the store for store_free() and its
 * identity; or -1: UNAVAILABLE when the pool is not there, FAILED_PRECONDITION when it is another
 * one or cannot hold volumes, DATA_LOSS for a broken identity.
 */
MUST_USE int store_open(const struct step *in, const struct store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err);
