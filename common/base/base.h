/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words every file uses: cleanup attributes, must-use results, small helpers. Nothing in here
 * allocates or keeps state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/** container_of - the object that @member at @ptr is part of. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/** _cleanup_ - run @fn on the address of the variable when its scope ends. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(base_freep)
#define _cleanup_close_ _cleanup_(base_closep)

/** TAKE_PTR - hand a pointer over: yields its value and leaves NULL behind. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) _taken = (p);                                                        \
		(p) = NULL;                                                                        \
		_taken;                                                                            \
	})

/** TAKE_FD - hand a file descriptor over: yields its value and leaves -1 behind. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _taken = (fd);                                                                 \
		(fd) = -1;                                                                         \
		_taken;                                                                            \
	})

static inline void base_freep(void *p)
{
	free(*(void **)p);
}

static inline void base_closep(const int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

/** streq - true when both strings are equal; neither may be NULL. */
static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/** str_empty - true for NULL and "". */
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}
