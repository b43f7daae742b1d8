/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, and the findings of two audits: the last one's, and which of them were told.
 */
#include "controller/audit/periodic.h"

#include "common/base/ticker.h"

/** Longest time of one audit, in ms. */
#define AUDIT_MS (10 * 60 * 1000)
/** The first audit, and the one that confirms it, come sooner. */
#define EARLY 10

struct periodic {
	struct periodic_config config;
	struct ticker *ticker;
	unsigned round;
	struct arena *arena; /* of the findings below */
	struct findings last;
	struct findings told; /* those of `last` that the audit before had found, too */
};

/* The listing goes after each audit, and with it what findings point to: keep their strings. */
static int keep(struct arena *arena, struct findings *now, struct err *err)
{
	for (size_t i = 0; i < now->n; i++) {
		struct finding *one = &now->list[i];
		one->volume = arena_strdup(arena, one->volume);
		one->node = arena_strdup(arena, one->node);
		one->pv = arena_strdup(arena, one->pv);
		if (!one->volume || !one->node || !one->pv) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for what was found");
		}
	}
	return 0;
}

/* The findings of @now that @periodic's last audit had, in @arena. */
static int confirm(const struct periodic *periodic, struct arena *arena, const struct findings *now,
	struct findings *ret, struct err *err)
{
	*ret = (struct findings){.list = arena_alloc(arena, (now->n + 1) * sizeof(*now->list)),
		.volumes = now->volumes};
	if (!ret->list) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for what was found");
	}
	for (size_t i = 0; i < now->n; i++) {
		if (findings_have(&periodic->last, &now->list[i])) {
			ret->list[ret->n++] = now->list[i];
		}
	}
	return 0;
}

static void tell(const struct periodic *periodic, const struct findings *confirmed)
{
	struct periodic_result result = {0};

	for (size_t i = 0; i < confirmed->n; i++) {
		const struct finding *one = &confirmed->list[i];
		result.counts[one->kind]++;
		if (!findings_have(&periodic->told, one)) {
			periodic->config.found(periodic->config.arg, one);
		}
	}
	periodic->config.told(periodic->config.arg, &result, NULL);
}

static int look(struct periodic *periodic, struct op *op, struct err *err)
{
	_cleanup_core_ struct core *core = current_core(periodic->config.current);
	_cleanup_cluster_ struct cluster cluster = {0};
	struct findings now;
	struct findings confirmed;

	if (api_cluster(&periodic->config.api, periodic->config.driver, &op->deadline, &cluster,
		    err) < 0 ||
		audit_compare(core, op, &cluster, &now, err) < 0 ||
		keep(op->arena, &now, err) < 0 ||
		confirm(periodic, op->arena, &now, &confirmed, err) < 0) {
		return -1;
	}
	tell(periodic, &confirmed);
	arena_free(periodic->arena);
	periodic->arena = TAKE_PTR(op->arena);
	periodic->last = now;
	periodic->told = confirmed;
	return 0;
}

static int64_t audit(void *arg, int cancel_fd)
{
	struct periodic *periodic = arg;
	struct op op = {.deadline = deadline_in(AUDIT_MS), .arena = arena_new(PERIODIC_ARENA_MAX)};
	struct err why = {0};

	op.deadline.cancel_fd = cancel_fd;
	int rc = op.arena ? look(periodic, &op, &why)
			  : err_set(&why, ERR_RESOURCE_EXHAUSTED, "no memory for an audit");
	if (rc < 0 && why.code != ERR_CANCELLED) {
		periodic->config.told(periodic->config.arg, NULL, &why);
	}
	arena_free(op.arena);
	return periodic->round++ == 0 ? periodic->config.every_ms / EARLY
				      : periodic->config.every_ms;
}

int periodic_start(
	const struct periodic_config *config, struct periodic **ret_periodic, struct err *err)
{
	struct periodic *periodic = calloc(1, sizeof(*periodic));

	if (!periodic) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for the audit");
	}
	periodic->config = *config;
	if (ticker_start("audit", config->every_ms / EARLY, audit, periodic, &periodic->ticker,
		    err) < 0) {
		free(periodic);
		return -1;
	}
	*ret_periodic = periodic;
	return 0;
}

bool periodic_stop(struct periodic *periodic, const struct deadline *dl)
{
	if (!periodic) {
		return true;
	}
	if (!ticker_stop(periodic->ticker, dl)) {
		return false;
	}
	arena_free(periodic->arena);
	free(periodic);
	return true;
}
