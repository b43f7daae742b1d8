/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodePublishVolume and NodeUnpublishVolume: a staged volume shown at a pod's target.
 */
#include "node/core/stage.h"

#include <limits.h>
#include <stdio.h>

/* What the steps of a publish need beside the work. */
struct publish {
	struct work work;
	const struct core_publish *request;
	char staging[PATH_MAX]; /* as the mount table spells it */
	char target[PATH_MAX];
	bool read_only;
	bool made; /* the target was made by this call */
};

static int step_target(const struct step *in, void *arg, struct err *err)
{
	struct publish *p = arg;
	struct core *core = p->work.core;

	return core->ops->target_make(
		in, core->host, p->target, !p->work.record->block, &p->made, err);
}

static int step_remove_target(const struct step *in, void *arg, struct err *err)
{
	struct publish *p = arg;

	return p->made ? p->work.core->ops->target_remove(in, p->work.core->host, p->target, err)
		       : 0;
}

static int step_access(const struct step *in, void *arg, struct err *err)
{
	struct publish *p = arg;
	struct core *core = p->work.core;

	return core->ops->set_read_only(in, core->host, &p->work.device, p->read_only, err);
}

static int step_bind(const struct step *in, void *arg, struct err *err)
{
	struct publish *p = arg;
	struct core *core = p->work.core;
	char key[MOUNT_NODE_KEY_MAX + 1];

	if (!p->work.record->block) {
		return core->ops->bind(in, core->host, p->staging, p->target, p->read_only, err);
	}
	work_node_key(p->work.volume, key);
	struct mount_node node = {.folder = core->state_dir,
		.key = key,
		.dev = p->work.device.dev,
		.target = p->target};
	return core->ops->bind_device(in, core->host, &node, err);
}

static int step_drop_target(const struct step *in, void *arg, struct err *err)
{
	struct publish *p = arg;

	(void)in;
	record_drop_target(p->work.record, p->target);
	return records_put(p->work.core->records, p->work.record, err);
}

/* Is what is mounted at a target this volume, as it is staged now? */
static bool is_ours(struct publish *p, const struct mount_entry *entry)
{
	const struct record *record = p->work.record;
	struct core *core = p->work.core;

	return record->block ? core->ops->node_at(core->host, entry->target) == record->dev
			     : entry->dev == record->dev;
}

/* The second-publish table of CSI. Return: 1 published already, 0 go on, -1. */
static int check_others(struct publish *p, const struct mount_table *table, struct err *err)
{
	struct record *record = p->work.record;

	for (size_t i = 0; i < record->n_targets;) {
		const struct record_target *other = &record->targets[i];
		const struct mount_entry *entry = mount_table_find(table, other->path);
		if (!entry || !is_ours(p, entry)) {
			if (streq(other->path, p->target)) {
				i++;
				continue;
			}
			/* Gone since, as by a reboot or a lost device: it is no publish any more.
			 */
			record_drop_target(record, other->path);
			continue;
		}
		if (streq(other->path, p->target)) {
			if (other->read_only != p->read_only) {
				return err_set(err, ERR_ALREADY_EXISTS,
					"volume %s: is published at %s with readonly %s; unpublish it first",
					record->volume, p->target,
					other->read_only ? "true" : "false");
			}
			return 1;
		}
		if (!record->many_targets) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"volume %s: is published at %s, and its access mode allows one target only",
				record->volume, other->path);
		}
		if (record->block && other->read_only != p->read_only) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"volume %s: is published at %s with readonly %s; a raw block device is read-only "
				"for all its users on a node or for none",
				record->volume, other->path, other->read_only ? "true" : "false");
		}
		i++;
	}
	return 0;
}

/* The device of the stage, proven anew and opened. */
static int prove_device(struct publish *p, struct err *err)
{
	struct work *work = &p->work;
	const struct record *record = work->record;
	struct host_want want = work_want(work);
	struct core *core = work->core;

	if (core->ops->device_now(core->host, &want, &work->guard, &work->device, err) < 0) {
		return err->code == ERR_NOT_FOUND
			       ? err_set(err, ERR_FAILED_PRECONDITION,
					 "volume %s: its device is gone from this node; stage it again",
					 record->volume)
			       : -1;
	}
	if (work->device.dev != record->dev) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"volume %s: its device was lost and came back as another one; stage it again",
			record->volume);
	}
	return 0;
}

/*
 * The filesystem made itself read-only after an error, or its staging mount went. Who counts the
 * volume as staged calls no stage again, so that is mended here, unless pods still hold it.
 */
static int mend(struct publish *p, const struct mount_table *table, bool mounted, struct err *err)
{
	const struct record *record = p->work.record;

	for (size_t i = 0; mounted && i < mount_table_len(table); i++) {
		const struct mount_entry *entry = mount_table_at(table, i);
		if (entry->dev == record->dev && !streq(entry->target, p->staging)) {
			return err_set(err, ERR_UNAVAILABLE,
				"volume %s: its filesystem made itself read-only after an error and is still "
				"mounted at %s; delete the pods that use it, then it is checked and mounted anew",
				record->volume, entry->target);
		}
	}
	return prove_device(p, err) < 0 || work_stop_trim(&p->work, err) < 0
		       ? -1
		       : stage_mend(&p->work, &p->request->access, p->staging, err);
}

