/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A printer over message descriptors. protobuf-c keeps no options, so the CSI option csi_secret
 * cannot be asked; all fields that carry it are named "secrets", which a test of proto/ watches.
 */
#include "common/csi/redact.h"

#include "common/base/parse.h"

#include <inttypes.h>

bool csi_field_is_sensitive(const char *name)
{
	return streq(name, "secrets") || streq(name, "mount_flags");
}

static void print_message(const ProtobufCMessage *msg, struct strbuf *out, int depth);

static void print_string(const char *text, struct strbuf *out)
{
	char shown[CSI_PRINT_STRING_MAX + 1];

	text = text ? text : "";
	sb_addc(out, '"');
	sb_add(out, printable(text, shown, sizeof(shown)));
	sb_add(out, strlen(text) > CSI_PRINT_STRING_MAX ? "…\"" : "\"");
}

static void print_enum(const ProtobufCFieldDescriptor *field, int value, struct strbuf *out)
{
	const ProtobufCEnumValue *known =
		protobuf_c_enum_descriptor_get_value(field->descriptor, value);

	if (known) {
		sb_add(out, known->name);
	} else {
		sb_addf(out, "%d", value);
	}
}

static size_t value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return sizeof(uint32_t);
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return sizeof(uint64_t);
	}
}

/* The value at @at; read as bytes, since its type is known at run time only. */
static void print_value(
	const ProtobufCFieldDescriptor *field, const void *at, struct strbuf *out, int depth)
{
	union {
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		int number;
		protobuf_c_boolean truth;
		float f;
		double d;
		const char *str;
		const ProtobufCMessage *msg;
		ProtobufCBinaryData bytes;
	} v = {0};

	memcpy(&v, at, value_size(field->type));
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		sb_addf(out, "%" PRId32, v.i32);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		sb_addf(out, "%" PRIu32, v.u32);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		sb_addf(out, "%" PRId64, v.i64);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		sb_addf(out, "%" PRIu64, v.u64);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		sb_addf(out, "%g", (double)v.f);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		sb_addf(out, "%g", v.d);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		sb_add(out, v.truth ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		print_enum(field, v.number, out);
		break;
	case PROTOBUF_C_TYPE_STRING:
		print_string(v.str, out);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		sb_addf(out, "<%zu bytes>", v.bytes.len);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		print_message(v.msg, out, depth + 1);
		break;
	default:
		sb_add(out, "?");
		break;
	}
}

/* Map entries read better as "key": "value" than as messages. */
static void print_element(
	const ProtobufCFieldDescriptor *field, const void *at, struct strbuf *out, int depth)
{
	const ProtobufCMessage *entry;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
		print_value(field, at, out, depth);
		return;
	}
	memcpy(&entry, at, sizeof(void *));
	if (entry && entry->descriptor->n_fields == 2 &&
		streq(entry->descriptor->fields[0].name, "key") &&
		streq(entry->descriptor->fields[1].name, "value")) {
		print_value(&entry->descriptor->fields[0],
			(const char *)entry + entry->descriptor->fields[0].offset, out, depth);
		sb_add(out, ": ");
		print_value(&entry->descriptor->fields[1],
			(const char *)entry + entry->descriptor->fields[1].offset, out, depth);
		return;
	}
	print_message(entry, out, depth + 1);
}

static void print_repeated(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field,
	struct strbuf *out, int depth)
{
	size_t n;
	const char *array;

	memcpy(&n, (const char *)msg + field->quantifier_offset, sizeof(n));
	memcpy(&array, (const char *)msg + field->offset, sizeof(array));
	sb_addc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			sb_add(out, ", ");
		}
		if (i == CSI_PRINT_ELEMENTS_MAX) {
			sb_addf(out, "… %zu more", n - i);
			break;
		}
		print_element(field, array + i * value_size(field->type), out, depth);
	}
	sb_addc(out, ']');
}

/* Has the field a value worth printing? Proto3 without presence: zero and "" mean not set. */
static bool field_is_set(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
	static const char zero[sizeof(ProtobufCBinaryData)];
	const char *at = (const char *)msg + field->offset;
	const char *str;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t n;

		memcpy(&n, (const char *)msg + field->quantifier_offset, sizeof(n));
		return n > 0;
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		int which;

		memcpy(&which, (const char *)msg + field->quantifier_offset, sizeof(which));
		return which == (int)field->id;
	}
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		memcpy(&str, at, sizeof(str));
		return !str_empty(str);
	}
	return memcmp(at, zero, value_size(field->type)) != 0;
}

static void print_message(const ProtobufCMessage *msg, struct strbuf *out, int depth)
{
	const char *between = "";

	if (!msg || depth > CSI_PRINT_DEPTH_MAX) {
		sb_add(out, msg ? "{…}" : "{}");
		return;
	}
	sb_addc(out, '{');
	for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];

		if (!field_is_set(msg, field)) {
			continue;
		}
		sb_addf(out, "%s%s: ", between, field->name);
		between = ", ";
		if (csi_field_is_sensitive(field->name)) {
			sb_add(out, CSI_STRIPPED);
		} else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			print_repeated(msg, field, out, depth);
		} else {
			print_value(field, (const char *)msg + field->offset, out, depth);
		}
	}
	sb_addc(out, '}');
}

void csi_print(const ProtobufCMessage *msg, struct strbuf *out)
{
	print_message(msg, out, 0);
}
