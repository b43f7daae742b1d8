/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values under construction and their text. A failure sticks to the value it happened to and to
 * all that it is put into, so that the writer checks once, when printing.
 */
#include "common/json/json.h"

#include <jansson.h>

struct js {
	json_t *value;
	bool failed;
};

/* Takes value over; a js that is NULL is how running out of memory shows. */
static struct js *wrap(json_t *take_value)
{
	struct js *js = take_value ? calloc(1, sizeof(*js)) : NULL;

	if (!js) {
		json_decref(take_value);
		return NULL;
	}
	js->value = take_value;
	return js;
}

struct js *js_object(void)
{
	return wrap(json_object());
}

struct js *js_array(void)
{
	return wrap(json_array());
}

struct js *js_copy(const struct js_at *from)
{
	return from->value ? wrap(json_deep_copy(from->value)) : NULL;
}

void js_free(struct js *js)
{
	if (js) {
		json_decref(js->value);
		free(js);
	}
}

static void put(struct js *obj, const char *key, json_t *take_value)
{
	if (!obj) {
		json_decref(take_value);
	} else if (json_object_set_new(obj->value, key, take_value) < 0) {
		obj->failed = true;
	}
}

static void append(struct js *array, json_t *take_value)
{
	if (!array) {
		json_decref(take_value);
	} else if (json_array_append_new(array->value, take_value) < 0) {
		array->failed = true;
	}
}

/* The value inside, its failure handed on. */
static json_t *unwrap(struct js *parent, struct js *take)
{
	json_t *value = take ? json_incref(take->value) : NULL;

	if (parent && (!take || take->failed)) {
		parent->failed = true;
	}
	js_free(take);
	return value;
}

void js_set_str(struct js *obj, const char *key, const char *str)
{
	put(obj, key, str ? json_string(str) : NULL);
}

void js_set_int(struct js *obj, const char *key, int64_t value)
{
	put(obj, key, json_integer(value));
}

void js_set_real(struct js *obj, const char *key, double value)
{
	put(obj, key, json_real(value));
}

void js_set_bool(struct js *obj, const char *key, bool value)
{
	put(obj, key, json_boolean(value));
}

void js_set_null(struct js *obj, const char *key)
{
	put(obj, key, json_null());
}

void js_set(struct js *obj, const char *key, struct js *take_value)
{
	put(obj, key, unwrap(obj, take_value));
}

void js_add_str(struct js *array, const char *str)
{
	append(array, str ? json_string(str) : NULL);
}

void js_add_int(struct js *array, int64_t value)
{
	append(array, json_integer(value));
}

void js_add(struct js *array, struct js *take_value)
{
	append(array, unwrap(array, take_value));
}

struct output {
	char *text;
	size_t len;
	size_t size;
	size_t max;
	bool too_long;
	bool failed; /* for good: Jansson does not look whether a key was taken, and goes on */
};

static int add_bytes(const char *bytes, size_t n, void *arg)
{
	struct output *out = arg;

	if (out->failed) {
		return -1;
	}
	if (n > out->max - out->len) {
		out->too_long = true;
		out->failed = true;
		return -1;
	}
	if (out->len + n + 1 > out->size) {
		size_t size = MAX(out->len + n + 1, out->size * 2);
		char *text = realloc(out->text, size);

		if (!text) {
			out->failed = true;
			return -1;
		}
		out->text = text;
		out->size = size;
	}
	memcpy(out->text + out->len, bytes, n);
	out->len += n;
	out->text[out->len] = '\0';
	return 0;
}

int js_print(const struct js *js, const char *what, size_t max, char **ret_text, size_t *ret_len,
	struct err *err)
{
	struct output out = {.max = max > 0 ? max : JS_PRINT_MAX};

	if (!js || js->failed) {
		return err_set(err, ERR_INTERNAL,
			"%s: a value could not be written as JSON (out of memory, or text that is not UTF-8)",
			what);
	}
	if (json_dump_callback(js->value, add_bytes, &out, JSON_COMPACT | JSON_SORT_KEYS) < 0 ||
		out.failed) {
		free(out.text);
		if (out.too_long) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED,
				"%s: its JSON would be longer than %zu bytes", what, out.max);
		}
		return err_set(err, ERR_INTERNAL, "%s: out of memory", what);
	}
	*ret_text = out.text;
	if (ret_len) {
		*ret_len = out.len;
	}
	return 0;
}
