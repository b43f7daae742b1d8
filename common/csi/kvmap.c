/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf maps to key/value lists and back, by way of the message descriptors: all map entries of
 * CSI are { string key = 1; string value = 2; }.
 */
#include "common/csi/kvmap.h"

/* Pointers are read and written as bytes: the arrays are of many types, and all of them look alike.
 */
static void *pointer_at(const void *base, size_t offset)
{
	void *p;

	memcpy(&p, (const char *)base + offset, sizeof(p));
	return p;
}

static void pointer_set(void *base, size_t offset, const void *p)
{
	memcpy((char *)base + offset, &p, sizeof(p));
}

static const char *entry_string(const ProtobufCMessage *entry, unsigned field)
{
	const char *text = pointer_at(entry, entry->descriptor->fields[field].offset);

	return text ? text : "";
}

int csi_map_read(struct arena *arena, const char *field, size_t n, const void *entries,
	struct kv_list *ret_list, struct err *err)
{
	struct kv *items;
	size_t kept = 0;
	size_t bytes = 0;

	*ret_list = (struct kv_list){0};
	if (n == 0) {
		return 0;
	}
	if (n > CSI_MAP_ENTRIES_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: %zu entries, at most %d are allowed",
			field, n, CSI_MAP_ENTRIES_MAX);
	}
	items = arena_alloc(arena, n * sizeof(*items));
	if (!items) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: the request is too large", field);
	}
	for (size_t i = 0; i < n; i++) {
		const ProtobufCMessage *entry = pointer_at(entries, i * sizeof(void *));
		const char *key = entry_string(entry, 0);
		const char *value = entry_string(entry, 1);
		size_t at = 0;

		bytes += strlen(key) + strlen(value);
		while (at < kept && !streq(items[at].key, key)) {
			at++;
		}
		items[at] = (struct kv){.key = key, .value = value};
		kept = MAX(kept, at + 1);
	}
	if (bytes > CSI_MAP_BYTES_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: %zu bytes of keys and values, at most %d are allowed", field, bytes,
			CSI_MAP_BYTES_MAX);
	}
	*ret_list = (struct kv_list){.items = items, .n = kept};
	return 0;
}

void *csi_map_make(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
	struct kv_list list, size_t *ret_n, struct err *err)
{
	void *array;

	*ret_n = 0;
	if (list.n == 0) {
		return NULL;
	}
	array = arena_alloc(arena, list.n * sizeof(void *));
	for (size_t i = 0; array && i < list.n; i++) {
		ProtobufCMessage *entry = arena_alloc(arena, descriptor->sizeof_message);

		if (!entry) {
			array = NULL;
			break;
		}
		descriptor->message_init(entry);
		pointer_set(entry, descriptor->fields[0].offset, list.items[i].key);
		pointer_set(entry, descriptor->fields[1].offset, list.items[i].value);
		pointer_set(array, i * sizeof(void *), entry);
	}
	if (!array) {
		/* Not RESOURCE_EXHAUSTED: what the answer tells of is done already (P6). */
		(void)err_set(
			err, ERR_UNAVAILABLE, "the answer is too large: no room for a map; retry");
		return NULL;
	}
	*ret_n = list.n;
	return array;
}
