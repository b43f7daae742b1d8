/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for our own APIs, health and metrics: the only place that knows
 * libmicrohttpd. A table of routes, bounded in every way; handlers run on a thread per connection,
 * so a slow one delays nobody else, and an idle server has no worker threads.
 */
#pragma once

#include "common/base/op.h"
#include "common/base/secret.h"
#include "common/base/strbuf.h"

#include <sys/types.h>

/** Limits that hold when the options say 0. */
#define HTTP_SERVER_BODY_MAX ((size_t)1024 * 1024)
#define HTTP_SERVER_CONNECTIONS_MAX 32
#define HTTP_SERVER_IDLE_MS 30000
#define HTTP_SERVER_RECEIVE_MS 10000
#define HTTP_SERVER_REQUEST_MS 60000
#define HTTP_SERVER_ARENA_MAX ((size_t)8 * 1024 * 1024)
/** Request line and headers of one request together. */
#define HTTP_SERVER_HEAD_MAX ((size_t)16 * 1024)
/** Path segments, placeholders of a pattern, and parameters of a query. */
#define HTTP_SERVER_SEGMENTS_MAX 16
#define HTTP_SERVER_PARAMS_MAX 4
#define HTTP_SERVER_QUERY_MAX 16

struct http_server;

/** struct http_server_request - what a handler sees; all of it lives as long as the request. */
struct http_server_request {
	struct op *op; /* arena, deadline (cancelled when the server stops), where the error goes */
	const char *method; /* "GET" for HEAD, too */
	const char *path;   /* as sent, still escaped, without the query */
	const char *body;   /* NUL-terminated after len bytes; "" when there is none */
	size_t len;
};

/** struct http_server_response - what a handler fills, with the helpers below. Starts as 200 and
 * empty. */
struct http_server_response {
	int status;
	const char *content_type; /* static string or from the arena; NULL: none */
	char *body;		  /* malloc'ed, freed by the server */
	size_t len;
	int retry_after; /* seconds, 0: no such header */
};

/**
 * A handler. Return: 0 with the response filled, or -1 with req->op->err set: it becomes
 * {"error":{"code":"NOT_FOUND","message":"…"}} with the status of http_status_of_code().
 */
typedef int (*http_handler)(
	void *self, const struct http_server_request *req, struct http_server_response *res);

struct http_route {
	const char *method; /* "GET", "PUT", "POST", "PATCH", "DELETE"; GET answers HEAD, too */
	const char
		*pattern; /* "/v1/volumes/{id}/hosts/{hostnqn}"; a placeholder is a whole segment */
	http_handler handle;
	bool open;	       /* needs no token (/healthz) */
	size_t max_body;       /* 0: the server's */
	const char *operation; /* of the fault point of its answer; NULL: it has none */
};

/** What is told about a finished request, for logs and metrics. pattern is "" when no route
 * matched. */
struct http_server_event {
	const char *method;
	const char *pattern;
	const char *path; /* as sent; escape or quote it before printing */
	int status;
	enum err_code code;
	const char *error; /* message, "" when it went well */
	int64_t ms;
	uint64_t id;
};

struct http_server_options {
	/* Where: exactly one of the two. */
	const char *unix_path; /* a stale socket there is replaced; removed at the end */
	const char
		*address; /* "127.0.0.1:4480", "[::]:4480"; port 0: any, see http_server_port() */
	mode_t unix_mode; /* 0: 0600 */
	gid_t unix_gid;	  /* (gid_t)-1 or 0: as it is */

	/* TLS, both or none. Read once at the start. */
	const char *cert_file;
	const char *key_file;

	/**
	 * Bearer token that all routes but the open ones ask for; a reference is taken. Without it
	 * the address must be loopback, unless `unsafe_open` says that every route is harmless.
	 * A token on an address that is not loopback needs TLS.
	 */
	struct secret *token;
	bool unsafe_open;

	const struct http_route *routes; /* must outlive the server */
	size_t n_routes;
	void *self; /* handed to the handlers and to event */
	void (*event)(
		void *self, const struct http_server_event *event); /* may be NULL; any thread */

	/* Limits; 0: the constants above. */
	size_t max_body;
	unsigned max_connections;
	int64_t idle_ms; /* a kept connection without a new request line */
	/** From the request line (of a connection's first request: from the connect) to the last
	 * byte of the body, and again from the handler's end to the last byte of the answer,
	 * however they drip. */
	int64_t receive_ms;
	int64_t request_ms; /* deadline of a handler */
};

/**
 * http_server_start - check the options, bind and serve.
 * Return: 0 and a server for http_server_stop() and http_server_free(), or -1 with
 * INVALID_ARGUMENT naming the option, or the error of the socket or file.
 */
MUST_USE int http_server_start(const struct http_server_options *options,
	struct http_server **ret_server, struct err *err);
/** http_server_port - the TCP port it listens on, 0 on a Unix socket. */
uint16_t http_server_port(const struct http_server *server);
/**
 * http_server_stop - accept nothing more, cancel the handlers under way (their deadline's
 * cancel_fd) once @dl allows no more than a second, wait for them until @dl.
 * Return: true when all ended. False: one is stuck; do not free the server, end the process.
 */
bool http_server_stop(struct http_server *server, const struct deadline *dl);
/** http_server_free - after http_server_stop() returned true; accepts NULL. */
void http_server_free(struct http_server *server);

/** http_param - the decoded value of placeholder @name of the pattern; NULL when there is none. */
const char *http_param(const struct http_server_request *req, const char *name);
/** http_query - the decoded value of @name in the query ("" for a bare name); NULL when there is
 * none. */
const char *http_query(const struct http_server_request *req, const char *name);
/** http_query_only - does the query have no names but @names (NULL-terminated)? Return: 0, or -1
 * INVALID_ARGUMENT with the first other one in @req's error. */
MUST_USE int http_query_only(const struct http_server_request *req, const char *const *names);
/** http_header - a request header, name in any case; NULL when there is none. */
const char *http_header(const struct http_server_request *req, const char *name);

/** http_respond - status, type and a malloc'ed body, which is taken over (NULL: none). Return:
 * always 0. */
int http_respond(struct http_server_response *res, int status, const char *content_type,
	char *take_body, size_t len);
/** http_respond_text - the same with what @sb holds, which is left empty. Return: 0, or -1 with
 * @req's error when an append had failed. */
MUST_USE int http_respond_text(const struct http_server_request *req,
	struct http_server_response *res, int status, const char *content_type, struct strbuf *sb);
/** http_respond_json - the same with application/json and a NUL-terminated text. Return: always 0.
 */
int http_respond_json(struct http_server_response *res, int status, char *take_text);

/**
 * http_status_of_code - INVALID_ARGUMENT and OUT_OF_RANGE 400, UNAUTHENTICATED 401,
 * PERMISSION_DENIED 403, NOT_FOUND 404, ALREADY_EXISTS and ABORTED 409, FAILED_PRECONDITION 423,
 * UNIMPLEMENTED 501, UNAVAILABLE and CANCELLED 503, DEADLINE_EXCEEDED 504, RESOURCE_EXHAUSTED 507,
 * the rest 500. The body's "code" tells apart what shares a status.
 */
int http_status_of_code(enum err_code code);
