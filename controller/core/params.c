/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of StorageClass parameters.
 */
#include "controller/core/params.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/fs/reclaim.h"
#include "common/nvmf/connect.h"

#include <stdio.h>

enum param_use {
	PARAM_PLACE,   /* chooses where the volume is made */
	PARAM_FS_TYPE, /* the filesystem, in the provisioner's old spelling */
	PARAM_CONTEXT, /* for the node */
	PARAM_RATE,    /* a limit, one of be_rate_kinds */
	PARAM_IGNORED, /* the provisioner's own notes */
};

struct param_row {
	const char *key;
	bool prefix; /* every key that begins so */
	enum param_use use;
	const char *const *choices; /* NULL: free text */
};

static const char *const fs_types[] = {"ext4", "xfs", NULL};

static const struct param_row rows[] = {
	{"backend", false, PARAM_PLACE, NULL},
	{"pool", false, PARAM_PLACE, NULL},
	{"csi.storage.k8s.io/fstype", false, PARAM_FS_TYPE, fs_types},
	{"mkfsOptions", false, PARAM_CONTEXT, NULL},
	{"reclaim", false, PARAM_CONTEXT, NULL},
	{"qosRwIops", false, PARAM_RATE, NULL},
	{"qosRwMbytes", false, PARAM_RATE, NULL},
	{"qosRMbytes", false, PARAM_RATE, NULL},
	{"qosWMbytes", false, PARAM_RATE, NULL},
	/* What the sidecars add with --extra-create-metadata: whose volume or snapshot it is. */
	{"csi.storage.k8s.io/pv/", true, PARAM_IGNORED, NULL},
	{"csi.storage.k8s.io/pvc/", true, PARAM_IGNORED, NULL},
	{"csi.storage.k8s.io/volumesnapshot/", true, PARAM_IGNORED, NULL},
	{"csi.storage.k8s.io/volumesnapshotcontent/", true, PARAM_IGNORED, NULL},
};

/* Connection options have their own table in common/nvmf. */
static const struct param_row connect_row = {"", false, PARAM_CONTEXT, NULL};

/* Which limit a row with PARAM_RATE is. */
static size_t rate_of(const char *key)
{
	size_t i = 0;

	while (i + 1 < BE_RATES && !streq(key, be_rate_kinds[i].name)) {
		i++;
	}
	return i;
}

static const struct param_row *row_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].prefix ? strncmp(key, rows[i].key, strlen(rows[i].key)) == 0
				   : streq(key, rows[i].key)) {
			return &rows[i];
		}
	}
	return connect_is_parameter(key) ? &connect_row : NULL;
}

static int check_value(const char *key, const char *value, struct err *err)
{
	char shown[65];

	if (strlen(value) > PARAM_VALUE_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"parameters.%s: \"%s\" has %zu bytes, at most %d are allowed", key,
			printable(value, shown, sizeof(shown)), strlen(value), PARAM_VALUE_MAX);
	}
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"parameters.%s: \"%s\" has a control character, none is allowed",
				key, printable(value, shown, sizeof(shown)));
		}
	}
	return 0;
}

static int unknown(const char *key, struct err *err)
{
	_cleanup_strbuf_ struct strbuf known = sb_init(ERR_MSG_MAX);
	char shown[129];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].use != PARAM_IGNORED) {
			sb_addf(&known, "%s%s", known.len > 0 ? ", " : "", rows[i].key);
		}
	}
	for (size_t i = 0; connect_parameter(i); i++) {
		sb_addf(&known, ", %s", connect_parameter(i));
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"parameters.%s: no such parameter; correct the StorageClass (delete it and make it anew); "
		"known are %s",
		printable(key, shown, sizeof(shown)), sb_str(&known));
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct kv *)a)->key, ((const struct kv *)b)->key);
}

static int take(const struct param_row *row, const struct kv *param, struct volume_params *ret,
	struct kv *context, struct err *err)
{
	char field[160];
	size_t rate;
	int index;

	(void)snprintf(field, sizeof(field), "parameters.%s", param->key);
	if (row->use != PARAM_IGNORED && check_value(param->key, param->value, err) < 0) {
		return -1;
	}
	if (row->choices && parse_choice(field, param->value, row->choices, &index, err) < 0) {
		return -1;
	}
	switch (row->use) {
	case PARAM_PLACE:
		if (str_empty(param->value)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: empty; give a name or leave the parameter out", field);
		}
		*(streq(param->key, "backend") ? &ret->backend : &ret->pool) = param->value;
		break;
	case PARAM_FS_TYPE:
		ret->fs_type = param->value;
		break;
	case PARAM_CONTEXT:
		context[ret->context.n++] = *param;
		break;
	case PARAM_RATE:
		rate = rate_of(param->key);
		return parse_i64(field, param->value, be_rate_kinds[rate].min,
			be_rate_kinds[rate].max, &ret->rates.of[rate], err);
	case PARAM_IGNORED:
		break;
	}
	return 0;
}

int params_parse(
	struct kv_list params, struct arena *arena, struct volume_params *ret, struct err *err)
{
	struct connect_options options;
	enum reclaim reclaim;
	struct err why = {0};
	struct kv *context;

	*ret = (struct volume_params){.backend = "", .pool = "", .fs_type = ""};
	context = arena_alloc(arena, (params.n + 1) * sizeof(*context));
	if (!context) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "parameters: the request is too large");
	}
	for (size_t i = 0; i < params.n; i++) {
		const struct param_row *row = row_of(params.items[i].key);

		if (!row) {
			return unknown(params.items[i].key, err);
		}
		if (take(row, &params.items[i], ret, context, err) < 0) {
			return -1;
		}
	}
	qsort(context, ret->context.n, sizeof(*context), by_key);
	ret->context.items = context;
	if (connect_parse(ret->context, &options, &why) < 0) {
		/* It begins with the parameter's name. */
		return err_set(err, why.code, "parameters.%s", why.msg);
	}
	return reclaim_parse(
		"parameters." RECLAIM_KEY, kv_get(ret->context, RECLAIM_KEY), &reclaim, err);
}

bool params_is_context(const char *key)
{
	const struct param_row *row = row_of(key);

	return streq(key, PARAM_FS_KEY) || (row && row->use == PARAM_CONTEXT);
}

int params_context(const struct volume_params *params, const char *fs_type, struct arena *arena,
	struct kv_list *ret, struct err *err)
{
	struct kv *items = arena_alloc(arena, (params->context.n + 1) * sizeof(*items));
	size_t n = params->context.n;

	if (!items) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "parameters: the request is too large");
	}
	if (n > 0) {
		memcpy(items, params->context.items, n * sizeof(*items));
	}
	if (!str_empty(fs_type)) {
		items[n++] = (struct kv){.key = PARAM_FS_KEY, .value = fs_type};
	}
	qsort(items, n, sizeof(*items), by_key);
	*ret = (struct kv_list){.items = items, .n = n};
	return 0;
}

int params_snapshot_check(struct kv_list params, struct err *err)
{
	char shown[129];

	for (size_t i = 0; i < params.n; i++) {
		const struct param_row *row = row_of(params.items[i].key);

		if (!row || row->use != PARAM_IGNORED) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"parameters.%s: no such parameter; a VolumeSnapshotClass of this driver has none",
				printable(params.items[i].key, shown, sizeof(shown)));
		}
	}
	return 0;
}
