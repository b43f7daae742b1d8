/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent tells about itself: pools, limits, health, metrics.
 */
#include "common/base/strbuf.h"
#include "target/api/api_priv.h"

#define METRICS_TEXT_MAX ((size_t)1024 * 1024)

static struct js *pool_js(const struct pool_view *view)
{
	const struct catalog_usage *usage = &view->usage;
	struct js *obj = js_object();

	js_set_str(obj, "name", view->name);
	js_set_str(obj, "type", view->type);
	js_set_str(obj, "state", view->ready ? "ready" : "absent");
	if (!view->ready) {
		js_set_str(obj, "reason", view->reason.msg);
		return obj;
	}
	js_set_str(obj, "uuid", view->uuid);
	js_set_int(obj, "size", usage->store.size);
	js_set_int(obj, "free", usage->store.free);
	js_set_real(obj, "ratio", usage->ratio);
	js_set_int(obj, "committed", usage->committed);
	js_set_int(obj, "available", usage->available);
	js_set_int(obj, "volumes", (int64_t)usage->volumes);
	js_set_int(obj, "snapshots", (int64_t)usage->snapshots);
	js_set_int(obj, "granularity", view->limits.granularity);
	if (usage->store.meta_size > 0) {
		js_set_int(obj, "metadataSize", usage->store.meta_size);
		js_set_int(obj, "metadataFree", usage->store.meta_free);
	}
	return obj;
}

int api_pools_list(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	_cleanup_free_ struct pool_view *views = calloc(AGENT_POOLS_MAX, sizeof(*views));

	if (api_no_query(req) < 0) {
		return -1;
	}
	if (!views) {
		return err_set(&req->op->err, ERR_UNAVAILABLE, "pools: no memory");
	}
	unsigned n = agent_pools(api->agent, views);
	struct js *obj = js_object();
	struct js *array = js_array();

	for (unsigned i = 0; i < n; i++) {
		js_add(array, pool_js(&views[i]));
	}
	js_set(obj, "pools", array);
	return api_answer(req, res, 200, obj);
}

int api_info(void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;

	if (api_no_query(req) < 0) {
		return -1;
	}
	struct js *obj = js_object();
	struct js *limits = js_object();
	int64_t granularity = agent_granularity(api->agent);

	js_set_str(obj, "version", NV_VERSION);
	js_set_int(obj, "granularity", granularity);
	js_set_int(obj, "minVolumeSize", MAX(STORE_VOLUME_MIN, granularity));
	js_set_int(obj, "maxVolumeSize", STORE_VOLUME_MAX);
	js_set(obj, "portals", api_portals(api));
	js_set_int(limits, "volumesPerPool", CATALOG_OBJECTS_MAX);
	js_set_int(limits, "snapshotsPerPool", CATALOG_OBJECTS_MAX);
	js_set_int(limits, "hostsPerVolume", OBJECT_HOSTS_MAX);
	js_set_int(limits, "volumesPerSubsystem", NVMET_NAMESPACES_MAX);
	if (api->clone_extents > 0) {
		js_set_int(limits, "cloneExtents", api->clone_extents);
	}
	js_set_int(limits, "pageSize", API_PAGE_MAX);
	js_set(obj, "limits", limits);
	return api_answer(req, res, 200, obj);
}

int api_healthz(void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct err why = {0};
	int healthy = agent_healthy(api->agent, &why);
	char *text = strdup(healthy == 0 ? "ok" : why.msg);

	if (!text) {
		return err_set(&req->op->err, ERR_UNAVAILABLE, "health: no memory");
	}
	return http_respond(
		res, healthy == 0 ? 200 : 503, "text/plain; charset=utf-8", text, strlen(text));
}

static void set_pool(const struct api *api, const struct pool_view *view)
{
	const char *values[] = {view->name};

	metric_set(api->pool_ready, values, view->ready ? 1 : 0);
	if (!view->ready) {
		/* Better no value than an old one. */
		metric_forget(api->pool_size, values);
		metric_forget(api->pool_free, values);
		metric_forget(api->pool_meta_size, values);
		metric_forget(api->pool_meta_free, values);
		metric_forget(api->pool_committed, values);
		metric_forget(api->pool_volumes, values);
		metric_forget(api->pool_snapshots, values);
		metric_forget(api->pool_damaged, values);
		return;
	}
	metric_set(api->pool_size, values, (double)view->usage.store.size);
	metric_set(api->pool_free, values, (double)view->usage.store.free);
	if (view->usage.store.meta_size > 0) {
		metric_set(api->pool_meta_size, values, (double)view->usage.store.meta_size);
		metric_set(api->pool_meta_free, values, (double)view->usage.store.meta_free);
	}
	metric_set(api->pool_committed, values, (double)view->usage.committed);
	metric_set(api->pool_volumes, values, (double)view->usage.volumes);
	metric_set(api->pool_snapshots, values, (double)view->usage.snapshots);
	metric_set(api->pool_damaged, values, (double)view->damaged);
}

static void set_portals(const struct api *api)
{
	struct portal_view views[PORTALS_MAX];
	char text[PORTAL_TEXT_SIZE];
	unsigned n;

	if (agent_portal_views(api->agent, views, &n, NULL) < 0) {
		n = 0; /* the kernel's target is gone, which /healthz says */
	}
	for (unsigned i = 0; i < n; i++) {
		const char *values[] = {text};

		portal_print(&views[i].portal, text);
		metric_set(api->portal_usable, values, api_portal_usable(&views[i]) ? 1 : 0);
	}
}

int api_metrics(void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	_cleanup_free_ struct pool_view *views = calloc(AGENT_POOLS_MAX, sizeof(*views));
	_cleanup_strbuf_ struct strbuf sb = sb_init(METRICS_TEXT_MAX);
	char *text;

	if (!views) {
		return err_set(&req->op->err, ERR_UNAVAILABLE, "metrics: no memory");
	}
	unsigned n = agent_pools(api->agent, views);

	for (unsigned i = 0; i < n; i++) {
		set_pool(api, &views[i]);
	}
	set_portals(api);
	metric_set(api->healthy, NULL, agent_healthy(api->agent, NULL) == 0 ? 1 : 0);
	metrics_print(api->metrics, &sb);
	if (sb_take(&sb, "metrics", &text, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 200, METRICS_CONTENT_TYPE, text, strlen(text));
}
