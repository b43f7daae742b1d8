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
#include "node/core/reclaimer.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/keeper.h"
#include "node/nvme/uev.h"
#include "node/service/registrar.h"

#include <stdatomic.h>

/** How long our own server may take to give a sign of life, in ms. */
#define OBSERVE_PING_MS 3000

/** struct observe - the parts that are looked at; all borrowed but the metrics. */
struct observe {
	struct metrics *metrics; /* owned */
	struct metric *calls;
	struct metric *steps;
	struct metric *paths;
	struct metric *unhealthy;
	struct metric *backends;
	const char *driver_name;
	const char *node_id;
	const char *state_dir;
	const struct helper *helper;
	struct core *core;
	struct fab *fab;
	struct keeper *keeper;
	struct reclaimer *reclaimer;
	struct uev *uev;
	struct registrar *registrar; /* NULL: we do not register */
	const char *socket;	     /* of CSI */
	_Atomic bool serving;	     /* it is there */
};

/** observe_init - make the metrics; the borrowed members are set by the caller before. Return: 0,
 * or -1. */
MUST_USE int observe_init(struct observe *observe, struct err *err);
/** observe_done - free the metrics; accepts a zeroed one. */
void observe_done(struct observe *observe);

/** observe_call - an rpc_done_fn, whose argument is the struct observe: count and log one call. */
void observe_call(void *arg, const struct rpc_done *done);
/** observe_step - a core_timed with the same argument: measure the steps of a stage. */
void observe_step(void *arg, const char *operation, const char *step, double seconds);
/** observe_path - a keeper's `told` with the same argument: log what became of a path. */
void observe_path(void *arg, const char *nqn, const struct portal *portal, const struct err *err);
/** observe_trim - a reclaimer_told with the same argument: log what became of a trim. */
void observe_trim(
	void *arg, const char *volume, const struct reclaim_done *done, const struct err *err);

/**
 * observe_alive - for /livez: can the process serve at all? What a new start of it would not mend
 * does not count. Return: 0, or -1 saying what is broken.
 */
MUST_USE int observe_alive(struct observe *observe, const struct deadline *dl, struct err *err);
/** observe_health - for /healthz: can volumes be attached here? @text gets a line for each thing
 * that is wrong, with what to do. */
MUST_USE bool observe_health(
	struct observe *observe, const struct deadline *dl, struct strbuf *text);
/** observe_print - for /metrics: count what is there now, and append all metrics to @text. */
void observe_print(struct observe *observe, struct strbuf *text);
/** observe_routes - /livez, /healthz and /metrics, for a server whose self is the struct observe.
 */
const struct http_route *observe_routes(size_t *ret_n);
