/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes, and reading requests and writing answers.
 */
#include "target/api/api.h"

#include "common/base/log.h"
#include "common/base/parse.h"
#include "target/api/api_priv.h"

#include <stdio.h>

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/v1/volumes", .handle = api_volumes_list},
	{.method = "PUT",
		.pattern = "/v1/volumes/{id}",
		.handle = api_volume_put,
		.operation = "PutVolume"},
	{.method = "GET", .pattern = "/v1/volumes/{id}", .handle = api_volume_get},
	{.method = "DELETE",
		.pattern = "/v1/volumes/{id}",
		.handle = api_volume_delete,
		.operation = "DeleteVolume"},
	{.method = "POST",
		.pattern = "/v1/volumes/{id}/resize",
		.handle = api_volume_resize,
		.operation = "ResizeVolume"},
	{.method = "DELETE",
		.pattern = "/v1/volumes/{id}/hosts",
		.handle = api_hosts_delete,
		.operation = "RevokeHost"},
	{.method = "PUT",
		.pattern = "/v1/volumes/{id}/hosts/{hostnqn}",
		.handle = api_host_put,
		.operation = "GrantHost"},
	{.method = "DELETE",
		.pattern = "/v1/volumes/{id}/hosts/{hostnqn}",
		.handle = api_host_delete,
		.operation = "RevokeHost"},
	{.method = "GET", .pattern = "/v1/snapshots", .handle = api_snapshots_list},
	{.method = "PUT",
		.pattern = "/v1/snapshots/{id}",
		.handle = api_snapshot_put,
		.operation = "PutSnapshot"},
	{.method = "GET", .pattern = "/v1/snapshots/{id}", .handle = api_snapshot_get},
	{.method = "DELETE",
		.pattern = "/v1/snapshots/{id}",
		.handle = api_snapshot_delete,
		.operation = "DeleteSnapshot"},
	{.method = "GET", .pattern = "/v1/pools", .handle = api_pools_list},
	{.method = "GET", .pattern = "/v1/portals", .handle = api_portals_list},
	{.method = "PUT",
		.pattern = "/v1/portals/{portal}",
		.handle = api_portal_put,
		.operation = "SetPortal"},
	{.method = "GET", .pattern = "/v1/info", .handle = api_info},
	{.method = "GET", .pattern = "/healthz", .handle = api_healthz, .open = true},
	{.method = "GET", .pattern = "/metrics", .handle = api_metrics},
};

const struct http_route *api_routes(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}

static int make_metrics(struct api *api, struct err *err)
{
	static const char *const pool[] = {"pool", NULL};
	static const char *const portal[] = {"portal", NULL};
	static const char *const request[] = {"method", "route", "status", NULL};
	static const double bounds[] = {
		0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
	const struct metrics_histogram requests = {
		.name = "nvmetcp_target_request_seconds",
		.help = "Time of API requests.",
		.labels = request,
		.bounds = bounds,
		.n_bounds = ARRAY_SIZE(bounds),
	};
	struct {
		struct metric **metric;
		const char *name;
		const char *help;
	} gauges[] = {
		{&api->pool_ready, "nvmetcp_target_pool_ready",
			"1 when the pool is there and is the recorded one."},
		{&api->pool_size, "nvmetcp_target_pool_size_bytes",
			"Size of the pool, less what its file system needs."},
		{&api->pool_free, "nvmetcp_target_pool_free_bytes", "Bytes not allocated."},
		{&api->pool_meta_size, "nvmetcp_target_pool_metadata_size_bytes",
			"Bytes for the bookkeeping of a thin pool."},
		{&api->pool_meta_free, "nvmetcp_target_pool_metadata_free_bytes",
			"Bytes of them not used."},
		{&api->pool_committed, "nvmetcp_target_pool_committed_bytes",
			"Bytes promised to volumes and snapshots."},
		{&api->pool_volumes, "nvmetcp_target_pool_volumes", "Volumes in the pool."},
		{&api->pool_snapshots, "nvmetcp_target_pool_snapshots", "Snapshots in the pool."},
		{&api->pool_damaged, "nvmetcp_target_pool_damaged_objects",
			"Objects of the pool that cannot be used."},
	};

	api->requests = metrics_histogram(api->metrics, &requests, err);
	if (!api->requests) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++) {
		*gauges[i].metric =
			metrics_gauge(api->metrics, gauges[i].name, gauges[i].help, pool, err);
		if (!*gauges[i].metric) {
			return -1;
		}
	}
	api->portal_usable = metrics_gauge(api->metrics, "nvmetcp_target_portal_usable",
		"1 when the portal is open and its ANA state lets hosts use it.", portal, err);
	if (!api->portal_usable) {
		return -1;
	}
	api->healthy = metrics_gauge(api->metrics, "nvmetcp_target_healthy",
		"1 when every pool, portal and object is well.", NULL, err);
	return api->healthy ? 0 : -1;
}

