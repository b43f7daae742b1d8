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
