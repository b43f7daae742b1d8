/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin tells about itself: a log line for each call, metrics, and whether it is well.
 * Thread-safe.
 */
#pragma once

#include "common/http/server.h"
#include "common/metrics/metrics.h"
#include "common/rpc/server.h"
#include "node/core/core.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/keeper.h"
#include "node/nvme/uev.h"

/** struct observe - the parts that are looked at; all borrowed but metrics, calls and paths. */
struct observe {
	struct metrics *metrics; /* owned */
	struct metric *calls;
	struct metric *paths;
	const char *driver_name;
	const char *node_id;
	const char *state_dir;
	const struct helper *helper;
	struct core *core;
	struct fab *fab;
	struct keeper *keeper;
	struct uev *uev;
};

/** observe_init - make the metrics; the borrowed members are set by the caller before. Return: 0,
 * or -1. */
MUST_USE int observe_init(struct observe *observe, struct err *err);
/** observe_done - free the metrics; accepts a zeroed one. */
void observe_done(struct observe *observe);

/** observe_call - an rpc_done_fn, whose argument is the struct observe: count and log one call. */
void observe_call(void *arg, const struct rpc_done *done);
/** observe_path - a keeper's `told` with the same argument: log what became of a path. */
void observe_path(void *arg, const char *nqn, const struct portal *portal, const struct err *err);

/** observe_health - is the plugin able to work? Return: 0, or -1 saying what is missing. */
MUST_USE int observe_health(struct observe *observe, struct err *err);
/** observe_routes - /healthz and /metrics, for a server whose self is the struct observe. */
const struct http_route *observe_routes(size_t *ret_n);
