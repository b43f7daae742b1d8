/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of a pool's generation: in a file of its own, and against the recorded one.
 */
#include "target/store/generation.h"

#include "common/base/fileio.h"
#include "common/base/parse.h"

#include <stdio.h>

#define GENERATION_TEXT_SIZE 32

int generation_read(int dirfd, const char *path, int64_t *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct err why = {0};

	if (file_read(dirfd, GENERATION_FILE, GENERATION_TEXT_SIZE, &text, NULL, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			*ret = 0;
			return 0;
		}
		return err_set(err, ERR_UNAVAILABLE, "%s/%s: %s", path, GENERATION_FILE, why.msg);
	}
	text[strcspn(text, "\n")] = '\0';
	if (parse_i64(GENERATION_FILE, text, 1, INT64_MAX - 1, ret, &why) < 0) {
		return err_set(err, ERR_DATA_LOSS, "%s: %s", path, why.msg);
	}
	return 0;
}

int generation_refuse_older(
	const struct store_options *options, const char *where, int64_t generation, struct err *err)
{
	if (generation >= options->generation) {
		return 0;
	}
	return err_set(err, ERR_FAILED_PRECONDITION,
		"pool %s: %s is an older copy (generation %lld, %lld is recorded), as from a backup, without what came since: put the newest back, or remove %s to use this one",
		options->name, where, (long long)generation, (long long)options->generation,
		options->record);
}

int generation_write(const struct step *in, int dirfd, int64_t generation, struct err *err)
{
	char text[GENERATION_TEXT_SIZE];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)generation);

	if (file_write_atomic(dirfd, GENERATION_FILE, text, (size_t)n, 0600, err) < 0) {
		return err_wrap(err, GENERATION_FILE);
	}
	return step_changed(in, "generation", err);
}
