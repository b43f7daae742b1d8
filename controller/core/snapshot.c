/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: each lives on the backend of its volume.
 */
#include "controller/core/snapshot.h"

#include "controller/core/member.h"
#include "controller/core/params.h"

struct cutting {
	struct op *op;
	struct member *member;
	const char *object;
	struct be_snapshot_args args;
	struct be_snapshot made;
	enum be_result result;
};

static int run_create(const struct step *in, void *arg, struct err *err)
{
	struct cutting *c = arg;

	c->result = c->member->be->ops->snapshot_create(
		in, c->member->be, c->op, &c->args, &c->made, err);
	return c->result == BE_FAILED ? -1 : 0;
}

static int run_delete(const struct step *in, void *arg, struct err *err)
{
	struct cutting *c = arg;

	c->result = c->member->be->ops->snapshot_delete(in, c->member->be, c->op, c->object, err);
	return c->result == BE_FAILED ? -1 : 0;
}

static void view_snapshot(
	const struct member *member, const struct be_snapshot *snapshot, struct core_snapshot *ret)
{
	*ret = (struct core_snapshot){
		.id = {.backend = member->name, .object = snapshot->object},
		.source = {.backend = member->name, .object = snapshot->volume},
		.size = snapshot->size,
		.created_ms = snapshot->created_ms,
		.ready = snapshot->ready,
	};
}

/* The filesystem goes along with the data, so that a volume made from it can be held against it. */
static int snapshot_metadata(
	const struct be_volume *volume, struct arena *arena, struct kv_list *ret, struct err *err)
{
	const char *fs_type = kv_get(volume->metadata, PARAM_FS_KEY);
	struct kv *items;

	*ret = (struct kv_list){0};
	if (!fs_type) {
		return 0;
	}
	items = arena_alloc(arena, sizeof(*items));
	if (!items) {
		return be_no_memory(err);
	}
	*items = (struct kv){.key = PARAM_FS_KEY, .value = fs_type};
	*ret = (struct kv_list){.items = items, .n = 1};
	return 0;
}

/*
 * Is the snapshot there already? Asked before the source, which may be gone since it was cut.
 * Return: 1 with @ret filled, 0 when it is to be cut, -1.
 */
static int find(struct cutting *c, struct core_snapshot *ret, struct err *err)
{
	struct be_snapshot there;
	struct err why = {0};

	if (c->member->be->ops->snapshot_get(c->member->be, c->op, c->args.object, &there, &why) <
		0) {
		return core_unless_absent(&why, err);
	}
	if (be_snapshot_fits(&there, &c->args, err) < 0) {
		return -1;
	}
	/* One that has no time yet is still being cut. */
	if (there.created_ms == 0) {
		return 0;
	}
	view_snapshot(c->member, &there, ret);
	return 1;
}

/* What the snapshot is to say of its volume. */
static int describe(struct cutting *c, struct err *err)
{
	struct be_volume volume;

	if (member_volume(c->member, c->op, c->args.volume, &volume, err) < 0 ||
		snapshot_metadata(&volume, c->op->arena, &c->args.metadata, err) < 0) {
		return -1;
	}
	return volume.ready ? 0
			    : core_in_progress(c->member, "the source volume is not ready", err);
}

static int cut(struct core *core, struct cutting *c, struct core_snapshot *ret, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct steps steps = {.operation = "CreateSnapshot"};
	int found = 0;

	if (member_lock(core, c->member, BE_KIND_SNAPSHOT, c->args.object, &held, err) < 0 ||
		member_enter(c->member, &c->member->lane, &lane, err) < 0) {
		return -1;
	}
	/* A backend that keeps nothing with a snapshot needs to be told nothing of its volume, and
	 * finds for itself what is there; a look may cost it as much as the cut. */
	if (be_features(c->member->be)->metadata == BE_METADATA_FULL) {
		found = find(c, ret, err);
		if (found != 0) {
			return found < 0 ? err_wrap(err, "snapshot %s/%s", c->member->name,
						   c->args.object)
					 : 0;
		}
		if (describe(c, err) < 0) {
			return -1;
		}
	}
	if (step_run(&steps, "create", run_create, c, err) < 0) {
		return err_wrap(err, "snapshot %s/%s", c->member->name, c->args.object);
	}
	if (c->result != BE_DONE) {
		return core_in_progress(c->member, "the snapshot is being cut", err);
	}
	view_snapshot(c->member, &c->made, ret);
	/* What a backend without metadata can no longer tell, the request says. */
	if (str_empty(ret->source.object)) {
		ret->source.object = c->args.volume;
	}
	return 0;
}

int core_snapshot_create(struct core *core, struct op *op, const char *name,
	const struct core_id *source, struct core_snapshot *ret, struct err *err)
{
	struct cutting c = {.op = op};
	char *object = arena_alloc(op->arena, BE_OBJECT_SIZE);

	if (!object) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "the request is too large");
	}
	if (member_of_id(core, BE_KIND_VOLUME, source, &c.member, err) < 0) {
		return -1;
	}
	if (!c.member->be->ops->snapshot_create) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"source_volume_id: %s/%s is on backend %s, which has no snapshots",
			source->backend, source->object, c.member->name);
	}
	objname_make(core->instance, BE_KIND_SNAPSHOT, name, object);
	c.args =
		(struct be_snapshot_args){.object = object, .name = name, .volume = source->object};
	return cut(core, &c, ret, err);
}

int core_snapshot_delete(
	struct core *core, struct op *op, const struct core_id *id, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_lane_ struct lane *lane = NULL;
	struct cutting c = {.op = op, .object = id->object};
	struct steps steps = {.operation = "DeleteSnapshot"};
	struct err why = {0};

	if (member_of_id(core, BE_KIND_SNAPSHOT, id, &c.member, &why) < 0) {
		return core_unless_absent(&why, err);
	}
	if (!c.member->be->ops->snapshot_delete) {
		return 0;
	}
	if (member_lock(core, c.member, BE_KIND_SNAPSHOT, id->object, &held, err) < 0 ||
		member_enter(c.member, &c.member->lane, &lane, err) < 0) {
		return -1;
	}
	if (step_run(&steps, "delete", run_delete, &c, err) < 0) {
		return err_wrap(err, "snapshot %s/%s", c.member->name, id->object);
	}
	return c.result == BE_DONE
		       ? 0
		       : core_in_progress(c.member, "the snapshot is being deleted", err);
}

int core_snapshot_get(struct core *core, struct op *op, const struct core_id *id,
	struct core_snapshot *ret, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	struct be_snapshot snapshot;
	struct member *member;

	if (member_of_id(core, BE_KIND_SNAPSHOT, id, &member, err) < 0) {
		return -1;
	}
	if (!member->be->ops->snapshot_get) {
		return err_set(err, ERR_NOT_FOUND,
			"snapshot %s/%s does not exist: backend %s has no snapshots", id->backend,
			id->object, member->name);
	}
	if (member_enter(member, &member->lane, &lane, err) < 0) {
		return -1;
	}
	if (member->be->ops->snapshot_get(member->be, op, id->object, &snapshot, err) < 0) {
		return err_wrap(err, "snapshot %s/%s", member->name, id->object);
	}
	view_snapshot(member, &snapshot, ret);
	return 0;
}
