/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jansson keeps no positions, so a line is found when an error needs one: the text, which is known
 * to be valid, is walked side by side with the values made from it (objects keep the order of the
 * text), until the container in question comes by.
 */
#include "common/json/place.h"

#include "common/base/parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/** Longest text of an error of a document; err_set cuts it anyway. */
#define FAIL_TEXT_MAX 768
/** Longest key shown. */
#define KEY_SHOWN_MAX 64

static bool plain_key(const char *key)
{
	size_t n = 0;

	for (; key[n]; n++) {
		if (!isalnum((unsigned char)key[n]) && key[n] != '_' && key[n] != '-') {
			return false;
		}
	}
	return n > 0 && n < KEY_SHOWN_MAX;
}

void place_path(const struct place *place, char out[JS_PATH_MAX])
{
	const char *base = place->in->path;
	char last[2 * KEY_SHOWN_MAX] = "";
	char key[KEY_SHOWN_MAX];
	size_t room;

	if (place->item) {
		(void)snprintf(last, sizeof(last), "[%zu]", place->index);
	} else if (place->key && plain_key(place->key)) {
		(void)snprintf(last, sizeof(last), "%s%s", *base ? "." : "", place->key);
	} else if (place->key) {
		(void)snprintf(
			last, sizeof(last), "[\"%s\"]", printable(place->key, key, sizeof(key)));
	}
	room = JS_PATH_MAX - 1 - strlen(last);
	(void)snprintf(out, JS_PATH_MAX, "%.*s%s", (int)room, base, last);
}

struct walk {
	const char *p;
	const char *end;
	const struct place *want;
	const char *found;
};

static void skip_space(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n", *w->p)) {
		w->p++;
	}
}

/* From the opening quote to behind the closing one. */
static void skip_string(struct walk *w)
{
	w->p++;
	while (w->p < w->end && *w->p != '"') {
		w->p += *w->p == '\\' ? 2 : 1;
	}
	w->p++;
}

/* Numbers, true, false, null. */
static void skip_word(struct walk *w)
{
	while (w->p < w->end && !strchr(" \t\r\n,]}", *w->p)) {
		w->p++;
	}
}

/* Behind a member or an item: true when another one follows. */
static bool another(struct walk *w)
{
	bool more;

	skip_space(w);
	more = w->p < w->end && *w->p == ',';
	w->p++;
	return more;
}

static void walk_value(struct walk *w, const json_t *value);

static void walk_object(struct walk *w, const json_t *value)
{
	bool here = value == w->want->in->value;
	void *it = json_object_iter((json_t *)value);

	w->p++;
	for (bool more = it != NULL; more && it && !w->found; more = another(w)) {
		skip_space(w);
		if (here && w->want->key && streq(json_object_iter_key(it), w->want->key)) {
			w->found = w->p;
			return;
		}
		skip_string(w);
		skip_space(w);
		w->p++;
		walk_value(w, json_object_iter_value(it));
		if (w->found) {
			return;
		}
		it = json_object_iter_next((json_t *)value, it);
	}
	if (json_object_size(value) == 0) {
		skip_space(w);
		w->p++;
	}
}

static void walk_array(struct walk *w, const json_t *value)
{
	bool here = value == w->want->in->value;
	size_t n = json_array_size(value);

	w->p++;
	for (size_t i = 0; i < n; i++) {
		skip_space(w);
		if (here && w->want->item && i == w->want->index) {
			w->found = w->p;
			return;
		}
		walk_value(w, json_array_get(value, i));
		if (w->found) {
			return;
		}
		(void)another(w);
	}
	if (n == 0) {
		skip_space(w);
		w->p++;
	}
}

/* Leaves w->p behind the value; its depth is bounded by JS_DEPTH_MAX, as the text was. */
static void walk_value(struct walk *w, const json_t *value)
{
	const struct place *want = w->want;

	skip_space(w);
	if (w->p >= w->end) {
		return;
	}
	if (value == want->in->value && !want->key && !want->item) {
		w->found = w->p;
	} else if (json_is_object(value)) {
		walk_object(w, value);
	} else if (json_is_array(value)) {
		walk_array(w, value);
	} else if (*w->p == '"') {
		skip_string(w);
	} else {
		skip_word(w);
	}
}

unsigned place_line(const struct place *place)
{
	const struct js_doc *doc = place->in->doc;
	struct place holder = {.in = place->in};
	struct walk w = {.want = place};
	unsigned line = 1;

	if (!doc->text || !place->in->value) {
		return 0;
	}
	w.p = doc->text;
	w.end = doc->text + doc->len;
	walk_value(&w, doc->root);
	if (!w.found && (place->key || place->item)) {
		return place_line(&holder);
	}
	for (const char *p = doc->text; w.found && p < w.found; p++) {
		line += *p == '\n';
	}
	return w.found ? line : 0;
}

int place_vfail(const struct place *place, struct err *err, const char *fmt, va_list args)
{
	char text[FAIL_TEXT_MAX];
	char path[JS_PATH_MAX];
	char where[32] = "";
	unsigned line = place_line(place);

	(void)vsnprintf(text, sizeof(text), fmt, args);
	place_path(place, path);
	if (line > 0) {
		(void)snprintf(where, sizeof(where), "%s(line %u)", *path ? " " : "", line);
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s: %s%s%s%s", place->in->doc->name, path, where,
		*path || *where ? ": " : "", text);
}

int place_fail(const struct place *place, struct err *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)place_vfail(place, err, fmt, args);
	va_end(args);
	return -1;
}
