/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log, metrics and health of the node plugin.
 */
#include "node/observe.h"

#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "common/csi/redact.h"
#include "common/rpc/alive.h"
#include "node/core/health.h"
#include "node/nvme/modules.h"
#include "node/nvme/subsys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define METRICS_TEXT_MAX (1024 * 1024)
#define HEALTH_TEXT_MAX ((size_t)16 * 1024)

static const char *const PATH_STATES[] = {
	"live", "connecting", "resetting", "new", "deleting", "other", NULL};

/* --- metrics --- */

static double staged(void *arg)
{
	struct core_counts counts;

	core_read_counts(((struct observe *)arg)->core, &counts);
	return (double)counts.staged;
}

static double staging(void *arg)
{
	struct core_counts counts;

	core_read_counts(((struct observe *)arg)->core, &counts);
	return (double)counts.staging;
}

static double stuck(void *arg)
{
	struct core_counts counts;

	core_read_counts(((struct observe *)arg)->core, &counts);
	return (double)counts.stuck;
}

static double bad_records(void *arg)
{
	struct core_counts counts;

	core_read_counts(((struct observe *)arg)->core, &counts);
	return (double)counts.bad_records;
}

static double paths_wanted(void *arg)
{
	struct keeper_status status;

	keeper_read_status(((struct observe *)arg)->keeper, &status);
	return status.paths_wanted;
}

static double paths_added(void *arg)
{
	struct keeper_status status;

	keeper_read_status(((struct observe *)arg)->keeper, &status);
	return (double)status.added;
}

static double paths_failed(void *arg)
{
	struct keeper_status status;

	keeper_read_status(((struct observe *)arg)->keeper, &status);
	return (double)status.failed;
}

static double policies_reset(void *arg)
{
	struct keeper_status status;

	keeper_read_status(((struct observe *)arg)->keeper, &status);
	return (double)status.policies;
}

static double overflows(void *arg)
{
	return (double)uev_overflows(((struct observe *)arg)->uev);
}

static struct registrar_counts registration(void *arg)
{
	const struct observe *observe = arg;
	struct registrar_counts counts = {0};

	if (observe->registrar) {
		registrar_read_counts(observe->registrar, &counts);
	}
	return counts;
}

static double registered(void *arg)
{
	return registration(arg).registered ? 1 : 0;
}

static double registrations(void *arg)
{
	return (double)registration(arg).taken;
}

static double refusals(void *arg)
{
	return (double)registration(arg).refused;
}

static struct reclaimer_status trims(void *arg)
{
	struct reclaimer_status status;

	reclaimer_read_status(((struct observe *)arg)->reclaimer, &status);
	return status;
}

static double trims_done(void *arg)
{
	return (double)trims(arg).done;
}

static double trims_failed(void *arg)
{
	return (double)trims(arg).failed;
}

static double trimmed_bytes(void *arg)
{
	return (double)trims(arg).bytes;
}

static double last_trim(void *arg)
{
	return (double)trims(arg).last_ms / 1000;
}

static double next_trim(void *arg)
{
	return (double)trims(arg).next_ms / 1000;
}

