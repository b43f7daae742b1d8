/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to a document. Depth is counted before Jansson sees the text, since its own limit (2048) is
 * more stack than a worker thread of ours has.
 */
#include "common/base/fileio.h"
#include "common/json/load.h"
#include "common/json/place.h"

#include <fcntl.h>
#include <stdio.h>

/* Memory for values: so much, and so much for each byte of the text ("{}," needs the most). */
#define VALUES_LEAST ((size_t)64 * 1024)
#define VALUES_PER_BYTE 256

/* Deepest nesting in the text; strings are skipped, all else is left to the parser. */
static size_t depth_of(const char *text, size_t len)
{
	size_t depth = 0;
	size_t deepest = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			i += c == '\\';
			string = c != '"';
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			depth++;
			deepest = MAX(deepest, depth);
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

/* What Jansson says, with the position in front. */
static int fail_syntax(
	const char *name, json_error_t *error, size_t len, bool quote, struct err *err)
{
	char *near;

	if (len == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: is empty; a JSON object or array is wanted", name);
	}
	/* It quotes the text it stopped at. A document from the network may hold a secret there. */
	near = strstr(error->text, " near ");
	if (near && !quote) {
		*near = '\0';
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s: line %d, column %d: %s", name, error->line,
		error->column, error->text);
}

/* A document with its values and name, without the text; NULL with @err. */
static struct js_doc *load(
	const char *name, const char *text, size_t len, bool quote, struct err *err)
{
	struct js_doc *doc = calloc(1, sizeof(*doc));
	json_error_t error = {0};

	if (doc) {
		doc->name = strdup(name);
		doc->values = arena_new(VALUES_LEAST + len * VALUES_PER_BYTE);
	}
	if (!doc || !doc->name || !doc->values ||
		js_load(doc->values, text, len, &doc->root, &error) < 0) {
		js_doc_free(doc);
		(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", name);
		return NULL;
	}
	if (!doc->root) {
		js_doc_free(doc);
		(void)fail_syntax(name, &error, len, quote, err);
		return NULL;
	}
	return doc;
}

static int check_bounds(const char *name, const char *text, size_t len, size_t max, struct err *err)
{
	if (len > max) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: has %zu bytes, at most %zu are taken", name, len, max);
	}
	if (depth_of(text, len) > JS_DEPTH_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: objects and arrays are nested deeper than %d", name, JS_DEPTH_MAX);
	}
	return 0;
}

int js_parse(const char *name, const char *text, size_t len, size_t max, struct js_doc **ret_doc,
	struct err *err)
{
	struct js_doc *doc;

	if (check_bounds(name, text, len, max, err) < 0) {
		return -1;
	}
	doc = load(name, text, len, false, err);
	if (!doc) {
		return -1;
	}
	*ret_doc = doc;
	return 0;
}

int js_parse_lines(const char *name, const char *text, size_t len, size_t max,
	struct js_doc **ret_doc, struct err *err)
{
	struct js_doc *doc;

	if (check_bounds(name, text, len, max, err) < 0) {
		return -1;
	}
	doc = load(name, text, len, true, err);
	if (!doc) {
		return -1;
	}
	doc->text = malloc(len);
	if (!doc->text) {
		js_doc_free(doc);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", name);
	}
	memcpy(doc->text, text, len);
	doc->len = len;
	*ret_doc = doc;
	return 0;
}

int js_parse_file(const char *path, size_t max, struct js_doc **ret_doc, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (file_read(AT_FDCWD, path, max, &text, &len, err) < 0) {
		return -1;
	}
	return js_parse_lines(path, text, len, max, ret_doc, err);
}

void js_doc_free(struct js_doc *doc)
{
	if (!doc) {
		return;
	}
	arena_free(doc->values);
	free(doc->name);
	free(doc->text);
	free(doc);
}

struct js_at js_root(const struct js_doc *doc)
{
	return (struct js_at){.doc = doc, .value = doc->root};
}
