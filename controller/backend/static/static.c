/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of it: what the PersistentVolume says is handed on, and what would need a management API is
 * refused.
 */
#include "controller/backend/static/static.h"

static const struct be_features static_features = {
	.metadata = BE_METADATA_NAME_ONLY,
	.foreign = true,
	.shared_subsystem = true,
	.two_writers = true,
	.expand = true,
	.exports_persist = true,
	.max_portals = PORTALS_MAX,
};

static void close_static(struct backend *self)
{
	free(self);
}

static const struct be_features *features(const struct backend *self)
{
	(void)self;
	return &static_features;
}

static int limits(struct backend *self, const struct op *op, struct be_limits *ret, struct err *err)
{
	(void)self;
	(void)op;
	(void)err;
	*ret = (struct be_limits){.granularity = 1, .min_size = 1, .max_size = INT64_MAX};
	return 0;
}

static enum be_result volume_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_volume_args *args, struct be_volume *ret,
	struct err *err)
{
	(void)in;
	(void)self;
	(void)op;
	(void)args;
	(void)ret;
	(void)err_set(err, ERR_INVALID_ARGUMENT,
		"parameters.backend: it is of the type static, whose volumes are made on the target by hand; "
		"write a PersistentVolume that tells where the volume is, or name another backend in the "
		"StorageClass");
	return BE_FAILED;
}

static enum be_result volume_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err)
{
	(void)in;
	(void)self;
	(void)op;
	(void)object;
	(void)err_set(err, ERR_FAILED_PRECONDITION,
		"a static volume is deleted on the target, by hand; delete the PersistentVolume, and give "
		"those to come persistentVolumeReclaimPolicy: Retain");
	return BE_FAILED;
}

/* Nobody can be asked whether it is there: connecting will tell. */
static void describe(const char *object, int64_t size, struct be_volume *ret)
{
	*ret = (struct be_volume){
		.object = object, .name = "", .pool = "", .size = size, .ready = true};
}

static int volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err)
{
	(void)self;
	describe(arena_strdup(op->arena, object), 0, ret);
	return ret->object ? 0 : be_no_memory(err);
}

static int volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	(void)self;
	(void)op;
	*ret = (struct be_volumes){.next = ""};
	return str_empty(page->token) ? 0
				      : err_set(err, ERR_INVALID_ARGUMENT,
						"token: \"%s\" was never given", page->token);
}

/* It was grown on the target before: the node sees whether that is so, and grows the filesystem. */
static enum be_result volume_expand(const struct step *in, struct backend *self,
	const struct op *op, const struct be_expand_args *args, struct be_volume *ret,
	struct err *err)
{
	(void)in;
	(void)self;
	describe(arena_strdup(op->arena, args->object), args->size, ret);
	if (!ret->object) {
		(void)be_no_memory(err);
		return BE_FAILED;
	}
	return BE_DONE;
}

static enum be_result static_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err)
{
	(void)in;
	(void)self;
	(void)op;
	return attach_parse_attributes(args->attributes, ret, err) < 0 ? BE_FAILED : BE_DONE;
}

static enum be_result static_revoke(const struct step *in, struct backend *self,
	const struct op *op, const struct be_grant_args *args, struct err *err)
{
	(void)in;
	(void)self;
	(void)op;
	(void)args;
	(void)err;
	return BE_DONE;
}

static const struct backend_ops ops = {
	.close = close_static,
	.features = features,
	.limits = limits,
	.volume_create = volume_create,
	.volume_delete = volume_delete,
	.volume_get = volume_get,
	.volume_list = volume_list,
	.volume_expand = volume_expand,
	.grant = static_grant,
	.revoke = static_revoke,
};

static int open_static(const struct be_config *config, struct backend **ret, struct err *err)
{
	const struct kv given[] = {{"url", config->url}, {"caFile", config->ca_file},
		{"tokenFile", config->token_file}, {"pool", config->pool}};
	struct backend *be;

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (!str_empty(given[i].value)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: a backend of the type static has none; remove it, or use another type",
				given[i].key);
		}
	}
	be = calloc(1, sizeof(*be));
	if (!be) {
		return err_set(
			err, ERR_UNAVAILABLE, "name: no memory for backend %s", config->name);
	}
	be->ops = &ops;
	*ret = be;
	return 0;
}

static const char *const extra_keys[] = {NULL};

const struct backend_type backend_static = {
	.type = "static",
	.extra_keys = extra_keys,
	.open = open_static,
};
