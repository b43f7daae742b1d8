/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateVolume: where the volume goes, how large it gets, and whether what is there already is the
 * one that is asked for. The work itself is one call of the backend, which may be repeated.
 */
#include "common/fs/mkfs_options.h"
#include "common/nvmf/connect.h"
#include "controller/core/member.h"
#include "controller/core/params.h"
#include "controller/core/volume.h"

#include <inttypes.h>
#include <stdio.h>

/** Filesystem of a volume for mounting when nothing names one. */
#define FS_DEFAULT "ext4"

/* One creation under way. */
struct making {
	struct core *core;
	struct op *op;
	const struct core_create *create;
	struct volume_params params;
	const char *fs_type; /* "" for block only */
	struct kv_list context;
	struct member *member;
	struct be_limits limits;
	char object[BE_OBJECT_SIZE];
	struct be_volume_args args;
	struct be_volume made;
	enum be_result result;
};

/* A source can only be used where it is; a backend that is named must be that one. */
static int choose_backend(struct making *m, struct err *err)
{
	const struct core_source *source = &m->create->source;
	enum be_kind kind = source->kind == CORE_FROM_SNAPSHOT ? BE_KIND_SNAPSHOT : BE_KIND_VOLUME;
	struct member *home;

	if (source->kind == CORE_BLANK) {
		return member_choose(m->core, m->params.backend, &m->member, err);
	}
	if (member_of_id(m->core, kind, &source->id, &home, err) < 0) {
		return -1;
	}
	m->member = home;
	if (str_empty(m->params.backend)) {
		return 0;
	}
	if (member_choose(m->core, m->params.backend, &m->member, err) < 0) {
		return -1;
	}
	if (m->member != home) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"parameters.backend: \"%s\", but the source is on backend %s, and data is not copied "
			"between backends; use a StorageClass of %s",
			m->params.backend, home->name, home->name);
	}
	return 0;
}

/*
 * A target that forgets its exports publishes them again once the attacher has seen it. By then the
 * kernel must not have given the paths up: it deletes the device that is mounted.
 */
static int check_heal(const struct making *m, struct err *err)
{
	const struct be_features *features = be_features(m->member->be);
	struct connect_options options;

	if (features->exports_persist) {
		return 0;
	}
	if (connect_parse(m->params.context, &options, err) < 0) {
		return -1;
	}
	if (options.ctrl_loss_tmo < 0 || options.ctrl_loss_tmo >= CORE_HEAL_S) {
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"parameters.ctrlLossTmo: %d s, but backend %s exports nothing after a restart until its "
		"volumes are published again, and a path that was given up by then takes the device with "
		"it; use -1, the default, or at least %d",
		options.ctrl_loss_tmo, m->member->name, CORE_HEAL_S);
}

/* A limit that nobody keeps is worse than none: somebody relies on it. */
static int check_rates(const struct making *m, struct err *err)
{
	if (be_features(m->member->be)->rates) {
		return 0;
	}
	for (size_t i = 0; i < BE_RATES; i++) {
		if (m->params.rates.of[i] > 0) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"parameters.%s: backend %s cannot limit the rates of its volumes; leave it "
				"out, or use a backend that can (spdk)",
				be_rate_kinds[i].name, m->member->name);
		}
	}
	return 0;
}

static int choose_fs(struct making *m, struct err *err)
{
	const char *asked = m->create->fs_type;
	const char *options = kv_get(m->params.context, "mkfsOptions");
	struct mkfs_options checked;

	m->fs_type = "";
	if (!m->create->mount) {
		return 0;
	}
	if (!str_empty(asked) && !str_empty(m->params.fs_type) &&
		!streq(asked, m->params.fs_type)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"volume_capabilities: fs_type \"%s\", but parameters.csi.storage.k8s.io/fstype is \"%s\"",
			asked, m->params.fs_type);
	}
	m->fs_type = !str_empty(asked)		     ? asked
		     : !str_empty(m->params.fs_type) ? m->params.fs_type
						     : FS_DEFAULT;
	/* The node checks them again, but here somebody still reads the answer: at the claim. */
	return mkfs_options_parse("parameters.mkfsOptions", m->fs_type, options, &checked, err);
}

