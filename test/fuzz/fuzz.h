/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target has: libFuzzer's entry, a check that stops it, and input split into lines.
 */
#pragma once

#include "common/base/base.h"
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
/** lines_list - as the functions under test take it. */
struct kv_list lines_list(const struct lines *lines);
