/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeStageVolume: from a publish context to a mounted filesystem or a proven raw device, step by
 * step, and the same again after anything went wrong in between.
 */
#include "node/core/stage.h"

#include "common/base/parse.h"
#include "common/fs/mkfs_options.h"
#include "common/nvmf/uuid.h"
#include "node/mount/options.h"

#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>

/* Mount flags may be sensitive, so only their hash is kept and compared. */
static int hash_flags(
	const struct core_access *access, char out[RECORD_FLAGS_SIZE], struct err *err)
{
	_cleanup_strbuf_ struct strbuf all = sb_init((size_t)64 * KIB);
	uint8_t uuid[16];

	for (size_t i = 0; i < access->n_flags; i++) {
		sb_addf(&all, "%s\n", access->flags[i]);
	}
	if (all.failed) {
		return err_set(err, ERR_INVALID_ARGUMENT, "mount_flags: too long");
	}
	uuid_of_name(sb_str(&all), uuid);
	hex_print(uuid, sizeof(uuid), out);
	return 0;
}

/* Does the capability differ from what @record was staged with? Return: the field, NULL when not.
 */
static const char *differs(
	const struct record *record, const struct core_access *access, const char *flags)
{
	if (record->block != access->block) {
		return "volume_capability.access_type";
	}
	if (record->mode != access->mode) {
		return "volume_capability.access_mode";
	}
	if (!streq(record->fs_type, access->fs_type)) {
		return "volume_capability.mount.fs_type";
	}
	if (!streq(record->flags, flags)) {
		return "volume_capability.mount.mount_flags";
	}
	return NULL;
}

int stage_compare(const struct record *record, const struct core_access *access, struct err *err)
{
	char flags[RECORD_FLAGS_SIZE];

	if (hash_flags(access, flags, err) < 0) {
		return -1;
	}
	const char *field = differs(record, access, flags);
	return field ? err_set(err, ERR_ALREADY_EXISTS,
			       "volume %s: is staged at %s with another %s; unstage it first",
			       record->volume, record->staging, field)
		     : 0;
}

/* Is the request about another attachment or place than the record? */
static const char *moved(const struct record *record, const struct core_stage *request)
{
	if (!streq(record->nqn, request->attach.nqn)) {
		return "publish_context.nqn";
	}
	if (!streq(record->staging, request->staging)) {
		return "staging_target_path";
	}
	return NULL;
}

static int fill_record(struct work *work, const struct core_stage *request, struct err *err)
{
	struct record *record = work->record;

	if (!record) {
		record = work->record = record_new();
		if (!record) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "record: out of memory");
		}
	}
	(void)snprintf(record->volume, sizeof(record->volume), "%s", request->volume);
	(void)snprintf(record->boot, sizeof(record->boot), "%s", work->core->boot);
	(void)snprintf(record->nqn, sizeof(record->nqn), "%s", request->attach.nqn);
	(void)snprintf(record->fs_type, sizeof(record->fs_type), "%s", request->access.fs_type);
	record->state = RECORD_STAGING;
	record->ident = request->attach.ident;
	record->min_size = request->attach.min_size;
	record->portals = request->attach.portals;
	record->options = request->options;
	record->tls = !streq(request->attach.tls, "none");
	record->block = request->access.block;
	record->read_only = request->access.read_only;
	record->many_targets = request->access.many_targets;
	record->mode = request->access.mode;
	record->reclaim = request->reclaim;
	if (record->reclaimed_ms == 0) {
		record->reclaimed_ms = clock_unix_ms();
	}
	if (hash_flags(&request->access, record->flags, err) < 0) {
		return -1;
	}
	return record_set_staging(record, request->staging, err);
}

static struct host_fs fs_of(const struct work *work)
{
	const struct record *record = work->record;

	return (struct host_fs){
		.volume = record->volume,
		.fs_type = record->fs_type,
		.mkfs_options = work->stage ? work->stage->mkfs_options : "",
		.ident = &record->ident,
		.written = work->stage ? work->stage->attach.written : true,
		.formatted = record->formatted,
		.read_only = record->read_only,
	};
}

/* --- the steps --- */

/*
 * The last undo, reached when nothing else is left. A failed stage leaves no record, unless the
 * next one needs to know that there is data (P1).
 */
