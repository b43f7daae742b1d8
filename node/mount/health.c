/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side of the questions to a mounted filesystem.
 */
#include "node/mount/health.h"

#include "common/base/parse.h"

#include <stdio.h>

int mount_usage_read(
	const char *path, dev_t dev, struct guard *guard, struct mount_usage *ret, struct err *err)
{
	struct mount_usage usage;
	int64_t *const fields[] = {&usage.bytes_total, &usage.bytes_used, &usage.bytes_free,
		&usage.inodes_total, &usage.inodes_used, &usage.inodes_free};
	_cleanup_free_ char *text = NULL;
	char number[24];

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)dev);
	const char *const argv[] = {"statfs", path, number, NULL};
	if (guard_call(guard, argv, -1, &text, err) < 0) {
		return -1;
	}
	char *rest = text;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *word = strsep(&rest, " ");
		if (!word || parse_i64("statfs", word, 0, INT64_MAX, fields[i], err) < 0) {
			return err_set(err, ERR_INTERNAL,
				"%s: statfs: the answer is not understood", path);
		}
	}
	*ret = usage;
	return 0;
}

static int ask(
	const char *verb, const char *path, struct guard *guard, bool *ret_yes, struct err *err)
{
	const char *const argv[] = {verb, path, NULL};
	_cleanup_free_ char *text = NULL;

	if (guard_call(guard, argv, -1, &text, err) < 0) {
		return -1;
	}
	*ret_yes = streq(text, "yes");
	return 0;
}

int mount_alive(const char *path, struct guard *guard, bool *ret_alive, struct err *err)
{
	return ask("alive", path, guard, ret_alive, err);
}

int mount_opens(const char *path, struct guard *guard, bool *ret_opens, struct err *err)
{
	return ask("opens", path, guard, ret_opens, err);
}
