/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller tells about itself: a log line and a measurement for each call, /healthz and
 * /metrics. Thread-safe.
 */
#pragma once

#include "common/http/server.h"
#include "common/metrics/metrics.h"
#include "common/rpc/server.h"

struct observe {
	struct metrics *metrics; /* owned */
	struct metric *calls;
	const char *driver_name;
};

/** observe_init - make the metrics; @driver_name is borrowed. Return: 0, or -1. */
MUST_USE int observe_init(struct observe *observe, const char *driver_name, struct err *err);
/** observe_done - free the metrics; accepts a zeroed one. */
void observe_done(struct observe *observe);
/** observe_call - an rpc_done_fn whose @arg is the struct observe: count and log one call. Secrets
 * and mount flags are never in the line. */
void observe_call(void *arg, const struct rpc_done *done);
/** observe_routes - /healthz and /metrics, for a server whose self is the struct observe. */
const struct http_route *observe_routes(size_t *ret_n);
