/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed access to a document: every getter checks type and range, and a failing one says where and
 * what is allowed.
 */
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/json/place.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/** Longest list of allowed words in an error. */
#define ALLOWED_MAX 512
/** Longest word that is compared for "did you mean". */
#define GUESS_MAX 48

static const char *type_name(const json_t *value)
{
	if (!value) {
		return "absent";
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	default:
		return "null";
	}
}

/* What is wrong is the value of in itself. */
static int fail_type(
	const struct place *place, const json_t *value, const char *wanted, struct err *err)
{
	return place_fail(place, err, "must be %s, not %s", wanted, type_name(value));
}

int js_want_obj(const struct js_at *in, struct err *err)
{
	if (!json_is_object(in->value)) {
		return fail_type(&(struct place){.in = in}, in->value, "an object", err);
	}
	return 0;
}

/* The member, or NULL when it is absent and that is allowed. */
static int find(
	const struct js_at *in, const char *key, bool wanted, const json_t **ret, struct err *err)
{
	const json_t *value;

	if (js_want_obj(in, err) < 0) {
		return -1;
	}
	value = json_object_get(in->value, key);
	if (!value && wanted) {
		return place_fail(&(struct place){.in = in, .key = key}, err, "is missing");
	}
	*ret = value;
	return 0;
}

static const json_t *item(const struct js_at *in, size_t i)
{
	return json_array_get(in->value, i);
}

static int as_str(const struct place *place, const json_t *value, size_t max, const char **ret,
	struct err *err)
{
	if (!json_is_string(value)) {
		return fail_type(place, value, "a string", err);
	}
	if (json_string_length(value) > max) {
		return place_fail(place, err, "must be at most %zu bytes, not %zu", max,
			json_string_length(value));
	}
	*ret = json_string_value(value);
	return 0;
}

struct range {
	int64_t min;
	int64_t max;
};

static int as_int(const struct place *place, const json_t *value, struct range range, int64_t *ret,
	struct err *err)
{
	int64_t got;

	if (json_is_real(value)) {
		return place_fail(
			place, err, "must be a whole number, not %g", json_real_value(value));
	}
	if (!json_is_integer(value)) {
		return fail_type(place, value, "a whole number", err);
	}
	got = json_integer_value(value);
	if (got < range.min || got > range.max) {
		return place_fail(place, err,
			"must be from %" PRId64 " to %" PRId64 ", not %" PRId64, range.min,
			range.max, got);
	}
	*ret = got;
	return 0;
}

/* Object or array, as a place of its own. */
static int as_holder(const struct place *place, const json_t *value, bool array, struct js_at *ret,
	struct err *err)
{
	struct js_at at = {.doc = place->in->doc, .value = value};

	if (array ? !json_is_array(value) : !json_is_object(value)) {
		return fail_type(place, value, array ? "an array" : "an object", err);
	}
	place_path(place, at.path);
	*ret = at;
	return 0;
}

static int get_str(const struct js_at *in, const char *key, bool wanted, size_t max,
	const char **ret, struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, wanted, &value, err) < 0) {
		return -1;
	}
	return value ? as_str(&(struct place){.in = in, .key = key}, value, max, ret, err) : 0;
}

int js_get_str(
	const struct js_at *in, const char *key, size_t max, const char **ret, struct err *err)
{
	return get_str(in, key, true, max, ret, err);
}

int js_opt_str(
	const struct js_at *in, const char *key, size_t max, const char **ret, struct err *err)
{
	return get_str(in, key, false, max, ret, err);
}

int js_get_int(const struct js_at *in, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, true, &value, err) < 0) {
		return -1;
	}
	return as_int(
		&(struct place){.in = in, .key = key}, value, (struct range){min, max}, ret, err);
}

int js_opt_int(const struct js_at *in, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, false, &value, err) < 0) {
		return -1;
	}
	return value ? js_get_int(in, key, min, max, ret, err) : 0;
}

