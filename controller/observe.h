/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller tells about itself: a log line and a measurement for each call, /livez,
 * /healthz and /metrics. Thread-safe.
 */
#pragma once

#include "common/http/server.h"
#include "common/metrics/metrics.h"
#include "common/rpc/server.h"
#include "controller/audit/periodic.h"
#include "controller/core/current.h"
#include "controller/core/health.h"

#include <pthread.h>
#include <stdatomic.h>

/** How long our own server may take to give a sign of life, in ms. */
#define OBSERVE_PING_MS 3000

struct observe {
	struct metrics *metrics; /* owned */
	struct metric *calls;
	struct metric *backends;
	struct metric *breakers;
	struct metric *busy;
	struct metric *config;
	struct metric *findings;
	struct metric *audited;
	pthread_mutex_t lock; /* while backends are counted, or forgotten */
	const char *driver_name;
	struct current *current; /* borrowed; NULL: no backend is looked at */
	const char *socket;	 /* of CSI; borrowed */
	_Atomic bool serving;	 /* it is there */
};

/** observe_init - make the metrics; @driver_name is borrowed. Return: 0, or -1. */
MUST_USE int observe_init(struct observe *observe, const char *driver_name, struct err *err);
/** observe_done - free the metrics; accepts a zeroed one. */
void observe_done(struct observe *observe);
/** observe_call - an rpc_done_fn whose @arg is the struct observe: count and log one call. Secrets
 * and mount flags are never in the line. */
void observe_call(void *arg, const struct rpc_done *done);
/** observe_backend - a core_watch_told with the same argument: log and count that a backend works,
 * or not. */
void observe_backend(void *arg, const char *backend, const struct err *why);
/** observe_forget - @backend is no longer configured: it is counted no more. */
void observe_forget(struct observe *observe, const char *backend);
/** observe_config - the configuration file is in force, or @why it is not (NULL: it is). */
void observe_config(struct observe *observe, const struct err *why);
/** observe_finding - two audits found it: log it. */
void observe_finding(void *arg, const struct finding *finding);
/** observe_audit - a periodic audit has ended, or could not be done: count, or log why. */
void observe_audit(void *arg, const struct periodic_result *result, const struct err *why);
/**
 * observe_alive - for /livez: can the process serve at all? What a new start of it would not mend
 * does not count. Return: 0, or -1 saying what is broken.
 */
MUST_USE int observe_alive(struct observe *observe, const struct deadline *dl, struct err *err);
/**
 * observe_health - for /healthz: false only when no backend works, or the process does not serve.
 * @text gets a line for each thing that is wrong, such as the one backend of several that is down.
 */
MUST_USE bool observe_health(
	struct observe *observe, const struct deadline *dl, struct strbuf *text);
/** observe_metrics - for /metrics: all that is counted, as it is now. */
void observe_metrics(struct observe *observe, struct strbuf *text);
/** observe_routes - /livez, /healthz and /metrics, for a server whose self is the struct observe.
 */
const struct http_route *observe_routes(size_t *ret_n);
