/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals and how hosts are to use them.
 */
#include "target/api/api_priv.h"

bool api_portal_usable(const struct portal_view *view)
{
	return view->open && (streq(view->ana, ana_states[ANA_OPTIMIZED]) ||
				     streq(view->ana, ana_states[ANA_NON_OPTIMIZED]));
}

static struct js *view_js(const struct portal_view *view)
{
	struct js *obj = js_object();
	char text[PORTAL_TEXT_SIZE];

	portal_print(&view->portal, text);
	js_set_str(obj, "portal", text);
	js_set_str(obj, "anaState", view->ana);
	js_set_bool(obj, "open", view->open);
	return obj;
}

int api_portals_list(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct api *api = self;
	struct portal_view views[PORTALS_MAX];
	unsigned n;

	if (api_no_query(req) < 0 || agent_portal_views(api->agent, views, &n, &req->op->err) < 0) {
		return -1;
	}
	struct js *obj = js_object();
	struct js *array = js_array();

	for (unsigned i = 0; i < n; i++) {
		js_add(array, view_js(&views[i]));
	}
	js_set(obj, "portals", array);
	return api_answer(req, res, 200, obj);
}

int api_portal_put(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	static const char *const keys[] = {"anaState", "force", NULL};
	struct api *api = self;
	struct err *err = &req->op->err;
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct portal_request request = {0};
	struct portal_view view;
	struct js_at top;
	int state;

	if (api_no_query(req) < 0 ||
		portal_parse("portal", http_param(req, "portal"), &request.portal, err) < 0 ||
		api_body(req, &doc, &top) < 0 || js_only_keys(&top, keys, err) < 0 ||
		js_get_choice(&top, "anaState", ana_states, &state, err) < 0 ||
		js_opt_bool(&top, "force", &request.force, err) < 0) {
		return -1;
	}
	request.ana = (enum ana_state)state;
	if (agent_portal_put(api->agent, &request, &req->op->deadline, &view, err) < 0) {
		return -1;
	}
	return api_answer(req, res, 200, view_js(&view));
}