static int undo_record(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	(void)in;
	if (!work->record->formatted) {
		return records_remove(work->core->records, work->volume, err);
	}
	work->record->state = RECORD_IDLE;
	return records_put(work->core->records, work->record, err);
}

static int step_connect(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct host_link link = work_link(work);

	return work->core->ops->connect(in, work->core->host, &link, &work->guard, err);
}

static int step_device(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct host_want want = work_want(work);
	struct host_link link = work_link(work);

	want.link = &link;
	return work->core->ops->device(
		in, work->core->host, &want, &work->guard, &work->device, err);
}

static int step_access(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	return work->core->ops->set_read_only(
		in, work->core->host, &work->device, work->record->read_only, err);
}

static int step_format(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct host_fs fs = fs_of(work);

	return work->core->ops->format(in, work->core->host, &work->device, &fs, &work->guard, err);
}

static int step_check(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct host_fs fs = fs_of(work);

	return work->core->ops->check(
		in, work->core->host, &work->device, &fs, &work->guard, &work->stuck_pid, err);
}

static int step_grow(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	struct host_fs fs = fs_of(work);

	return work->core->ops->grow(
		in, work->core->host, &work->device, &fs, work->path, &work->guard, err);
}

static int step_mount(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	const struct record *record = work->record;
	const struct core_access *access = &work->stage->access;
	struct mount_choice choice = {.fs_type = record->fs_type,
		.words = access->flags,
		.n_words = access->n_flags,
		.read_only = record->read_only,
		.discard = record->reclaim == RECLAIM_DISCARD};
	struct mount_options options;

	if (mount_options_make(&choice, &options, err) < 0) {
		return -1;
	}
	struct mount_what what = {.fd = work->device.fd,
		.name = work->device.name,
		.dev = work->device.dev,
		.target = work->path,
		.fs_type = record->fs_type,
		.flags = options.flags,
		.data = options.data};
	return work->core->ops->mount(in, work->core->host, &what, &work->guard, err);
}

static int undo_mount(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;
	char staging[PATH_MAX];

	return mount_real_path(work->record->staging, staging, err) < 0
		       ? -1
		       : work->core->ops->unmount(in, work->core->host, staging, &work->guard, err);
}

static int undo_connect(const struct step *in, void *arg, struct err *err)
{
	struct work *work = arg;

	char where[PATH_MAX];

	/* Also where others need the connection: a pod that still has the device keeps the record.
	 */
	int mounted = work_mounted_at(work, where, err);
	if (mounted > 0) {
		return err_set(
			err, ERR_ABORTED, "volume %s: is still mounted at %s", work->volume, where);
	}
	return mounted < 0 ? -1 : work_disconnect(in, work, err);
}

/* --- how they follow each other --- */

int stage_grow(struct work *work, const char *path, struct err *err)
{
	work->path = path;
	return work_step(work, "grow", step_grow, err);
}

/* Format a device that may be formatted (P1). */
static int format_device(struct work *work, struct err *err)
{
	const struct record *record = work->record;

	if (record->min_size != work->device.size) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"volume %s: device %s has %lld bytes and the volume was attached with %lld, so it is "
			"not formatted; if it was expanded meanwhile, let it detach and attach again (delete "
			"the pod and its VolumeAttachment)",
			record->volume, work->device.name, (long long)work->device.size,
			(long long)record->min_size);
	}
	if (work_step(work, "format", step_format, err) < 0) {
		return -1;
	}
	work->record->formatted = true;
	return work_save(work, "record-formatted", err);
}

/* What is mounted at the staging path already? Return: 1 our device, 0 nothing (any more), -1. */
static int clear_staging(struct work *work, const char *staging, struct err *err)
{
	_cleanup_mount_table_ struct mount_table *table = NULL;

	if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, staging);
	if (!entry) {
		return 0;
	}
	if (entry->dev == work->device.dev) {
		bool alive;
		if (work_alive(work, staging, &alive, err) < 0) {
			return -1;
		}
		/* ext4 makes itself read-only after an error: as good as dead for a writer. */
		if (alive && (!entry->fs_read_only || work->read_only_mount)) {
			return 1;
		}
	} else {
		int dead = work_is_dead(work, entry->dev, err);
		if (dead < 0) {
			return -1;
		}
		if (!dead) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"staging_target_path %s: a %s filesystem of another device is mounted there; "
				"unmount it",
				staging, entry->fs_type);
		}
	}
	return work_unmount_all(work, staging, err);
}