/* What the source weighs and whether it can be used now. Return: 0, or -1. */
static int ask_source(struct making *m, int64_t *ret_size, struct err *err)
{
	const struct core_source *source = &m->create->source;
	struct backend *be = m->member->be;
	const char *fs_type;

	*ret_size = 0;
	if (source->kind == CORE_FROM_SNAPSHOT) {
		struct be_snapshot snapshot;

		if (!be->ops->snapshot_get) {
			return err_set(err, ERR_NOT_FOUND,
				"snapshot %s/%s does not exist: backend %s has no snapshots",
				source->id.backend, source->id.object, m->member->name);
		}
		if (be->ops->snapshot_get(be, m->op, source->id.object, &snapshot, err) < 0) {
			return err_wrap(err, "source snapshot %s/%s", source->id.backend,
				source->id.object);
		}
		if (!snapshot.ready) {
			return err_set(err, ERR_UNAVAILABLE,
				"source snapshot %s/%s is not ready yet; retry", source->id.backend,
				source->id.object);
		}
		*ret_size = snapshot.size;
		fs_type = kv_get(snapshot.metadata, PARAM_FS_KEY);
	} else {
		struct be_volume volume;

		if (be->ops->volume_get(be, m->op, source->id.object, &volume, err) < 0) {
			return err_wrap(
				err, "source volume %s/%s", source->id.backend, source->id.object);
		}
		if (!volume.ready) {
			return err_set(err, ERR_UNAVAILABLE,
				"source volume %s/%s is not ready yet; retry", source->id.backend,
				source->id.object);
		}
		*ret_size = volume.size;
		fs_type = kv_get(volume.metadata, PARAM_FS_KEY);
	}
	if (fs_type && !str_empty(m->fs_type) && !streq(fs_type, m->fs_type)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"volume_capabilities: fs_type \"%s\", but the source was made for \"%s\", and a copy keeps its "
			"filesystem; use a StorageClass with %s",
			m->fs_type, fs_type, fs_type);
	}
	return 0;
}

static int out_of_range(const struct making *m, int64_t size, const char *why, struct err *err)
{
	return err_set(err, ERR_OUT_OF_RANGE,
		"capacity_range: required_bytes %" PRId64 ", limit_bytes %" PRId64 ": %" PRId64
		" bytes %s",
		m->create->range.required, m->create->range.limit, size, why);
}

/*
 * The size to make. @least is what a source asks for; for a volume that is there already and was
 * not asked to be of any size, it is the size it has.
 */
static int choose_size(struct making *m, int64_t least, struct err *err)
{
	const struct core_range *range = &m->create->range;
	int64_t unit = MAX(m->limits.granularity, 1);
	int64_t size = range->required;

	if (size == 0) {
		size = least > 0 ? least : CORE_SIZE_DEFAULT;
		/* Without a wish the default may be cut to fit under the limit, a source may not.
		 */
		if (range->limit > 0 && size > range->limit && least == 0) {
			size = range->limit / unit * unit;
		}
	}
	size = MAX(size, MAX(m->limits.min_size, unit));
	if (size > INT64_MAX - unit) {
		return out_of_range(m, size, "are more than any volume can have", err);
	}
	size = (size + unit - 1) / unit * unit;
	if (size < least) {
		return out_of_range(
			m, size, "are less than the source holds; ask for at least its size", err);
	}
	if (m->limits.max_size > 0 && size > m->limits.max_size) {
		return out_of_range(m, size, "are more than the backend makes in one volume", err);
	}
	if (range->limit > 0 && size > range->limit) {
		return out_of_range(m, size,
			"are the least that can be made (rounded up to the backend's step, and not smaller than a "
			"source), which is above the limit",
			err);
	}
	if (streq(m->fs_type, "xfs") && size < PARAM_XFS_MIN) {
		return out_of_range(m, size,
			"are too few for xfs, which needs 300 MiB; ask for more or use ext4", err);
	}
	m->args.size = size;
	m->args.limit = range->limit;
	return 0;
}

/* Everything that this version knows must be the same; what only another version knows is not ours
 * to judge. */
static int compare_context(const struct making *m, struct err *err)
{
	const struct kv_list have = m->made.metadata;

	if (be_features(m->member->be)->metadata != BE_METADATA_FULL) {
		return 0;
	}
	for (size_t i = 0; i < m->context.n; i++) {
		const char *key = m->context.items[i].key;
		const char *value = kv_get(have, key);

		if (!value || !streq(value, m->context.items[i].value)) {
			return err_set(err, ERR_ALREADY_EXISTS,
				"volume %s/%s: it exists with %s \"%s\", not \"%s\"",
				m->member->name, m->object, key, value ? value : "",
				m->context.items[i].value);
		}
	}
	for (size_t i = 0; i < have.n; i++) {
		if (params_is_context(have.items[i].key) &&
			!kv_get(m->context, have.items[i].key)) {
			return err_set(err, ERR_ALREADY_EXISTS,
				"volume %s/%s: it exists with %s \"%s\", which is not asked for",
				m->member->name, m->object, have.items[i].key, have.items[i].value);
		}
	}
	return 0;
}

static int run_create(const struct step *in, void *arg, struct err *err)
{
	struct making *m = arg;
	struct backend *be = m->member->be;

	m->result = be->ops->volume_create(in, be, m->op, &m->args, &m->made, err);
	return m->result == BE_FAILED ? -1 : 0;
}

