/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all operations on a volume share.
 */
#include "node/core/work.h"

#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <limits.h>
#include <stdio.h>

#define BUSY_KEY_SIZE 300
/* Disks of one subsystem that are looked at before it is disconnected. */
#define DISKS_MAX 1024

static void busy_key(const char *volume, char out[BUSY_KEY_SIZE])
{
	(void)snprintf(out, BUSY_KEY_SIZE, "volume %s", volume);
}

bool work_busy(struct core *core, const char *volume, struct busy_one *ret)
{
	char key[BUSY_KEY_SIZE];

	busy_key(volume, key);
	return busy_look(core->busy, key, ret);
}

int work_begin(struct work *work, struct core *core, const char *operation, const char *volume,
	const struct deadline *dl, struct err *err)
{
	char key[BUSY_KEY_SIZE];

	*work = (struct work){
		.core = core,
		.volume = volume,
		.guard = {.helper = core->helper, .dl = *dl},
		.steps = {.operation = operation},
		.entry = {.journal = core->journal, .operation = operation, .volume = volume},
		.device = HOST_DEVICE_NONE,
	};
	work->journal = journal_steps(&work->entry);
	work->steps.journal = &work->journal;
	busy_key(volume, key);
	if (busy_check(core->busy, key, err) < 0 ||
		keylock_try(core->volumes, "volume", volume, &work->lock, err) < 0) {
		return -1;
	}
	if (records_get(core->records, volume, &work->record, err) < 0 ||
		hold_take(core->holds, HOLD_VOLUME, volume, operation, &work->hold, err) < 0) {
		record_free(work->record);
		keylock_release(work->lock);
		return -1;
	}
	work->guard.hold = work->hold.fd;
	return 0;
}

int work_close(struct work *work, struct err *err)
{
	guard_close(&work->guard, &work->device.fd);
	return work->guard.stuck ? err_set(err, ERR_ABORTED,
					   "volume %s: device %s hangs while it is closed, as the "
					   "target does not answer; retry",
					   work->volume, work->device.name)
				 : 0;
}

/* Take back what was done. Where that fails something is left, so the code must not be final. */
static void take_back(struct work *work, struct err *err)
{
	struct err why = {0};

	work->guard.dl = deadline_in(CORE_UNDO_MS);
	if (steps_undo(&work->steps, &why) < 0) {
		char first[ERR_MSG_MAX];
		(void)snprintf(first, sizeof(first), "%s", err->msg);
		(void)err_set(
			err, ERR_ABORTED, "%s; taking it back failed as well: %s", first, why.msg);
	}
}

int work_end(struct work *work, int result, struct err *err)
{
	bool stuck = work->guard.stuck || work->stuck_pid;

	if (result < 0 && err_is_final(err->code) && !stuck) {
		take_back(work, err);
	} else {
		steps_keep(&work->steps);
	}
	guard_close(&work->guard, &work->device.fd);
	stuck = work->guard.stuck || work->stuck_pid;
	if (stuck) {
		char key[BUSY_KEY_SIZE];
		struct keylock_held *locks[BUSY_LOCKS] = {work->lock, work->subsystem};
		struct busy_child child = {.stuck = work->guard.stuck, .pid = work->stuck_pid};
		busy_key(work->volume, key);
		hold_leave(&work->hold);
		busy_take(work->core->busy, key, work->steps.operation, child, locks);
	} else {
		hold_release(work->core->holds, &work->hold);
		keylock_release(work->subsystem);
		keylock_release(work->lock);
	}
	record_free(work->record);
	history_told(work->core->history, work->steps.operation, work->volume, result, err);
	return result;
}

int work_step(struct work *work, const char *name, step_fn fn, struct err *err)
{
	double began = clock_seconds();
	int result = step_run(&work->steps, name, fn, work, err);

	work_timed(work, name, began);
	return result;
}

void work_timed(const struct work *work, const char *name, double began)
{
	const struct core *core = work->core;

	if (core->timed) {
		core->timed(core->timed_arg, work->steps.operation, name, clock_seconds() - began);
	}
}

void work_undo(struct work *work, const char *name, step_fn fn)
{
	steps_on_failure(&work->steps, name, fn, work);
}

/* Cut the deadline for one call that may hang. Return: the one to put back. */
static struct deadline cut(struct work *work)
{
	struct deadline whole = work->guard.dl;

	work->guard.dl = deadline_sooner(&whole, CORE_HANG_MS);
	return whole;
}

