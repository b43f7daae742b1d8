/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key and value, as CSI's maps carry them (parameters, contexts). A plain view: nothing is owned.
 */
#pragma once

#include "common/base/base.h"

struct kv {
	const char *key;
	const char *value;
};

struct kv_list {
	const struct kv *items;
	size_t n;
};

/** kv_get - the value at @key, NULL when absent; the last one wins (a map sent twice, as protobuf
 * says). */
const char *kv_get(struct kv_list list, const char *key);
/** kv_contains - does @more say all that @less does? */
bool kv_contains(struct kv_list more, struct kv_list less);
