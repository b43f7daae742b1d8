/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API served on a Unix socket over an agent on folders, and requests to it.
 */
#pragma once

#include "common/http/client.h"
#include "common/json/json.h"
#include "target/api/api.h"
#include "test/unit/target/core/world.h"

struct served {
	struct metrics *metrics;
	struct api *api;
	struct http_server *server;
	struct http_client *client;
	struct http_response answer;
	char socket[128];
	char url[160];
};

static struct served served;

static inline int api_setup(void **state)
{
	struct http_server_options options = {.max_body = API_BODY_MAX};
	struct http_client_options client = {0};
	struct api_options api = {.clone_extents = 1000};

	(void)world_setup(state);
	served = (struct served){0};
	served.metrics = metrics_new();
	api.agent = world.agent;
	api.metrics = served.metrics;
	assert_ok(api_new(&api, &served.api, &world.err), world.err);
	(void)snprintf(served.socket, sizeof(served.socket), "%s/api.sock", world.state_dir.path);
	(void)snprintf(served.url, sizeof(served.url), "unix://%s", served.socket);
	options.unix_path = served.socket;
	options.routes = api_routes(&options.n_routes);
	options.self = served.api;
	options.event = api_event;
	assert_ok(http_server_start(&options, &served.server, &world.err), world.err);
	client.url = served.url;
	assert_ok(http_client_new(&client, &served.client, &world.err), world.err);
	return 0;
}

static inline int api_teardown(void **state)
{
	struct deadline dl = soon();

	http_response_done(&served.answer);
	http_client_free(served.client);
	assert_true(http_server_stop(served.server, &dl));
	http_server_free(served.server);
	api_free(served.api);
	metrics_free(served.metrics);
	return world_teardown(state);
}

/* One request; its answer is in served.answer until the next one. */
static inline int ask(const char *method, const char *path, const char *body)
{
	struct http_request request = {.method = method,
		.path = path,
		.body = body,
		.len = body ? strlen(body) : 0,
		.repeatable = true};
	struct deadline dl = soon();
	int rc;

	http_response_done(&served.answer);
	if (streq(method, "GET")) {
		rc = http_get(served.client, &request, &dl, &served.answer, &world.err);
	} else {
		rc = http_send(NO_STEP, served.client, &request, &dl, &served.answer, &world.err);
	}
	assert_ok(rc, world.err);
	return served.answer.status;
}

static inline void assert_answer(
	int wanted, const char *method, const char *path, const char *sent, const char *part)
{
	int got = ask(method, path, sent);

	if (got != wanted || !strstr(served.answer.body, part)) {
		fail_msg("%s %s %s: %d %s, not %d with %s", method, path, sent ? sent : "", got,
			served.answer.body, wanted, part);
	}
}

#define V1 "/v1/volumes/v1"
#define GOOD_BODY "{\"pool\":\"one\",\"instance\":\"test\",\"size\":4194304}"
