/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one bdev, and what its name says.
 */
#include "common/base/parse.h"
#include "controller/backend/spdk/rates.h"

#include <stdio.h>

/** Most aliases of a bdev, and clones of a snapshot. */
#define ALIASES_MAX 16
#define HIDDEN_DIGITS 32
#define PRODUCT "Logical Volume"

void spdk_hidden_name(const char *instance, const uint8_t id[16], char out[SPDK_HIDDEN_SIZE])
{
	char hex[HIDDEN_DIGITS + 1];

	hex_print(id, HIDDEN_DIGITS / 2, hex);
	(void)snprintf(out, SPDK_HIDDEN_SIZE, "%.*s-h-%s", INSTANCE_MAX, instance, hex);
}

static bool is_hidden(const char *name, const char *instance)
{
	size_t n = strlen(instance);

	return strncmp(name, instance, n) == 0 && strncmp(name + n, "-h-", 3) == 0 &&
	       strlen(name + n + 3) == HIDDEN_DIGITS &&
	       strspn(name + n + 3, "0123456789abcdef") == HIDDEN_DIGITS;
}

enum spdk_kind spdk_kind_of(
	const char *name, const char *instance, struct objname_stored *ret_stored)
{
	if (is_hidden(name, instance)) {
		return SPDK_HIDDEN;
	}
	if (!objname_read(name, instance, ret_stored)) {
		return SPDK_FOREIGN;
	}
	return ret_stored->kind == BE_KIND_VOLUME ? SPDK_VOLUME : SPDK_SNAPSHOT;
}

/* "pool/name", the alias of an lvol. */
static int read_alias(const struct spdk_backend *sb, const struct js_at *bdev,
	struct spdk_lvol *ret, struct err *err)
{
	struct js_at aliases;
	const char *alias = NULL;
	const char *slash;

	if (js_get_array(bdev, "aliases", ALIASES_MAX, &aliases, err) < 0) {
		return -1;
	}
	if (js_len(&aliases) == 0) {
		return js_fail(bdev, "aliases", err, "must name the lvol");
	}
	if (js_item_str(&aliases, 0, SPDK_TEXT_MAX, &alias, err) < 0) {
		return -1;
	}
	slash = strrchr(alias, '/');
	if (!slash) {
		return js_fail(bdev, "aliases", err, "must be lvol store, slash and lvol");
	}
	ret->name = slash + 1;
	for (size_t i = 0; i < sb->n_pools; i++) {
		const char *pool = sb->pools[i].name;

		if (strncmp(alias, pool, strlen(pool)) == 0 && alias + strlen(pool) == slash) {
			ret->pool = pool;
		}
	}
	return 0;
}

static int read_size(const struct js_at *bdev, struct spdk_lvol *ret, struct err *err)
{
	int64_t block = 0;
	int64_t blocks = 0;

	if (js_get_int(bdev, "block_size", 1, 1 << 20, &block, err) < 0 ||
		js_get_int(bdev, "num_blocks", 0, INT64_MAX / block, &blocks, err) < 0) {
		return -1;
	}
	ret->size = block * blocks;
	return 0;
}

static int read_clones(const struct js_at *lvol, struct spdk_lvol *ret, struct err *err)
{
	struct js_at clones = {0};
	const char *name = NULL;

	if (js_opt_array(lvol, "clones", SPDK_LVOLS_MAX, &clones, err) < 0) {
		return -1;
	}
	ret->n_clones = js_len(&clones);
	for (size_t i = 0; i < ret->n_clones; i++) {
		if (js_item_str(&clones, i, SPDK_TEXT_MAX, &name, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* A uuid as SPDK prints it; it becomes part of names. */
static int check_uuid(const struct js_at *bdev, const char *uuid, struct err *err)
{
	uint8_t bytes[16];

	if (strlen(uuid) != SPDK_UUID_SIZE - 1 ||
		parse_hex("uuid", uuid, bytes, sizeof(bytes), NULL) < 0) {
		return js_fail(bdev, "uuid", err, "must be 32 hex digits with dashes");
	}
	return 0;
}

int spdk_read_lvol(const struct spdk_backend *sb, const struct js_at *bdev, struct spdk_lvol *ret,
	struct err *err)
{
	struct spdk_lvol lvol = {.base = ""};
	const struct be_source self = {.kind = BE_FROM_VOLUME, .object = lvol.stored.object};
	const char *product = "";
	struct js_at specific;
	struct js_at at;

	if (js_opt_str(bdev, "product_name", SPDK_TEXT_MAX, &product, err) < 0) {
		return -1;
	}
	if (!streq(product, PRODUCT)) {
		return 0;
	}
	if (js_get_str(bdev, "uuid", SPDK_TEXT_MAX, &lvol.uuid, err) < 0 ||
		check_uuid(bdev, lvol.uuid, err) < 0 || read_alias(sb, bdev, &lvol, err) < 0 ||
		read_size(bdev, &lvol, err) < 0 ||
		js_opt_bool(bdev, "claimed", &lvol.claimed, err) < 0 ||
		spdk_rates_read(bdev, &lvol.limited, err) < 0 ||
		js_get_obj(bdev, "driver_specific", &specific, err) < 0 ||
		js_get_obj(&specific, "lvol", &at, err) < 0 ||
		js_opt_int(&at, "num_allocated_clusters", 0, INT64_MAX, &lvol.allocated, err) < 0 ||
		js_get_bool(&at, "snapshot", &lvol.snapshot, err) < 0 ||
		js_opt_str(&at, "base_snapshot", SPDK_TEXT_MAX, &lvol.base, err) < 0 ||
		read_clones(&at, &lvol, err) < 0) {
		return -1;
	}
	lvol.kind = spdk_kind_of(lvol.name, sb->instance, &lvol.stored);
	if (lvol.kind == SPDK_VOLUME) {
		lvol.hash = objname_source_hash(&self);
		lvol.rates = spdk_rates_of(lvol.stored.note);
		lvol.stored.created_ms = 0; /* its place is taken */
	}
	/* Names tell what is a snapshot: SPDK says so only of one that has clones, or had one since
	 * it was started. */
	if (!lvol.pool) {
		lvol.kind = SPDK_FOREIGN;
	} else if (lvol.kind != SPDK_FOREIGN) {
		lvol.snapshot = lvol.kind != SPDK_VOLUME;
	}
	*ret = lvol;
	return 1;
}
