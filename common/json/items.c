/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the ends of values by their brackets and strings only; the parser says if they are JSON.
 */
#include "common/json/items.h"

#include <stdio.h>

#define BLANKS " \t\r\n"

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && strchr(BLANKS, *at) && *at) {
		at++;
	}
	return at;
}

/* Behind the string that begins at @at, @end when it does not end. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		at += *at == '\\' && at + 1 < end;
	}
	return at < end ? at + 1 : end;
}

/* Behind the object or array that begins at @at, @end when it does not end. */
static const char *skip_value(const char *at, const char *end)
{
	size_t depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= (*at == '}' || *at == ']') && depth > 0;
		at++;
		if (depth == 0) {
			return at;
		}
	}
	return end;
}

/* The opening bracket of the array that is the member @key, NULL when there is none. */
static const char *find_array(const char *text, const char *end, const char *key)
{
	size_t n = strlen(key);
	const char *at = skip_blanks(text, end);

	if (at == end || *at != '{') {
		return NULL;
	}
	for (at++; at < end;) {
		const char *from = at;
		bool named;

		if (*at == '{' || *at == '[') {
			at = skip_value(at, end);
			continue;
		}
		if (*at != '"') {
			at++;
			continue;
		}
		at = skip_string(at, end);
		named = (size_t)(at - from) == n + 2 && memcmp(from + 1, key, n) == 0;
		from = skip_blanks(at, end);
		if (named && from < end && *from == ':') {
			from = skip_blanks(from + 1, end);
			return from < end && *from == '[' ? from : NULL;
		}
	}
	return NULL;
}

int js_split(struct js_items *items, const char *text, size_t len, size_t max,
	struct js_doc **ret_rest, struct err *err)
{
	const char *end = text + len;
	const char *from = len <= max ? find_array(text, end, items->key) : NULL;
	const char *to = from ? skip_value(from, end) : NULL;
	_cleanup_free_ char *rest = NULL;
	size_t head;
	size_t tail;

	*items = (struct js_items){.name = items->name, .key = items->key};
	if (!to || to[-1] != ']') {
		return js_parse(items->name, text, len, max, ret_rest, err);
	}
	head = (size_t)(from + 1 - text);
	tail = (size_t)(end - (to - 1));
	rest = malloc(head + tail);
	if (!rest) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "%s: no memory to read it", items->name);
	}
	memcpy(rest, text, head);
	memcpy(rest + head, to - 1, tail);
	items->at = from + 1;
	items->end = to - 1;
	return js_parse(items->name, rest, head + tail, max, ret_rest, err);
}

int js_items_next(struct js_items *items, struct js_doc **ret_doc, struct err *err)
{
	const char *from = skip_blanks(items->at, items->end);
	const char *to;
	char name[JS_PATH_MAX];

	if (from == items->end && !items->more) {
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s: %s[%zu]", items->name, items->key, items->n);
	if (from == items->end || *from != '{') {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: must be an object", name);
	}
	to = skip_value(from, items->end);
	items->at = skip_blanks(to, items->end);
	items->more = items->at < items->end && *items->at == ',';
	if (items->at < items->end && !items->more) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: must have a comma behind it", name);
	}
	items->at += items->more;
	items->n++;
	return js_parse(name, from, (size_t)(to - from), (size_t)(to - from), ret_doc, err) < 0 ? -1
												: 1;
}