int js_get_real(const struct js_at *in, const char *key, double min, double max, double *ret,
	struct err *err)
{
	struct place place = {.in = in, .key = key};
	const json_t *value = NULL;
	double got;

	if (find(in, key, true, &value, err) < 0) {
		return -1;
	}
	if (!json_is_number(value)) {
		return fail_type(&place, value, "a number", err);
	}
	got = json_number_value(value);
	if (!isfinite(got) || got < min || got > max) {
		return place_fail(&place, err, "must be from %g to %g, not %g", min, max, got);
	}
	*ret = got;
	return 0;
}

int js_opt_real(const struct js_at *in, const char *key, double min, double max, double *ret,
	struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, false, &value, err) < 0) {
		return -1;
	}
	return value ? js_get_real(in, key, min, max, ret, err) : 0;
}

static int get_bool(
	const struct js_at *in, const char *key, bool wanted, bool *ret, struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, wanted, &value, err) < 0) {
		return -1;
	}
	if (value && !json_is_boolean(value)) {
		return fail_type(
			&(struct place){.in = in, .key = key}, value, "true or false", err);
	}
	if (value) {
		*ret = json_is_true(value);
	}
	return 0;
}

int js_get_bool(const struct js_at *in, const char *key, bool *ret, struct err *err)
{
	return get_bool(in, key, true, ret, err);
}

int js_opt_bool(const struct js_at *in, const char *key, bool *ret, struct err *err)
{
	return get_bool(in, key, false, ret, err);
}

/* "a, b, c" */
static void list_words(const char *const *words, char out[ALLOWED_MAX])
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(ALLOWED_MAX - 4);

	for (size_t i = 0; words[i]; i++) {
		if (sb.len + strlen(words[i]) + 2 > sb.max) {
			(void)snprintf(out, ALLOWED_MAX, "%s...", sb_str(&sb));
			return;
		}
		sb_addf(&sb, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	(void)snprintf(out, ALLOWED_MAX, "%s", sb_str(&sb));
}

static int get_choice(const struct js_at *in, const char *key, bool wanted,
	const char *const *choices, int *ret, struct err *err)
{
	struct place place = {.in = in, .key = key};
	char allowed[ALLOWED_MAX];
	const char *text = NULL;
	char shown[GUESS_MAX];

	if (get_str(in, key, wanted, SIZE_MAX, &text, err) < 0) {
		return -1;
	}
	if (!text) {
		return 0;
	}
	for (int i = 0; choices[i]; i++) {
		if (streq(choices[i], text)) {
			*ret = i;
			return 0;
		}
	}
	list_words(choices, allowed);
	return place_fail(&place, err, "must be one of %s, not \"%s\"", allowed,
		printable(text, shown, sizeof(shown)));
}

int js_get_choice(const struct js_at *in, const char *key, const char *const *choices, int *ret,
	struct err *err)
{
	return get_choice(in, key, true, choices, ret, err);
}

int js_opt_choice(const struct js_at *in, const char *key, const char *const *choices, int *ret,
	struct err *err)
{
	return get_choice(in, key, false, choices, ret, err);
}

int js_get_obj(const struct js_at *in, const char *key, struct js_at *ret, struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, true, &value, err) < 0) {
		return -1;
	}
	return as_holder(&(struct place){.in = in, .key = key}, value, false, ret, err);
}

int js_opt_obj(const struct js_at *in, const char *key, struct js_at *ret, struct err *err)
{
	const json_t *value = NULL;

	if (find(in, key, false, &value, err) < 0) {
		return -1;
	}
	if (!value) {
		*ret = (struct js_at){.doc = in->doc};
		place_path(&(struct place){.in = in, .key = key}, ret->path);
		return 0;
	}
	return js_get_obj(in, key, ret, err);
}

int js_get_array(
	const struct js_at *in, const char *key, size_t max, struct js_at *ret, struct err *err)
{
	struct place place = {.in = in, .key = key};
	const json_t *value = NULL;

	if (find(in, key, true, &value, err) < 0) {
		return -1;
	}
	if (json_is_array(value) && json_array_size(value) > max) {
		return place_fail(&place, err, "must have at most %zu items, not %zu", max,
			json_array_size(value));
	}
	return as_holder(&place, value, true, ret, err);
}

