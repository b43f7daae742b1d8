/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One segment of the topology: keys and values that say where a node is, or from where a backend is
 * reached, as {"nvmetcp.csi.dev/zone": "a"}. What stands in a configuration is checked against
 * CSI's rules and given the driver's name as prefix where it has none.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/nvmf/kv.h"

/** CSI's limits, in bytes: a key's prefix and name, and a value. */
#define CSI_SEGMENT_WORD_MAX 63
/** Most keys of one segment. */
#define CSI_SEGMENT_KEYS_MAX 8

/** struct csi_segment - start with arena and driver set. The strings live as long as the arena. */
struct csi_segment {
	struct arena *arena;
	const char *driver; /* the prefix of keys without one */
	struct kv items[CSI_SEGMENT_KEYS_MAX];
	size_t n;
};

/** csi_segment_list - the segment as the core and the messages take it; borrows from @segment. */
static inline struct kv_list csi_segment_list(const struct csi_segment *segment)
{
	return (struct kv_list){.items = segment->items, .n = segment->n};
}

/**
 * csi_segment_add - add @key (with or without a prefix) and @value, which are copied.
 * Return: 0, or -1 INVALID_ARGUMENT naming @field: a key or value that CSI does not allow, a key
 * that is there already (case does not count), too many keys; RESOURCE_EXHAUSTED.
 */
MUST_USE int csi_segment_add(struct csi_segment *segment, const char *field, const char *key,
	const char *value, struct err *err);
/**
 * csi_segment_parse - add all of @text, "KEY=VALUE[,KEY=VALUE...]". A key without a value is left
 * out: it is what an environment variable leaves that is not set.
 * Return: as csi_segment_add().
 */
MUST_USE int csi_segment_parse(
	struct csi_segment *segment, const char *field, const char *text, struct err *err);