/* Is the stage still what was proven? */
static int check_stage(struct publish *p, const struct mount_table *table, struct err *err)
{
	struct work *work = &p->work;
	const struct record *record = work->record;

	if (record->block) {
		return prove_device(p, err);
	}
	const struct mount_entry *entry = mount_table_find(table, p->staging);
	if (entry && entry->dev != record->dev) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"volume %s: something else (%s) is mounted at its staging path %s; stage it again",
			record->volume, entry->fs_type, p->request->staging);
	}
	int dead = work_is_dead(work, record->dev, err);
	if (dead != 0) {
		return dead < 0
			       ? -1
			       : err_set(err, ERR_FAILED_PRECONDITION,
					 "volume %s: its device is gone, the mount at %s is dead; stage it again",
					 record->volume, p->request->staging);
	}
	/* Mounted with the flag "ro", both say so. */
	return entry && (entry->read_only || !entry->fs_read_only)
		       ? 0
		       : mend(p, table, entry != NULL, err);
}

static int check_request(struct publish *p, struct err *err)
{
	const struct record *record = p->work.record;
	const struct core_publish *request = p->request;

	if (!record || record->state != RECORD_STAGED || !streq(record->boot, p->work.core->boot)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"volume %s: is not staged on this node", request->volume);
	}
	if (!streq(record->staging, request->staging)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"staging_target_path %s: volume %s is staged at %s", request->staging,
			request->volume, record->staging);
	}
	if (mount_real_path(request->staging, p->staging, err) < 0 ||
		mount_real_path(request->target, p->target, err) < 0) {
		return -1;
	}
	if (streq(p->staging, p->target)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "target_path %s: is the staging path",
			request->target);
	}
	return stage_compare(record, &request->access, err);
}

static int unmount_stale(struct publish *p, const struct mount_table *table, struct err *err)
{
	const struct mount_entry *entry = mount_table_find(table, p->target);

	if (!entry) {
		return 0;
	}
	if (record_find_target(p->work.record, p->target) < 0 && !is_ours(p, entry)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"target_path %s: something else (%s) is mounted there; unmount it",
			p->target, entry->fs_type);
	}
	return work_unmount_all(&p->work, p->target, err);
}

static int publish(struct publish *p, struct err *err)
{
	struct work *work = &p->work;
	_cleanup_mount_table_ struct mount_table *table = NULL;

	if (check_request(p, err) < 0) {
		return -1;
	}
	p->read_only = p->request->read_only || work->record->read_only;
	if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	int done = check_others(p, table, err);
	if (done != 0) {
		return done > 0 ? 0 : -1;
	}
	if (check_stage(p, table, err) < 0 || unmount_stale(p, table, err) < 0 ||
		record_add_target(work->record, p->target, p->read_only, err) < 0 ||
		work_save(work, "record", err) < 0) {
		return -1;
	}
	steps_on_failure(&work->steps, "undo-record", step_drop_target, p);
	steps_on_failure(&work->steps, "undo-target", step_remove_target, p);
	if (step_run(&work->steps, "target", step_target, p, err) < 0) {
		return -1;
	}
	if (work->record->block && step_run(&work->steps, "access", step_access, p, err) < 0) {
		return -1;
	}
	return step_run(&work->steps, "bind", step_bind, p, err);
}

int core_publish(struct core *core, const struct core_publish *request, const struct deadline *dl,
	struct err *err)
{
	_cleanup_free_ struct publish *p = calloc(1, sizeof(*p));

	if (!p) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "publish: out of memory");
	}
	p->request = request;
	if (work_begin(&p->work, core, "NodePublishVolume", request->volume, dl, err) < 0) {
		return -1;
	}
	return work_end(&p->work, publish(p, err), err);
}

static int step_remove(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	return work->core->ops->target_remove(in, work->core->host, work->path, err);
}

/* Could this be a publish of ours, also one whose device is long gone? */
static bool may_unmount(struct work *work, const char *target, const struct mount_entry *entry)
{
	const struct record *record = work->record;

	return (record && record_find_target(record, target) >= 0) ||
	       (record && record->dev != 0 && entry->dev == record->dev) ||
	       strstr(entry->root, MOUNT_NODE_PREFIX) || streq(entry->fs_type, "ext4") ||
	       streq(entry->fs_type, "xfs");
}

static int unpublish(struct work *work, const char *path, struct err *err)
{
	_cleanup_mount_table_ struct mount_table *table = NULL;
	char target[PATH_MAX];

	if (mount_real_path(path, target, err) < 0 ||
		work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, target);
	if (entry) {
		if (!may_unmount(work, target, entry)) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"target_path %s: what is mounted there (%s) was not published by this driver; "
				"unmount it",
				target, entry->fs_type);
		}
		if (work_unmount_all(work, target, err) < 0) {
			return -1;
		}
	}
	work->path = target;
	if (work_step(work, "target", step_remove, err) < 0) {
		return -1;
	}
	if (!work->record || record_find_target(work->record, target) < 0) {
		return 0;
	}
	record_drop_target(work->record, target);
	/* A target that stays in it is seen not to be mounted. */
	work_save_hint(work, "record");
	return 0;
}

int core_unpublish(struct core *core, const char *volume, const char *target,
	const struct deadline *dl, struct err *err)
{
	struct work work;

	if (work_begin(&work, core, "NodeUnpublishVolume", volume, dl, err) < 0) {
		return -1;
	}
	return work_end(&work, unpublish(&work, target, err), err);
}
