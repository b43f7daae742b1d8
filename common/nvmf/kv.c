/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking a key up.
 */
#include "common/nvmf/kv.h"

const char *kv_get(struct kv_list list, const char *key)
{
	for (size_t i = list.n; i > 0; i--) {
		if (streq(list.items[i - 1].key, key)) {
			return list.items[i - 1].value;
		}
	}
	return NULL;
}

bool kv_contains(struct kv_list more, struct kv_list less)
{
	for (size_t i = 0; i < less.n; i++) {
		const char *value = kv_get(more, less.items[i].key);

		if (!value || !streq(value, less.items[i].value)) {
			return false;
		}
	}
	return true;
}
