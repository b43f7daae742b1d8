/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux backend's table, and its opening from the configuration.
 */
#include "controller/backend/linux/linux.h"

#include "controller/backend/linux/linux_priv.h"
#include "controller/backend/linux/linux_table.h"

static const struct be_features linux_features = {
	.metadata = BE_METADATA_FULL,
	.two_writers = true,
	.snapshots = true,
	.snapshots_independent = true,
	.clone_independent = true,
	.clone_volume = true,
	.expand = true,
	.exports_persist = true,
	.max_portals = PORTALS_MAX,
};

static const struct be_features *features(const struct backend *self)
{
	(void)self;
	return &linux_features;
}

static int limits(struct backend *self, const struct op *op, struct be_limits *ret, struct err *err)
{
	return linux_limits(linux_of(self), op, ret, err);
}

static void link_state(struct backend *self, struct breaker_state *ret)
{
	http_client_link(linux_of(self)->client, ret);
}

static void close_backend(struct backend *self)
{
	struct linux_backend *lb = linux_of(self);

	http_client_free(lb->client);
	http_token_free(lb->token);
	(void)pthread_mutex_destroy(&lb->lock);
	free(lb);
}

static const struct backend_ops ops = {
	.close = close_backend,
	.features = features,
	.limits = limits,
	.volume_create = linux_volume_create,
	.volume_delete = linux_volume_delete,
	.volume_get = linux_volume_get,
	.volume_list = linux_volume_list,
	.volume_expand = linux_volume_expand,
	.grant = linux_grant,
	.revoke = linux_revoke,
	.snapshot_create = linux_snapshot_create,
	.snapshot_delete = linux_snapshot_delete,
	.snapshot_get = linux_snapshot_get,
	.snapshot_list = linux_snapshot_list,
	.capacity = linux_capacity,
	.pools = linux_pools_tell,
	.link = link_state,
};

static int open_parts(struct linux_backend *lb, const struct be_config *config, struct err *err)
{
	struct http_client_options options = {.url = config->url,
		.max_body = LINUX_ANSWER_MAX,
		.max_calls = BE_CALLS_MAX,
		.breaks = true};
	int rc;

	if (!*config->url) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: is missing; https://host:port of nvmetcp-target, or unix:///path of its "
			"socket");
	}
	if (instance_check("instance", config->instance, err) < 0 ||
		be_config_text("instance", config->instance, lb->instance, sizeof(lb->instance),
			err) < 0 ||
		be_config_text("name", config->name, lb->name, sizeof(lb->name), err) < 0 ||
		be_config_text("pool", config->pool, lb->pool, sizeof(lb->pool), err) < 0 ||
		http_token_open(config->token_file, &lb->token, err) < 0) {
		return -1;
	}
	if (*config->ca_file) {
		options.ca_file = config->ca_file;
	}
	options.token = http_token_now(lb->token);
	rc = http_client_new(&options, &lb->client, err);
	secret_unref(options.token);
	return rc;
}

static int open_linux(const struct be_config *config, struct backend **ret, struct err *err)
{
	struct linux_backend *lb = calloc(1, sizeof(*lb));

	if (!lb) {
		return err_set(
			err, ERR_UNAVAILABLE, "name: no memory for backend %s", config->name);
	}
	lb->be.ops = &ops;
	if (pthread_mutex_init(&lb->lock, NULL) != 0) {
		free(lb);
		return err_set(err, ERR_UNAVAILABLE, "name: no lock for backend %s", config->name);
	}
	if (open_parts(lb, config, err) < 0) {
		close_backend(&lb->be);
		return -1;
	}
	*ret = &lb->be;
	return 0;
}

static const char *const extra_keys[] = {NULL};

const struct backend_type backend_linux = {
	.type = "linux",
	.extra_keys = extra_keys,
	.open = open_linux,
};
