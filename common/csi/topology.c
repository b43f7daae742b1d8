/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of topology keys and values. Kubernetes makes labels of nodes from them, whose rules are
 * the same as CSI's.
 */
#include "common/csi/topology.h"

#include "common/base/parse.h"

#include <ctype.h>
#include <strings.h>

static bool alphanumeric(char c)
{
	return (unsigned char)c < 0x80 && isalnum((unsigned char)c);
}

/* 1 to 63 letters, digits and some of @between, a letter or digit at both ends. */
static bool is_word(const char *text, size_t len, const char *between)
{
	if (len < 1 || len > CSI_SEGMENT_WORD_MAX || !alphanumeric(text[0]) ||
		!alphanumeric(text[len - 1])) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!alphanumeric(text[i]) && !strchr(between, text[i])) {
			return false;
		}
	}
	return true;
}

/* As labels have it: lower case, domain notation. */
static bool is_prefix(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (isupper((unsigned char)text[i]) ||
			(i > 0 && text[i] == '.' && text[i - 1] == '.')) {
			return false;
		}
	}
	return is_word(text, len, "-.");
}

static int check(const char *field, const char *key, const char *value, struct err *err)
{
	const char *slash = strchr(key, '/');
	const char *name = slash ? slash + 1 : key;
	char shown[129];

	if ((slash && !is_prefix(key, (size_t)(slash - key))) ||
		!is_word(name, strnlen(name, CSI_SEGMENT_WORD_MAX + 1), "-_.")) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: \"%s\" is no topology key: 1 to %d letters, digits, '-', '_' and '.', a letter or digit "
			"at both ends, perhaps after a domain in lower case and '/'",
			field, printable(key, shown, sizeof(shown)), CSI_SEGMENT_WORD_MAX);
	}
	if (!is_word(value, strnlen(value, CSI_SEGMENT_WORD_MAX + 1), "-_.")) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: \"%s\" is no topology value: 1 to %d letters, digits, '-', '_' and '.', a letter or "
			"digit at both ends",
			field, printable(value, shown, sizeof(shown)), CSI_SEGMENT_WORD_MAX);
	}
	return 0;
}

int csi_segment_add(struct csi_segment *segment, const char *field, const char *key,
	const char *value, struct err *err)
{
	struct kv item;

	if (check(field, key, value, err) < 0) {
		return -1;
	}
	item.key = strchr(key, '/') ? arena_strdup(segment->arena, key)
				    : arena_printf(segment->arena, "%s/%s", segment->driver, key);
	item.value = arena_strdup(segment->arena, value);
	if (!item.key || !item.value) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory for it", field);
	}
	for (size_t i = 0; i < segment->n; i++) {
		if (strcasecmp(segment->items[i].key, item.key) == 0) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: %s is given twice, \"%s\" and \"%s\"; a segment has one value of each key",
				field, item.key, segment->items[i].value, value);
		}
	}
	if (segment->n == ARRAY_SIZE(segment->items)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: more than %d keys, which is the most of one segment", field,
			CSI_SEGMENT_KEYS_MAX);
	}
	segment->items[segment->n++] = item;
	return 0;
}

int csi_segment_parse(
	struct csi_segment *segment, const char *field, const char *text, struct err *err)
{
	char *copy = arena_strdup(segment->arena, text);
	char shown[129];
	char *pair;

	if (!copy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory for it", field);
	}
	while ((pair = strsep(&copy, ",")) != NULL) {
		char *value = strchr(pair, '=');

		if (!value) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"%s: \"%s\" is no KEY=VALUE; segments are written as zone=a,rack=7",
				field, printable(pair, shown, sizeof(shown)));
		}
		*value++ = '\0';
		if (*value && csi_segment_add(segment, field, pair, value, err) < 0) {
			return -1;
		}
	}
	return 0;
}
