/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines, metrics and health of the controller.
 */
#include "controller/observe.h"

#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "common/csi/redact.h"
#include "common/rpc/alive.h"

#define METRICS_TEXT_MAX (1024 * 1024)
#define HEALTH_TEXT_MAX ((size_t)64 * 1024)

int observe_init(struct observe *observe, const char *driver_name, struct err *err)
{
	static const char *const labels[] = {"backend", NULL};
	static const char *const found[] = {"finding", NULL};

	*observe = (struct observe){.metrics = metrics_new(),
		.driver_name = driver_name,
		.lock = PTHREAD_MUTEX_INITIALIZER};
	if (!observe->metrics) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "metrics: no memory");
	}
	observe->calls = metrics_csi_operations(observe->metrics, err);
	observe->backends = metrics_gauge(observe->metrics, "nvmetcp_backend_up",
		"1 when the backend answered the last time it was asked, else 0.", labels, err);
	observe->breakers = metrics_gauge(observe->metrics, "nvmetcp_backend_breaker_open",
		"1 while calls are refused at once, as the backend does not answer, else 0.",
		labels, err);
	observe->busy = metrics_gauge(observe->metrics, "nvmetcp_backend_calls",
		"Calls at work on the backend now.", labels, err);
	observe->config = metrics_gauge(observe->metrics, "nvmetcp_config_last_reload_successful",
		"1 when the configuration file is in force, 0 while it is refused and the one before goes "
		"on.",
		NULL, err);
	metric_set(observe->config, NULL, 1);
	observe->findings = metrics_gauge(observe->metrics, "nvmetcp_audit_findings",
		"What two audits, one after the other, found to differ between backends and cluster.",
		found, err);
	observe->audited =
		metrics_gauge(observe->metrics, "nvmetcp_audit_last_success_timestamp_seconds",
			"When an audit was done last, in seconds since 1970.", NULL, err);
	return observe->calls && observe->backends && observe->breakers && observe->busy &&
			       observe->config && observe->findings && observe->audited
		       ? 0
		       : -1;
}

void observe_done(struct observe *observe)
{
	metrics_free(observe->metrics);
	*observe = (struct observe){0};
}

/* The text field @name of a request, NULL when it has none or it is empty. */
static const char *field_of(const ProtobufCMessage *request, const char *name)
{
	const ProtobufCFieldDescriptor *field =
		request ? protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name)
			: NULL;
	const char *text;

	if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
		field->label == PROTOBUF_C_LABEL_REPEATED) {
		return NULL;
	}
	memcpy(&text, (const char *)request + field->offset, sizeof(text));
	return str_empty(text) ? NULL : text;
}

/* A field of the line that is left out when the request has no such text. */
static struct log_field text_of(const ProtobufCMessage *request, const char *name)
{
	const char *text = field_of(request, name);

	return LOG_STR(text ? name : NULL, text);
}

/* Sidecars probe and list all day: no news. */
static enum log_level level_of(const struct rpc_done *done)
{
	if (done->code != ERR_OK) {
		return LOG_LEVEL_WARNING;
	}
	return strstr(done->method, "/csi.v1.Identity/") || strstr(done->method, "Capabilities") ||
			       strstr(done->method, "GetCapacity") ||
			       strstr(done->method, "List") ||
			       strstr(done->method, "GetVolumeHealth")
		       ? LOG_LEVEL_DEBUG
		       : LOG_LEVEL_INFO;
}

void observe_call(void *arg, const struct rpc_done *done)
{
	struct observe *observe = arg;
	_cleanup_strbuf_ struct strbuf request = sb_init(CSI_PRINT_MAX);

	metrics_csi_observe(
		observe->calls, observe->driver_name, done->method, done->code, done->seconds);
	if (done->request && done->code != ERR_OK) {
		csi_print(done->request, &request);
	}
	LOG_EVENT(level_of(done), done->code == ERR_OK ? "call" : "call failed",
		LOG_STR("rpc", done->method), LOG_NUM("id", done->id),
		text_of(done->request, "name"), text_of(done->request, "volume_id"),
		text_of(done->request, "source_volume_id"), text_of(done->request, "snapshot_id"),
		text_of(done->request, "node_id"), LOG_STR("code", err_code_name(done->code)),
		LOG_NUM("ms", (int64_t)(done->seconds * 1000)),
		LOG_STR(done->code != ERR_OK ? "err" : NULL, done->message),
		LOG_STR(request.len > 0 ? "request" : NULL, sb_str(&request)),
		LOG_STR(done->cancelled ? "cancelled" : NULL, "the caller had gone"));
}

void observe_backend(void *arg, const char *backend, const struct err *why)
{
	const struct observe *observe = arg;
	const char *values[] = {backend, NULL};

	metric_set(observe->backends, values, why ? 0 : 1);
	if (why) {
		LOG_ERROR("backend does not work", LOG_STR("backend", backend), LOG_ERR(why));
	} else {
		LOG_INFO("backend works", LOG_STR("backend", backend));
	}
}

