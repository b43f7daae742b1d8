/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots.
 */
#include "target/api/api_priv.h"

static struct js *snapshot_js(const struct object_view *view)
{
	const struct object *object = view->object;
	struct js *obj = js_object();

	js_set_str(obj, "id", object->id);
	js_set_str(obj, "volume", object->source_id);
	js_set_str(obj, "pool", view->pool);
	js_set_str(obj, "instance", object->instance);
	js_set_int(obj, "size", object->size);
	js_set_int(obj, "allocated", view->allocated);
	js_set_int(obj, "createdAt", object->created_ms);
	js_set(obj, "metadata", object_metadata_js(object->metadata));
	return obj;
}

int api_snapshots_list(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct err *err = &req->op->err;
	struct list_request request = {
		.kind = OBJECT_SNAPSHOT, .volume = http_query(req, "volume")};
	_cleanup_list_answer_ struct list_answer page = {0};

	if (api_list_query(req, &request) < 0 ||
		(request.volume && object_id_check("volume", request.volume, err) < 0) ||
		agent_list(api->agent, &request, &page, err) < 0) {
		return -1;
	}
	struct js *obj = js_object();
	struct js *array = js_array();

	for (size_t i = 0; i < page.n; i++) {
		js_add(array, snapshot_js(&page.list[i]));
	}
	js_set(obj, "snapshots", array);
	if (page.more) {
		js_set_str(obj, "next", page.list[page.n - 1].object->id);
	}
	return api_answer(req, res, 200, obj);
}

int api_snapshot_put(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	static const char *const keys[] = {"volume", "metadata", NULL};
	struct api *api = self;
	struct err *err = &req->op->err;
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_free_ char *metadata = NULL;
	_cleanup_object_view_ struct object_view view = {0};
	struct snapshot_request request = {0};
	struct js_at top;
	bool created;

	if (api_id(req, &request.id) < 0 || api_body(req, &doc, &top) < 0 ||
		js_only_keys(&top, keys, err) < 0 ||
		js_get_str(&top, "volume", OBJECT_ID_MAX, &request.volume, err) < 0 ||
		object_id_check("volume", request.volume, err) < 0 ||
		object_metadata_read(&top, &metadata, err) < 0) {
		return -1;
	}
	request.metadata = metadata;
	if (agent_snapshot_put(api->agent, &request, &req->op->deadline, &view, &created, err) <
		0) {
		return -1;
	}
	return api_answer(req, res, created ? 201 : 200, snapshot_js(&view));
}

int api_snapshot_get(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct object_name name = {.kind = OBJECT_SNAPSHOT};
	_cleanup_object_view_ struct object_view view = {0};

	if (api_id(req, &name.id) < 0 || agent_get(api->agent, name, &view, &req->op->err) < 0) {
		return -1;
	}
	return api_answer(req, res, 200, snapshot_js(&view));
}

int api_snapshot_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct object_name name = {.kind = OBJECT_SNAPSHOT};

	if (api_id(req, &name.id) < 0 ||
		agent_delete(api->agent, name, &req->op->deadline, &req->op->err) < 0) {
		return -1;
	}
	return http_respond(res, 204, NULL, NULL, 0);
}
