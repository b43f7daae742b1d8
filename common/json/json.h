/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, read strictly and written compactly: the only place that knows Jansson. Reading gives
 * errors that name the document, the path of the value and, for files, its line.
 * A document and a value under construction belong to one thread at a time.
 */
#pragma once

#include "common/base/err.h"

/** Deepest nesting of arrays and objects that is taken. */
#define JS_DEPTH_MAX 32
/** Longest path shown in an error, with its NUL; a longer one is cut. */
#define JS_PATH_MAX 256
/** Most text js_print() makes unless told less. */
#define JS_PRINT_MAX ((size_t)4 * 1024 * 1024)

struct js_doc;
struct js;
struct json_t;

/**
 * struct js_at - a value in a document and where it stands. A plain value: copy it freely; it is
 * valid as long as its document. value is NULL when an optional value is absent.
 */
struct js_at {
	const struct js_doc *doc;
	const struct json_t *value;
	char path[JS_PATH_MAX]; /* "backends[1]", "" for the whole document */
};

/**
 * js_parse - read @len bytes of @text (at most @max), whose name in errors is @name. The top must
 * be an object or an array; duplicate keys, NUL, bad UTF-8, nesting beyond JS_DEPTH_MAX and
 * anything after the end are refused. Errors about values name their path; they never quote the
 * text, which may come from elsewhere and hold a secret.
 * Return: 0 and a document for js_doc_free(), or -1 with INVALID_ARGUMENT naming line and column
 * (RESOURCE_EXHAUSTED when longer than @max or without memory).
 */
MUST_USE int js_parse(const char *name, const char *text, size_t len, size_t max,
	struct js_doc **ret_doc, struct err *err);
/** js_parse_lines - the same for a text of our own kind: it is kept, and errors name lines, too. */
MUST_USE int js_parse_lines(const char *name, const char *text, size_t len, size_t max,
	struct js_doc **ret_doc, struct err *err);
/** js_parse_file - the same for a file at @path, named by it, with lines. Return: 0, or -1
 * (NOT_FOUND when absent). */
MUST_USE int js_parse_file(const char *path, size_t max, struct js_doc **ret_doc, struct err *err);
/** js_doc_free - accepts NULL. */
void js_doc_free(struct js_doc *doc);
static inline void js_doc_freep(struct js_doc **doc)
{
	js_doc_free(*doc);
}
#define _cleanup_js_doc_ _cleanup_(js_doc_freep)

/** js_root - the whole document. */
struct js_at js_root(const struct js_doc *doc);

/*
 * Members of the object @in by key. The js_get_ functions want the member there; the js_opt_ ones
 * leave *ret as it is when it is absent (null is not absent: it is a wrong type). Each returns 0,
 * or -1 with INVALID_ARGUMENT such as
 * "controller.json: backends[1].url (line 12): must be a string, not a number".
 * Strings and values got are borrowed from the document.
 */
/** js_get_str - a string of at most @max bytes; it may be empty. */
MUST_USE int js_get_str(
	const struct js_at *in, const char *key, size_t max, const char **ret, struct err *err);
MUST_USE int js_opt_str(
	const struct js_at *in, const char *key, size_t max, const char **ret, struct err *err);
/** js_get_int - an integer within [@min, @max]. */
MUST_USE int js_get_int(const struct js_at *in, const char *key, int64_t min, int64_t max,
	int64_t *ret, struct err *err);
MUST_USE int js_opt_int(const struct js_at *in, const char *key, int64_t min, int64_t max,
	int64_t *ret, struct err *err);
/** js_get_real - a number, whole or not, within [@min, @max]. */
MUST_USE int js_get_real(const struct js_at *in, const char *key, double min, double max,
	double *ret, struct err *err);
MUST_USE int js_opt_real(const struct js_at *in, const char *key, double min, double max,
	double *ret, struct err *err);
MUST_USE int js_get_bool(const struct js_at *in, const char *key, bool *ret, struct err *err);
MUST_USE int js_opt_bool(const struct js_at *in, const char *key, bool *ret, struct err *err);
/** js_get_choice - the index of the string in @choices (NULL-terminated); the error lists them. */
MUST_USE int js_get_choice(const struct js_at *in, const char *key, const char *const *choices,
	int *ret, struct err *err);
MUST_USE int js_opt_choice(const struct js_at *in, const char *key, const char *const *choices,
	int *ret, struct err *err);
