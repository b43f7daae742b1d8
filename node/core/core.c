/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole: its start, and what it tells about itself.
 */
#include "node/core/core.h"

#include "node/core/work.h"

#include <limits.h>
#include <stdio.h>

void core_free(struct core *core)
{
	if (!core) {
		return;
	}
	gate_free(core->take_downs);
	busy_free(core->busy);
	history_free(core->history);
	holds_free(core->holds);
	reclaims_free(core->reclaims);
	records_free(core->records);
	journal_free(core->journal);
	keylock_free(core->volumes);
	free(core->state_dir);
	free(core);
}

int core_new(const struct core_config *config, struct core **ret_core, struct err *err)
{
	struct core *core = calloc(1, sizeof(*core));
	char path[PATH_MAX];

	if (!core) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "core: out of memory");
	}
	core->ops = config->ops;
	core->host = config->host;
	core->helper = config->helper;
	core->subsystems = config->subsystems;
	core->timed = config->timed;
	core->timed_arg = config->timed_arg;
	core->state_dir = strdup(config->state_dir);
	core->volumes = keylock_new(CORE_LOCKS_MAX);
	core->busy = busy_new();
	core->history = history_new();
	core->take_downs = gate_new();
	core->reclaims = reclaims_new();
	(void)snprintf(core->boot, sizeof(core->boot), "%s", config->boot);
	int n = snprintf(path, sizeof(path), "%s/journal", config->state_dir);
	if (!core->state_dir || !core->volumes || !core->busy || !core->history ||
		!core->take_downs || !core->reclaims) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "core: out of memory");
	} else if (n < 0 || (size_t)n >= sizeof(path)) {
		(void)err_set(err, ERR_INVALID_ARGUMENT, "state folder: its path is too long");
	} else if (records_open(config->state_dir, &core->records, err) == 0 &&
		   holds_open(config->state_dir, &core->holds, err) == 0 &&
		   journal_open(path, config->told, config->told_arg, &core->journal, err) == 0) {
		*ret_core = core;
		return 0;
	}
	core_free(core);
	return -1;
}

static int step_clean(const struct step *in, void *arg, struct err *err)
{
	struct core *core = arg;
	_cleanup_mount_table_ struct mount_table *table = NULL;

	return core->ops->mounts(core->host, &table, err) < 0
		       ? -1
		       : mount_nodes_clean(in, core->state_dir, table, err);
}

/* One volume at the start: is it in use, so that its paths are to be kept? */
static int look_at(
	struct core *core, const char *volume, core_found found, void *arg, struct err *err)
{
	_cleanup_record_ struct record *record = NULL;
	struct keylock_held *held = NULL;
	struct host_controllers controllers;

	if (records_get(core->records, volume, &record, err) < 0) {
		return -1;
	}
	if (!record || record->state == RECORD_IDLE) {
		return 0;
	}
	if (!streq(record->boot, core->boot)) {
		found(arg, volume,
			"was in use before this boot; it is staged again when asked for");
		return 0;
	}
	if (record->state == RECORD_UNSTAGING) {
		found(arg, volume,
			"its unstage was interrupted; the repeated call goes on with it");
		return 0;
	}
	if (core->ops->controllers(core->host, record->nqn, &controllers, err) < 0) {
		return -1;
	}
	if (controllers.listed == 0) {
		found(arg, volume,
			"has lost all its paths; it is repaired when it is staged again");
		return 0;
	}
	struct host_link link = {.nqn = record->nqn,
		.portals = &record->portals,
		.options = &record->options,
		.tls = record->tls};
	struct deadline dl = deadline_in(CORE_UNDO_MS);
	if (keylock_wait(core->subsystems, "subsystem", record->nqn, &dl, &held, err) < 0) {
		return -1;
	}
	int result = core->ops->keep(core->host, &link, err);
	keylock_release(held);
	if (result == 0) {
		found(arg, volume,
			record->state == RECORD_STAGED
				? "is staged; its paths are kept"
				: "its stage was interrupted; the repeated call goes on with it");
	}
	return result;
}

static void ignore(void *arg, const char *volume, const char *what)
{
	(void)arg;
	(void)volume;
	(void)what;
}

int core_start(struct core *core, core_found found, void *arg, struct err *err)
{
	struct steps steps = {.operation = "start"};
	char **volumes;
	int result;

	if (step_run(&steps, "clean-nodes", step_clean, core, err) < 0) {
		return -1;
	}
	if (holds_look(core->holds, found ? found : ignore, arg, err) < 0) {
		return -1;
	}
	volumes = records_volumes(core->records);
	if (!volumes) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "core: out of memory");
	}
	result = 0;
	for (size_t i = 0; volumes[i] && result == 0; i++) {
		result = look_at(core, volumes[i], found ? found : ignore, arg, err);
	}
	records_volumes_free(volumes);
	return result;
}

void core_read_counts(struct core *core, struct core_counts *ret)
{
	ret->staged = records_count(core->records, RECORD_STAGED);
	ret->staging = records_count(core->records, RECORD_STAGING) +
		       records_count(core->records, RECORD_UNSTAGING);
	ret->stuck = busy_count(core->busy) + holds_left(core->holds);
	ret->bad_records = records_bad(core->records, NULL);
}

bool core_bad_record(struct core *core, struct err *ret)
{
	return records_bad(core->records, ret) > 0;
}
