/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks descriptor and JSON side by side. Both directions know the three shapes of a field: one
 * value, a list, and a map, which protobuf-c has as a list of entries with key and value.
 */
#include "test/tools/pbjson.h"

#include "common/base/strbuf.h"

#include <stdio.h>

#define PATH_MAX_LEN 256
#define CHOICES_SIZE 600

/* Where a value stands, for errors, and where the memory for it comes from. */
struct place {
	const struct place *parent;
	const char *name; /* NULL for the whole request */
	bool item;	  /* name is an index or a key of a map, not a field */
	struct arena *arena;
};

static bool is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	size_t len;

	if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE ||
		entry->n_fields != 2) {
		return false;
	}
	len = strlen(entry->short_name);
	return len > 5 && streq(entry->short_name + len - 5, "Entry") &&
	       streq(entry->fields[0].name, "key") && entry->fields[0].id == 1 &&
	       streq(entry->fields[1].name, "value") && entry->fields[1].id == 2;
}

/* google.protobuf.Int64Value and its like: the value alone stands for the message. */
static bool is_wrapper(const ProtobufCMessageDescriptor *type)
{
	return streq(type->package_name, "google.protobuf") && type->n_fields == 1 &&
	       streq(type->fields[0].name, "value");
}

static size_t size_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(int64_t);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	default:
		return sizeof(int32_t);
	}
}

/* ---- reading ---- */

static void add_path(const struct place *at, struct strbuf *path)
{
	if (!at->name) {
		return;
	}
	add_path(at->parent, path);
	if (at->item) {
		sb_addf(path, "[%s]", at->name);
	} else {
		sb_addf(path, "%s%s", path->len > 0 ? "." : "", at->name);
	}
}

/* Put the path in front of what @err says. Return: always -1. */
static int refused(const struct place *at, struct err *err)
{
	_cleanup_strbuf_ struct strbuf path = sb_init(PATH_MAX_LEN);

	add_path(at, &path);
	return err_wrap(err, "%s", path.len > 0 ? sb_str(&path) : "the request");
}

static int no_memory(const struct place *at, struct err *err)
{
	(void)err_set(err, ERR_RESOURCE_EXHAUSTED, "the request is too large");
	return refused(at, err);
}

static int wrong_type(const struct place *at, const char *wanted, struct err *err)
{
	(void)err_set(err, ERR_INVALID_ARGUMENT, "must be %s", wanted);
	return refused(at, err);
}

static int read_integer(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, void *out, struct err *err)
{
	bool wide = size_of(field->type) == sizeof(int64_t);
	bool positive =
		field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_FIXED32 ||
		field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_FIXED64;
	int64_t least = positive ? 0 : wide ? INT64_MIN : INT32_MIN;
	int64_t most = wide ? INT64_MAX : positive ? UINT32_MAX : INT32_MAX;
	int64_t value;

	if (!json_is_integer(json)) {
		return wrong_type(at, "a whole number", err);
	}
	value = json_integer_value(json);
	if (value < least || value > most) {
		(void)err_set(err, ERR_INVALID_ARGUMENT, "must be %lld to %lld", (long long)least,
			(long long)most);
		return refused(at, err);
	}
	if (wide) {
		memcpy(out, &value, sizeof(value));
	} else {
		uint32_t low = (uint32_t)(uint64_t)value;

		memcpy(out, &low, sizeof(low));
	}
	return 0;
}

static int read_enum(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, void *out, struct err *err)
{
	const ProtobufCEnumDescriptor *type = field->descriptor;
	_cleanup_strbuf_ struct strbuf names = sb_init(CHOICES_SIZE);
	const ProtobufCEnumValue *value;

	if (json_is_integer(json)) {
		/* A number that has no name yet is legal on the wire. */
		return read_integer(at, json, field, out, err);
	}
	value = json_is_string(json) ? protobuf_c_enum_descriptor_get_value_by_name(
					       type, json_string_value(json))
				     : NULL;
	if (!value) {
		for (unsigned i = 0; i < type->n_values; i++) {
			sb_addf(&names, "%s%s", i > 0 ? ", " : "one of ", type->values[i].name);
		}
		return wrong_type(at, sb_str(&names), err);
	}
	memcpy(out, &value->value, sizeof(value->value));
	return 0;
}

static int read_string(const struct place *at, const json_t *json, void *out, struct err *err)
{
	char *copy;

	if (!json_is_string(json)) {
		return wrong_type(at, "a string", err);
	}
	copy = arena_strdup(at->arena, json_string_value(json));
	if (!copy) {
		return no_memory(at, err);
	}
	memcpy(out, &copy, sizeof(copy));
	return 0;
}