static const struct {
	const char *name;
	const char *help;
	double (*fn)(void *);
	bool counter;
} METRICS[] = {
	{"nvmetcp_volumes_staged", "Volumes staged on this node.", staged, false},
	{"nvmetcp_volumes_in_transition",
		"Volumes being staged or unstaged, interrupted ones included.", staging, false},
	{"nvmetcp_stuck_children",
		"Child processes that outlive their call: they hang in the kernel, or check a filesystem.",
		stuck, false},
	{"nvmetcp_records_unreadable", "Records in the state folder that cannot be read.",
		bad_records, false},
	{"nvmetcp_paths_wanted", "Paths that the path keeper holds or tries to get back.",
		paths_wanted, false},
	{"nvmetcp_keeper_reconnects_total", "Paths that the path keeper added.", paths_added, true},
	{"nvmetcp_keeper_failures_total", "Tries of the path keeper that failed.", paths_failed,
		true},
	{"nvmetcp_keeper_policy_resets_total",
		"I/O policies that somebody else had changed and the path keeper set back.",
		policies_reset, true},
	{"nvmetcp_uevent_overflows_total", "Times that kernel events were lost.", overflows, true},
	{"nvmetcp_registered", "1 when kubelet has registered the driver, else 0.", registered,
		false},
	{"nvmetcp_registrations_total", "Times that kubelet registered the driver.", registrations,
		true},
	{"nvmetcp_registration_failures_total",
		"Times that kubelet said it could not register the driver.", refusals, true},
	{"nvmetcp_reclaim_runs_total", "Trims of mounted filesystems that ended well.", trims_done,
		true},
	{"nvmetcp_reclaim_failures_total", "Trims of mounted filesystems that failed.",
		trims_failed, true},
	{"nvmetcp_reclaim_bytes_total", "Bytes that trims gave back; with XFS, all that was free.",
		trimmed_bytes, true},
	{"nvmetcp_reclaim_last_run_timestamp_seconds",
		"When the last trim that ended well did so, since 1970; 0 when none did.",
		last_trim, false},
	{"nvmetcp_reclaim_next_run_timestamp_seconds",
		"When the next volume of this node is due to be trimmed, since 1970; 0 when none is.",
		next_trim, false},
};

static struct metric *make_steps(struct metrics *metrics, struct err *err)
{
	static const double bounds[] = {
		0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
	static const char *const labels[] = {"step", NULL};
	const struct metrics_histogram what = {.name = "nvmetcp_node_stage_seconds",
		.help = "Duration of the steps of NodeStageVolume, failed ones included.",
		.labels = labels,
		.bounds = bounds,
		.n_bounds = ARRAY_SIZE(bounds)};

	return metrics_histogram(metrics, &what, err);
}

int observe_init(struct observe *observe, struct err *err)
{
	static const char *const labels[] = {"state", NULL};
	static const char *const reasons[] = {"reason", NULL};

	observe->metrics = metrics_new();
	if (!observe->metrics) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "metrics: out of memory");
	}
	observe->calls = metrics_csi_operations(observe->metrics, err);
	observe->paths = metrics_gauge(observe->metrics, "nvmetcp_paths",
		"Controllers of this plugin that the kernel lists, by state.", labels, err);
	observe->steps = make_steps(observe->metrics, err);
	observe->unhealthy = metrics_gauge(observe->metrics, "nvmetcp_volumes_unhealthy",
		"Volumes that something is wrong with, by the reason that NodeGetVolumeHealth tells.",
		reasons, err);
	observe->backends = metrics_gauge(observe->metrics, "nvmetcp_backends",
		"Backends whose volumes are staged on this node, by how their portals are reached.",
		labels, err);
	bool fine = observe->calls && observe->paths && observe->steps && observe->unhealthy &&
		    observe->backends;
	for (size_t i = 0; fine && i < ARRAY_SIZE(METRICS); i++) {
		struct metric *metric =
			METRICS[i].counter ? metrics_counter_fn(observe->metrics, METRICS[i].name,
						     METRICS[i].help, METRICS[i].fn, observe, err)
					   : metrics_gauge_fn(observe->metrics, METRICS[i].name,
						     METRICS[i].help, METRICS[i].fn, observe, err);
		fine = metric != NULL;
	}
	return fine ? 0 : -1;
}

void observe_done(struct observe *observe)
{
	metrics_free(observe->metrics);
	observe->metrics = NULL;
}

/* Which of PATH_STATES a controller's state is: the kernel has variants such as "deleting (no IO)".
 */
static size_t state_of(const char *state)
{
	size_t i = 0;

	while (PATH_STATES[i + 1] && strncmp(state, PATH_STATES[i], strlen(PATH_STATES[i])) != 0) {
		i++;
	}
	return i;
}

