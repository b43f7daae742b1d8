/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the configuration, and refusing one that would be unsafe.
 */
#include "target/config.h"

#include "common/base/parse.h"
#include "target/store/lvmthin.h"

#include <arpa/inet.h>
#include <stdio.h>

#define LISTEN_UNIX "unix:"
#define POOL_WAIT_DEFAULT_S 120
#define POOL_WAIT_MAX_S 3600
#define STATE_DIR_DEFAULT "/var/lib/nvmetcp-target"
#define RATIO_MIN 0.01
#define RATIO_MAX 100.0

static int want_absolute(const struct js_at *in, const char *key, const char *path, struct err *err)
{
	if (path && path[0] != '/') {
		return js_fail(in, key, err, "\"%s\" must be an absolute path", path);
	}
	return 0;
}

/* Keys that one kind of store needs, and the other has no use for. */
static int of_type(const struct js_at *in, struct store_options *store, struct err *err)
{
	static const char *const only_file[] = {"cloneExtents", NULL};
	static const char *const only_thin[] = {"vg", "thinPool", NULL};
	bool thin = streq(store->type, LVMTHIN_STORE_TYPE);

	for (const char *const *key = thin ? only_file : only_thin; *key; key++) {
		if (js_has(in, *key)) {
			return js_fail(
				in, *key, err, "is not for pools of the type \"%s\"", store->type);
		}
	}
	if (!thin) {
		return 0;
	}
	if (js_get_str(in, "vg", LVM_NAME_SIZE - 1, &store->vg, err) < 0 ||
		js_get_str(in, "thinPool", LVM_NAME_SIZE - 1, &store->thin_pool, err) < 0) {
		return -1;
	}
	if (lvm_name_check("vg", store->vg, NULL) < 0 ||
		lvm_name_check("thinPool", store->thin_pool, NULL) < 0) {
		return js_fail(in, lvm_name_check("vg", store->vg, NULL) < 0 ? "vg" : "thinPool",
			err, "must be a name as LVM has them");
	}
	return 0;
}

static int pool_parse(const struct js_at *in, struct config_pool *pool, struct err *err)
{
	static const char *const keys[] = {
		"name", "type", "path", "uuid", "ratio", "cloneExtents", "vg", "thinPool", NULL};
	uint8_t uuid[16];
	int type = 0;

	pool->ratio = 1.0;
	if (js_only_keys(in, keys, err) < 0 ||
		js_get_str(in, "name", OBJECT_ID_MAX, &pool->store.name, err) < 0 ||
		js_opt_choice(in, "type", store_types, &type, err) < 0 ||
		js_get_str(in, "path", PATH_MAX / 2, &pool->store.path, err) < 0 ||
		js_opt_str(in, "uuid", UUID_TEXT_SIZE - 1, &pool->store.uuid, err) < 0 ||
		js_opt_real(in, "ratio", RATIO_MIN, RATIO_MAX, &pool->ratio, err) < 0 ||
		js_opt_int(in, "cloneExtents", 1, INT64_C(100000000), &pool->store.clone_extents,
			err) < 0 ||
		want_absolute(in, "path", pool->store.path, err) < 0) {
		return -1;
	}
	pool->store.type = store_types[type];
	if (of_type(in, &pool->store, err) < 0) {
		return -1;
	}
	if (object_id_check("name", pool->store.name, err) < 0) {
		return js_fail(in, "name", err,
			"must be 1 to %d characters of a-z, 0-9 and '-', not starting with '-'",
			OBJECT_ID_MAX);
	}
	if (pool->store.uuid &&
		(strlen(pool->store.uuid) != UUID_TEXT_SIZE - 1 ||
			parse_hex("uuid", pool->store.uuid, uuid, sizeof(uuid), err) < 0)) {
		return js_fail(in, "uuid", err, "must be a UUID, as --init-pool printed it");
	}
	return 0;
}

static bool same_thin_pool(const struct store_options *a, const struct store_options *b)
{
	return a->vg && b->vg && streq(a->vg, b->vg) && streq(a->thin_pool, b->thin_pool);
}

static int pools_parse(const struct js_at *top, struct config *config, struct err *err)
{
	struct js_at array;
	struct js_at item;

	if (js_get_array(top, "pools", AGENT_POOLS_MAX, &array, err) < 0) {
		return -1;
	}
	config->n_pools = (unsigned)js_len(&array);
	if (config->n_pools == 0) {
		return js_fail(top, "pools", err, "must have at least one pool");
	}
	for (unsigned i = 0; i < config->n_pools; i++) {
		if (js_item_obj(&array, i, &item, err) < 0 ||
			pool_parse(&item, &config->pools[i], err) < 0) {
			return -1;
		}
		for (unsigned j = 0; j < i; j++) {
			if (streq(config->pools[i].store.name, config->pools[j].store.name)) {
				return js_fail(&item, "name", err, "\"%s\" is there twice",
					config->pools[i].store.name);
			}
			if (streq(config->pools[i].store.path, config->pools[j].store.path)) {
				return js_fail(&item, "path", err, "\"%s\" is there twice",
					config->pools[i].store.path);
			}
			if (same_thin_pool(&config->pools[i].store, &config->pools[j].store)) {
				return js_fail(&item, "thinPool", err,
					"\"%s\" of \"%s\" is there twice",
					config->pools[i].store.thin_pool,
					config->pools[i].store.vg);
			}
		}
	}
	return 0;
}