static int read_message(const struct place *at, const json_t *json,
	const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret, struct err *err);

/* One value of the field's type into the memory at @out. */
static int read_value(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, void *out, struct err *err)
{
	ProtobufCMessage *message = NULL;
	protobuf_c_boolean yes;

	switch (field->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		if (read_message(at, json, field->descriptor, &message, err) < 0) {
			return -1;
		}
		*(ProtobufCMessage **)out = message;
		return 0;
	case PROTOBUF_C_TYPE_STRING:
		return read_string(at, json, out, err);
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(at, json, field, out, err);
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_is_boolean(json)) {
			return wrong_type(at, "true or false", err);
		}
		yes = json_is_true(json);
		memcpy(out, &yes, sizeof(yes));
		return 0;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_BYTES:
		return wrong_type(at, "left out: this type is not supported", err);
	default:
		return read_integer(at, json, field, out, err);
	}
}

static int read_entry(const struct place *at, const char *key, const json_t *value,
	const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret, struct err *err)
{
	json_t *pair = json_pack("{s:s, s:O}", "key", key, "value", value);
	int result;

	if (!pair) {
		return no_memory(at, err);
	}
	result = read_message(at, pair, type, ret, err);
	json_decref(pair);
	return result;
}

static int read_map(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, ProtobufCMessage **entries, struct err *err)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		struct place item = {at, key, true, at->arena};

		if (read_entry(&item, key, value, field->descriptor, &entries[n++], err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int read_list(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, char *values, struct err *err)
{
	size_t width = size_of(field->type);

	for (size_t i = 0; i < json_array_size(json); i++) {
		char index[24];
		struct place item = {at, index, true, at->arena};

		(void)snprintf(index, sizeof(index), "%zu", i);
		if (read_value(&item, json_array_get(json, i), field, values + i * width, err) <
			0) {
			return -1;
		}
	}
	return 0;
}

static int read_repeated(const struct place *at, const json_t *json,
	const ProtobufCFieldDescriptor *field, ProtobufCMessage *message, struct err *err)
{
	bool map = is_map(field);
	size_t n = map ? json_object_size(json) : json_array_size(json);
	char *memory = (char *)message;
	void *values;

	if (map ? !json_is_object(json) : !json_is_array(json)) {
		return wrong_type(at, map ? "an object" : "an array", err);
	}
	if (n == 0) {
		return 0;
	}
	values = arena_alloc(at->arena, n * size_of(field->type));
	if (!values) {
		return no_memory(at, err);
	}
	memcpy(memory + field->quantifier_offset, &n, sizeof(n));
	memcpy(memory + field->offset, &values, sizeof(values));
	return map ? read_map(at, json, field, values, err)
		   : read_list(at, json, field, values, err);
}

static int choose(const struct place *at, const ProtobufCFieldDescriptor *field,
	ProtobufCMessage *message, struct err *err)
{
	char *memory = (char *)message;
	uint32_t chosen;

	if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) {
		return 0;
	}
	memcpy(&chosen, memory + field->quantifier_offset, sizeof(chosen));
	if (chosen != 0) {
		(void)err_set(err, ERR_INVALID_ARGUMENT,
			"another member of this oneof is there, only one may be");
		return refused(at, err);
	}
	chosen = field->id;
	memcpy(memory + field->quantifier_offset, &chosen, sizeof(chosen));
	return 0;
}

static int unknown_field(const struct place *at, const char *key,
	const ProtobufCMessageDescriptor *type, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = sb_init(CHOICES_SIZE);

	for (unsigned i = 0; i < type->n_fields; i++) {
		sb_addf(&names, "%s%s", i > 0 ? ", " : "", type->fields[i].name);
	}
	(void)err_set(err, ERR_INVALID_ARGUMENT, "%s has no field \"%s\"; it has: %s",
		type->short_name, key, type->n_fields > 0 ? sb_str(&names) : "none");
	return refused(at, err);
}

static int read_field(const struct place *at, const char *key, const json_t *json,
	ProtobufCMessage *message, struct err *err)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, key);
	struct place member = {at, key, false, at->arena};

	if (!field) {
		return unknown_field(at, key, message->descriptor, err);
	}
	if (json_is_null(json)) {
		return 0;
	}
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		return read_repeated(&member, json, field, message, err);
	}
	if (choose(&member, field, message, err) < 0) {
		return -1;
	}
	return read_value(&member, json, field, (char *)message + field->offset, err);
}