int work_alive(struct work *work, const char *path, bool *ret, struct err *err)
{
	struct deadline whole = cut(work);
	int result = work->core->ops->alive(work->core->host, path, &work->guard, ret, err);

	work->guard.dl = whole;
	return result;
}

int work_lock(struct work *work, struct err *err)
{
	if (work->subsystem) {
		return 0;
	}
	struct deadline dl = deadline_sooner(&work->guard.dl, CORE_HANG_MS);
	return keylock_wait(
		work->core->subsystems, "subsystem", work->record->nqn, &dl, &work->subsystem, err);
}

void work_unlock(struct work *work)
{
	keylock_release(TAKE_PTR(work->subsystem));
}

static int step_save(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	(void)in;
	return records_put(work->core->records, work->record, err);
}

int work_save(struct work *work, const char *name, struct err *err)
{
	return work_step(work, name, step_save, err);
}

void work_save_hint(struct work *work, const char *name)
{
	struct err why = {0};

	if (work_save(work, name, &why) < 0) {
		LOG_WARNING("a record cannot be written; going on",
			LOG_STR("volume_id", work->volume), LOG_STR("rpc", work->steps.operation),
			LOG_ERR(&why));
	}
}

struct host_want work_want(const struct work *work)
{
	const struct record *record = work->record;

	return (struct host_want){
		.nqn = record->nqn, .ident = &record->ident, .min_size = record->min_size};
}

struct host_link work_link(const struct work *work)
{
	const struct record *record = work->record;

	return (struct host_link){.nqn = record->nqn,
		.portals = &record->portals,
		.options = &record->options,
		.tls = record->tls};
}

void work_node_key(const char *volume, char out[MOUNT_NODE_KEY_MAX + 1])
{
	uint8_t uuid[16];

	uuid_of_name(volume, uuid);
	hex_print(uuid, sizeof(uuid), out);
}

static int step_unmount(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct deadline whole = cut(work);
	int result = work->core->ops->unmount(in, work->core->host, work->path, &work->guard, err);

	work->guard.dl = whole;
	return result;
}

int work_unmount_all(struct work *work, const char *path, struct err *err)
{
	for (unsigned layer = 0; layer < MOUNT_LAYERS_MAX; layer++) {
		_cleanup_mount_table_ struct mount_table *table = NULL;

		if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
			return -1;
		}
		if (!mount_table_find(table, path)) {
			return 0;
		}
		work->path = path;
		if (work_step(work, "unmount", step_unmount, err) < 0) {
			return -1;
		}
	}
	return err_set(err, ERR_ABORTED, "%s: more than %d mounts on top of each other; retry",
		path, MOUNT_LAYERS_MAX);
}

static bool is_one_of(const dev_t *devs, size_t n, dev_t dev)
{
	for (size_t i = 0; i < n; i++) {
		if (devs[i] == dev) {
			return true;
		}
	}
	return false;
}

int work_in_use(struct work *work, const char *nqn, char *ret_where, struct err *err)
{
	const struct host_ops *ops = work->core->ops;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	_cleanup_free_ dev_t *devs = calloc(DISKS_MAX, sizeof(*devs));
	size_t n;

	if (!devs) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "subsystem %s: out of memory", nqn);
	}
	if (ops->disks(work->core->host, nqn, devs, DISKS_MAX, &n, err) < 0 ||
		ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	for (size_t i = 0; n > 0 && i < mount_table_len(table); i++) {
		const struct mount_entry *entry = mount_table_at(table, i);
		dev_t dev = entry->dev;
		if (strstr(entry->root, MOUNT_NODE_PREFIX)) {
			dev = ops->node_at(work->core->host, entry->target);
		}
		if (is_one_of(devs, n, dev)) {
			(void)snprintf(ret_where, PATH_MAX, "%s", entry->target);
			return 1;
		}
	}
	return 0;
}

int work_mounted_at(struct work *work, char *ret_where, struct err *err)
{
	const struct record *record = work->record;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	char key[MOUNT_NODE_KEY_MAX + 1];
	char name[MOUNT_NODE_NAME_SIZE];

	if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	work_node_key(work->volume, key);
	mount_node_name(key, name);
	const struct mount_entry *entry = mount_table_find_root(table, name);
	if (!entry && record->dev != 0 && !record->block) {
		entry = mount_table_find_dev(table, record->dev);
	}
	if (!entry) {
		return 0;
	}
	(void)snprintf(ret_where, PATH_MAX, "%s", entry->target);
	return 1;
}

