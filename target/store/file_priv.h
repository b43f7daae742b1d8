/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store `file` share.
 */
#pragma once

#include "target/store/file.h"
#include "target/store/pooldir.h"

#define FILE_DATA_SUFFIX ".img"

struct file_store {
	struct store base;
	struct pooldir dir;
	int64_t clone_extents;
	const struct fsops *fs;
};

/** file_store_of - the store behind its head. */
static inline struct file_store *file_store_of(struct store *store)
{
	return container_of(store, struct file_store, base);
}

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
