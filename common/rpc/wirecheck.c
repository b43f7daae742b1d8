/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the fields of a message in their wire form, messages within messages by recursion, which
 * the depth limit bounds. The path of the field in error is put together only when there is one.
 */
#include "common/rpc/wirecheck.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <stdio.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

/* Most bytes of a key and of a length: more than the unpacker reads are no shorter number. */
#define HEAD_BYTES_MAX 5
#define FIELD_NUMBER_MAX ((UINT32_C(1) << 29) - 1)
#define FIELD_PATH_MAX 512

/* One message under way; the outer ones are reached by `parent`. */
struct walk {
	const struct walk *parent;
	const ProtobufCMessageDescriptor *type;
	const uint8_t *bytes;
	size_t n;
	const ProtobufCFieldDescriptor *field; /* the one being looked at */
	size_t at;			       /* where it starts */
	uint64_t seen;			       /* messages that came once, by their index */
	size_t *elements;		       /* of the whole request, and how many it may have */
	size_t elements_max;
	unsigned depth;
};

/* One field in its wire form. */
struct field {
	uint32_t number;
	enum wire_type wire;
	const uint8_t *data; /* the value, without its length */
	size_t len;
	size_t next; /* where the next field starts */
};

/* Return: the bytes taken, 0 when they do not hold a varint. */
static size_t read_varint(const uint8_t *bytes, size_t n, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && i < 10; i++) {
		value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
		if (!(bytes[i] & 0x80)) {
			*ret_value = value;
			return i + 1;
		}
	}
	return 0;
}

static bool read_field(const uint8_t *bytes, size_t n, size_t at, struct field *out)
{
	uint64_t key = 0;
	uint64_t value = 0;
	size_t head = read_varint(bytes + at, n - at, &key);
	size_t left;
	size_t taken = 0;

	if (head == 0 || head > HEAD_BYTES_MAX || key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX) {
		return false;
	}
	*out = (struct field){.number = (uint32_t)(key >> 3), .wire = (enum wire_type)(key & 7)};
	at += head;
	left = n - at;
	switch (out->wire) {
	case WIRE_VARINT:
		out->len = read_varint(bytes + at, left, &value);
		if (out->len == 0) {
			return false;
		}
		break;
	case WIRE_64BIT:
		out->len = 8;
		break;
	case WIRE_32BIT:
		out->len = 4;
		break;
	case WIRE_BYTES:
		taken = read_varint(bytes + at, left, &value);
		if (taken == 0 || taken > HEAD_BYTES_MAX || value > left - taken) {
			return false;
		}
		out->len = (size_t)value;
		break;
	default: /* groups, which proto3 does not have */
		return false;
	}
	if (out->len > left - taken) {
		return false;
	}
	out->data = bytes + at + taken;
	out->next = at + taken + out->len;
	return true;
}

static size_t index_of(const struct walk *walk)
{
	struct field field;
	size_t index = 0;

	for (size_t at = 0; at < walk->at && read_field(walk->bytes, walk->n, at, &field);
		at = field.next) {
		index += field.number == walk->field->id;
	}
	return index;
}

static void add_path(const struct walk *walk, struct strbuf *path)
{
	if (walk->parent) {
		add_path(walk->parent, path);
	}
	if (!walk->field) {
		return;
	}
	if (path->len > 0) {
		sb_addc(path, '.');
	}
	sb_add(path, walk->field->name);
	if (walk->field->label == PROTOBUF_C_LABEL_REPEATED) {
		sb_addf(path, "[%zu]", index_of(walk));
	}
}

static int refuse(const struct walk *walk, const char *what, struct err *err)
{
	_cleanup_strbuf_ struct strbuf path = sb_init(FIELD_PATH_MAX);

	add_path(walk, &path);
	return err_set(err, ERR_INVALID_ARGUMENT, "%s: %s",
		path.len > 0 && !path.failed ? sb_str(&path) : "request", what);
}

static enum wire_type wire_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

static int count_elements(const struct walk *walk, size_t more, struct err *err)
{
	char what[96];

	*walk->elements += more;
	if (*walk->elements <= walk->elements_max) {
		return 0;
	}
	(void)snprintf(what, sizeof(what), "more than %zu fields and elements in one message",
		walk->elements_max);
	return refuse(walk, what, err);
}

