/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One volume after the other. What a message says must not change from look to look, since
 * whoever keeps it writes it anew each time: moments are told, never durations.
 */
#include "node/core/health.h"

#include "node/core/health_paths.h"
#include "node/core/question.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

_Static_assert(HEALTH_REASONS <= HISTORY_MARKS, "each reason has a mark");

/* What is left of a message for other people's words. */
#define WHY_SIZE 512

const struct health_kind *health_kind(enum health_reason reason)
{
	static const struct health_kind kinds[HEALTH_REASONS] = {
		[HEALTH_PATHS_LOST] = {"PathsLost", false},
		[HEALTH_ALL_PATHS_LOST] = {"AllPathsLost", true},
		[HEALTH_DEVICE_LOST] = {"DeviceLost", true},
		[HEALTH_READ_ONLY] = {"FilesystemReadOnly", true},
		[HEALTH_SHUT_DOWN] = {"FilesystemShutDown", true},
		[HEALTH_FS_HANGS] = {"FilesystemHangs", true},
		[HEALTH_STAGING_LOST] = {"StagingMountLost", false},
		[HEALTH_PUBLISH_LOST] = {"PublishMountLost", true},
		[HEALTH_STAGE_FAILED] = {"StageFailed", true},
		[HEALTH_PUBLISH_FAILED] = {"PublishFailed", true},
		[HEALTH_KERNEL_HANGS] = {"KernelCallHangs", true},
		[HEALTH_CHECK_RUNS] = {"FilesystemCheckRuns", true},
		[HEALTH_BAD_RECORD] = {"RecordUnreadable", false},
	};

	return &kinds[reason];
}

/* One look at one volume. */
struct look {
	struct core *core;
	const char *volume;
	const char *target; /* "": none was named */
	const struct record *record;
	const struct host_ctrl *ctrls;
	size_t n_ctrls;
	const struct mount_table *table;
	struct guard *guard; /* NULL: no filesystem is asked */
	struct core_health *ret;
};

static PRINTF_LIKE(3, 4) void add(
	struct look *look, enum health_reason reason, const char *fmt, ...)
{
	va_list args;
	size_t n = look->ret->n++;

	look->ret->list[n].reason = reason;
	va_start(args, fmt);
	(void)vsnprintf(look->ret->list[n].message, HEALTH_MSG_SIZE, fmt, args);
	va_end(args);
}

static bool has(const struct look *look, enum health_reason reason)
{
	for (size_t i = 0; i < look->ret->n; i++) {
		if (look->ret->list[i].reason == reason) {
			return true;
		}
	}
	return false;
}

/* Who hangs for it, from this run of the plugin or an earlier one. */
static void look_at_busy(struct look *look)
{
	struct holds *holds = look->core->holds;
	struct busy_one who;
	struct hold_old old;
	char since[CLOCK_UTC_SIZE];

	if (work_busy(look->core, look->volume, &who)) {
		clock_print_utc(who.since_unix, since);
		add(look, who.kernel ? HEALTH_KERNEL_HANGS : HEALTH_CHECK_RUNS,
			who.kernel
				? "%s has been hanging in the kernel since %s, as the device or the target "
				  "does not answer; nothing else is done with the volume until that ends by "
				  "itself: bring the target back"
				: "%s: the check of the filesystem has been going on since %s; the volume "
				  "is mounted when it is done",
			who.what, since);
	} else if (hold_is_old(holds, HOLD_VOLUME, look->volume, &old)) {
		clock_print_utc(old.since_unix, since);
		add(look, HEALTH_KERNEL_HANGS,
			"%s, begun at %s before the node plugin was restarted, hangs in the kernel or "
			"checks a filesystem; nothing else is done with the volume until that ends by "
			"itself: bring the target back",
			old.operation, since);
	}
	if (question_hangs(look->core, look->volume, &who)) {
		clock_print_utc(who.since_unix, since);
		add(look, HEALTH_FS_HANGS,
			"the filesystem has not answered a question (%s) since %s: its device or the "
			"target does not answer",
			who.what, since);
	} else if (hold_is_old(holds, HOLD_STATISTICS, look->volume, &old)) {
		clock_print_utc(old.since_unix, since);
		add(look, HEALTH_FS_HANGS,
			"the filesystem has not answered a question (%s) since %s, before the node plugin "
			"was restarted: its device or the target does not answer",
			old.operation, since);
	}
}

