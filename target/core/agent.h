/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent does: volumes, snapshots, grants and fences over its pools and the kernel's
 * target. Every operation may be repeated, and goes on where an earlier one, or a crash, stopped.
 *
 * Orders, and what a crash at any point leaves:
 * - Create: state `creating`, data, state `ready`, answer. A creation that was cut short is taken
 *   back at the next start, or by the next call for its id; it was never exported or answered.
 * - Delete (no hosts left): state `deleting`, data, state removed, answer. A deletion that was cut
 *   short is finished at the next start or by the next call.
 * - Grow: state with the new size and the old one, data, state without the old one, hosts told.
 * Data between the two sizes is grown; data smaller than both was lost, and is never made up by
 * zeros.
 * - Grant: state with the host, subsystem and namespace, allow-list, port links, answer.
 * - Fence: the host moves from `hosts` to `fencing` in the state, the kernel's side, then it leaves
 *   `fencing`, answer. What stands in `fencing` is fenced at the next start or by the next call.
 * So the state says in advance what is to be, and a volume without hosts has no export at all: its
 * subsystem is made with the first grant and removed by the last fence, so that configfs and the
 * time of a restart grow with the volumes in use only, and nothing holds the data file open.
 *
 * Errors: NOT_FOUND is only ever said of an object, source or pool in a place that is surely there.
 * All functions are thread-safe.
 */
#pragma once

#include "common/base/clock.h"
#include "target/core/catalog.h"
#include "target/export/nvmet.h"

/** Most pools. */
#define AGENT_POOLS_MAX 16
/** How long a call waits for another one on the same object, in ms; then it is ABORTED. */
#define AGENT_LOCK_WAIT_MS 5000
/** Most operations at once, each with up to three locks. */
#define AGENT_LOCKS_MAX 512

struct agent;

/** agent_new - takes over @take_catalogs[0..n) and @take_nvmet, also on failure; @state_dir is
 * copied. Return: 0, or -1. */
MUST_USE int agent_new(struct catalog **take_catalogs, unsigned n, struct nvmet *take_nvmet,
	const char *state_dir, struct agent **ret, struct err *err);
/** agent_free - no operation is under way; exports stay; accepts NULL. */
void agent_free(struct agent *agent);

/** agent_prepare - first: gate closed, ports made. From here on no initiator gets in. Return: 0, or
 * -1 when the kernel's target or the gate does not work. */
MUST_USE int agent_prepare(struct agent *agent, struct err *err);
/**
 * agent_bring_up - then: pools attached and recovered, everything granted exported, gate open.
 * Pools that are not there are waited for until @pools; then the rest goes on without them. What
 * fails for one object is logged and remembered, the others go on. Other calls may come meanwhile;
 * what needs a pool or a portal that is not there yet is UNAVAILABLE.
 * Return: 0, or -1 when the kernel's target or the gate does not work, or CANCELLED.
 */
MUST_USE int agent_bring_up(struct agent *agent, const struct deadline *pools, struct err *err);
/** agent_lay_down - last, when this process ends as it was told to; exports stay. */
void agent_lay_down(struct agent *agent);
/** agent_tick - every few seconds: attach pools that came, publish at portals that came. Logs. */
void agent_tick(struct agent *agent);
/** agent_healthy - is every pool, portal and object well? Else -1, and @err says what is not. */
MUST_USE int agent_healthy(struct agent *agent, struct err *err);
/** agent_granularity - the largest step of sizes among the pools that were there once. */
int64_t agent_granularity(struct agent *agent);
/** agent_portals - as configured. */
const struct portals *agent_portals(const struct agent *agent);

/** struct portal_view - one portal and what hosts are told of it. */
struct portal_view {
	struct portal portal;
	char ana[ANA_TEXT_SIZE]; /* the kernel's word */
	bool open;
};
/** agent_portal_views - all of them. Return: 0, or -1 INTERNAL. */
MUST_USE int agent_portal_views(
	struct agent *agent, struct portal_view ret[PORTALS_MAX], unsigned *ret_n, struct err *err);

/** struct portal_request - how hosts are to use a portal from now on, also after a restart. */
struct portal_request {
	struct portal portal;
	enum ana_state ana;
	bool force; /* also where no portal would be left to hosts */
};
/**
 * agent_portal_put - tell hosts, and write it down first. Return: 0, or -1: NOT_FOUND (no portal of
 * this target), FAILED_PRECONDITION (none would be left), ABORTED, INTERNAL.
 */
