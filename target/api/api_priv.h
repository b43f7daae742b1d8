/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API's handlers share.
 */
#pragma once

#include "common/json/json.h"
#include "target/api/api.h"

struct api {
	struct agent *agent;
	struct metrics *metrics;
	int64_t clone_extents;
	struct metric *requests;
	struct metric *pool_ready;
	struct metric *pool_size;
	struct metric *pool_free;
	struct metric *pool_meta_size;
	struct metric *pool_meta_free;
	struct metric *pool_committed;
	struct metric *pool_volumes;
	struct metric *pool_snapshots;
	struct metric *pool_damaged;
	struct metric *portal_usable;
	struct metric *healthy;
};

/** api_body - the body as a document with an object at its top. Return: 0, or -1 with req->op->err.
 */
MUST_USE int api_body(
	const struct http_server_request *req, struct js_doc **ret_doc, struct js_at *ret_top);
/** api_id - the placeholder "id", checked; a query is refused. Return: 0, or -1 with req->op->err.
 */
MUST_USE int api_id(const struct http_server_request *req, const char **ret_id);
/** api_answer - answer @take_value with @status. Return: 0, or -1 with req->op->err. */
MUST_USE int api_answer(const struct http_server_request *req, struct http_server_response *res,
	int status, struct js *take_value);
/** api_no_query - refuse every query parameter. Return: 0, or -1 with req->op->err. */
MUST_USE int api_no_query(const struct http_server_request *req);
/** api_list_query - limit, token and filters of a list of ret->kind; others are refused. Return: 0,
 * or -1 with req->op->err. */
MUST_USE int api_list_query(const struct http_server_request *req, struct list_request *ret);
/** api_identity - set nqn, nsid, nguid, uuid, shared of a volume. */
void api_identity(struct js *obj, const struct object_view *view);
/** api_portals - the configured portals as an array of texts. */
struct js *api_portals(const struct api *api);
/** api_portal_usable - can hosts read and write through it? */
bool api_portal_usable(const struct portal_view *view);
/** api_size - the member "size" of a body. Return: 0, or -1. */
MUST_USE int api_size(const struct js_at *top, int64_t *ret, struct err *err);

/* Handlers, as http_handler. */
int api_volumes_list(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_volume_put(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_volume_get(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_volume_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_volume_resize(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_host_put(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_host_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_hosts_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_snapshots_list(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_snapshot_put(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_snapshot_get(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_snapshot_delete(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_pools_list(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_portals_list(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_portal_put(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_info(void *self, const struct http_server_request *req, struct http_server_response *res);
int api_healthz(
	void *self, const struct http_server_request *req, struct http_server_response *res);
int api_metrics(
	void *self, const struct http_server_request *req, struct http_server_response *res);