static int read_message(const struct place *at, const json_t *json,
	const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret, struct err *err)
{
	ProtobufCMessage *message = arena_alloc(at->arena, type->sizeof_message);
	const char *key;
	json_t *value;

	if (!message) {
		return no_memory(at, err);
	}
	protobuf_c_message_init(type, message);
	*ret = message;
	if (is_wrapper(type)) {
		return read_value(
			at, json, &type->fields[0], (char *)message + type->fields[0].offset, err);
	}
	if (!json_is_object(json)) {
		return wrong_type(at, "an object", err);
	}
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		if (read_field(at, key, value, message, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int pbjson_read(const json_t *json, const ProtobufCMessageDescriptor *type, struct arena *arena,
	ProtobufCMessage **ret_message, struct err *err)
{
	struct place at = {.arena = arena};

	return read_message(&at, json, type, ret_message, err);
}

/* ---- printing ---- */

static json_t *print_enum(const ProtobufCFieldDescriptor *field, int32_t number)
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(field->descriptor, number);

	return value ? json_string(value->name) : json_integer(number);
}

static json_t *print_value(const ProtobufCFieldDescriptor *field, const void *in)
{
	int32_t small = 0;
	uint32_t positive = 0;
	int64_t wide = 0;
	protobuf_c_boolean yes = 0;
	void *pointer = NULL;

	switch (field->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		memcpy(&pointer, in, sizeof(pointer));
		return pbjson_print(pointer);
	case PROTOBUF_C_TYPE_STRING:
		memcpy(&pointer, in, sizeof(pointer));
		return json_string(pointer ? pointer : "");
	case PROTOBUF_C_TYPE_BOOL:
		memcpy(&yes, in, sizeof(yes));
		return json_boolean(yes);
	case PROTOBUF_C_TYPE_ENUM:
		memcpy(&small, in, sizeof(small));
		return print_enum(field, small);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		memcpy(&positive, in, sizeof(positive));
		return json_integer(positive);
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_BYTES:
		return NULL;
	default:
		if (size_of(field->type) == sizeof(wide)) {
			memcpy(&wide, in, sizeof(wide));
			return json_integer(wide);
		}
		memcpy(&small, in, sizeof(small));
		return json_integer(small);
	}
}

static int print_entry(json_t *map, const ProtobufCMessage *entry)
{
	const ProtobufCMessageDescriptor *type = entry->descriptor;
	json_t *key = print_value(&type->fields[0], (const char *)entry + type->fields[0].offset);
	json_t *value = print_value(&type->fields[1], (const char *)entry + type->fields[1].offset);
	int result = -1;

	if (json_is_string(key)) {
		/* A key that is there twice: the last one counts, as on the wire. */
		result = json_object_set(map, json_string_value(key), value);
	}
	json_decref(key);
	json_decref(value);
	return result;
}

static json_t *print_repeated(const ProtobufCFieldDescriptor *field, const char *values, size_t n)
{
	bool map = is_map(field);
	json_t *all = map ? json_object() : json_array();
	int failed = all ? 0 : -1;

	for (size_t i = 0; i < n && failed == 0; i++) {
		const char *value = values + i * size_of(field->type);

		if (map) {
			failed = print_entry(all, *(ProtobufCMessage *const *)value);
		} else {
			failed = json_array_append_new(all, print_value(field, value));
		}
	}
	if (failed < 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *in)
{
	static const char zeros[sizeof(int64_t)];
	const char *text;

	if (field->type == PROTOBUF_C_TYPE_STRING) {
		memcpy(&text, in, sizeof(text));
		return str_empty(text);
	}
	return memcmp(in, zeros, size_of(field->type)) == 0;
}

/* Return: 0 with *ret NULL when the field is left out, -1 without memory. */
static int print_field(
	const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, json_t **ret)
{
	const char *in = (const char *)message + field->offset;
	const char *quantifier = (const char *)message + field->quantifier_offset;
	const char *values;
	uint32_t chosen;
	size_t n;

	*ret = NULL;
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&n, quantifier, sizeof(n));
		if (n == 0) {
			return 0;
		}
		memcpy(&values, in, sizeof(values));
		*ret = print_repeated(field, values, n);
	} else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		memcpy(&chosen, quantifier, sizeof(chosen));
		if (chosen != field->id) {
			return 0;
		}
		*ret = print_value(field, in);
	} else {
		if (is_default(field, in)) {
			return 0;
		}
		*ret = print_value(field, in);
	}
	return *ret ? 0 : -1;
}

json_t *pbjson_print(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	json_t *object;
	json_t *value;

	if (is_wrapper(type)) {
		return print_value(
			&type->fields[0], (const char *)message + type->fields[0].offset);
	}
	object = json_object();
	for (unsigned i = 0; object && i < type->n_fields; i++) {
		if (print_field(message, &type->fields[i], &value) < 0 ||
			(value && json_object_set_new(object, type->fields[i].name, value) < 0)) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
