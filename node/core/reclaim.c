/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trim: looked at and written down under the volume's lock, then done without it.
 */
#include "node/core/reclaim.h"

#include "common/base/log.h"
#include "node/core/due.h"
#include "node/core/work.h"

#include <limits.h>
#include <stdio.h>

#define OPERATION "Reclaim"
#define KEY_SIZE (RECORD_VOLUME_MAX + 32)

/* A trim under way. */
struct trim {
	struct core *core;
	const char *volume;
	struct steps steps;
	struct journal_entry entry;
	struct step_journal journal;
	struct record *record;
	struct hold hold;
	struct guard guard;
	char path[PATH_MAX]; /* the staging path as the mount table spells it */
	int64_t size;	     /* of the device, bytes */
	uint64_t at;
	struct trim_done part; /* of the last one */
	int cancel_fd;
};

/* Whoever hangs in a trim holds it, and of the volume only the way down. */
static void busy_key(const char *volume, char out[KEY_SIZE])
{
	(void)snprintf(out, KEY_SIZE, "trim of volume %s", volume);
}

/* --- which are due --- */

struct due_list {
	struct core *core;
	int64_t now_ms;
	int64_t busy_ms;
	int64_t next_ms;
	struct due_item {
		int64_t at;
		char volume[RECORD_VOLUME_MAX + 1];
	} *items;
	size_t n;
	size_t max;
	bool failed;
};

static bool is_trimmed(const struct core *core, const struct record *record)
{
	return record->state == RECORD_STAGED && streq(record->boot, core->boot) &&
	       !record->block && !record->read_only && reclaim_period_ms(record->reclaim) > 0;
}

static void look_at(const struct record *record, void *arg)
{
	struct due_list *list = arg;

	if (!is_trimmed(list->core, record)) {
		return;
	}
	const struct due due = {.volume = record->volume,
		.reclaim = record->reclaim,
		.last_ms = record->reclaimed_ms,
		.busy_ms = list->busy_ms};
	int64_t at = due_at(&due, list->now_ms);
	if (at > list->now_ms) {
		list->next_ms = MIN(list->next_ms, at);
		return;
	}
	if (list->n == list->max) {
		size_t max = list->max > 0 ? 2 * list->max : 16;
		struct due_item *items = realloc(list->items, max * sizeof(*items));
		if (!items) {
			list->failed = true;
			return;
		}
		list->items = items;
		list->max = max;
	}
	struct due_item *item = &list->items[list->n++];
	item->at = at;
	(void)snprintf(item->volume, sizeof(item->volume), "%s", record->volume);
}