/* Numbers of a repeated field in one run of bytes. */
static int check_packed(const struct walk *walk, const struct field *field, struct err *err)
{
	enum wire_type wire = wire_of(walk->field->type);
	size_t width = wire == WIRE_32BIT ? 4 : 8;
	size_t elements = 0;
	uint64_t value;

	if (wire != WIRE_VARINT) {
		if (field->len % width != 0) {
			return refuse(walk, "the packed numbers end in the middle of one", err);
		}
		return count_elements(walk, field->len / width, err);
	}
	for (size_t at = 0; at < field->len; elements++) {
		size_t taken = read_varint(field->data + at, field->len - at, &value);

		if (taken == 0) {
			return refuse(walk, "the packed numbers end in the middle of one", err);
		}
		at += taken;
	}
	return count_elements(walk, elements, err);
}

static int check_string(const struct walk *walk, const struct field *field, struct err *err)
{
	const uint8_t *nul = memchr(field->data, 0, field->len);
	char what[128];

	if (nul) {
		(void)snprintf(what, sizeof(what),
			"has a NUL at byte %zu of %zu; strings must be UTF-8 without NUL",
			(size_t)(nul - field->data), field->len);
		return refuse(walk, what, err);
	}
	if (!utf8_valid((const char *)field->data, field->len)) {
		return refuse(walk, "is not valid UTF-8", err);
	}
	return 0;
}

/* A message that is there twice would be merged by the unpacker, which has fields of one overwrite
 * those of the other, or fails. No sender does that. */
static int check_once(struct walk *walk, struct err *err)
{
	size_t index = (size_t)(walk->field - walk->type->fields);

	if (walk->field->label == PROTOBUF_C_LABEL_REPEATED || index >= 64) {
		return 0;
	}
	if (walk->seen & (UINT64_C(1) << index)) {
		return refuse(walk, "is there twice", err);
	}
	walk->seen |= UINT64_C(1) << index;
	return 0;
}

static int check_message(struct walk *walk, struct err *err);

static int check_value(struct walk *walk, const struct field *field, struct err *err)
{
	const ProtobufCFieldDescriptor *known = walk->field;

	if (field->wire != wire_of(known->type)) {
		if (known->label == PROTOBUF_C_LABEL_REPEATED && field->wire == WIRE_BYTES) {
			return check_packed(walk, field, err);
		}
		return refuse(walk, "has another type than the interface says", err);
	}
	if (known->type == PROTOBUF_C_TYPE_STRING) {
		return check_string(walk, field, err);
	}
	if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
		struct walk inner = {
			.parent = walk,
			.type = known->descriptor,
			.bytes = field->data,
			.n = field->len,
			.elements = walk->elements,
			.elements_max = walk->elements_max,
			.depth = walk->depth + 1,
		};

		return check_once(walk, err) < 0 ? -1 : check_message(&inner, err);
	}
	return 0;
}

static int check_message(struct walk *walk, struct err *err)
{
	struct field field;

	if (walk->depth > RPC_WIRE_DEPTH_MAX) {
		return refuse(walk, "is nested too deep", err);
	}
	for (walk->at = 0; walk->at < walk->n; walk->at = field.next) {
		walk->field = NULL;
		if (!read_field(walk->bytes, walk->n, walk->at, &field)) {
			return refuse(walk, "is not a well-formed protobuf message", err);
		}
		walk->field = protobuf_c_message_descriptor_get_field(walk->type, field.number);
		/* Unknown fields are kept in memory by the unpacker, so they count too. */
		if (count_elements(walk, 1, err) < 0) {
			return -1;
		}
		if (walk->field && check_value(walk, &field, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int rpc_wire_check(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t n,
	size_t elements_max, struct err *err)
{
	size_t elements = 0;
	struct walk walk = {
		.type = type,
		.bytes = bytes,
		.n = n,
		.elements = &elements,
		.elements_max = elements_max,
		.depth = 1,
	};

	return check_message(&walk, err);
}