int work_is_dead(struct work *work, dev_t dev, struct err *err)
{
	int64_t size;

	if (work->core->ops->dev_size(work->core->host, dev, &size, err) < 0) {
		return -1;
	}
	return size == 0 ? 1 : 0;
}

/* Is the record's own disk, or with @all any of its subsystem, still held by somebody whom our
 * mount table does not show? Return: 0 no, -1 (ABORTED when it is). */
static int check_held(struct work *work, bool all, struct err *err)
{
	struct host_want want = work_want(work);
	char what[HOST_HELD_SIZE];

	if (all) {
		want.ident = NULL;
	}
	struct deadline whole = cut(work);
	int asked = work->core->ops->held(
		work->core->host, &want, work->record->dev, &work->guard, what, err);
	work->guard.dl = whole;
	if (asked < 0) {
		return -1;
	}
	if (!*what) {
		return 0;
	}
	return err_set(err, ERR_ABORTED,
		"volume %s: device %s is not disconnected: its filesystem is still held in another mount "
		"namespace, or dm, md or swap uses it; end what holds it (a pod that shows the host's "
		"filesystem without mount propagation, for one: restart it), then retry",
		work->volume, what);
}

int work_disconnect(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct core *core = work->core;
	const char *nqn = work->record->nqn;
	char where[PATH_MAX];

	/* Also reached as an undo, when the lock was given back long ago. */
	if (work_lock(work, err) < 0) {
		return -1;
	}
	if (records_users(core->records, nqn, core->boot, work->volume) > 0) {
		/* Others need the connection; this namespace is not used any more. */
		return 0;
	}
	int used = work_in_use(work, nqn, where, err);
	if (used < 0) {
		return -1;
	}
	if (used > 0) {
		return err_set(err, ERR_ABORTED,
			"volume %s: a disk of its subsystem is still mounted at %s, so it is not disconnected; "
			"unmount that, then retry",
			work->volume, where);
	}
	if (check_held(work, true, err) < 0) {
		return -1;
	}
	core->ops->drop(core->host, nqn);
	struct deadline whole = cut(work);
	int result = core->ops->disconnect(in, core->host, nqn, &work->guard, err);

	work->guard.dl = whole;
	return result;
}

static int step_sync(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	struct deadline whole = cut(work);
	int result = work->core->ops->sync(in, work->core->host, work->path, &work->guard, err);

	work->guard.dl = whole;
	return result;
}

/* Store what is in memory, and learn whether that failed, while there is a mount to ask. */
static int sync_staging(struct work *work, const char *staging, struct err *err)
{
	const struct host_ops *ops = work->core->ops;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	struct err why = {0};
	bool alive;

	if (ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, staging);
	if (!entry || entry->fs_read_only) {
		return 0;
	}
	work->path = staging;
	if (work_step(work, "sync", step_sync, &why) == 0) {
		return 0;
	}
	if (!work->guard.stuck) {
		/* A lost device, or a filesystem that shut itself down, never stores anything. */
		int dead = work_is_dead(work, entry->dev, err);
		if (dead > 0) {
			return 0;
		}
		if (dead < 0 || work_alive(work, staging, &alive, err) < 0) {
			return -1;
		}
		if (!alive) {
			return 0;
		}
	}
	return err_set(err, why.code, "volume %s: %s", work->volume, why.msg);
}

static int step_node_remove(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	char key[MOUNT_NODE_KEY_MAX + 1];

	work_node_key(work->volume, key);
	return work->core->ops->node_remove(in, work->core->host, work->core->state_dir, key, err);
}

int work_take_down(struct work *work, struct err *err)
{
	struct record *record = work->record;
	char where[PATH_MAX];
	char staging[PATH_MAX];

	if (!record->block) {
		if (mount_real_path(record->staging, staging, err) < 0 ||
			sync_staging(work, staging, err) < 0 ||
			work_unmount_all(work, staging, err) < 0) {
			return -1;
		}
	}
	int mounted = work_mounted_at(work, where, err);
	if (mounted < 0) {
		return -1;
	}
	if (mounted > 0) {
		return err_set(err, ERR_ABORTED,
			"volume %s: is still mounted at %s; unmount that, then retry", work->volume,
			where);
	}
	if (check_held(work, false, err) < 0 ||
		(record->block && work_step(work, "node", step_node_remove, err) < 0)) {
		return -1;
	}
	return work_step(work, "disconnect", work_disconnect, err);
}
