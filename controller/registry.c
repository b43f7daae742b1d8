/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of backends.
 */
#include "controller/registry.h"

#include "controller/backend/linux/linux.h"
#include "controller/backend/spdk/spdk.h"
#include "controller/backend/static/static.h"

static const struct backend_type *const rows[] = {
	&backend_linux,
	&backend_spdk,
	&backend_static,
};

const struct backend_type *registry_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (streq(rows[i]->type, type)) {
			return rows[i];
		}
	}
	return NULL;
}

const char *const *registry_types(void)
{
	/* Filled with the same pointers by whoever asks first; read only afterwards. */
	static const char *names[ARRAY_SIZE(rows) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		names[i] = rows[i]->type;
	}
	return names;
}
