/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one metric that every Kubernetes CSI dashboard knows, with the names and buckets of the
 * sidecars' library, so that ours and theirs can be drawn in one picture; and some below them, as
 * most of our calls take less than the first of theirs.
 */
#include "common/metrics/metrics.h"

static const double csi_bounds[] = {
	0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600};
static const char *const csi_labels[] = {"driver_name", "method_name", "grpc_status_code", NULL};

struct metric *metrics_csi_operations(struct metrics *metrics, struct err *err)
{
	const struct metrics_histogram what = {
		.name = "csi_plugin_operations_seconds",
		.help = "Duration of CSI calls answered, by method and gRPC status code.",
		.labels = csi_labels,
		.bounds = csi_bounds,
		.n_bounds = ARRAY_SIZE(csi_bounds),
	};

	return metrics_histogram(metrics, &what, err);
}

/* As Go's grpc/codes spells them. */
static const char *code_label(enum err_code code)
{
	static const char *const labels[] = {
		[ERR_OK] = "OK",
		[ERR_CANCELLED] = "Canceled",
		[ERR_UNKNOWN] = "Unknown",
		[ERR_INVALID_ARGUMENT] = "InvalidArgument",
		[ERR_DEADLINE_EXCEEDED] = "DeadlineExceeded",
		[ERR_NOT_FOUND] = "NotFound",
		[ERR_ALREADY_EXISTS] = "AlreadyExists",
		[ERR_PERMISSION_DENIED] = "PermissionDenied",
		[ERR_RESOURCE_EXHAUSTED] = "ResourceExhausted",
		[ERR_FAILED_PRECONDITION] = "FailedPrecondition",
		[ERR_ABORTED] = "Aborted",
		[ERR_OUT_OF_RANGE] = "OutOfRange",
		[ERR_UNIMPLEMENTED] = "Unimplemented",
		[ERR_INTERNAL] = "Internal",
		[ERR_UNAVAILABLE] = "Unavailable",
		[ERR_DATA_LOSS] = "DataLoss",
		[ERR_UNAUTHENTICATED] = "Unauthenticated",
	};

	return (size_t)code < ARRAY_SIZE(labels) ? labels[code] : "Unknown";
}

void metrics_csi_observe(struct metric *metric, const char *driver, const char *method,
	enum err_code code, double seconds)
{
	const char *const values[] = {driver, method, code_label(code), NULL};

	metric_observe(metric, values, seconds);
}