static int portals_read(const struct js_at *top, struct config *config, struct err *err)
{
	struct js_at array;
	const char *text;

	if (js_get_array(top, "portals", PORTALS_MAX, &array, err) < 0) {
		return -1;
	}
	if (js_len(&array) == 0) {
		return js_fail(top, "portals", err, "must have at least one portal");
	}
	for (size_t i = 0; i < js_len(&array); i++) {
		struct portal *portal = &config->portals.list[i];
		struct err why = {0};

		if (js_item_str(&array, i, PORTAL_TEXT_SIZE, &text, err) < 0) {
			return -1;
		}
		if (portal_parse("portal", text, portal, &why) < 0) {
			return js_fail(&array, NULL, err, "[%zu]: %s", i, why.msg);
		}
		for (size_t j = 0; j < i; j++) {
			if (portal_equal(portal, &config->portals.list[j])) {
				return js_fail(&array, NULL, err, "\"%s\" is there twice", text);
			}
		}
		/* Hosts are told these very addresses. */
		if (streq(portal->addr, "0.0.0.0") || streq(portal->addr, "::")) {
			return js_fail(&array, NULL, err,
				"\"%s\" is no address that a host can connect to: name each of this machine's addresses",
				text);
		}
		config->portals.n++;
	}
	return 0;
}

static bool is_loopback(const struct portal *portal)
{
	struct in_addr v4;

	if (portal->v6) {
		return streq(portal->addr, "::1");
	}
	return inet_pton(AF_INET, portal->addr, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* Volumes are worth a password: only this machine gets in without one, and none goes in the clear.
 */
static int listen_check(const struct js_at *top, struct config *config, struct err *err)
{
	struct portal portal;
	struct err why = {0};

	if (strncmp(config->listen, LISTEN_UNIX, strlen(LISTEN_UNIX)) == 0) {
		config->unix_path = config->listen + strlen(LISTEN_UNIX);
		config->listen = NULL;
		return want_absolute(top, "listen", config->unix_path, err);
	}
	if (portal_parse("listen", config->listen, &portal, &why) < 0) {
		return js_fail(top, "listen", err,
			"must be \"address:port\" or \"unix:/path\" (%s)", why.msg);
	}
	if (is_loopback(&portal)) {
		return 0;
	}
	if (!config->token_file || !config->tls_cert) {
		return js_fail(top, "listen", err,
			"\"%s\" can be reached from other machines: that needs tlsCert, tlsKey and tokenFile; without them listen on 127.0.0.1, [::1] or \"unix:/path\"",
			config->listen);
	}
	return 0;
}

static int config_parse(const struct js_at *top, struct config *config, struct err *err)
{
	static const char *const keys[] = {"listen", "tlsCert", "tlsKey", "tokenFile", "stateDir",
		"configfs", "gate", "poolWaitSeconds", "portals", "pools", NULL};
	static const char *const gates[] = {"nft", "none", NULL};
	int gate = 0;

	config->state_dir = STATE_DIR_DEFAULT;
	config->pool_wait_s = POOL_WAIT_DEFAULT_S;
	if (js_want_obj(top, err) < 0 || js_only_keys(top, keys, err) < 0 ||
		js_get_str(top, "listen", PATH_MAX / 2, &config->listen, err) < 0 ||
		js_opt_str(top, "tlsCert", PATH_MAX / 2, &config->tls_cert, err) < 0 ||
		js_opt_str(top, "tlsKey", PATH_MAX / 2, &config->tls_key, err) < 0 ||
		js_opt_str(top, "tokenFile", PATH_MAX / 2, &config->token_file, err) < 0 ||
		js_opt_str(top, "stateDir", PATH_MAX / 2, &config->state_dir, err) < 0 ||
		js_opt_str(top, "configfs", PATH_MAX / 4, &config->configfs, err) < 0 ||
		js_opt_choice(top, "gate", gates, &gate, err) < 0 ||
		js_opt_int(top, "poolWaitSeconds", 0, POOL_WAIT_MAX_S, &config->pool_wait_s, err) <
			0) {
		return -1;
	}
	config->gate = gate == 0;
	if (!config->tls_cert != !config->tls_key) {
		return js_fail(top, config->tls_cert ? "tlsCert" : "tlsKey", err,
			"tlsCert and tlsKey go together");
	}
	if (want_absolute(top, "tlsCert", config->tls_cert, err) < 0 ||
		want_absolute(top, "tlsKey", config->tls_key, err) < 0 ||
		want_absolute(top, "tokenFile", config->token_file, err) < 0 ||
		want_absolute(top, "stateDir", config->state_dir, err) < 0 ||
		want_absolute(top, "configfs", config->configfs, err) < 0 ||
		listen_check(top, config, err) < 0 || portals_read(top, config, err) < 0) {
		return -1;
	}
	return pools_parse(top, config, err);
}

int config_load(const char *path, struct config *ret, struct err *err)
{
	*ret = (struct config){0};
	if (js_parse_file(path, CONFIG_MAX, &ret->doc, err) < 0) {
		return err_wrap(err, "configuration");
	}
	struct js_at top = js_root(ret->doc);

	if (config_parse(&top, ret, err) < 0) {
		config_done(ret);
		return -1;
	}
	return 0;
}

void config_done(struct config *config)
{
	js_doc_free(config->doc);
	*config = (struct config){0};
}
