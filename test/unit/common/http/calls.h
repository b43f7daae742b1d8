/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients and requests for the tests of transfers.
 */
#pragma once

#include "common/http/client.h"
#include "test/unit/common/http/support.h"

static inline struct http_client *client_with(const struct http_client_options *options)
{
	struct http_client *client = NULL;
	struct err err = {0};

	if (http_client_new(options, &client, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	return client;
}

static inline struct http_client *client_at(uint16_t port)
{
	char url[64];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	return client_with(&(struct http_client_options){.url = url, .max_body = 10000});
}

static inline int get(
	struct http_client *client, const char *path, struct http_response *ret, struct err *err)
{
	const struct http_request request = {.path = path};
	struct deadline dl = deadline_in(PATIENCE_MS);

	*err = (struct err){0};
	return http_get(client, &request, &dl, ret, err);
}

struct sending {
	struct http_client *client;
	struct http_request request;
	struct deadline dl;
	struct http_response ret;
};

static inline int do_send(const struct step *in, void *arg, struct err *err)
{
	struct sending *s = arg;

	return http_send(in, s->client, &s->request, &s->dl, &s->ret, err);
}

static inline int send_body(struct http_client *client, const char *method, const char *body,
	struct http_response *ret, struct err *err)
{
	struct sending s = {.client = client,
		.request = {.method = method,
			.path = "/v1/x",
			.body = body,
			.len = body ? strlen(body) : 0},
		.dl = deadline_in(PATIENCE_MS)};
	int rc;

	*err = (struct err){0};
	rc = in_step(do_send, &s, err);
	*ret = s.ret;
	return rc;
}