static int by_moment(const void *a, const void *b)
{
	const struct due_item *x = a;
	const struct due_item *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

char **core_reclaim_due(struct core *core, int64_t now_ms, int64_t busy_ms, int64_t *ret_next_ms)
{
	struct due_list list = {
		.core = core, .now_ms = now_ms, .busy_ms = busy_ms, .next_ms = DUE_NEVER};

	records_each(core->records, look_at, &list);
	char **volumes = list.failed ? NULL : calloc(list.n + 1, sizeof(*volumes));
	if (list.n > 0) {
		qsort(list.items, list.n, sizeof(*list.items), by_moment);
	}
	for (size_t i = 0; volumes && i < list.n; i++) {
		volumes[i] = strdup(list.items[i].volume);
		if (!volumes[i]) {
			records_volumes_free(volumes);
			volumes = NULL;
		}
	}
	free(list.items);
	*ret_next_ms = list.next_ms;
	return volumes;
}

/* --- may it begin --- */

static int check_record(const struct trim *trim, struct err *err)
{
	return trim->record && is_trimmed(trim->core, trim->record)
		       ? 0
		       : err_set(err, ERR_ABORTED, "volume %s: is not staged to be trimmed",
				 trim->volume);
}

/* A target that does not answer now would only hold a child in the kernel. */
static int check_live(struct trim *trim, struct err *err)
{
	struct core *core = trim->core;
	struct host_controllers controllers;

	if (core->ops->controllers(core->host, trim->record->nqn, &controllers, err) < 0) {
		return -1;
	}
	return controllers.live > 0
		       ? 0
		       : err_set(err, ERR_UNAVAILABLE, "volume %s: has no live path to its target",
				 trim->volume);
}

static int check_mount(struct trim *trim, struct err *err)
{
	struct core *core = trim->core;
	const struct record *record = trim->record;
	_cleanup_mount_table_ struct mount_table *table = NULL;

	if (mount_real_path(record->staging, trim->path, err) < 0 ||
		core->ops->mounts(core->host, &table, err) < 0) {
		return -1;
	}
	const struct mount_entry *entry = mount_table_find(table, trim->path);
	if (!entry || entry->dev != record->dev || entry->read_only || entry->fs_read_only) {
		return err_set(err, ERR_UNAVAILABLE,
			"volume %s: its filesystem is not mounted for writing at %s", trim->volume,
			trim->path);
	}
	if (core->ops->dev_size(core->host, record->dev, &trim->size, err) < 0) {
		return -1;
	}
	return trim->size > 0 ? 0
			      : err_set(err, ERR_UNAVAILABLE, "volume %s: its device is gone",
					trim->volume);
}

static int step_record(const struct step *in, void *arg, struct err *err)
{
	const struct trim *trim = arg;

	(void)in;
	return records_put(trim->core->records, trim->record, err);
}

/* Under the volume's lock. From 0 on it is under way, and nobody takes the volume down. */
static int begin(struct trim *trim, int64_t now_ms, struct err *err)
{
	struct core *core = trim->core;

	if (records_get(core->records, trim->volume, &trim->record, err) < 0 ||
		check_record(trim, err) < 0 || check_live(trim, err) < 0 ||
		check_mount(trim, err) < 0 ||
		reclaims_begin(core->reclaims, trim->volume, &trim->cancel_fd, err) < 0) {
		return -1;
	}
	trim->record->reclaimed_ms = now_ms;
	if (hold_take(core->holds, HOLD_RECLAIM, trim->volume, OPERATION, &trim->hold, err) < 0) {
		reclaims_done(core->reclaims);
		return -1;
	}
	if (step_run(&trim->steps, "record", step_record, trim, err) < 0) {
		hold_release(core->holds, &trim->hold);
		reclaims_done(core->reclaims);
		return -1;
	}
	return 0;
}

static int begin_locked(struct trim *trim, int64_t now_ms, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *lock = NULL;
	char volume_key[KEY_SIZE];
	char key[KEY_SIZE];

	busy_key(trim->volume, key);
	(void)snprintf(volume_key, sizeof(volume_key), "volume %s", trim->volume);
	return busy_check(trim->core->busy, key, err) < 0 ||
			       busy_check(trim->core->busy, volume_key, err) < 0 ||
			       keylock_try(
				       trim->core->volumes, "volume", trim->volume, &lock, err) < 0
		       ? -1
		       : begin(trim, now_ms, err);
}

/* --- the work --- */

static int step_trim(const struct step *in, void *arg, struct err *err)
{
	struct trim *trim = arg;
	struct core *core = trim->core;
	const struct trim_part part = {.path = trim->path,
		.dev = trim->record->dev,
		.start = trim->at,
		.length = RECLAIM_PART,
		.piece = RECLAIM_PIECE};

	return core->ops->trim(in, core->host, &part, &trim->guard, &trim->part, err);
}

/* Leave the target to others for a while. Return: 0, or -1 CANCELLED. */
static int rest(const struct trim *trim, int64_t took_ms, struct err *err)
{
	struct deadline dl = {.at_ms = INT64_MAX / 2, .cancel_fd = trim->cancel_fd};

	return deadline_poll(&dl, -1, 0, MIN(took_ms * RECLAIM_REST, (int64_t)RECLAIM_REST_MS),
		       "trim", err) < 0
		       ? -1
		       : 0;
}

static int next_part(struct trim *trim, struct reclaim_done *done, struct err *err)
{
	if (check_live(trim, err) < 0) {
		return -1;
	}
	trim->guard.dl = deadline_in(RECLAIM_PART_MS);
	trim->guard.dl.cancel_fd = trim->cancel_fd;
	if (step_run(&trim->steps, "trim", step_trim, trim, err) < 0) {
		return -1;
	}
	done->bytes = MAX(done->bytes, MIN(done->bytes + trim->part.bytes, trim->part.free));
	trim->at = trim->part.end ? UINT64_MAX : trim->at + RECLAIM_PART;
	return 0;
}

static int all_parts(struct trim *trim, struct reclaim_done *done, struct err *err)
{
	const uint64_t size = (uint64_t)trim->size;

	while (trim->at < size) {
		int64_t began = clock_ms();
		if (next_part(trim, done, err) < 0 ||
			(trim->at < size && rest(trim, clock_ms() - began, err) < 0)) {
			return -1;
		}
	}
	return 0;
}

static void leave(struct trim *trim)
{
	struct core *core = trim->core;
	struct keylock_held *none[BUSY_LOCKS] = {NULL, NULL};
	char key[KEY_SIZE];

	if (trim->guard.stuck) {
		busy_key(trim->volume, key);
		hold_leave(&trim->hold);
		busy_take(core->busy, key, "FITRIM",
			(struct busy_child){.stuck = trim->guard.stuck}, none);
	} else {
		hold_release(core->holds, &trim->hold);
	}
	reclaims_done(core->reclaims);
}

int core_reclaim(struct core *core, const char *volume, int64_t now_ms, struct reclaim_done *ret,
	struct err *err)
{
	struct trim trim = {.core = core,
		.volume = volume,
		.steps = {.operation = OPERATION},
		.entry = {.journal = core->journal, .operation = OPERATION, .volume = volume},
		.guard = {.helper = core->helper},
		.cancel_fd = -1};
	int64_t began = clock_ms();

	*ret = (struct reclaim_done){0};
	trim.journal = journal_steps(&trim.entry);
	trim.steps.journal = &trim.journal;
	int result = begin_locked(&trim, now_ms, err);
	if (result == 0) {
		ret->begun = true;
		trim.guard.hold = trim.hold.fd;
		result = all_parts(&trim, ret, err);
		leave(&trim);
	}
	ret->ms = clock_ms() - began;
	record_free(trim.record);
	return result;
}

void core_reclaim_end(struct core *core)
{
	reclaims_end(core->reclaims);
}

/* --- for who wants the volume --- */

int work_stop_trim(struct work *work, struct err *err)
{
	struct core *core = work->core;
	struct deadline dl = deadline_sooner(&work->guard.dl, RECLAIM_STOP_MS);
	char key[KEY_SIZE];

	busy_key(work->volume, key);
	return reclaims_stop(core->reclaims, work->volume, &dl, err) < 0 ||
			       busy_check(core->busy, key, err) < 0 ||
			       hold_check(core->holds, HOLD_RECLAIM, work->volume, err) < 0
		       ? -1
		       : 0;
}
