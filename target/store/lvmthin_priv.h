/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store `lvmthin` share.
 */
#pragma once

#include "target/store/lvmthin.h"
#include "target/store/pooldir.h"

/** Most text of all tags of one logical volume. */
#define LVMTHIN_TAGS_MAX 16384

struct lvmthin_store {
	struct store base;
	struct pooldir dir;
	struct lvm lvm; /* its vg is the next */
	char vg[LVM_NAME_SIZE];
	char thin_pool[LVM_NAME_SIZE];
	struct lvmthin_pool pool; /* as of its opening */
	char tag[LVMTHIN_TAG_SIZE];
};

/** lvmthin_of - the store behind its head. */
static inline struct lvmthin_store *lvmthin_of(struct store *store)
{
	return container_of(store, struct lvmthin_store, base);
}

/** lvmthin_lv - the logical volume of an object into @out. */
void lvmthin_lv(struct object_name name, char out[LVM_NAME_SIZE]);
/** lvmthin_id - the id behind a logical volume's name, if it is one of ours of this kind. */
bool lvmthin_id(enum object_kind kind, const char *lv, char ret_id[OBJECT_ID_SIZE]);
/** lvmthin_tag - the tag of the pool with this identity into @out. */
void lvmthin_tag(const char *uuid, char out[LVMTHIN_TAG_SIZE]);

/** lvmthin_device - the object's device and its name. Return: 1, 0 when it has none, or -1. */
MUST_USE int lvmthin_device(struct lvmthin_store *s, struct object_name name,
	char ret_name[DM_DEVICE_NAME_SIZE], struct dm_device *ret, struct err *err);
/** lvmthin_pool_device - the thin pool's device, which changes its name when the first volume is
 * made. Return: 1, 0 when it has none, or -1. */
MUST_USE int lvmthin_pool_device(struct lvmthin_store *s, char ret_name[DM_DEVICE_NAME_SIZE],
	struct dm_device *ret, struct err *err);
/** lvmthin_pool_status - its status as values; not active: UNAVAILABLE. */
MUST_USE int lvmthin_pool_status(struct lvmthin_store *s, struct dm_pool *ret, struct err *err);

/** lvmthin_generation_write - as struct store_ops says: in the thin pool, then in the directory. */
MUST_USE int lvmthin_generation_write(
	const struct step *in, struct store *store, int64_t generation, struct err *err);

/* Operations on data (lvmthin_data.c), as struct store_ops says. */
int lvmthin_create(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err);
int lvmthin_clone(const struct step *in, struct store *store, struct object_name from,
	struct object_name to, int64_t size, struct err *err);
int lvmthin_grow(const struct step *in, struct store *store, struct object_name name, int64_t size,
	struct err *err);
int lvmthin_remove(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
int lvmthin_drain(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
int lvmthin_wake(
	const struct step *in, struct store *store, struct object_name name, struct err *err);
int lvmthin_stat(
	struct store *store, struct object_name name, struct store_stat *ret, struct err *err);
int lvmthin_path(struct store *store, struct object_name name, char ret[PATH_MAX], struct err *err);