MUST_USE int agent_portal_put(struct agent *agent, const struct portal_request *request,
	const struct deadline *dl, struct portal_view *ret, struct err *err);

/** struct object_view - an object and what its store says; object_view_done() it. */
struct object_view {
	struct object *object;
	char pool[OBJECT_ID_SIZE];
	char nqn[NQN_SIZE]; /* volumes */
	int64_t allocated;
	int64_t extents; /* -1: not asked for */
	bool written;
};
void object_view_done(struct object_view *view);
#define _cleanup_object_view_ _cleanup_(object_view_done)

/** struct volume_request - what a volume shall be; the strings are borrowed and were checked. The
 * size is rounded up to the pool's granularity. */
struct volume_request {
	const char *id;
	const char *pool;
	const char *instance;
	int64_t size;
	enum source_kind source;
	const char *source_id;
	const char *subsystem; /* "" for one of its own */
	const char *metadata;  /* in its kept form */
};

/**
 * agent_volume_put - create a volume, or answer the one that is there. Return: 0, or -1:
 * ALREADY_EXISTS (another one, names the member), NOT_FOUND (pool, source), INVALID_ARGUMENT (size
 * below the source's), RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE, INTERNAL.
 */
MUST_USE int agent_volume_put(struct agent *agent, const struct volume_request *request,
	const struct deadline *dl, struct object_view *ret, bool *ret_created, struct err *err);
/** agent_volume_resize - grow; a size at or below the present one changes nothing. */
MUST_USE int agent_volume_resize(struct agent *agent, const char *id, int64_t size,
	const struct deadline *dl, struct object_view *ret, struct err *err);
/** agent_get - a volume or snapshot, with its extents. */
MUST_USE int agent_get(
	struct agent *agent, struct object_name name, struct object_view *ret, struct err *err);
/** agent_delete - NOT_FOUND when it is gone; FAILED_PRECONDITION naming hosts that have it. */
MUST_USE int agent_delete(
	struct agent *agent, struct object_name name, const struct deadline *dl, struct err *err);

/** struct snapshot_request - as struct volume_request. */
struct snapshot_request {
	const char *id;
	const char *volume;
	const char *metadata;
};
MUST_USE int agent_snapshot_put(struct agent *agent, const struct snapshot_request *request,
	const struct deadline *dl, struct object_view *ret, bool *ret_created, struct err *err);

/** agent_grant - let @host use the volume; answered when it can be connected. */
MUST_USE int agent_grant(struct agent *agent, const char *id, const char *host,
	const struct deadline *dl, struct object_view *ret, struct err *err);
/** agent_revoke - fence @host (NULL: all hosts): 0 only when it can no longer write the volume. */
MUST_USE int agent_revoke(struct agent *agent, const char *id, const char *host,
	const struct deadline *dl, struct err *err);

/** struct list_request - which objects; NULL strings do not restrict. */
struct list_request {
	enum object_kind kind;
	const char *pool;
	const char *instance;
	const char *volume; /* snapshots of it */
	const char *after;  /* ids greater than this one */
	size_t limit;
};

/** struct list_answer - one page, for list_answer_done(). */
struct list_answer {
	size_t n;
	struct object_view *list;
	bool more;
};
/** agent_list - UNAVAILABLE when a pool that was asked for, or any when none was, is not there. */
MUST_USE int agent_list(struct agent *agent, const struct list_request *request,
	struct list_answer *ret, struct err *err);
void list_answer_done(struct list_answer *answer);
#define _cleanup_list_answer_ _cleanup_(list_answer_done)

/** struct pool_view - one pool; usage only when ready. */
struct pool_view {
	char name[OBJECT_ID_SIZE];
	const char *type;
	char uuid[UUID_TEXT_SIZE];
	bool ready;
	struct err reason;
	struct catalog_usage usage;
	size_t damaged;
	struct store_limits limits; /* zero when it was never there */
};
/** agent_pools - all of them, in the order of the configuration. Return: how many. */
unsigned agent_pools(struct agent *agent, struct pool_view ret[AGENT_POOLS_MAX]);
