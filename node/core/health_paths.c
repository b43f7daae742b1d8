/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals and controllers, matched; and the same summed up for each backend.
 */
#include "node/core/health_paths.h"

#include "node/core/health.h"
#include "node/core/work.h"

#include <stdarg.h>
#include <stdio.h>

void paths_look(const struct record *record, const struct host_ctrl *ctrls, size_t n_ctrls,
	struct paths_seen *ret)
{
	*ret = (struct paths_seen){.wanted = record->portals.n};
	for (size_t i = 0; i < n_ctrls; i++) {
		const struct host_ctrl *ctrl = &ctrls[i];

		if (!streq(ctrl->nqn, record->nqn)) {
			continue;
		}
		ret->live += ctrl->live;
		for (unsigned k = 0; ctrl->has_portal && k < record->portals.n; k++) {
			if (portal_equal(&record->portals.list[k], &ctrl->portal) &&
				(!ret->of[k] || ctrl->live)) {
				ret->of[k] = ctrl;
			}
		}
	}
	for (unsigned k = 0; k < record->portals.n; k++) {
		ret->lost += !ret->of[k] || !ret->of[k]->live;
		ret->unseen += !ret->of[k];
	}
}

bool paths_are_new(struct core *core, const char *volume)
{
	int64_t staged = history_staged_ms(core->history, volume);

	return staged > 0 && clock_ms() - staged < HEALTH_GRACE_MS;
}

void paths_print_lost(
	const struct record *record, const struct paths_seen *seen, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned k = 0; k < record->portals.n && used < size; k++) {
		const struct host_ctrl *ctrl = seen->of[k];
		char portal[PORTAL_TEXT_SIZE];

		if (ctrl && ctrl->live) {
			continue;
		}
		portal_print(&record->portals.list[k], portal);
		int n = snprintf(out + used, size - used, "%s%s (%s)", used > 0 ? ", " : "", portal,
			!ctrl		 ? "not connected"
			: ctrl->state[0] ? ctrl->state
					 : "state not known");
		used += n > 0 ? (size_t)n : 0;
	}
}

/* --- backends --- */

struct target_portal {
	struct portal portal;
	bool live; /* of one volume at least */
};

struct target {
	char name[RECORD_VOLUME_MAX + 1]; /* the part of volume ids before the '/' */
	struct target_portal portals[HEALTH_PORTALS_MAX];
	size_t n;
};

struct targets {
	struct target list[HEALTH_BACKENDS_MAX];
	size_t n;
};

/* The target of @volume; NULL past the limit, which leaves it out. */
static struct target *target_of(struct targets *targets, const char *volume)
{
	size_t length = strcspn(volume, "/");

	for (size_t i = 0; i < targets->n; i++) {
		const char *name = targets->list[i].name;
		if (strlen(name) == length && memcmp(name, volume, length) == 0) {
			return &targets->list[i];
		}
	}
	if (targets->n == HEALTH_BACKENDS_MAX) {
		return NULL;
	}
	struct target *target = &targets->list[targets->n++];
	*target = (struct target){0};
	memcpy(target->name, volume, MIN(length, sizeof(target->name) - 1));
	return target;
}

static void add_portal(struct target *target, const struct portal *portal, bool live)
{
	for (size_t i = 0; i < target->n; i++) {
		if (portal_equal(&target->portals[i].portal, portal)) {
			target->portals[i].live |= live;
			return;
		}
	}
	if (target->n < HEALTH_PORTALS_MAX) {
		target->portals[target->n++] =
			(struct target_portal){.portal = *portal, .live = live};
	}
}

/* Does @record say anything of its target: is it connected, or was that tried in vain? */
static bool counts(struct core *core, const struct record *record)
{
	struct history_failure failure;

	if (!streq(record->boot, core->boot)) {
		return false;
	}
	return record->state == RECORD_STAGED ||
	       (record->state == RECORD_STAGING &&
		       history_failure(core->history, record->volume, &failure));
}

static void add_record(struct core *core, struct targets *targets, const struct record *record,
	const struct host_ctrl *ctrls, size_t n_ctrls)
{
	struct target *target = target_of(targets, record->volume);
	struct paths_seen seen;

	if (!target) {
		return;
	}
	paths_look(record, ctrls, n_ctrls, &seen);
	bool new = paths_are_new(core, record->volume);
	for (unsigned k = 0; k < record->portals.n; k++) {
		if (seen.of[k] || !new) {
			add_portal(
				target, &record->portals.list[k], seen.of[k] && seen.of[k]->live);
		}
	}
}

static PRINTF_LIKE(2, 3) void append(char out[HEALTH_MSG_SIZE], const char *fmt, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out + used, HEALTH_MSG_SIZE - used, fmt, args);
	va_end(args);
}

static void print_target(const struct target *target, size_t live, char out[HEALTH_MSG_SIZE])
{
	const char *comma = "";

	append(out, "%sbackend %s: ", out[0] ? "; " : "", target->name);
	if (live == 0) {
		append(out, "no connection of this node works, to any of its portals: ");
	} else {
		append(out,
			"%zu of %zu portals work from this node; no connection works to: ", live,
			target->n);
	}
	for (size_t i = 0; i < target->n; i++) {
		char portal[PORTAL_TEXT_SIZE];

		if (!target->portals[i].live) {
			portal_print(&target->portals[i].portal, portal);
			append(out, "%s%s", comma, portal);
			comma = ", ";
		}
	}
}

static void judge(const struct target *target, struct core_backends *ret)
{
	size_t live = 0;

	for (size_t i = 0; i < target->n; i++) {
		live += target->portals[i].live;
	}
	if (target->n == 0 || live == target->n) {
		ret->reachable++;
	} else if (live > 0) {
		ret->degraded++;
		print_target(target, live, ret->degraded_message);
	} else {
		ret->unreachable++;
		print_target(target, live, ret->unreachable_message);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct target *)a)->name, ((const struct target *)b)->name);
}

int core_backend_health(struct core *core, struct core_backends *ret, struct err *err)
{
	_cleanup_free_ struct targets *targets = calloc(1, sizeof(*targets));
	_cleanup_free_ struct host_ctrl *ctrls = NULL;
	size_t n_ctrls;

	*ret = (struct core_backends){0};
	if (!targets) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "health: out of memory");
	}
	if (core->ops->ctrls(core->host, &ctrls, &n_ctrls, err) < 0) {
		return -1;
	}
	char **volumes = records_volumes(core->records);
	if (!volumes) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "health: out of memory");
	}
	for (size_t i = 0; volumes[i]; i++) {
		_cleanup_record_ struct record *record = NULL;
		struct err ignored = {0};

		if (records_get(core->records, volumes[i], &record, &ignored) == 0 && record &&
			counts(core, record)) {
			add_record(core, targets, record, ctrls, n_ctrls);
		}
	}
	records_volumes_free(volumes);
	/* Always in one order, so that a message stays the same. */
	qsort(targets->list, targets->n, sizeof(*targets->list), by_name);
	for (size_t i = 0; i < targets->n; i++) {
		judge(&targets->list[i], ret);
	}
	return 0;
}
