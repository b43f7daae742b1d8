/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete, look up and grow a volume; the room that is left.
 */
#include "controller/core/volume.h"

#include "controller/core/member.h"
#include "controller/core/params.h"

#include <inttypes.h>
#include <stdio.h>

/** Most memory of one answer about room. */
#define CAPACITY_ARENA_MAX ((size_t)1024 * 1024)

/* A change under way on one volume. */
struct changing {
	struct op *op;
	struct member *member;
	const char *object;
	struct be_expand_args expand;
	struct be_volume after;
	enum be_result result;
};

static int run_delete(const struct step *in, void *arg, struct err *err)
{
	struct changing *c = arg;

	c->result = c->member->be->ops->volume_delete(in, c->member->be, c->op, c->object, err);
	return c->result == BE_FAILED ? -1 : 0;
}

int core_volume_delete(struct core *core, struct op *op, const struct core_id *id, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct changing c = {.op = op, .object = id->object};
	struct steps steps = {.operation = "DeleteVolume"};
	struct be_volume volume;
	struct err why = {0};

	if (member_of_id(core, BE_KIND_VOLUME, id, &c.member, &why) < 0) {
		return core_unless_absent(&why, err);
	}
	if (member_lock(core, c.member, BE_KIND_VOLUME, id->object, &held, err) < 0 ||
		member_enter(c.member, &c.member->lane, &lane, err) < 0) {
		return -1;
	}
	if (member_volume(c.member, op, id->object, &volume, &why) < 0) {
		/* Not there, or a deletion that a crash cut short: the backend settles both. */
		if (core_unless_absent(&why, err) < 0) {
			return -1;
		}
	} else if (volume.n_hosts > 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"volume %s/%s is published to %s%s; unpublish it first", c.member->name,
			id->object, volume.hosts[0], volume.n_hosts > 1 ? " and others" : "");
	}
	if (step_run(&steps, "delete", run_delete, &c, err) < 0) {
		return err_wrap(err, "volume %s/%s", c.member->name, id->object);
	}
	return c.result == BE_DONE ? 0
				   : core_in_progress(c.member, "the volume is being deleted", err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A backend's volume as the core tells it: nodes sorted, the context without what is not ours. */
static int view_volume(const struct member *member, struct op *op, const struct be_volume *volume,
	struct core_volume *ret, struct err *err)
{
	struct kv *context = arena_alloc(op->arena, (volume->metadata.n + 1) * sizeof(*context));
	const char **nodes = arena_alloc(op->arena, (volume->n_hosts + 1) * sizeof(*nodes));

	if (!context || !nodes) {
		return be_no_memory(err);
	}
	*ret = (struct core_volume){
		.id = {.backend = member->name, .object = volume->object},
		.size = volume->size,
		.topology = &member->topology,
		.nodes = nodes,
		.n_nodes = volume->n_hosts,
	};
	for (size_t i = 0; i < volume->n_hosts; i++) {
		nodes[i] = volume->hosts[i];
	}
	if (volume->n_hosts > 1) {
		qsort(nodes, volume->n_hosts, sizeof(*nodes), by_text);
	}
	for (size_t i = 0; i < volume->metadata.n; i++) {
		if (params_is_context(volume->metadata.items[i].key)) {
			context[ret->context.n++] = volume->metadata.items[i];
		}
	}
	ret->context.items = context;
	if (volume->source_known && volume->source.kind != BE_BLANK &&
		!str_empty(volume->source.object)) {
		ret->source.kind = volume->source.kind == BE_FROM_SNAPSHOT ? CORE_FROM_SNAPSHOT
									   : CORE_FROM_VOLUME;
		ret->source.id =
			(struct core_id){.backend = member->name, .object = volume->source.object};
	}
	return 0;
}

int core_volume_get(struct core *core, struct op *op, const struct core_id *id,
	struct core_volume *ret, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	struct member *member;
	struct be_volume volume;

	if (member_of_id(core, BE_KIND_VOLUME, id, &member, err) < 0 ||
		member_enter(member, &member->lane, &lane, err) < 0 ||
		member_volume(member, op, id->object, &volume, err) < 0) {
		return -1;
	}
	return view_volume(member, op, &volume, ret, err);
}

static int run_expand(const struct step *in, void *arg, struct err *err)
{
	struct changing *c = arg;

	c->result = c->member->be->ops->volume_expand(
		in, c->member->be, c->op, &c->expand, &c->after, err);
	return c->result == BE_FAILED ? -1 : 0;
}

/* The size to grow to: the one that the volume has when that is large enough. */
static int expand_size(struct changing *c, const struct core_range *range, int64_t have,
	int64_t *ret_size, struct err *err)
{
	struct be_limits limits;
	int64_t unit;
	int64_t size;

	*ret_size = have;
	if (range->limit > 0 && have > range->limit) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"capacity_range.limit_bytes: %" PRId64 " is below the %" PRId64
			" bytes that the volume has; volumes do not shrink",
			range->limit, have);
	}
	if (have >= range->required) {
		return 0;
	}
	if (c->member->be->ops->limits(c->member->be, c->op, &limits, err) < 0) {
		return core_wrap_backend(c->member, err);
	}
	unit = MAX(limits.granularity, 1);
	if (range->required > INT64_MAX - unit ||
		(limits.max_size > 0 && range->required > limits.max_size)) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"capacity_range.required_bytes: %" PRId64
			" is more than the backend makes in one volume (%" PRId64 ")",
			range->required, limits.max_size);
	}
	size = (range->required + unit - 1) / unit * unit;
	if (range->limit > 0 && size > range->limit) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"capacity_range.limit_bytes: %" PRId64 " is below %" PRId64
			", which is required_bytes rounded up to the backend's step of %" PRId64,
			range->limit, size, unit);
	}
	*ret_size = size;
	return 0;
}

