/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls themselves. Their names are the linker's (--wrap).
 */
#include "test/failing/wraps.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* WRAP(group, failure, type, name, arguments as declared, arguments as passed) */
#define WRAP(group, failure, type, name, declared, passed)                                         \
	type __real_##name declared;                                                               \
	type __wrap_##name declared;                                                               \
	type __wrap_##name declared                                                                \
	{                                                                                          \
		if (failing_now(FAILING_GROUP_##group)) {                                          \
			errno = FAILING_GROUP_##group == FAILING_GROUP_MEMORY ? ENOMEM             \
									      : failing_errno();   \
			return failure;                                                            \
		}                                                                                  \
		return __real_##name passed;                                                       \
	}

WRAP(MEMORY, NULL, void *, malloc, (size_t size), (size))
WRAP(MEMORY, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(MEMORY, NULL, void *, realloc, (void *old, size_t size), (old, size))
WRAP(MEMORY, NULL, void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAP(MEMORY, NULL, char *, strdup, (const char *text), (text))
WRAP(MEMORY, NULL, char *, strndup, (const char *text, size_t n), (text, n))

WRAP(FILES, -1, ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
WRAP(SPACE, -1, ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))
WRAP(SPACE, -1, ssize_t, pwrite, (int fd, const void *buf, size_t n, off_t at), (fd, buf, n, at))
WRAP(SPACE, -1, int, fsync, (int fd), (fd))
WRAP(FILES, -1, int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(FILES, -1, int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(FILES, -1, int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(FILES, -1, int, stat, (const char *path, struct stat *st), (path, st))
WRAP(FILES, -1, int, fstatat, (int dir, const char *path, struct stat *st, int flags),
	(dir, path, st, flags))
WRAP(FILES, -1, int, faccessat, (int dir, const char *path, int mode, int flags),
	(dir, path, mode, flags))
WRAP(SPACE, -1, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(SPACE, -1, int, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
WRAP(FILES, -1, int, renameat2, (int from, const char *a, int to, const char *b, unsigned flags),
	(from, a, to, b, flags))
WRAP(FILES, -1, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(FILES, -1, ssize_t, getdents64, (int fd, void *buf, size_t n), (fd, buf, n))

/* Those with a mode only sometimes. */
#define MODE_OF(flags, last)                                                                       \
	({                                                                                         \
		va_list args;                                                                      \
		mode_t given = 0;                                                                  \
		if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) {                   \
			va_start(args, last);                                                      \
			given = va_arg(args, mode_t);                                              \
			va_end(args);                                                              \
		}                                                                                  \
		given;                                                                             \
	})

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);

static bool refuse_open(int flags)
{
	if (failing_now(flags & O_CREAT ? FAILING_GROUP_SPACE : FAILING_GROUP_FILES)) {
		errno = failing_errno();
		return true;
	}
	return false;
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);

	return refuse_open(flags) ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = MODE_OF(flags, flags);

	return refuse_open(flags) ? -1 : __real_openat(dir, path, flags, mode);
}
