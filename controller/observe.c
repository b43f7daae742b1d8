/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines, metrics and health of the controller.
 */
#include "controller/observe.h"

#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "common/csi/redact.h"

#define METRICS_TEXT_MAX (1024 * 1024)

int observe_init(struct observe *observe, const char *driver_name, struct err *err)
{
	*observe = (struct observe){.metrics = metrics_new(), .driver_name = driver_name};
	if (!observe->metrics) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "metrics: no memory");
	}
	observe->calls = metrics_csi_operations(observe->metrics, err);
	return observe->calls ? 0 : -1;
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
			       strstr(done->method, "GetCapacity") || strstr(done->method, "List")
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

static int get_healthz(void *self UNUSED, const struct http_server_request *req UNUSED,
	struct http_server_response *res)
{
	char *text = strdup("ok\n");

	return http_respond(res, 200, "text/plain", text, text ? strlen(text) : 0);
}

static int get_metrics(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct observe *observe = self;
	_cleanup_strbuf_ struct strbuf text = sb_init(METRICS_TEXT_MAX);
	char *body = NULL;
	size_t len;

	metrics_print(observe->metrics, &text);
	len = text.len;
	if (sb_take(&text, "metrics", &body, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 200, METRICS_CONTENT_TYPE, body, len);
}

const struct http_route *observe_routes(size_t *ret_n)
{
	static const struct http_route routes[] = {
		{.method = "GET", .pattern = "/healthz", .handle = get_healthz, .open = true},
		{.method = "GET", .pattern = "/metrics", .handle = get_metrics, .open = true},
	};

	*ret_n = ARRAY_SIZE(routes);
	return routes;
}