/* The backend is the class's, so where it is not reached from there is no second one to try. */
static int check_reached(const struct making *m, struct err *err)
{
	const struct topology *asked = &m->create->requisite;
	_cleanup_strbuf_ struct strbuf here = sb_init(ERR_MSG_MAX * 8);
	_cleanup_strbuf_ struct strbuf there = sb_init(ERR_MSG_MAX * 8);

	if (topology_meets_any(&m->member->topology, asked)) {
		return 0;
	}
	topology_print(&m->member->topology, &here);
	topology_print(asked, &there);
	return err_set(err, ERR_RESOURCE_EXHAUSTED,
		"accessibility_requirements: backend %s is reached from %.256s, not from %.256s; let the pod run "
		"where it is reached, or use a StorageClass of a backend that is reached from there",
		m->member->name, sb_str(&here), sb_str(&there));
}

/*
 * A source is looked at where it says something that the backend does not settle by itself: the
 * size, when none is asked for, and what metadata tells of its filesystem. A look may cost the
 * backend as much as the creation.
 */
static bool asks_source(const struct making *m)
{
	return m->create->source.kind != CORE_BLANK &&
	       (m->create->range.required == 0 ||
		       be_features(m->member->be)->metadata == BE_METADATA_FULL);
}

static int fill_args(struct making *m, struct err *err)
{
	const struct core_source *source = &m->create->source;
	struct be_volume there;
	struct err why = {0};
	int64_t least = 0;

	m->args.object = m->object;
	m->args.name = m->create->name;
	m->args.pool = m->params.pool;
	m->args.metadata = m->context;
	m->args.rates = m->params.rates;
	m->args.source.object = "";
	if (source->kind != CORE_BLANK) {
		m->args.source.kind =
			source->kind == CORE_FROM_SNAPSHOT ? BE_FROM_SNAPSHOT : BE_FROM_VOLUME;
		m->args.source.object = source->id.object;
	}
	if (m->member->be->ops->limits(m->member->be, m->op, &m->limits, err) < 0) {
		return core_wrap_backend(m->member, err);
	}
	if (!asks_source(m) && check_reached(m, NULL) == 0) {
		return choose_size(m, least, err);
	}
	/* What exists already is not asked for its source again: that may be gone since. Nor is it
	 * refused for where it is: an earlier call made it, whose answer nobody heard, and a
	 * refusal would say that there is nothing to be deleted. */
	if (member_volume(m->member, m->op, m->object, &there, &why) == 0) {
		least = source->kind != CORE_BLANK && m->create->range.required == 0 ? there.size
										     : 0;
	} else if (core_unless_absent(&why, err) < 0 || check_reached(m, err) < 0 ||
		   (asks_source(m) && ask_source(m, &least, err) < 0)) {
		return -1;
	}
	return choose_size(m, least, err);
}

static int make(struct making *m, struct core_volume *ret, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct steps steps = {.operation = "CreateVolume"};

	objname_make(m->core->instance, BE_KIND_VOLUME, m->create->name, m->object);
	if (member_lock(m->core, m->member, BE_KIND_VOLUME, m->object, &held, err) < 0 ||
		member_enter(m->member, &m->member->lane, &lane, err) < 0 ||
		fill_args(m, err) < 0) {
		return -1;
	}
	if (step_run(&steps, "create", run_create, m, err) < 0) {
		return err_wrap(err, "volume %s/%s", m->member->name, m->object);
	}
	if (m->result != BE_DONE || !m->made.ready) {
		return core_in_progress(m->member, "the volume is being made", err);
	}
	if (compare_context(m, err) < 0) {
		return -1;
	}
	/* What was asked for is what is told: a backend without metadata cannot repeat it. */
	*ret = (struct core_volume){
		.id = {.backend = m->member->name, .object = arena_strdup(m->op->arena, m->object)},
		.size = m->made.size,
		.context = m->context,
		.source = m->create->source,
		.topology = &m->member->topology,
	};
	return ret->id.object ? 0 : be_no_memory(err);
}

int core_volume_create(struct core *core, struct op *op, const struct core_create *create,
	struct core_volume *ret, struct err *err)
{
	struct making m = {.core = core, .op = op, .create = create};

	if (params_parse(create->parameters, op->arena, &m.params, err) < 0 ||
		choose_fs(&m, err) < 0 ||
		params_context(&m.params, m.fs_type, op->arena, &m.context, err) < 0 ||
		choose_backend(&m, err) < 0 || check_heal(&m, err) < 0 ||
		check_rates(&m, err) < 0) {
		return -1;
	}
	return make(&m, ret, err);
}
