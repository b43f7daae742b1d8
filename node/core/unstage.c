/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeUnstageVolume: unmount, disconnect when no other volume needs the subsystem, forget. Success
 * only when the kernel shows it (P3).
 */
#include "node/core/work.h"

#include <limits.h>
#include <stdio.h>

static int step_forget(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	(void)in;
	return records_remove(work->core->records, work->volume, err);
}

/* Published targets that are still mounted: the orchestrator takes them down first. */
static int check_targets(struct work *work, struct err *err)
{
	const struct record *record = work->record;
	_cleanup_mount_table_ struct mount_table *table = NULL;

	if (record->n_targets == 0) {
		return 0;
	}
	if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < record->n_targets; i++) {
		if (mount_table_find(table, record->targets[i].path)) {
			return err_set(err, ERR_ABORTED,
				"volume %s: is still published at %s; unpublish it there first",
				work->volume, record->targets[i].path);
		}
	}
	return 0;
}

/*
 * There is no record, and yet something is mounted at the staging path: by an older plugin, or the
 * record was lost. Ours is what hangs on a subsystem that we are connected to, or on a device that
 * is gone.
 */
static int unstage_unknown(struct work *work, const char *staging, struct err *err)
{
	struct core *core = work->core;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	char nqn[NQN_SIZE] = "";

	if (core->ops->mounts(core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, staging);
	if (!entry) {
		return 0;
	}
	int dead = work_is_dead(work, entry->dev, err);
	if (dead < 0 || core->ops->owner(core->host, entry->dev, nqn, err) < 0) {
		return -1;
	}
	bool file_system = streq(entry->fs_type, "ext4") || streq(entry->fs_type, "xfs");
	if (!*nqn && !(dead && file_system)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"staging_target_path %s: volume %s was not staged by this node, and the %s filesystem "
			"that is mounted there is none of ours; unmount it",
			staging, work->volume, entry->fs_type);
	}
	work->record = record_new();
	if (!work->record || record_set_staging(work->record, staging, err) < 0) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "record: out of memory");
	}
	(void)snprintf(work->record->nqn, NQN_SIZE, "%s", nqn);
	work->record->dev = entry->dev;
	return *nqn ? work_take_down(work, err) : work_unmount_all(work, staging, err);
}

/* One after which a child hangs, or whose time was over, says that the target may be dead. */
static int take_down(struct work *work, struct err *err)
{
	const struct portals *portals = &work->record->portals;
	struct gate *gate = work->core->take_downs;

	if (portals->n == 0) {
		return work_take_down(work, err);
	}
	if (gate_enter(gate, &portals->list[0], err) < 0) {
		return -1;
	}
	int result = work_take_down(work, err);
	bool hung = result < 0 && (work->guard.stuck || err->code == ERR_DEADLINE_EXCEEDED);
	gate_leave(gate, &portals->list[0], !hung);
	return result;
}

static int unstage(struct work *work, const char *path, struct err *err)
{
	struct record *record = work->record;
	char staging[PATH_MAX];

	if (mount_real_path(path, staging, err) < 0) {
		return -1;
	}
	if (!record) {
		return unstage_unknown(work, staging, err);
	}
	if (!streq(record->staging, path) && record->state == RECORD_STAGED) {
		/* Staged elsewhere: at this path it is not. */
		return 0;
	}
	if (record->state == RECORD_IDLE) {
		return work_step(work, "forget", step_forget, err);
	}
	if (!streq(record->boot, work->core->boot)) {
		record_end_boot(record);
	}
	if (check_targets(work, err) < 0) {
		return -1;
	}
	record->state = RECORD_UNSTAGING;
	work_save_hint(work, "record");
	if (take_down(work, err) < 0) {
		return -1;
	}
	return work_step(work, "forget", step_forget, err);
}

int core_unstage(struct core *core, const char *volume, const char *staging,
	const struct deadline *dl, struct err *err)
{
	struct work work;

	if (work_begin(&work, core, "NodeUnstageVolume", volume, dl, err) < 0) {
		return -1;
	}
	int result = work_stop_trim(&work, err);
	return work_end(&work, result < 0 ? -1 : unstage(&work, staging, err), err);
}
