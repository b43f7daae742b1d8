/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a value stands, for errors: its path in words and its line in the text. Inside this folder
 * only, as it speaks of Jansson's values.
 */
#pragma once

#include "common/json/json.h"

#include <stdarg.h>

#include <jansson.h>

/** struct js_doc - a document as read. text is there when lines are wanted. */
struct js_doc {
	struct arena *values; /* all that root holds */
	json_t *root;
	char *name;
	char *text;
	size_t len;
};

/** struct place - member key of the object in, or item index of the array in; neither: in itself.
 */
struct place {
	const struct js_at *in;
	const char *key;
	size_t index;
	bool item;
};

/** place_path - the path as a person writes it: "backends[1].url". */
void place_path(const struct place *place, char out[JS_PATH_MAX]);
/** place_line - its line, counted from 1; the line of what holds it when it is absent; 0 when the
 * text was not kept. */
unsigned place_line(const struct place *place);
/** place_fail - "document: path (line n): text", INVALID_ARGUMENT. Return: always -1. */
int place_fail(const struct place *place, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** place_vfail - the same with a va_list. */
int place_vfail(const struct place *place, struct err *err, const char *fmt, va_list args)
	PRINTF_LIKE(3, 0);
