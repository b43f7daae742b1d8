/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NodeExpandVolume and NodeGetVolumeStats: questions to, and growth of, a volume that is in use.
 */
#include "node/core/question.h"
#include "node/core/stage.h"

#include <limits.h>
#include <stdio.h>

/* Is @path where @record is staged or published? @real gets it as the mount table spells it. */
static int find_path(const struct record *record, const char *path, char *real, struct err *err)
{
	if (mount_real_path(path, real, err) < 0) {
		return -1;
	}
	if (streq(record->staging, path) || record_find_target(record, real) >= 0) {
		return 0;
	}
	char staging[PATH_MAX];
	if (mount_real_path(record->staging, staging, err) < 0) {
		return -1;
	}
	return streq(staging, real)
		       ? 0
		       : err_set(err, ERR_NOT_FOUND,
				 "volume_path %s: volume %s is neither staged nor published there",
				 path, record->volume);
}

static int find_record(
	struct core *core, const struct record *record, const char *volume, struct err *err)
{
	if (!record || record->state != RECORD_STAGED || !streq(record->boot, core->boot)) {
		return err_set(err, ERR_NOT_FOUND, "volume %s: is not staged on this node", volume);
	}
	return 0;
}

struct expand {
	struct work work;
	struct host_want want;
};

static int step_rescan(const struct step *in, void *arg, struct err *err)
{
	struct expand *e = arg;
	struct core *core = e->work.core;

	return core->ops->device_grown(
		in, core->host, &e->want, &e->work.guard, &e->work.device, err);
}

static int expand(
	struct expand *e, const struct core_expand *request, int64_t *ret_size, struct err *err)
{
	struct work *work = &e->work;
	struct record *record = work->record;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	char path[PATH_MAX];
	char staging[PATH_MAX];

	if (find_record(work->core, record, work->volume, err) < 0 ||
		find_path(record, request->path, path, err) < 0) {
		return -1;
	}
	e->want = work_want(work);
	e->want.min_size = MAX(e->want.min_size, request->required);
	if (step_run(&work->steps, "rescan", step_rescan, e, err) < 0) {
		return -1;
	}
	if (request->limit > 0 && work->device.size > request->limit) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"capacity_range.limit_bytes %lld: volume %s has %lld bytes already",
			(long long)request->limit, work->volume, (long long)work->device.size);
	}
	if (work->device.dev != record->dev) {
		return err_set(err, ERR_UNAVAILABLE,
			"volume %s: its device was lost and came back as another one; it is repaired when "
			"the volume is staged again",
			work->volume);
	}
	*ret_size = work->device.size;
	if (record->block || record->read_only) {
		return 0;
	}
	if (mount_real_path(record->staging, staging, err) < 0) {
		return -1;
	}
	if (work->core->ops->mounts(work->core->host, &table, err) < 0) {
		return -1;
	}
	/* Mounted with the flag "ro", it cannot be grown and is not when it is staged either. */
	const struct mount_entry *entry = mount_table_find(table, staging);
	if (entry && entry->dev == record->dev && entry->read_only && entry->fs_read_only) {
		return 0;
	}
	return stage_grow(work, staging, err);
}

int core_expand(struct core *core, const struct core_expand *request, const struct deadline *dl,
	int64_t *ret_size, struct err *err)
{
	struct expand e;

	if (work_begin(&e.work, core, "NodeExpandVolume", request->volume, dl, err) < 0) {
		return -1;
	}
	return work_end(&e.work, expand(&e, request, ret_size, err), err);
}

struct usage {
	const struct record *record;
	const char *path;
	struct mount_usage *ret;
};

static int ask_usage(struct core *core, struct guard *guard, void *arg, struct err *err)
{
	const struct usage *usage = arg;

	return core->ops->usage(
		core->host, usage->path, usage->record->dev, guard, usage->ret, err);
}

int core_stats(struct core *core, const char *volume, const char *path, const struct deadline *dl,
	struct core_stats *ret, struct err *err)
{
	struct guard guard = {
		.helper = core->helper, .dl = deadline_sooner(dl, CORE_STATS_MS), .stuck = NULL};
	_cleanup_record_ struct record *record = NULL;
	_cleanup_mount_table_ struct mount_table *table = NULL;
	struct core_stats stats = {0};
	char real[PATH_MAX];
	int64_t size;

	/* No lock: what is looked at is checked by number, and statistics must not wait. */
	if (records_get(core->records, volume, &record, err) < 0 ||
		find_record(core, record, volume, err) < 0 ||
		find_path(record, path, real, err) < 0 ||
		core->ops->dev_size(core->host, record->dev, &size, err) < 0) {
		return -1;
	}
	if (size == 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"volume %s: its device is gone from this node; delete the pods that use it, then it "
			"is attached anew",
			volume);
	}
	stats.block = record->block;
	if (record->block) {
		stats.usage.bytes_total = size;
		*ret = stats;
		return 0;
	}
	if (core->ops->mounts(core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, real);
	if (!entry || entry->dev != record->dev) {
		return err_set(err, ERR_NOT_FOUND, "volume_path %s: volume %s is not mounted there",
			path, volume);
	}
	struct usage usage = {.record = record, .path = real, .ret = &stats.usage};
	const struct question question = {.volume = volume,
		.rpc = "NodeGetVolumeStats",
		.what = "statfs",
		.ask = ask_usage,
		.arg = &usage};
	if (question_ask(core, &question, &guard, err) < 0) {
		return -1;
	}
	*ret = stats;
	return 0;
}