void observe_forget(struct observe *observe, const char *backend)
{
	const char *values[] = {backend, NULL};

	(void)pthread_mutex_lock(&observe->lock);
	metric_forget(observe->backends, values);
	metric_forget(observe->breakers, values);
	metric_forget(observe->busy, values);
	(void)pthread_mutex_unlock(&observe->lock);
}

void observe_config(struct observe *observe, const struct err *why)
{
	metric_set(observe->config, NULL, why ? 0 : 1);
	if (why) {
		LOG_ERROR("the changed configuration is refused; the one before goes on",
			LOG_ERR(why));
	}
}

void observe_finding(void *arg, const struct finding *finding)
{
	(void)arg;
	LOG_WARNING("the audit found a difference between backend and cluster",
		LOG_STR("finding", finding_kinds[finding->kind]),
		LOG_STR("volume_id", finding->volume),
		LOG_STR(*finding->node ? "node_id" : NULL, finding->node),
		LOG_STR(*finding->pv ? "persistent_volume" : NULL, finding->pv));
}

void observe_audit(void *arg, const struct periodic_result *result, const struct err *why)
{
	const struct observe *observe = arg;

	if (why) {
		LOG_WARNING("the audit could not be done", LOG_ERR(why));
		return;
	}
	for (size_t i = 0; i < FOUND_KINDS; i++) {
		const char *values[] = {finding_kinds[i], NULL};
		metric_set(observe->findings, values, (double)result->counts[i]);
	}
	metric_set(observe->audited, NULL, (double)clock_unix_ms() / 1000);
}

int observe_alive(struct observe *observe, const struct deadline *dl, struct err *err)
{
	struct deadline ping = deadline_sooner(dl, OBSERVE_PING_MS);

	return atomic_load(&observe->serving) ? rpc_alive(observe->socket, &ping, err) : 0;
}

static struct core *core_of(const struct observe *observe)
{
	return observe->current ? current_core(observe->current) : NULL;
}

/* The backends that do not work, a line each. Return: is there one that does, or may? */
static bool check_backends(struct observe *observe, struct strbuf *text)
{
	_cleanup_core_ struct core *core = core_of(observe);
	size_t n = core ? core_backend_count(core) : 0;
	size_t down = 0;

	for (size_t i = 0; i < n; i++) {
		struct core_health health;
		char silence[ERR_MSG_MAX];
		const char *name = core_backend_health(core, i, &health);

		if (health.link.open) {
			breaker_print(&health.link, silence, sizeof(silence));
			sb_addf(text, "backend %s: %s\n", name, silence);
			down++;
		} else if (health.known && !health.up) {
			sb_addf(text, "%s\n", health.why.msg);
			down++;
		}
	}
	return n == 0 || down < n;
}

bool observe_health(struct observe *observe, const struct deadline *dl, struct strbuf *text)
{
	_cleanup_strbuf_ struct strbuf wrong = sb_init(HEALTH_TEXT_MAX);
	struct err why = {0};
	bool well = true;

	if (observe_alive(observe, dl, &why) < 0) {
		sb_addf(&wrong, "%s\n", why.msg);
		well = false;
	}
	/* One that is down is no reason to take the controller from the others. */
	if (!check_backends(observe, &wrong)) {
		well = false;
	}
	sb_addf(text, "%s%s", well ? "ok\n" : "", sb_str(&wrong));
	return well;
}

static int get_livez(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	_cleanup_strbuf_ struct strbuf text = sb_init(HEALTH_TEXT_MAX);
	struct err why = {0};
	bool alive = observe_alive(self, &req->op->deadline, &why) == 0;

	sb_addf(&text, "%s\n", alive ? "ok" : why.msg);
	return http_respond_text(req, res, alive ? 200 : 503, "text/plain", &text);
}

static int get_healthz(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	_cleanup_strbuf_ struct strbuf text = sb_init(HEALTH_TEXT_MAX);
	bool well = observe_health(self, &req->op->deadline, &text);

	return http_respond_text(req, res, well ? 200 : 503, "text/plain", &text);
}

/* What is only looked at when somebody asks. */
static void count_backends(struct observe *observe)
{
	_cleanup_core_ struct core *core = NULL;

	/* One that is forgotten meanwhile must not be counted again. */
	(void)pthread_mutex_lock(&observe->lock);
	core = core_of(observe);
	for (size_t i = 0; core && i < core_backend_count(core); i++) {
		struct core_health health;
		const char *values[] = {core_backend_health(core, i, &health), NULL};

		metric_set(observe->breakers, values, health.link.open ? 1 : 0);
		metric_set(observe->busy, values, health.busy);
	}
	(void)pthread_mutex_unlock(&observe->lock);
}

void observe_metrics(struct observe *observe, struct strbuf *text)
{
	count_backends(observe);
	metrics_print(observe->metrics, text);
}

static int get_metrics(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct observe *observe = self;
	_cleanup_strbuf_ struct strbuf text = sb_init(METRICS_TEXT_MAX);

	observe_metrics(observe, &text);
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