static void count_paths(struct observe *observe)
{
	double counts[ARRAY_SIZE(PATH_STATES)] = {0};
	struct subsys_paths paths = {0};
	struct err ignored = {0};

	if (subsys_list_ours(fab_host(observe->fab), fab_identity(observe->fab), &paths, &ignored) <
		0) {
		return;
	}
	for (size_t i = 0; i < paths.n; i++) {
		counts[state_of(paths.list[i].ctrl.state)]++;
	}
	for (size_t i = 0; PATH_STATES[i]; i++) {
		const char *values[] = {PATH_STATES[i], NULL};
		metric_set(observe->paths, values, counts[i]);
	}
	subsys_paths_done(&paths);
}

static void count_health(struct observe *observe)
{
	unsigned counts[HEALTH_REASONS];
	struct core_backends backends;
	struct err ignored = {0};

	if (core_count_health(observe->core, counts, &ignored) == 0) {
		for (unsigned i = 0; i < HEALTH_REASONS; i++) {
			const char *values[] = {health_kind((enum health_reason)i)->name, NULL};
			metric_set(observe->unhealthy, values, counts[i]);
		}
	}
	if (core_backend_health(observe->core, &backends, &ignored) == 0) {
		metric_set(
			observe->backends, (const char *[]){"reachable", NULL}, backends.reachable);
		metric_set(
			observe->backends, (const char *[]){"degraded", NULL}, backends.degraded);
		metric_set(observe->backends, (const char *[]){"unreachable", NULL},
			backends.unreachable);
	}
}

void observe_print(struct observe *observe, struct strbuf *text)
{
	count_paths(observe);
	count_health(observe);
	metrics_print(observe->metrics, text);
}

/* --- log --- */

/* The volume a request is about, "" for requests without one. */
static const char *volume_of(const ProtobufCMessage *request)
{
	if (!request) {
		return "";
	}
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "volume_id");
	if (!field || field->type != PROTOBUF_C_TYPE_STRING) {
		return "";
	}
	const char *const *text = (const void *)((const char *)request + field->offset);
	return *text ? *text : "";
}

void observe_call(void *arg, const struct rpc_done *done)
{
	struct observe *observe = arg;
	struct strbuf request = sb_init(CSI_PRINT_MAX);
	const char *volume = volume_of(done->request);
	/* kubelet asks for capabilities, statistics, health and probes all day: no news. */
	enum log_level level = done->code != ERR_OK ? LOG_LEVEL_WARNING
			       : *volume && !strstr(done->method, "NodeGetVolume")
				       ? LOG_LEVEL_INFO
				       : LOG_LEVEL_DEBUG;

	metrics_csi_observe(
		observe->calls, observe->driver_name, done->method, done->code, done->seconds);
	if (done->request && done->code != ERR_OK) {
		csi_print(done->request, &request);
	}
	LOG_EVENT(level, done->code == ERR_OK ? "call" : "call failed",
		LOG_STR("rpc", done->method), LOG_NUM("id", done->id), LOG_STR("volume_id", volume),
		LOG_STR("node_id", observe->node_id), LOG_STR("code", err_code_name(done->code)),
		LOG_NUM("ms", (int64_t)(done->seconds * 1000)),
		LOG_STR(done->code != ERR_OK ? "err" : NULL, done->message),
		LOG_STR(request.len > 0 ? "request" : NULL, sb_str(&request)),
		LOG_STR(done->cancelled ? "cancelled" : NULL, "the caller had gone"));
	sb_done(&request);
}

void observe_step(void *arg, const char *operation, const char *step, double seconds)
{
	const struct observe *observe = arg;
	const char *values[] = {step, NULL};

	if (streq(operation, "NodeStageVolume")) {
		metric_observe(observe->steps, values, seconds);
	}
}

void observe_path(void *arg, const char *nqn, const struct portal *portal, const struct err *err)
{
	char text[PORTAL_TEXT_SIZE];

	(void)arg;
	portal_print(portal, text);
	if (err) {
		LOG_WARNING("a path could not be added", LOG_STR("nqn", nqn),
			LOG_STR("portal", text), LOG_ERR(err));
	} else {
		LOG_INFO("path added", LOG_STR("nqn", nqn), LOG_STR("portal", text));
	}
}