int api_new(const struct api_options *options, struct api **ret, struct err *err)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "API: no memory");
	}
	api->agent = options->agent;
	api->metrics = options->metrics;
	api->clone_extents = options->clone_extents;
	if (make_metrics(api, err) < 0) {
		api_free(api);
		return -1;
	}
	*ret = api;
	return 0;
}

void api_free(struct api *api)
{
	free(api);
}

void api_event(void *self, const struct http_server_event *event)
{
	struct api *api = self;
	enum log_level level = LOG_LEVEL_DEBUG;
	char status[16];

	(void)snprintf(status, sizeof(status), "%d", event->status);
	const char *values[] = {event->method, event->pattern, status};

	metric_observe(api->requests, values, (double)event->ms / 1000);
	if (streq(event->pattern, "/healthz")) {
		level = LOG_LEVEL_DEBUG; /* asked often, and it says itself what is wrong */
	} else if (event->status >= 400) {
		level = event->status == 404 || event->status == 409 ? LOG_LEVEL_INFO
								     : LOG_LEVEL_WARNING;
	} else if (!streq(event->method, "GET") && !streq(event->method, "HEAD")) {
		level = LOG_LEVEL_INFO;
	}
	LOG_EVENT(level, "request", LOG_STR("method", event->method), LOG_STR("path", event->path),
		LOG_NUM("status", event->status), LOG_NUM("ms", event->ms),
		LOG_NUM("id", event->id),
		event->error[0] ? LOG_STR("err", event->error) : (struct log_field){0});
}

int api_body(const struct http_server_request *req, struct js_doc **ret_doc, struct js_at *ret_top)
{
	struct err *err = &req->op->err;

	if (req->len == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT, "body: must be a JSON object, not empty");
	}
	if (js_parse("body", req->body, req->len, API_BODY_MAX, ret_doc, err) < 0) {
		return -1;
	}
	*ret_top = js_root(*ret_doc);
	return js_want_obj(ret_top, err);
}

int api_no_query(const struct http_server_request *req)
{
	static const char *const none[] = {NULL};

	return http_query_only(req, none);
}

int api_id(const struct http_server_request *req, const char **ret_id)
{
	*ret_id = http_param(req, "id");
	if (api_no_query(req) < 0) {
		return -1;
	}
	return object_id_check("id", *ret_id, &req->op->err);
}

int api_answer(const struct http_server_request *req, struct http_server_response *res, int status,
	struct js *take_value)
{
	_cleanup_js_ struct js *value = take_value;
	char *text;

	if (js_print(value, "answer", 0, &text, NULL, &req->op->err) < 0) {
		return -1;
	}
	return http_respond_json(res, status, text);
}

int api_list_query(const struct http_server_request *req, struct list_request *ret)
{
	static const char *const volumes[] = {"limit", "token", "pool", "instance", NULL};
	static const char *const snapshots[] = {
		"limit", "token", "pool", "instance", "volume", NULL};
	struct err *err = &req->op->err;
	const char *limit = http_query(req, "limit");
	int64_t n = API_PAGE_DEFAULT;

	if (http_query_only(req, ret->kind == OBJECT_SNAPSHOT ? snapshots : volumes) < 0) {
		return -1;
	}
	if (limit && parse_i64("limit", limit, 1, API_PAGE_MAX, &n, err) < 0) {
		return -1;
	}
	ret->limit = (size_t)n;
	ret->after = http_query(req, "token");
	ret->pool = http_query(req, "pool");
	ret->instance = http_query(req, "instance");
	if ((ret->after && object_id_check("token", ret->after, err) < 0) ||
		(ret->pool && object_id_check("pool", ret->pool, err) < 0) ||
		(ret->instance && instance_check("instance", ret->instance, err) < 0)) {
		return -1;
	}
	return 0;
}

void api_identity(struct js *obj, const struct object_view *view)
{
	const struct object *object = view->object;
	char uuid[UUID_TEXT_SIZE];
	char nguid[33];

	uuid_print(object->uuid, uuid);
	hex_print(object->uuid, 16, nguid);
	js_set_str(obj, "nqn", view->nqn);
	js_set_int(obj, "nsid", object->nsid);
	js_set_str(obj, "nguid", nguid);
	js_set_str(obj, "uuid", uuid);
	js_set_bool(obj, "shared", *object->subsystem != '\0');
}

struct js *api_portals(const struct api *api)
{
	const struct portals *portals = agent_portals(api->agent);
	struct js *array = js_array();
	char text[PORTAL_TEXT_SIZE];

	for (unsigned i = 0; i < portals->n; i++) {
		portal_print(&portals->list[i], text);
		js_add_str(array, text);
	}
	return array;
}

int api_size(const struct js_at *top, int64_t *ret, struct err *err)
{
	if (js_get_int(top, "size", STORE_VOLUME_MIN, STORE_VOLUME_MAX, ret, err) < 0) {
		return -1;
	}
	if (*ret % STORE_GRANULARITY != 0) {
		return js_fail(top, "size", err,
			"must be a multiple of %lld bytes, which %lld is not",
			(long long)STORE_GRANULARITY, (long long)*ret);
	}
	return 0;
}