static void look_at_failure(struct look *look)
{
	struct history_failure failure;
	char since[CLOCK_UTC_SIZE];

	if (!history_failure(look->core->history, look->volume, &failure)) {
		return;
	}
	clock_print_utc(failure.since_unix, since);
	add(look, failure.publish ? HEALTH_PUBLISH_FAILED : HEALTH_STAGE_FAILED,
		"the volume cannot be %s on this node, since %s: %.*s",
		failure.publish ? "shown to the pod" : "attached", since, WHY_SIZE, failure.msg);
}

/* What the pods see while no path works, by the options that the volume was connected with. */
static void print_waiting(const struct connect_options *options, char *out, size_t size)
{
	int n = 0;

	if (options->fast_io_fail_tmo >= 0) {
		n = snprintf(out, size,
			"reads and writes of its pods wait for %d s (fastIoFailTmo) and fail from then on",
			options->fast_io_fail_tmo);
	} else {
		n = snprintf(out, size,
			"reads and writes of its pods wait, and go on by themselves when a path is back");
	}
	if (options->ctrl_loss_tmo == CONNECT_NEVER || n < 0 || (size_t)n >= size) {
		return;
	}
	if (options->ctrl_loss_tmo == CONNECT_UNSET) {
		(void)snprintf(out + n, size - (size_t)n,
			"; after the kernel's own time (ctrlLossTmo) the disk is given up, and the pods must "
			"be deleted then");
		return;
	}
	(void)snprintf(out + n, size - (size_t)n,
		"; after %d s (ctrlLossTmo) the kernel gives the disk up, and the pods must be deleted "
		"then",
		options->ctrl_loss_tmo);
}

/* Return: does one path work? */
static bool look_at_paths(struct look *look)
{
	const struct record *record = look->record;
	char lost[WHY_SIZE / 2];
	char waiting[WHY_SIZE / 2];
	struct paths_seen seen;

	paths_look(record, look->ctrls, look->n_ctrls, &seen);
	/* The path keeper adds all but the first one after the stage. */
	if (seen.live > 0 && seen.unseen == seen.lost && paths_are_new(look->core, look->volume)) {
		return true;
	}
	if (seen.lost == 0) {
		return true;
	}
	paths_print_lost(record, &seen, lost, sizeof(lost));
	if (seen.live > 0) {
		add(look, HEALTH_PATHS_LOST,
			"%u of %u paths work; lost: %s; the volume goes on with the others; check these "
			"portals of the target, and the network to them",
			seen.live, seen.wanted, lost);
		return true;
	}
	print_waiting(&record->options, waiting, sizeof(waiting));
	add(look, HEALTH_ALL_PATHS_LOST,
		"none of %u paths works: %s; %s; check the target, and the network to it",
		seen.wanted, lost, waiting);
	return false;
}

/* Words that newer kernels show among the options of a filesystem that gave up. */
static bool has_word(const char *options, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = options; at && *at;) {
		const char *end = strchrnul(at, ',');
		if ((size_t)(end - at) == length && memcmp(at, word, length) == 0) {
			return true;
		}
		at = *end ? end + 1 : end;
	}
	return false;
}

struct opening {
	const char *path;
	bool opens;
};

static int ask_opens(struct core *core, struct guard *guard, void *arg, struct err *err)
{
	struct opening *opening = arg;

	return core->ops->opens(core->host, opening->path, guard, &opening->opens, err);
}

static void add_shut_down(struct look *look)
{
	add(look, HEALTH_SHUT_DOWN,
		"the filesystem shut itself down after an error and neither reads nor writes; delete the "
		"pods that use the volume on this node, then it is checked and mounted anew");
}