int core_volume_expand(struct core *core, struct op *op, const struct core_id *id,
	const struct core_range *range, int64_t *ret_size, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct changing c = {.op = op, .object = id->object};
	struct steps steps = {.operation = "ControllerExpandVolume"};
	struct be_volume volume;

	if (member_of_id(core, BE_KIND_VOLUME, id, &c.member, err) < 0 ||
		member_lock(core, c.member, BE_KIND_VOLUME, id->object, &held, err) < 0 ||
		member_enter(c.member, &c.member->lane, &lane, err) < 0 ||
		member_volume(c.member, op, id->object, &volume, err) < 0) {
		return -1;
	}
	if (!volume.ready) {
		return core_in_progress(c.member, "the volume is not ready", err);
	}
	if (expand_size(&c, range, volume.size, &c.expand.size, err) < 0) {
		return err_wrap(err, "volume %s/%s", c.member->name, id->object);
	}
	/* Also when the size that the backend tells is large enough already: a growth that was cut
	 * short may have been recorded before the data grew or the hosts were told. */
	if (!c.member->be->ops->volume_expand) {
		if (c.expand.size == volume.size) {
			*ret_size = volume.size;
			return 0;
		}
		return err_set(err, ERR_OUT_OF_RANGE,
			"volume %s/%s: backend %s cannot grow volumes", c.member->name, id->object,
			c.member->name);
	}
	c.expand.object = id->object;
	if (step_run(&steps, "expand", run_expand, &c, err) < 0) {
		return err_wrap(err, "volume %s/%s", c.member->name, id->object);
	}
	if (c.result != BE_DONE) {
		return core_in_progress(c.member, "the volume is being grown", err);
	}
	*ret_size = c.after.size;
	return 0;
}

/* The room of one backend, asked for beside those of others. */
struct asking {
	struct member *member;
	struct lane *lane;
	struct op *op;
	const char *pool;
	int result;
	struct be_capacity room;
	struct err err;
};

static void ask_room(void *arg)
{
	struct asking *asking = arg;
	struct member *member = asking->member;
	_cleanup_lane_ struct lane *lane = NULL;
	/* Arenas are of one thread. */
	struct op inner = {.arena = arena_new(CAPACITY_ARENA_MAX),
		.deadline = asking->op->deadline,
		.id = asking->op->id,
		.method = asking->op->method};

	asking->result = 0;
	if (!inner.arena) {
		asking->result = be_no_memory(&asking->err);
		return;
	}
	if (member_enter(member, asking->lane, &lane, &asking->err) < 0) {
		asking->result = -1;
	} else if (member->be->ops->capacity(
			   member->be, &inner, asking->pool, &asking->room, &asking->err) < 0) {
		asking->result = core_wrap_backend(member, &asking->err);
	}
	arena_free(inner.arena);
}

static void add_room(const struct be_capacity *room, struct core_capacity *sum)
{
	sum->min_size = sum->available == 0 && sum->max_size == 0
				? room->min_size
				: MIN(sum->min_size, room->min_size);
	sum->available = sum->available > INT64_MAX - room->available
				 ? INT64_MAX
				 : sum->available + room->available;
	sum->max_size = MAX(sum->max_size, room->max_size);
}

/* Those of @asked that can tell, all at once. */
static int ask_all(struct core *core, struct asking *asked, size_t n, struct core_capacity *sum,
	struct err *err)
{
	struct fan_job jobs[CORE_BACKENDS_MAX];

	for (size_t i = 0; i < n; i++) {
		jobs[i] = (struct fan_job){.run = ask_room, .arg = &asked[i]};
	}
	fan_run(core->fan, jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (asked[i].result < 0) {
			return err_set(err, asked[i].err.code, "%s", asked[i].err.msg);
		}
		add_room(&asked[i].room, sum);
	}
	return 0;
}

/* A segment cannot be one of ours where there is no topology. */
static bool is_reached(const struct core *core, const struct member *member, struct kv_list from)
{
	return from.n == 0 || (core_has_topology(core) && topology_meets(&member->topology, from));
}

int core_capacity(struct core *core, struct op *op, struct kv_list parameters, struct kv_list from,
	struct core_capacity *ret, struct err *err)
{
	_cleanup_free_ struct asking *asked = calloc(CORE_BACKENDS_MAX, sizeof(*asked));
	struct volume_params params;
	struct member *only = NULL;
	size_t n = 0;

	*ret = (struct core_capacity){0};
	if (!asked) {
		return be_no_memory(err);
	}
	if (params_parse(parameters, op->arena, &params, err) < 0 ||
		(!str_empty(params.backend) &&
			member_choose(core, params.backend, &only, err) < 0)) {
		return -1;
	}
	for (size_t i = 0; i < core->n_members; i++) {
		struct member *member = core->members[i];

		if ((only && member != only) || !member->be->ops->capacity ||
			!is_reached(core, member, from)) {
			continue;
		}
		asked[n++] = (struct asking){.member = member,
			.lane = only ? &member->lane : &member->lists,
			.op = op,
			.pool = params.pool};
	}
	return ask_all(core, asked, n, ret, err);
}
