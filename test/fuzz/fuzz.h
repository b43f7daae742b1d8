/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target has: libFuzzer's entry, a check that stops it, and an input as text, as
 * file or split into lines.
 */
#pragma once

#include "common/base/err.h"
#include "common/nvmf/kv.h"

/** LLVMFuzzerTestOneInput - one input; libFuzzer or replay.c calls it. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** FUZZ_CHECK - end the program, as libFuzzer wants it, when @truth does not hold. */
#define FUZZ_CHECK(truth)                                                                          \
	do {                                                                                       \
		if (!(truth)) {                                                                    \
			fuzz_fail(#truth, __FILE__, __LINE__);                                     \
		}                                                                                  \
	} while (0)

/** fuzz_fail - say what did not hold and abort. */
_Noreturn void fuzz_fail(const char *truth, const char *file, int line);

/** fuzz_text - an input as a NUL-terminated text in a block of just its size, so that ASan sees a
 * look past its end. The caller frees. */
char *fuzz_text(const uint8_t *data, size_t size);

#define FUZZ_PATH_SIZE 64
/** fuzz_file - an input as a file in memory. Return: its descriptor, for the caller to close, and
 * its path. */
int fuzz_file(const uint8_t *data, size_t size, char ret_path[FUZZ_PATH_SIZE]);

/** fuzz_folder - an empty folder of this process, open; the same one each time. */
int fuzz_folder(void);
/** fuzz_put - the file @name in it has this content; NULL: there is no such file. */
void fuzz_put(const char *name, const void *content, size_t size);

/** fuzz_said - is @err an error as people and logs may see it: a code, and a text without control
 * characters? */
void fuzz_said(const struct err *err);

/** Most lines taken from one input, and most bytes. */
#define LINES_MAX 64
#define LINES_SIZE 8192

/** struct lines - an input as a map: each line is "key=value"; one without '=' is a key alone. */
struct lines {
	struct kv items[LINES_MAX];
	size_t n;
	char text[LINES_SIZE + 1];
};

/** lines_split - fill @ret from an input; what does not fit is left out. */
void lines_split(const uint8_t *data, size_t size, struct lines *ret);
/** lines_words - the lines as words of a command line, with what stands behind '='. @ret has room
 * for LINES_MAX and a NULL. Return: how many. */
int lines_words(const uint8_t *data, size_t size, struct lines *lines, char **ret);
/** lines_list - as the functions under test take it. */
struct kv_list lines_list(const struct lines *lines);