/* Does it still open? Asked in a child, and only where a path works. */
static void ask_filesystem(struct look *look, const struct mount_entry *entry)
{
	struct opening opening = {.path = entry->target};
	const struct question question = {.volume = look->volume,
		.rpc = "NodeGetVolumeHealth",
		.what = "open",
		.ask = ask_opens,
		.arg = &opening};
	struct err why = {0};

	if (question_ask(look->core, &question, look->guard, &why) == 0) {
		if (!opening.opens) {
			add_shut_down(look);
		}
		return;
	}
	/* ABORTED: another look is asking just now. */
	if (why.code != ERR_CANCELLED && why.code != ERR_ABORTED) {
		add(look, HEALTH_FS_HANGS, "the filesystem does not answer: %.*s", WHY_SIZE,
			why.msg);
	}
}

static void look_at_filesystem(struct look *look, bool path)
{
	const struct record *record = look->record;
	char staging[PATH_MAX];
	struct err ignored = {0};

	if (mount_real_path(record->staging, staging, &ignored) < 0) {
		return;
	}
	const struct mount_entry *entry = mount_table_find(look->table, staging);
	if (!entry || entry->dev != record->dev) {
		add(look, HEALTH_STAGING_LOST,
			"the volume is no longer mounted at %.*s, though nobody asked for that; pods that "
			"run keep it, and the next pod mends it",
			WHY_SIZE, staging);
		entry = mount_table_find_dev(look->table, record->dev);
	}
	if (!entry) {
		return;
	}
	if (has_word(entry->fs_options, "shutdown")) {
		add_shut_down(look);
		return;
	}
	if (has_word(entry->fs_options, "emergency_ro") ||
		(entry->fs_read_only && !entry->read_only)) {
		add(look, HEALTH_READ_ONLY,
			"the filesystem made itself read-only after an error and cannot be written; delete "
			"the pods that use the volume on this node, then it is checked and mounted anew; "
			"the kernel's log on the node says which error it was");
	}
	if (path && look->guard && !has(look, HEALTH_FS_HANGS)) {
		ask_filesystem(look, entry);
	}
}

/* The place that the pod looks at. */
static void look_at_target(struct look *look)
{
	const struct record *record = look->record;
	char real[PATH_MAX];
	struct err ignored = {0};

	if (str_empty(look->target) || mount_real_path(look->target, real, &ignored) < 0 ||
		record_find_target(record, real) < 0) {
		return;
	}
	const struct mount_entry *entry = mount_table_find(look->table, real);
	if (!entry || (!record->block && entry->dev != record->dev)) {
		add(look, HEALTH_PUBLISH_LOST,
			"the volume is no longer mounted at %.*s, though nobody asked for that; delete the "
			"pod",
			WHY_SIZE, real);
	}
}

static void look_at_staged(struct look *look)
{
	const struct record *record = look->record;

	if (!look->core->ops->shown(look->core->host, record->dev, &record->ident)) {
		add(look, HEALTH_DEVICE_LOST,
			"the kernel has given up the disk of the volume, and what is mounted from it is dead; "
			"delete the pods that use the volume on this node, then it is attached anew");
		return;
	}
	bool path = look_at_paths(look);
	if (!record->block) {
		look_at_filesystem(look, path);
	}
	look_at_target(look);
}

static bool is_staged(const struct core *core, const struct record *record)
{
	return record && record->state == RECORD_STAGED && streq(record->boot, core->boot);
}

static void look_at(struct look *look)
{
	look_at_busy(look);
	look_at_failure(look);
	if (is_staged(look->core, look->record)) {
		look_at_staged(look);
	}
}

/* Since when: the moments that nothing else remembers. */
static void mark(struct look *look)
{
	static const uint32_t own =
		UINT32_C(1) << HEALTH_STAGE_FAILED | UINT32_C(1) << HEALTH_PUBLISH_FAILED |
		UINT32_C(1) << HEALTH_KERNEL_HANGS | UINT32_C(1) << HEALTH_CHECK_RUNS;
	int64_t since[HISTORY_MARKS];
	uint32_t now = 0;

	for (size_t i = 0; i < look->ret->n; i++) {
		now |= UINT32_C(1) << look->ret->list[i].reason;
	}
	history_marks(look->core->history, look->volume, now & ~own, since);
	for (size_t i = 0; i < look->ret->n; i++) {
		char *message = look->ret->list[i].message;
		char text[CLOCK_UTC_SIZE];
		size_t used = strlen(message);

		if (since[look->ret->list[i].reason]) {
			clock_print_utc(since[look->ret->list[i].reason], text);
			(void)snprintf(
				message + used, HEALTH_MSG_SIZE - used, " (seen since %s)", text);
		}
	}
}

