/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all stores share: names of objects.
 */
#include "target/store/store.h"

#include "common/base/parse.h"

const char *object_kind_name(enum object_kind kind)
{
	return kind == OBJECT_SNAPSHOT ? "snapshot" : "volume";
}

int object_id_check(const char *field, const char *id, struct err *err)
{
	size_t len = id ? strlen(id) : 0;
	bool good = len >= 1 && len <= OBJECT_ID_MAX && id[0] != '-';

	for (size_t i = 0; good && i < len; i++) {
		good = (id[i] >= 'a' && id[i] <= 'z') || (id[i] >= '0' && id[i] <= '9') ||
		       id[i] == '-';
	}
	if (!good) {
		char shown[72];

		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: \"%s\" must be 1 to %d characters of a-z, 0-9 and '-', not starting with '-'",
			field, printable(id ? id : "", shown, sizeof(shown)), OBJECT_ID_MAX);
	}
	return 0;
}

void store_free(struct store *store)
{
	if (store) {
		store->ops->free(store);
	}
}
