/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the configuration. Pools are named there, since of an lvol store that nobody knows of
 * nobody can say that it is missing.
 */
#include "controller/backend/spdk/config.h"

#include "common/base/parse.h"

#include <stdio.h>

#define RATIO_MIN 0.01
#define RATIO_MAX 100.0

const char *const spdk_config_keys[] = {"portals", "pools", "ratio", NULL};

int spdk_ratio_parse(const char *text, double *ret, struct err *err)
{
	size_t whole = strspn(text, "0123456789");
	const char *point = text + whole;
	size_t part = *point == '.' ? strspn(point + 1, "0123456789") : 0;
	double value = 0;
	double scale = 1;
	char shown[32];

	for (size_t i = 0; i < whole; i++) {
		value = value * 10 + (text[i] - '0');
	}
	for (size_t i = 0; i < part; i++) {
		scale /= 10;
		value += scale * (point[1 + i] - '0');
	}
	if (whole == 0 || whole > 3 || part > 6 || (*point == '.' && part == 0) ||
		point[*point == '.' ? part + 1 : 0] || value < RATIO_MIN || value > RATIO_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"ratio: \"%s\" must be a number from 0.01 to 100, as \"1.0\"",
			printable(text, shown, sizeof(shown)));
	}
	*ret = value;
	return 0;
}

static int bad_pool(const char *text, size_t n, const char *why, struct err *err)
{
	char one[SPDK_TEXT_MAX];
	char shown[SPDK_TEXT_MAX];

	(void)snprintf(one, sizeof(one), "%.*s", (int)MIN(n, sizeof(one) - 1), text);
	return err_set(err, ERR_INVALID_ARGUMENT, "pools: \"%s\" %s",
		printable(one, shown, sizeof(shown)), why);
}

/* "name" or "name=uuid", @n bytes. */
static int read_pool(struct spdk_backend *sb, const char *text, size_t n, struct err *err)
{
	struct spdk_wanted_pool *pool = &sb->pools[sb->n_pools];
	const char *equal = memchr(text, '=', n);
	size_t name = equal ? (size_t)(equal - text) : n;
	uint8_t bytes[16];

	if (sb->n_pools == SPDK_POOLS_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "pools: more than %d", SPDK_POOLS_MAX);
	}
	if (name == 0 || name > BE_POOL_MAX || memchr(text, '/', name) || memchr(text, ' ', name)) {
		return bad_pool(text, n,
			"must be the name of an lvol store: 1 to 63 bytes without "
			"slash and blank, and with commas in between",
			err);
	}
	memcpy(pool->name, text, name);
	if (equal) {
		if (n - name - 1 != SPDK_UUID_SIZE - 1) {
			return bad_pool(
				text, n, "must have the uuid of the lvol store behind =", err);
		}
		memcpy(pool->uuid, equal + 1, SPDK_UUID_SIZE - 1);
		if (parse_hex("pools", pool->uuid, bytes, sizeof(bytes), NULL) < 0) {
			return bad_pool(
				text, n, "must have the uuid of the lvol store behind =", err);
		}
	}
	for (size_t i = 0; i < sb->n_pools; i++) {
		if (streq(sb->pools[i].name, pool->name)) {
			return bad_pool(pool->name, name, "is there twice", err);
		}
	}
	sb->n_pools++;
	return 0;
}

static int read_pools(struct spdk_backend *sb, const char *text, struct err *err)
{
	const char *rest = text;

	if (str_empty(text)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"pools: is missing; name the lvol stores that volumes may be on, as "
			"\"lvs0,lvs1\" (bdev_lvol_get_lvstores lists them)");
	}
	for (;;) {
		size_t n = strcspn(rest, ",");

		if (read_pool(sb, rest, n, err) < 0) {
			return -1;
		}
		if (!rest[n]) {
			break;
		}
		rest += n + 1;
	}
	for (size_t i = 0; i < sb->n_pools; i++) {
		if (!*sb->pool || streq(sb->pools[i].name, sb->pool)) {
			return 0;
		}
	}
	return err_set(
		err, ERR_INVALID_ARGUMENT, "pool: \"%s\" is none of pools, \"%s\"", sb->pool, text);
}

int spdk_config_read(const struct be_config *config, struct spdk_backend *sb, struct err *err)
{
	const char *portals = kv_get(config->extra, "portals");
	const char *pools = kv_get(config->extra, "pools");
	const char *ratio = kv_get(config->extra, "ratio");

	if (!*config->url) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: is missing; https://host:port of the JSON-RPC proxy, or unix:///path of "
			"SPDK's socket");
	}
	if (instance_check("instance", config->instance, err) < 0 ||
		be_config_text("instance", config->instance, sb->instance, sizeof(sb->instance),
			err) < 0 ||
		be_config_text("name", config->name, sb->name, sizeof(sb->name), err) < 0 ||
		be_config_text("pool", config->pool, sb->pool, sizeof(sb->pool), err) < 0 ||
		read_pools(sb, pools ? pools : config->pool, err) < 0 ||
		spdk_ratio_parse(ratio ? ratio : "1.0", &sb->ratio, err) < 0) {
		return -1;
	}
	if (str_empty(portals)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"portals: is missing; name the addresses of the target where volumes are to "
			"be reached, as \"10.0.0.5:4420,10.0.1.5:4420\"");
	}
	return portals_parse("portals", portals, &sb->portals, err);
}
