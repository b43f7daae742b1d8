/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing. Segments are cut before they are decoded, so an escaped slash can never move a request
 * to another route; it is refused, as no name of ours holds one.
 */
#include "common/http/route.h"

#include "common/base/parse.h"

#include <stdio.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* @n bytes of @text into the arena; NULL with err when they may not be decoded. */
static const char *decode(
	struct arena *arena, const char *text, size_t n, bool plus, struct err *err)
{
	char *out = arena_alloc(arena, n + 1);
	size_t len = 0;

	if (!out) {
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "URL: out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < n ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < n ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0) {
				(void)err_set(err, ERR_INVALID_ARGUMENT,
					"URL: %% must be followed by two hex digits");
				return NULL;
			}
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if ((unsigned char)c < ' ' || c == 0x7f) {
			(void)err_set(err, ERR_INVALID_ARGUMENT,
				"URL: must not hold control characters, escaped or not");
			return NULL;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	if (!utf8_valid(out, len)) {
		(void)err_set(err, ERR_INVALID_ARGUMENT, "URL: is not UTF-8 after decoding");
		return NULL;
	}
	return out;
}

static int add_segment(
	struct arena *arena, const char *text, size_t n, struct http_target *ret, struct err *err)
{
	const char *segment;

	if (ret->n_segments == HTTP_SERVER_SEGMENTS_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "URL: its path has more than %d segments",
			HTTP_SERVER_SEGMENTS_MAX);
	}
	segment = decode(arena, text, n, false, err);
	if (!segment) {
		return -1;
	}
	if (strchr(segment, '/') || streq(segment, ".") || streq(segment, "..")) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"URL: a segment of its path must not be \".\" or \"..\" nor hold an escaped slash");
	}
	ret->segments[ret->n_segments++] = segment;
	return 0;
}

static int parse_path(
	struct arena *arena, const char *path, size_t n, struct http_target *ret, struct err *err)
{
	size_t start = 1;

	if (n == 0 || path[0] != '/') {
		return err_set(err, ERR_INVALID_ARGUMENT, "URL: its path must begin with a slash");
	}
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/') {
			continue;
		}
		if (add_segment(arena, path + start, i - start, ret, err) < 0) {
			return -1;
		}
		start = i + 1;
	}
	return 0;
}

static int add_pair(
	struct arena *arena, const char *text, size_t n, struct http_target *ret, struct err *err)
{
	const char *equals = memchr(text, '=', n);
	size_t name_len = equals ? (size_t)(equals - text) : n;
	struct http_pair pair = {.value = ""};

	if (n == 0) {
		return 0;
	}
	if (ret->n_query == HTTP_SERVER_QUERY_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"URL: its query has more than %d parameters", HTTP_SERVER_QUERY_MAX);
	}
	pair.name = decode(arena, text, name_len, true, err);
	if (equals) {
		pair.value = decode(arena, equals + 1, n - name_len - 1, true, err);
	}
	if (!pair.name || !pair.value) {
		return -1;
	}
	for (size_t i = 0; i < ret->n_query; i++) {
		if (streq(ret->query[i].name, pair.name)) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"URL: a parameter of its query is there twice");
		}
	}
	ret->query[ret->n_query++] = pair;
	return 0;
}

static int parse_query(
	struct arena *arena, const char *query, struct http_target *ret, struct err *err)
{
	const char *start = query;

	for (const char *p = query;; p++) {
		if (*p && *p != '&') {
			continue;
		}
		if (add_pair(arena, start, (size_t)(p - start), ret, err) < 0) {
			return -1;
		}
		if (!*p) {
			return 0;
		}
		start = p + 1;
	}
}

int target_parse(struct arena *arena, const char *text, struct http_target *ret, struct err *err)
{
	const char *question = strchrnul(text, '?');
	size_t n = (size_t)(question - text);
	char *path = arena_alloc(arena, n + 1);

	*ret = (struct http_target){.path = ""};
	if (!path) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "URL: out of memory");
	}
	memcpy(path, text, n);
	ret->path = path;
	if (parse_path(arena, path, n, ret, err) < 0) {
		return -1;
	}
	return *question ? parse_query(arena, question + 1, ret, err) : 0;
}

static bool method_known(const char *method)
{
	static const char *const methods[] = {"GET", "PUT", "POST", "PATCH", "DELETE"};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (streq(method, methods[i])) {
			return true;
		}
	}
	return false;
}

/* A pattern's segment from p: its length. */
static size_t segment_len(const char *p)
{
	return (size_t)(strchrnul(p, '/') - p);
}

static bool is_placeholder(const char *p, size_t n)
{
	return n > 2 && p[0] == '{' && p[n - 1] == '}';
}

static bool pattern_valid(const char *pattern)
{
	size_t segments = 0;
	size_t params = 0;

	if (!pattern || pattern[0] != '/') {
		return false;
	}
	for (const char *p = pattern; *p;) {
		size_t n = segment_len(p + 1);

		segments++;
		params += is_placeholder(p + 1, n);
		if (!is_placeholder(p + 1, n) && (memchr(p + 1, '{', n) || memchr(p + 1, '}', n))) {
			return false;
		}
		p += 1 + n;
	}
	return segments <= HTTP_SERVER_SEGMENTS_MAX && params <= HTTP_SERVER_PARAMS_MAX;
}

int routes_check(const struct http_route *routes, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct http_route *route = &routes[i];

		if (!pattern_valid(route->pattern) || !route->method ||
			!method_known(route->method) || !route->handle) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"route %zu (%s %s): needs a known method, a well-formed pattern and a handler",
				i, route->method ? route->method : "?",
				route->pattern ? route->pattern : "?");
		}
	}
	return 0;
}

/* Does the path fit? A placeholder takes any segment that is not empty; its value goes to match. */
static bool fits(const char *pattern, const struct http_target *target, struct http_match *match)
{
	const char *p = pattern;
	size_t i = 0;

	match->n_params = 0;
	for (; *p && i < target->n_segments; i++) {
		const char *segment = target->segments[i];
		size_t n = segment_len(p + 1);

		if (is_placeholder(p + 1, n)) {
			if (!*segment) {
				return false;
			}
			match->params[match->n_params++] = (struct http_pair){p + 2, segment};
		} else if (strlen(segment) != n || memcmp(segment, p + 1, n) != 0) {
			return false;
		}
		p += 1 + n;
	}
	return !*p && i == target->n_segments;
}

static void add_allowed(struct http_match *match, const char *method)
{
	size_t n = strlen(match->allow);

	/* The five methods and HEAD have room; a path with one method twice just repeats it. */
	(void)snprintf(match->allow + n, sizeof(match->allow) - n, "%s%s%s", n > 0 ? ", " : "",
		method, streq(method, "GET") ? ", HEAD" : "");
}

void routes_find(const struct http_route *routes, size_t n, const char *method,
	const struct http_target *target, struct http_match *ret)
{
	*ret = (struct http_match){0};
	for (size_t i = 0; i < n; i++) {
		if (!fits(routes[i].pattern, target, ret)) {
			continue;
		}
		if (streq(routes[i].method, method)) {
			ret->route = &routes[i];
			return;
		}
		add_allowed(ret, routes[i].method);
	}
	ret->n_params = 0;
}
