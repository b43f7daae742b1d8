/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and their hosts.
 */
#include "target/api/api_priv.h"

static struct js *volume_js(const struct object_view *view)
{
	const struct object *object = view->object;
	struct js *obj = js_object();
	struct js *hosts = js_array();

	js_set_str(obj, "id", object->id);
	js_set_str(obj, "pool", view->pool);
	js_set_str(obj, "instance", object->instance);
	js_set_int(obj, "size", object->size);
	js_set_int(obj, "createdAt", object->created_ms);
	js_set(obj, "metadata", object_metadata_js(object->metadata));
	object_source_js(obj, object);
	if (*object->subsystem) {
		js_set_str(obj, "subsystem", object->subsystem);
	}
	js_set_bool(obj, "written", view->written);
	js_set_int(obj, "allocated", view->allocated);
	if (view->extents >= 0) {
		js_set_int(obj, "extents", view->extents);
	}
	for (unsigned i = 0; i < object->hosts.n; i++) {
		js_add_str(hosts, object->hosts.list[i]);
	}
	js_set(obj, "hosts", hosts);
	api_identity(obj, view);
	return obj;
}

int api_volumes_list(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct list_request request = {.kind = OBJECT_VOLUME};
	_cleanup_list_answer_ struct list_answer page = {0};

	if (api_list_query(req, &request) < 0 ||
		agent_list(api->agent, &request, &page, &req->op->err) < 0) {
		return -1;
	}
	struct js *obj = js_object();
	struct js *array = js_array();

	for (size_t i = 0; i < page.n; i++) {
		js_add(array, volume_js(&page.list[i]));
	}
	js_set(obj, "volumes", array);
	if (page.more) {
		js_set_str(obj, "next", page.list[page.n - 1].object->id);
	}
	return api_answer(req, res, 200, obj);
}

/* @ret_metadata is what ret->metadata points to; the caller frees it. */
static int read_request(const struct js_at *top, struct volume_request *ret, char **ret_metadata,
	char source_id[OBJECT_ID_SIZE], struct err *err)
{
	static const char *const keys[] = {
		"pool", "instance", "size", "source", "subsystem", "metadata", NULL};

	ret->subsystem = "";
	ret->source_id = source_id;
	if (js_only_keys(top, keys, err) < 0 ||
		js_get_str(top, "pool", OBJECT_ID_MAX, &ret->pool, err) < 0 ||
		object_id_check("pool", ret->pool, err) < 0 ||
		js_get_str(top, "instance", INSTANCE_MAX, &ret->instance, err) < 0 ||
		instance_check("instance", ret->instance, err) < 0 ||
		api_size(top, &ret->size, err) < 0 ||
		object_source_read(top, &ret->source, source_id, err) < 0 ||
		js_opt_str(top, "subsystem", OBJECT_ID_MAX, &ret->subsystem, err) < 0 ||
		(js_has(top, "subsystem") &&
			object_id_check("subsystem", ret->subsystem, err) < 0) ||
		object_metadata_read(top, ret_metadata, err) < 0) {
		return -1;
	}
	ret->metadata = *ret_metadata;
	return 0;
}

int api_volume_put(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct err *err = &req->op->err;
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_free_ char *metadata = NULL;
	_cleanup_object_view_ struct object_view view = {0};
	struct volume_request request = {0};
	char source_id[OBJECT_ID_SIZE];
	struct js_at top;
	bool created;

	if (api_id(req, &request.id) < 0 || api_body(req, &doc, &top) < 0 ||
		read_request(&top, &request, &metadata, source_id, err) < 0 ||
		agent_volume_put(api->agent, &request, &req->op->deadline, &view, &created, err) <
			0) {
		return -1;
	}
	return api_answer(req, res, created ? 201 : 200, volume_js(&view));
}

int api_volume_get(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct object_name name = {.kind = OBJECT_VOLUME};
	_cleanup_object_view_ struct object_view view = {0};

	if (api_id(req, &name.id) < 0 || agent_get(api->agent, name, &view, &req->op->err) < 0) {
		return -1;
	}
	return api_answer(req, res, 200, volume_js(&view));
}

int api_volume_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct object_name name = {.kind = OBJECT_VOLUME};

	if (api_id(req, &name.id) < 0 ||
		agent_delete(api->agent, name, &req->op->deadline, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 204, NULL, NULL, 0);
}

int api_volume_resize(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	static const char *const keys[] = {"size", NULL};
	struct api *api = self;
	struct err *err = &req->op->err;
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_object_view_ struct object_view view = {0};
	struct js_at top;
	const char *id;
	int64_t size;

	if (api_id(req, &id) < 0 || api_body(req, &doc, &top) < 0 ||
		js_only_keys(&top, keys, err) < 0 || api_size(&top, &size, err) < 0 ||
		agent_volume_resize(api->agent, id, size, &req->op->deadline, &view, err) < 0) {
		return -1;
	}
	return api_answer(req, res, 200, volume_js(&view));
}

static int read_host(
	const struct http_server_request *req, const char **ret_id, const char **ret_host)
{
	*ret_host = http_param(req, "hostnqn");
	if (api_id(req, ret_id) < 0) {
		return -1;
	}
	return nqn_check("hostnqn", *ret_host, &req->op->err);
}

int api_host_put(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	static const char *const keys[] = {NULL};
	struct api *api = self;
	struct err *err = &req->op->err;
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_object_view_ struct object_view view = {0};
	struct js_at top;
	const char *id;
	const char *host;

	if (read_host(req, &id, &host) < 0 ||
		(req->len > 0 &&
			(api_body(req, &doc, &top) < 0 || js_only_keys(&top, keys, err) < 0)) ||
		agent_grant(api->agent, id, host, &req->op->deadline, &view, err) < 0) {
		return -1;
	}
	struct js *obj = js_object();

	api_identity(obj, &view);
	js_set(obj, "portals", api_portals(api));
	js_set_int(obj, "size", view.object->size);
	js_set_bool(obj, "written", view.written);
	return api_answer(req, res, 200, obj);
}

int api_host_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	const char *id;
	const char *host;

	if (read_host(req, &id, &host) < 0 ||
		agent_revoke(api->agent, id, host, &req->op->deadline, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 204, NULL, NULL, 0);
}

int api_hosts_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	const char *id;

	if (api_id(req, &id) < 0 ||
		agent_revoke(api->agent, id, NULL, &req->op->deadline, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 204, NULL, NULL, 0);
}