void observe_trim(
	void *arg, const char *volume, const struct reclaim_done *done, const struct err *err)
{
	(void)arg;
	if (!err) {
		LOG_INFO("free space given back", LOG_STR("volume_id", volume),
			LOG_NUM("bytes", (int64_t)done->bytes), LOG_NUM("ms", done->ms));
	} else if (err->code == ERR_CANCELLED) {
		LOG_INFO("giving free space back was stopped", LOG_STR("volume_id", volume),
			LOG_NUM("bytes", (int64_t)done->bytes), LOG_NUM("ms", done->ms));
	} else {
		LOG_WARNING("free space was not given back", LOG_STR("volume_id", volume),
			LOG_NUM("bytes", (int64_t)done->bytes), LOG_NUM("ms", done->ms),
			LOG_ERR(err));
	}
}

/* --- health --- */

int observe_alive(struct observe *observe, const struct deadline *dl, struct err *err)
{
	struct deadline ping = deadline_sooner(dl, OBSERVE_PING_MS);

	if (helper_gone(observe->helper)) {
		return err_set(err, ERR_INTERNAL,
			"the helper process is gone (killed for want of memory?): nothing can be mounted or "
			"connected; the plugin ends and must be started again");
	}
	return atomic_load(&observe->serving) ? rpc_alive(observe->socket, &ping, err) : 0;
}

/* Can the records be written? */
static int check_state_dir(const struct observe *observe, struct err *err)
{
	/* A file without a name: it needs what any other would, and nothing stays. */
	_cleanup_close_ int file = open(observe->state_dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (file < 0 && (errno != EOPNOTSUPP || access(observe->state_dir, W_OK) < 0)) {
		return err_errno(err, errno,
			"state folder %s: cannot be written, so no volume can be staged or unstaged",
			observe->state_dir);
	}
	return 0;
}

static int check_registration(const struct observe *observe, struct err *err)
{
	return observe->registrar ? registrar_check(observe->registrar, err) : 0;
}

/* One line for what is wrong. Return: is it well? */
static bool tell(int result, struct err *why, struct strbuf *text)
{
	if (result < 0) {
		sb_addf(text, "%s\n", why->msg);
		*why = (struct err){0};
	}
	return result == 0;
}

bool observe_health(struct observe *observe, const struct deadline *dl, struct strbuf *text)
{
	struct err why = {0};
	bool well = tell(observe_alive(observe, dl, &why), &why, text);

	well = tell(check_state_dir(observe, &why), &why, text) && well;
	well = tell(modules_check(fab_host(observe->fab), &why), &why, text) && well;
	well = tell(check_registration(observe, &why), &why, text) && well;
	if (well) {
		sb_add(text, "ok\n");
	}
	/* One volume that is not well is no reason to call the node unwell. */
	if (core_bad_record(observe->core, &why)) {
		(void)tell(-1, &why, text);
	}
	return well;
}

static int get_livez(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct strbuf text = sb_init(HEALTH_TEXT_MAX);
	struct err why = {0};
	bool alive = tell(observe_alive(self, &req->op->deadline, &why), &why, &text);

	if (alive) {
		sb_add(&text, "ok\n");
	}
	return http_respond_text(req, res, alive ? 200 : 503, "text/plain", &text);
}

static int get_healthz(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct strbuf text = sb_init(HEALTH_TEXT_MAX);
	bool well = observe_health(self, &req->op->deadline, &text);

	return http_respond_text(req, res, well ? 200 : 503, "text/plain", &text);
}

static int get_metrics(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct observe *observe = self;
	struct strbuf text = sb_init(METRICS_TEXT_MAX);

	observe_print(observe, &text);
	return http_respond_text(req, res, 200, METRICS_CONTENT_TYPE, &text);
}

const struct http_route *observe_routes(size_t *ret_n)
{
	static const struct http_route routes[] = {
		{.method = "GET", .pattern = "/livez", .handle = get_livez, .open = true},
		{.method = "GET", .pattern = "/healthz", .handle = get_healthz, .open = true},
		{.method = "GET", .pattern = "/metrics", .handle = get_metrics, .open = true},
	};

	*ret_n = ARRAY_SIZE(routes);
	return routes;
}