int js_opt_array(
	const struct js_at *in, const char *key, size_t max, struct js_at *ret, struct err *err)
{
	struct js_at none = {.doc = in->doc};

	if (js_want_obj(in, err) < 0) {
		return -1;
	}
	if (!js_has(in, key)) {
		place_path(&(struct place){.in = in, .key = key}, none.path);
		*ret = none;
		return 0;
	}
	return js_get_array(in, key, max, ret, err);
}

bool js_has(const struct js_at *in, const char *key)
{
	return json_object_get(in->value, key) != NULL;
}

size_t js_len(const struct js_at *in)
{
	return json_is_array(in->value) ? json_array_size(in->value) : json_object_size(in->value);
}

int js_item_str(const struct js_at *in, size_t i, size_t max, const char **ret, struct err *err)
{
	return as_str(
		&(struct place){.in = in, .item = true, .index = i}, item(in, i), max, ret, err);
}

int js_item_int(
	const struct js_at *in, size_t i, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
	return as_int(&(struct place){.in = in, .item = true, .index = i}, item(in, i),
		(struct range){min, max}, ret, err);
}

int js_item_obj(const struct js_at *in, size_t i, struct js_at *ret, struct err *err)
{
	return as_holder(
		&(struct place){.in = in, .item = true, .index = i}, item(in, i), false, ret, err);
}

int js_each_str(const struct js_at *in, size_t max,
	int (*fn)(const char *key, const char *value, void *arg, struct err *err), void *arg,
	struct err *err)
{
	const char *key;
	json_t *value;

	if (js_want_obj(in, err) < 0) {
		return -1;
	}
	json_object_foreach((json_t *)in->value, key, value)
	{
		const char *text = NULL;

		if (as_str(&(struct place){.in = in, .key = key}, value, max, &text, err) < 0 ||
			fn(key, text, arg, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Edits (insert, drop, replace; case does not count) that make b of a. */
static size_t distance(const char *a, const char *b)
{
	size_t row[GUESS_MAX + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++) {
		row[j] = j;
	}
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t swap = diagonal + (lower(a[i]) != lower(b[j]));
			size_t other = 1 + MIN(row[j], row[j + 1]);

			diagonal = row[j + 1];
			row[j + 1] = MIN(swap, other);
		}
	}
	return row[n];
}

/* The word that key was probably meant to be, or NULL. */
static const char *guess(const char *key, const char *const *words)
{
	const char *best = NULL;
	size_t least = 3;

	if (strlen(key) > GUESS_MAX) {
		return NULL;
	}
	for (size_t i = 0; words[i]; i++) {
		size_t d = strlen(words[i]) <= GUESS_MAX ? distance(key, words[i]) : least;

		if (d < least && d < strlen(words[i])) {
			least = d;
			best = words[i];
		}
	}
	return best;
}

int js_only_keys(const struct js_at *in, const char *const *keys, struct err *err)
{
	char allowed[ALLOWED_MAX];
	const char *key;
	const char *meant;
	json_t *value;

	if (js_want_obj(in, err) < 0) {
		return -1;
	}
	json_object_foreach((json_t *)in->value, key, value)
	{
		bool known = false;

		for (size_t i = 0; keys[i] && !known; i++) {
			known = streq(keys[i], key);
		}
		if (known) {
			continue;
		}
		list_words(keys, allowed);
		meant = guess(key, keys);
		return place_fail(&(struct place){.in = in, .key = key}, err,
			"is not known%s%s%s; allowed are: %s", meant ? ", did you mean \"" : "",
			meant ? meant : "", meant ? "\"" : "", allowed);
	}
	return 0;
}

int js_fail(const struct js_at *in, const char *key, struct err *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)place_vfail(&(struct place){.in = in, .key = key}, err, fmt, args);
	va_end(args);
	return -1;
}