/*
 * Is the device's filesystem mounted at another place, by a pod whose staging mount went away? A
 * mount now gives the same superblock in the state that it is in. Return: 1 and alive, 0 no, -1.
 */
static int mounted_elsewhere(struct work *work, struct err *err)
{
	_cleanup_mount_table_ struct mount_table *table = NULL;
	struct core *core = work->core;
	bool alive;

	if (core->ops->mounts(core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find_dev(table, work->device.dev);
	if (!entry) {
		return 0;
	}
	if (work_alive(work, entry->target, &alive, err) < 0) {
		return -1;
	}
	if (alive && (!entry->fs_read_only || work->read_only_mount)) {
		return 1;
	}
	return err_set(err, ERR_UNAVAILABLE,
		"volume %s: its filesystem shut itself down after an error and is still mounted at %s; "
		"delete the pods that use it, then it is checked and mounted anew",
		work->volume, entry->target);
}

/* Blank: format; else check. */
static int prepare_filesystem(struct work *work, struct err *err)
{
	struct core *core = work->core;
	struct host_fs fs = fs_of(work);
	enum host_verdict verdict;

	double began = clock_seconds();
	int inspected =
		core->ops->inspect(core->host, &work->device, &fs, &work->guard, &verdict, err);
	work_timed(work, "inspect", began);
	if (inspected < 0) {
		return -1;
	}
	if (verdict == HOST_FORMAT) {
		return format_device(work, err);
	}
	return work->record->read_only ? 0 : work_step(work, "check", step_check, err);
}

/* Nothing of the device is mounted at @staging. */
static int mount_anew(struct work *work, const char *staging, struct err *err)
{
	int mounted = mounted_elsewhere(work, err);

	if (mounted < 0 || (mounted == 0 && prepare_filesystem(work, err) < 0)) {
		return -1;
	}
	work->path = staging;
	return work_step(work, "mount", step_mount, err);
}

/* The filesystem on the device, and the mount. */
static int stage_filesystem(struct work *work, struct err *err)
{
	char staging[PATH_MAX];

	if (mount_real_path(work->record->staging, staging, err) < 0) {
		return -1;
	}
	int there = clear_staging(work, staging, err);
	if (there < 0) {
		return -1;
	}
	work_undo(work, "undo-mount", undo_mount);
	if (!there && mount_anew(work, staging, err) < 0) {
		return -1;
	}
	return work->read_only_mount ? 0 : stage_grow(work, staging, err);
}

int stage_mend(
	struct work *work, const struct core_access *access, const char *staging, struct err *err)
{
	/* It was staged, so whatever is found on it now, it is not blank. */
	const struct core_stage as = {
		.access = *access, .mkfs_options = "", .attach = {.written = true}};

	work->stage = &as;
	int there = clear_staging(work, staging, err);
	int result = there != 0 ? there : mount_anew(work, staging, err);
	work->stage = NULL;
	return MIN(result, 0);
}

/* A record of the same request says STAGED: does all of it still hold? Return: 1 yes, 0 no: stage
 * again, -1. */
static int still_staged(struct work *work, struct err *err)
{
	struct core *core = work->core;
	struct host_want want = work_want(work);
	struct host_link link = work_link(work);
	struct err why = {0};
	struct host_controllers controllers;

	if (core->ops->controllers(core->host, work->record->nqn, &controllers, err) < 0) {
		return -1;
	}
	if (controllers.listed == 0) {
		return 0;
	}
	if (core->ops->device_now(core->host, &want, &work->guard, &work->device, &why) < 0) {
		return why.code == ERR_NOT_FOUND ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	if (!work->record->block) {
		char staging[PATH_MAX];
		_cleanup_mount_table_ struct mount_table *table = NULL;
		if (mount_real_path(work->record->staging, staging, err) < 0 ||
			core->ops->mounts(core->host, &table, err) < 0) {
			return -1;
		}
		if (!mount_table_find(table, staging)) {
			return 0;
		}
		int there = clear_staging(work, staging, err);
		if (there <= 0) {
			return there;
		}
	}
	if (work->device.dev != work->record->dev) {
		return 0;
	}
	if (work_lock(work, err) < 0 || core->ops->keep(core->host, &link, err) < 0) {
		return -1;
	}
	return 1;
}

/* What an earlier, different or interrupted operation left is taken down first. */
static int settle_record(struct work *work, const struct core_stage *request, struct err *err)
{
	struct record *record = work->record;
	bool this_boot = streq(record->boot, work->core->boot);

	if (record->state == RECORD_IDLE || !this_boot) {
		/* No mount and no connection of it survived a reboot. */
		record_end_boot(record);
		return 0;
	}
	const char *field = moved(record, request);
	if (record->state == RECORD_STAGED) {
		if (field) {
			return err_set(err, ERR_ALREADY_EXISTS,
				"volume %s: is staged at %s from %s, this request has another %s; unstage it "
				"first",
				work->volume, record->staging, record->nqn, field);
		}
		if (stage_compare(record, &request->access, err) < 0) {
			return -1;
		}
		return still_staged(work, err);
	}
	if (!field && record->state == RECORD_STAGING) {
		return 0;
	}
	if (work_take_down(work, err) < 0) {
		return err_wrap(err, "taking down what an earlier operation left");
	}
	work_unlock(work);
	return 0;
}

/* Connect, and know the device. */
static int attach(struct work *work, struct err *err)
{
	struct host_link link = work_link(work);

	if (work_lock(work, err) < 0 || work_save(work, "record", err) < 0) {
		return -1;
	}
	/* From here on the record counts as a user of the subsystem: others do not disconnect it.
	 */
	work_undo(work, "undo-record", undo_record);
	work_undo(work, "undo-connect", undo_connect);
	if (work_step(work, "connect", step_connect, err) < 0 ||
		work->core->ops->keep(work->core->host, &link, err) < 0) {
		return -1;
	}
	work_unlock(work);
	return work_close(work, err) < 0 ? -1 : work_step(work, "device", step_device, err);
}

static int stage(struct work *work, const struct core_stage *request, struct err *err)
{
	bool folder;

	if (work->record) {
		int done = settle_record(work, request, err);
		if (done != 0) {
			return done > 0 ? 0 : -1;
		}
	}
	if (work->core->ops->is_folder(work->core->host, request->staging, &folder, err) < 0) {
		return -1;
	}
	if (!folder) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"staging_target_path %s: is no folder; the container orchestrator makes it",
			request->staging);
	}
	if (fill_record(work, request, err) < 0 || attach(work, err) < 0 ||
		work_step(work, "access", step_access, err) < 0) {
		return -1;
	}
	if (!request->access.block && stage_filesystem(work, err) < 0) {
		return -1;
	}
	work->record->state = RECORD_STAGED;
	work->record->dev = work->device.dev;
	return work_save(work, "record-done", err);
}

int core_stage(struct core *core, const struct core_stage *request, const struct deadline *dl,
	struct err *err)
{
	struct mount_choice choice = {.fs_type = request->access.fs_type,
		.words = request->access.flags,
		.n_words = request->access.n_flags,
		.read_only = request->access.read_only,
		.discard = request->reclaim == RECLAIM_DISCARD};
	struct mount_options options = {0};
	struct mkfs_options format;
	struct work work;

	/* What is wrong with the request is said before anything is touched. */
	if (!request->access.block &&
		(mount_options_make(&choice, &options, err) < 0 ||
			mkfs_options_parse("volume_context.mkfsOptions", request->access.fs_type,
				request->mkfs_options, &format, err) < 0)) {
		history_told(core->history, "NodeStageVolume", request->volume, -1, err);
		return -1;
	}
	if (work_begin(&work, core, "NodeStageVolume", request->volume, dl, err) < 0) {
		return -1;
	}
	work.stage = request;
	work.read_only_mount = (options.flags & MS_RDONLY) != 0;
	bool begun = work.record && work.record->state != RECORD_IDLE &&
		     streq(work.record->boot, core->boot);
	int result = work_stop_trim(&work, err);
	if (result == 0) {
		result = stage(&work, request, err);
	}
	/* A final code says that nothing is there; before an undo is registered, what an earlier
	 * call staged still is. */
	if (result < 0 && begun && work.steps.undos == 0 && err_is_final(err->code) &&
		err->code != ERR_ALREADY_EXISTS) {
		char why[ERR_MSG_MAX];
		(void)snprintf(why, sizeof(why), "%s", err->msg);
		(void)err_set(err, ERR_ABORTED,
			"%s; what an earlier call staged is still there: unstage it, or retry",
			why);
	}
	return work_end(&work, result, err);
}
