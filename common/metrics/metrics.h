/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4).
 * Thread-safe. Names and labels are fixed when a metric is made; the values of labels come at use,
 * and the number of their combinations is bounded.
 */
#pragma once

#include "common/base/strbuf.h"

/** Content-Type of metrics_print()'s text. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
/** Most metrics in a registry, labels of a metric, buckets of a histogram, bytes of a label value.
 */
#define METRICS_MAX 128
#define METRICS_LABELS_MAX 8
#define METRICS_BUCKETS_MAX 32
#define METRICS_VALUE_MAX 256
/** Most combinations of label values of one metric; what comes later is dropped and counted in
 *  nvmetcp_metrics_dropped_total{metric}. */
#define METRICS_SERIES_MAX 1024

struct metrics;
struct metric;

/** metrics_new - an empty registry. Return: NULL without memory. */
struct metrics *metrics_new(void);
/** metrics_free - with all its metrics; nobody may use them any more; accepts NULL. */
void metrics_free(struct metrics *metrics);

/*
 * Making a metric. @name and @labels (NULL-terminated, may be NULL for none) follow Prometheus'
 * rules; @help is one sentence. The metric belongs to the registry. Return: NULL with @err when a
 * name is wrong or taken (INVALID_ARGUMENT, ALREADY_EXISTS), or there is no room
 * (RESOURCE_EXHAUSTED). All functions that use a metric accept NULL and do nothing then.
 */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
	const char *const *labels, struct err *err);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
	const char *const *labels, struct err *err);
/** metrics_gauge_fn - a gauge without labels whose value is asked for at each print; @fn must not
 * wait. */
struct metric *metrics_gauge_fn(struct metrics *metrics, const char *name, const char *help,
	double (*fn)(void *arg), void *arg, struct err *err);
/** metrics_counter_fn - the same, shown as a counter. */
struct metric *metrics_counter_fn(struct metrics *metrics, const char *name, const char *help,
	double (*fn)(void *arg), void *arg, struct err *err);

/** struct metrics_histogram - what a histogram needs; bounds rise, +Inf is added. */
struct metrics_histogram {
	const char *name;
	const char *help;
	const char *const *labels;
	const double *bounds;
	size_t n_bounds;
};
struct metric *metrics_histogram(
	struct metrics *metrics, const struct metrics_histogram *what, struct err *err);

/** metric_add - add @by (not negative for a counter) to the series with label @values (as many as
 * labels; NULL for none). */
void metric_add(struct metric *metric, const char *const *values, double by);
/** metric_set - set a gauge. */
void metric_set(struct metric *metric, const char *const *values, double value);
/** metric_observe - count @value in a histogram. */
void metric_observe(struct metric *metric, const char *const *values, double value);
/** metric_forget - drop a series, as its object is gone. */
void metric_forget(struct metric *metric, const char *const *values);

/** metrics_print - the whole registry in the text format, appended to @sb. */
void metrics_print(struct metrics *metrics, struct strbuf *sb);

/**
 * metrics_csi_operations - the histogram csi_plugin_operations_seconds{driver_name, method_name,
 * grpc_status_code} with the buckets of the Kubernetes CSI sidecars
 * and finer ones from 5 ms.
 */
struct metric *metrics_csi_operations(struct metrics *metrics, struct err *err);
/** metrics_csi_observe - one RPC: "/csi.v1.Node/NodeStageVolume", its code (shown as "OK",
 * "DeadlineExceeded" and so on) and time. */
void metrics_csi_observe(struct metric *metric, const char *driver, const char *method,
	enum err_code code, double seconds);
