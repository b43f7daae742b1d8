/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's HTTP API, as target/api/openapi.yaml describes it: from requests to struct agent and
 * back. Thread-safe.
 */
#pragma once

#include "common/http/server.h"
#include "common/metrics/metrics.h"
#include "target/core/agent.h"

/** Largest request body. */
#define API_BODY_MAX ((size_t)64 * 1024)
/** Objects of a page: unless asked for, and at most. */
#define API_PAGE_DEFAULT 100
#define API_PAGE_MAX 1000

struct api;

/** struct api_options - what the API tells about the agent. */
struct api_options {
	struct agent *agent;	 /* outlives the API */
	struct metrics *metrics; /* outlives the API */
	int64_t clone_extents;	 /* the least of the pools of files, 0: there is none */
};

/** api_new - Return: 0 and the API for api_free(), or -1. */
MUST_USE int api_new(const struct api_options *options, struct api **ret, struct err *err);
/** api_free - no server uses it any more; accepts NULL. */
void api_free(struct api *api);
/** api_routes - the table for struct http_server_options, whose self is the API. */
const struct http_route *api_routes(size_t *ret_n);
/** api_event - the event function for struct http_server_options: logs and counts. */
void api_event(void *self, const struct http_server_event *event);