/* What the kernel shows of all of them. */
struct shown {
	struct host_ctrl *ctrls;
	size_t n_ctrls;
	struct mount_table *table;
};

static void shown_done(struct shown *shown)
{
	free(shown->ctrls);
	mount_table_free(shown->table);
}
#define _cleanup_shown_ _cleanup_(shown_done)

static int show(struct core *core, struct shown *ret, struct err *err)
{
	return core->ops->ctrls(core->host, &ret->ctrls, &ret->n_ctrls, err) < 0 ||
			       core->ops->mounts(core->host, &ret->table, err) < 0
		       ? -1
		       : 0;
}

/* Has anything of it been heard of here since the boot? */
static bool is_known(struct core *core, const struct record *record, const struct core_health *ret)
{
	return ret->n > 0 ||
	       (record && record->state != RECORD_IDLE && streq(record->boot, core->boot));
}

int core_volume_health(struct core *core, const char *volume, const char *target,
	const struct deadline *dl, struct core_health *ret, struct err *err)
{
	struct guard guard = {.helper = core->helper, .dl = deadline_sooner(dl, CORE_STATS_MS)};
	_cleanup_record_ struct record *record = NULL;
	_cleanup_shown_ struct shown shown = {0};
	struct err bad = {0};
	struct look look = {
		.core = core, .volume = volume, .target = target, .guard = &guard, .ret = ret};

	ret->n = 0;
	if (records_get(core->records, volume, &record, &bad) < 0) {
		add(&look, HEALTH_BAD_RECORD, "%.*s", WHY_SIZE, bad.msg);
	} else if (show(core, &shown, err) < 0) {
		return -1;
	}
	look.record = record;
	look.ctrls = shown.ctrls;
	look.n_ctrls = shown.n_ctrls;
	look.table = shown.table;
	look_at(&look);
	if (!is_known(core, record, ret)) {
		return err_set(err, ERR_NOT_FOUND, "volume %s: is not staged on this node", volume);
	}
	mark(&look);
	return 0;
}

int core_count_health(struct core *core, unsigned ret_counts[HEALTH_REASONS], struct err *err)
{
	_cleanup_free_ struct core_health *found = malloc(sizeof(*found));
	_cleanup_shown_ struct shown shown = {0};
	size_t stages;
	size_t publishes;

	if (!found || show(core, &shown, err) < 0) {
		return found ? -1 : err_set(err, ERR_RESOURCE_EXHAUSTED, "health: out of memory");
	}
	char **volumes = records_volumes(core->records);
	if (!volumes) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "health: out of memory");
	}
	memset(ret_counts, 0, HEALTH_REASONS * sizeof(*ret_counts));
	for (size_t i = 0; volumes[i]; i++) {
		_cleanup_record_ struct record *record = NULL;
		struct err ignored = {0};
		struct look look = {.core = core,
			.volume = volumes[i],
			.ctrls = shown.ctrls,
			.n_ctrls = shown.n_ctrls,
			.table = shown.table,
			.ret = found};

		found->n = 0;
		if (records_get(core->records, volumes[i], &record, &ignored) == 0) {
			look.record = record;
			look_at(&look);
		}
		for (size_t k = 0; k < found->n; k++) {
			ret_counts[found->list[k].reason]++;
		}
	}
	records_volumes_free(volumes);
	/* A volume that failed may have left no record. */
	history_failures(core->history, &stages, &publishes);
	ret_counts[HEALTH_STAGE_FAILED] = (unsigned)stages;
	ret_counts[HEALTH_PUBLISH_FAILED] = (unsigned)publishes;
	ret_counts[HEALTH_BAD_RECORD] = (unsigned)records_bad(core->records, NULL);
	return 0;
}
