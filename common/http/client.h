/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client for the management APIs of backends: the only place that knows libcurl. It says
 * whether a request that failed had left this machine, which is what P6 asks of every caller.
 * A client is thread-safe: many threads call at once, each on a connection of its own.
 */
#pragma once

#include "common/base/breaker.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/step.h"
#include "common/base/strbuf.h"

/** Most calls of one client at once, when the options say 0; further ones wait for their turn. */
#define HTTP_CALLS_MAX 16
/** Largest answer taken, when the options say 0. */
#define HTTP_BODY_MAX ((size_t)4 * 1024 * 1024)
/** A request that was given up after so long, in ms, counts as not answered for the breaker. */
#define HTTP_SILENT_MS 3000
/** Most header lines a request may add, and the longest one. */
#define HTTP_HEADERS_MAX 16
#define HTTP_HEADER_MAX 2048
/** Longest path with its query. */
#define HTTP_PATH_MAX 4096

struct http_client;

struct http_client_options {
	/** "https://host[:port][/prefix]", "http://…", or "unix:///run/x.sock" (http inside). */
	const char *url;
	/** Certificates to trust instead of the system's; NULL: the system's. */
	const char *ca_file;
	/** Bearer token, may be NULL. The client takes a reference of its own. Only with https,
	 *  loopback or a Unix socket. */
	struct secret *token;
	/** The token is "user:password" and goes as HTTP Basic, unasked with every request. */
	bool basic;
	size_t max_body;    /* 0: HTTP_BODY_MAX */
	unsigned max_calls; /* 0: HTTP_CALLS_MAX */
	/** While the server does not answer, fail at once instead of waiting for it (breaker.h). */
	bool breaks;
};

/** How far a request got. */
enum http_outcome {
	HTTP_NOT_SENT = 0, /* not one byte of it left: nothing was done there */
	HTTP_UNKNOWN,	   /* it may have been carried out: no whole answer came (P6) */
	HTTP_ANSWERED,	   /* a whole answer is here; look at status */
};

struct http_request {
	const char *method; /* http_send(): "PUT", "POST", "PATCH", "DELETE"; http_get(): NULL or
			       "GET", "HEAD" */
	const char *path;   /* "/v1/volumes?x=y", already escaped; appended to the client's URL */
	const char *body;   /* JSON, NULL for none; sent as application/json */
	size_t len;	    /* of body */
	const char *const *headers; /* more lines "Name: value", NULL-terminated; may be NULL */
	/**
	 * Doing it twice is as good as once, so it may go over a kept connection, where libcurl
	 * repeats a request whose connection turns out to have been closed. GET, HEAD, PUT and
	 * DELETE always count as such; say it of a POST that only reads.
	 */
	bool repeatable;
};

struct http_response {
	enum http_outcome outcome;
	int status;		/* 200 and so on; 0 when not ANSWERED */
	char *body;		/* NUL-terminated, "" when empty, NULL when not ANSWERED */
	size_t len;		/* of body */
	char content_type[128]; /* as sent, "" when absent */
	int retry_after; /* seconds the server asks for, 0 when it does not (at most a day) */
};

/** http_global_init - once, before threads start, and its counterpart at the end. Return: 0, or -1
 * INTERNAL. */
MUST_USE int http_global_init(struct err *err);
void http_global_cleanup(void);

/**
 * http_client_new - check the options; connects nothing yet.
 * Return: 0 and a client for http_client_free(), or -1 with INVALID_ARGUMENT naming what is wrong
 * (the URL, a CA file that cannot be read, a token that would travel in the clear).
 */
MUST_USE int http_client_new(const struct http_client_options *options,
	struct http_client **ret_client, struct err *err);
/** http_client_free - no call may be under way; accepts NULL. */
void http_client_free(struct http_client *client);
/** http_client_set_token - from now on use @token (a reference is taken; NULL: none). Return: as
 * http_client_new(). */
MUST_USE int http_client_set_token(
	struct http_client *client, struct secret *token, struct err *err);

/** http_client_link - how the breaker stands; all zero for a client without one. */
void http_client_link(struct http_client *client, struct breaker_state *ret);

/**
 * http_get - a request that changes nothing (GET or HEAD). Any status is an answer: look at
 * ret->status. Redirects are not followed, proxies not used, TLS is at least 1.2 and always
 * verified. @ret is filled in every case and needs http_response_done().
 * Return: 0 when ANSWERED. -1 otherwise: UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED, with
 * ret->outcome telling NOT_SENT from UNKNOWN (an answer over max_body is UNKNOWN, UNAVAILABLE);
 * INVALID_ARGUMENT or INTERNAL only with NOT_SENT.
 */
MUST_USE int http_get(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err);
/** http_ask - the same for a POST that only reads, as queries of JSON-RPC do; method is NULL. */
MUST_USE int http_ask(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err);
/** http_send - the same for a request that changes the world; only inside a step (step_run()). */
MUST_USE int http_send(const struct step *in, struct http_client *client,
	const struct http_request *request, const struct deadline *dl, struct http_response *ret,
	struct err *err);

/** http_response_done - free what it holds and zero it; accepts one that was only zeroed. */
void http_response_done(struct http_response *response);
#define _cleanup_http_response_ _cleanup_(http_response_done)

/** http_path_escape - append @text as one path segment: all but letters, digits and -_~.
 * percent-encoded, "." and ".." too. */
void http_path_escape(struct strbuf *sb, const char *text);
