/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the kinds of store.
 */
#include "target/store/kind.h"

#include "target/store/file.h"
#include "target/store/lvmthin.h"

struct kind {
	const char *type;
	int (*open)(const struct step *in, const struct store_options *options,
		struct store **ret_store, struct stamp *ret_stamp, struct err *err);
};

static const struct kind kinds[] = {
	{FILE_STORE_TYPE, file_store_open},
	{LVMTHIN_STORE_TYPE, lvmthin_store_open},
};

const char *const store_types[] = {FILE_STORE_TYPE, LVMTHIN_STORE_TYPE, NULL};

int store_open(const struct step *in, const struct store_options *options, struct store **ret_store,
	struct stamp *ret_stamp, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (streq(kinds[i].type, options->type)) {
			return kinds[i].open(in, options, ret_store, ret_stamp, err);
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "pool %s: type: there is no store \"%s\"",
		options->name, options->type);
}
