/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the target of a request line to a route: splitting, decoding, matching. Pure functions.
 * Inside this folder only.
 */
#pragma once

#include "common/http/server.h"

struct http_pair {
	const char *name;
	const char *value;
};

/** struct http_target - a parsed target; all text is in the arena. */
struct http_target {
	const char *path;				/* as sent, without the query */
	const char *segments[HTTP_SERVER_SEGMENTS_MAX]; /* decoded */
	size_t n_segments;
	struct http_pair query[HTTP_SERVER_QUERY_MAX]; /* decoded */
	size_t n_query;
};

/** struct http_match - what the table says about a target. */
struct http_match {
	const struct http_route *route; /* NULL: no route for the path, or not for the method */
	struct http_pair params[HTTP_SERVER_PARAMS_MAX];
	size_t n_params;
	char allow[64]; /* the methods of the path, for a 405; "" when the path is unknown */
};

/**
 * target_parse - split and decode @text ("/a/b?c=d"). Refused are bad escapes, and in what they
 * decode to: NUL, control characters, bad UTF-8, a slash inside a segment, "." and "..".
 * Return: 0, or -1 INVALID_ARGUMENT.
 */
MUST_USE int target_parse(
	struct arena *arena, const char *text, struct http_target *ret, struct err *err);
/** routes_check - is the table itself right? Return: 0, or -1 INVALID_ARGUMENT naming the pattern.
 */
MUST_USE int routes_check(const struct http_route *routes, size_t n, struct err *err);
/** routes_find - the first route that fits; @method is GET for a HEAD. */
void routes_find(const struct http_route *routes, size_t n, const char *method,
	const struct http_target *target, struct http_match *ret);