/** js_get_obj - an object; js_opt_obj sets ret->value to NULL when it is absent. */
MUST_USE int js_get_obj(
	const struct js_at *in, const char *key, struct js_at *ret, struct err *err);
MUST_USE int js_opt_obj(
	const struct js_at *in, const char *key, struct js_at *ret, struct err *err);
/** js_get_array - an array of at most @max items; js_opt_array sets ret->value to NULL when it is
 * absent. */
MUST_USE int js_get_array(
	const struct js_at *in, const char *key, size_t max, struct js_at *ret, struct err *err);
MUST_USE int js_opt_array(
	const struct js_at *in, const char *key, size_t max, struct js_at *ret, struct err *err);

/** js_has - is there a member @key? False for what is not an object. */
bool js_has(const struct js_at *in, const char *key);
/** js_want_obj - fail unless @in itself is an object (js_parse takes arrays at the top, too). */
MUST_USE int js_want_obj(const struct js_at *in, struct err *err);
/** js_len - items of an array or members of an object; 0 for all else and for an absent value. */
size_t js_len(const struct js_at *in);
/** js_item_str, js_item_int, js_item_obj - item @i (< js_len()) of the array @in, checked like
 * members. */
MUST_USE int js_item_str(
	const struct js_at *in, size_t i, size_t max, const char **ret, struct err *err);
MUST_USE int js_item_int(
	const struct js_at *in, size_t i, int64_t min, int64_t max, int64_t *ret, struct err *err);
MUST_USE int js_item_obj(const struct js_at *in, size_t i, struct js_at *ret, struct err *err);
/**
 * js_each_str - call @fn for every member of the object @in, all of which must be strings of at
 * most @max bytes, in the order of the text, until it returns non-zero.
 * Return: 0, or -1 with @err (of a wrong member, or what @fn left).
 */
MUST_USE int js_each_str(const struct js_at *in, size_t max,
	int (*fn)(const char *key, const char *value, void *arg, struct err *err), void *arg,
	struct err *err);
/**
 * js_only_keys - refuse members of the object @in that are not in @keys (NULL-terminated). The
 * error names the first unknown one, the key it may be meant for, and the allowed ones.
 */
MUST_USE int js_only_keys(const struct js_at *in, const char *const *keys, struct err *err);
/**
 * js_fail - an error of the caller's own about the member @key (NULL: about @in itself), in the
 * form of the others: document, path, line, then the text. Return: always -1.
 */
int js_fail(const struct js_at *in, const char *key, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/*
 * Building. A setter that fails (no memory, bytes that are not UTF-8, a child that had failed)
 * marks the value, and js_print() then fails: one check at the end is enough. All of them accept
 * NULL as the value to change and do nothing then.
 */
struct js *js_object(void);
struct js *js_array(void);
/** js_copy - a value of its own from a parsed one; NULL without memory or when @from is absent. */
struct js *js_copy(const struct js_at *from);
/** js_free - accepts NULL. */
void js_free(struct js *js);
static inline void js_freep(struct js **js)
{
	js_free(*js);
}
#define _cleanup_js_ _cleanup_(js_freep)
/** js_set_* - set member @key of an object; @str NULL marks the object failed. */
void js_set_str(struct js *obj, const char *key, const char *str);
void js_set_int(struct js *obj, const char *key, int64_t value);
void js_set_real(struct js *obj, const char *key, double value);
void js_set_bool(struct js *obj, const char *key, bool value);
void js_set_null(struct js *obj, const char *key);
/** js_set - set a member to @take_value, which is taken over in every case. */
void js_set(struct js *obj, const char *key, struct js *take_value);
void js_add_str(struct js *array, const char *str);
void js_add_int(struct js *array, int64_t value);
/** js_add - append @take_value, which is taken over in every case. */
void js_add(struct js *array, struct js *take_value);
/**
 * js_print - compact text with sorted keys, NUL-terminated, at most @max bytes (0: JS_PRINT_MAX);
 * the caller frees. @what names the text in the error. @ret_len may be NULL.
 * Return: 0, or -1 with RESOURCE_EXHAUSTED (too long) or INTERNAL (building had failed).
 */
MUST_USE int js_print(const struct js *js, const char *what, size_t max, char **ret_text,
	size_t *ret_len, struct err *err);
