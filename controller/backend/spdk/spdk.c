/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SPDK backend's table, and its opening.
 */
#include "controller/backend/spdk/spdk.h"

#include "controller/backend/spdk/config.h"
#include "controller/backend/spdk/place.h"
#include "controller/backend/spdk/spdk_table.h"

/** Most changes of objects at once, waiting ones included. */
#define OBJECTS_MAX 1024

static const struct be_features spdk_features = {
	.metadata = BE_METADATA_NAME_ONLY,
	.snapshots = true,
	.snapshots_independent = true,
	.clone_independent = true,
	.clone_volume = true,
	.expand = true,
	.rates = true,
	.max_portals = PORTALS_MAX,
};

static const struct be_features *features(const struct backend *self)
{
	(void)self;
	return &spdk_features;
}

static int limits(struct backend *self, const struct op *op, struct be_limits *ret, struct err *err)
{
	return spdk_limits(spdk_of(self), op, ret, err);
}

static void link_state(struct backend *self, struct breaker_state *ret)
{
	spdk_line_link(spdk_of(self)->line, ret);
}

static void close_backend(struct backend *self)
{
	struct spdk_backend *sb = spdk_of(self);

	spdk_line_free(sb->line);
	keylock_free(sb->objects);
	map_free(sb->uuids);
	(void)pthread_mutex_destroy(&sb->lock);
	free(sb);
}

static const struct backend_ops ops = {
	.close = close_backend,
	.features = features,
	.limits = limits,
	.volume_create = spdk_volume_create,
	.volume_delete = spdk_volume_delete,
	.volume_get = spdk_volume_get,
	.volume_list = spdk_volume_list,
	.volume_expand = spdk_volume_expand,
	.grant = spdk_grant,
	.revoke = spdk_revoke,
	.snapshot_create = spdk_snapshot_create,
	.snapshot_delete = spdk_snapshot_delete,
	.snapshot_get = spdk_snapshot_get,
	.snapshot_list = spdk_snapshot_list,
	.capacity = spdk_capacity,
	.probe = spdk_probe,
	.link = link_state,
};

static int open_parts(struct spdk_backend *sb, const struct be_config *config, struct err *err)
{
	const struct spdk_line_options options = {.name = config->name,
		.url = config->url,
		.ca_file = config->ca_file,
		.token_file = config->token_file};

	if (spdk_config_read(config, sb, err) < 0) {
		return -1;
	}
	sb->objects = keylock_new(OBJECTS_MAX);
	sb->uuids = map_new(SPDK_LVOLS_MAX, free);
	if (!sb->objects || !sb->uuids) {
		return err_set(err, ERR_UNAVAILABLE, "name: no memory for backend %s", sb->name);
	}
	return spdk_line_new(&options, &sb->line, err);
}

static int open_spdk(const struct be_config *config, struct backend **ret, struct err *err)
{
	struct spdk_backend *sb = calloc(1, sizeof(*sb));

	if (!sb) {
		return err_set(
			err, ERR_UNAVAILABLE, "name: no memory for backend %s", config->name);
	}
	sb->be.ops = &ops;
	(void)pthread_mutex_init(&sb->lock, NULL);
	if (open_parts(sb, config, err) < 0) {
		close_backend(&sb->be);
		return -1;
	}
	*ret = &sb->be;
	return 0;
}

const struct backend_type backend_spdk = {
	.type = "spdk",
	.extra_keys = spdk_config_keys,
	.open = open_spdk,
};
