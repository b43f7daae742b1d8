/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds the files of one folder to a fuzz target: replay FOLDER.
 */
#include "common/base/fileio.h"
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>

#define INPUT_MAX (1 << 20)

struct replay {
	int folder;
	unsigned files;
};

static int feed(const char *name, void *arg)
{
	struct replay *replay = arg;
	_cleanup_free_ char *data = NULL;
	struct err err = {0};
	size_t len;

	if (file_read(replay->folder, name, INPUT_MAX, &data, &len, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	/* In a block of just its size, so that ASan sees a look past its end. */
	uint8_t *exact = malloc(MAX(len, (size_t)1));
	if (!exact) {
		return 1;
	}
	memcpy(exact, data, len);
	(void)printf("%s (%zu bytes)\n", name, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	replay->files++;
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	struct replay replay = {.folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (replay.folder < 0 || dir_each(replay.folder, ".", feed, &replay, &err) != 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], err.msg);
		return 1;
	}
	(void)close(replay.folder);
	/* A corpus that went missing must not look like success. */
	if (replay.files == 0) {
		(void)fprintf(stderr, "%s: no file in it\n", argv[1]);
		return 1;
	}
	return 0;
}
