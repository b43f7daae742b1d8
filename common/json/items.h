/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long list in a text, read one element at a time: as values in memory it would take ten times
 * the room of its text.
 */
#pragma once

#include "common/json/json.h"

/** struct js_items - the list that is the member @key, and where its reading is; start it with
 * .name and .key, for js_split(). */
struct js_items {
	const char *name; /* of the text, for errors; borrowed */
	const char *key;  /* borrowed */
	/* What follows is set by js_split(). */
	const char *at;	 /* borrowed from the text */
	const char *end; /* the closing bracket */
	size_t n;	 /* elements given so far */
	bool more;	 /* a comma promised one more */
};

/**
 * js_split - take the elements of the list of @items apart from the rest of the object @text (at
 * most @max bytes), which is read as js_parse() does, with an empty array in that place. Without
 * such a member, or when it is no array, there are no elements and the rest is all.
 * Return: 0, the rest for js_doc_free() and @items, valid as long as @text; or -1 as js_parse(). An
 * error in an element is told by js_items_next().
 */
MUST_USE int js_split(struct js_items *items, const char *text, size_t len, size_t max,
	struct js_doc **ret_rest, struct err *err);
/**
 * js_items_next - the next element, which must be an object. It is read by itself, strictly.
 * Return: 1 and a document for js_doc_free(), 0 at the end, or -1 INVALID_ARGUMENT naming it
 * ("answer: result[3]").
 */
MUST_USE int js_items_next(struct js_items *items, struct js_doc **ret_doc, struct err *err);
