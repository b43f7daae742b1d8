/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table as the kernel might print it. libmount reads it; what we make of it is whole, and
 * each mount is found again at its place.
 */
#include "node/mount/table.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	char real[PATH_MAX];
	_cleanup_close_ int fd = fuzz_file(data, size, path);
	_cleanup_mount_table_ struct mount_table *table = NULL;
	struct err err = {0};

	FUZZ_CHECK(fd >= 0);
	if (mount_table_read(path, &table, &err) < 0) {
		fuzz_said(&err);
		return 0;
	}
	for (size_t i = 0; i < mount_table_len(table); i++) {
		const struct mount_entry *entry = mount_table_at(table, i);
		const struct mount_entry *top = mount_table_find(table, entry->target);

		FUZZ_CHECK(top && top >= entry && streq(top->target, entry->target));
		FUZZ_CHECK(mount_table_find_dev(table, entry->dev) <= entry);
		FUZZ_CHECK(mount_table_find_root(table, entry->root) <= entry);
		err = (struct err){0};
		if (mount_real_path(entry->target, real, &err) < 0) {
			fuzz_said(&err);
		}
	}
	return 0;
}
