/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store `file` share.
 */
#pragma once

#include "target/store/file.h"

#include <pthread.h>

#define FILE_DATA_SUFFIX ".img"
#define FILE_STATE_SUFFIX ".json"
#define FILE_NAME_SIZE (OBJECT_ID_SIZE + 8)

struct file_store {
	struct store base;
	char *path;
	struct stamp stamp;
	int64_t clone_extents;
	const struct fsops *fs;
	int dirfd;
	int folders[OBJECT_KINDS]; /* descriptors of volumes/ and snapshots/ */
	pthread_mutex_t spares;	   /* for the two below, also while they are written */
	int spare_folder;	   /* -1: there is none yet */
	bool spares_low;	   /* they are to be filled once there is space */
};

/** file_store_of - the store behind its head. */
static inline struct file_store *file_store_of(struct store *store)
{
	return container_of(store, struct file_store, base);
}

/** file_store_folder - "volumes" or "snapshots". */
const char *file_store_folder(enum object_kind kind);
/** file_store_name - "<id><suffix>" into @out. */
void file_store_name(struct object_name name, const char *suffix, char out[FILE_NAME_SIZE]);

/* Operations on data (file_data.c), as struct store_ops says. */
int file_data_create(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err);
int file_data_clone(const struct step *in, struct store *store, struct object_name from,
	struct object_name to, int64_t size, struct err *err);
int file_data_grow(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err);
int file_data_remove(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
int file_data_drain(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
int file_data_stat(
	struct store *store, struct object_name name, struct store_stat *ret, struct err *err);
int file_data_extents(struct store *store, struct object_name name, int64_t *ret, struct err *err);
