/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent's unit tests share: a folder of their own, a file system whose clone is a copy,
 * and an emulation of nvmet's configfs with the kernel's rules and a record of what was done to it.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/err.h"
#include "common/base/step.h"
#include "target/export/configfs.h"
#include "target/store/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

/** Leaf functions ask for a step; their tests have none. */
#define NO_STEP ((const struct step *)NULL)

/* snprintf() that fails the test when the text does not fit. */
static inline void print_to(char *out, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

static inline void print_to(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(out, size, fmt, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < size);
}

/** struct place - a folder of the test's own. */
struct place {
	char path[64];
};

static inline int remove_entry(
	const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static inline void place_make(struct place *place)
{
	print_to(place->path, sizeof(place->path), "/tmp/nv-target-XXXXXX");
	assert_non_null(mkdtemp(place->path));
}

static inline void place_remove(const struct place *place)
{
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	assert_int_equal(nftw(place->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A path in the place; good until the second call after it. */
static inline const char *at(const struct place *place, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	print_to(path, PATH_MAX, "%s/%s", place->path, name);
	return path;
}

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static inline bool exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define assert_err(e, wanted, part)                                                                \
	do {                                                                                       \
		if (!strstr((e).msg, (part))) {                                                    \
			fail_msg("\"%s\" does not hold \"%s\"", (e).msg, (part));                  \
		}                                                                                  \
		assert_int_equal((e).code, (wanted));                                              \
		(e) = (struct err){0};                                                             \
	} while (0)

#define assert_ok(call, e)                                                                         \
	do {                                                                                       \
		if ((call) != 0) {                                                                 \
			fail_msg("%s", (e).msg);                                                   \
		}                                                                                  \
	} while (0)

/* --- a file system with reflink, as far as the store can tell --- */

struct fake_fs {
	int clone_errno; /* what the next clones fail with, 0: they work */
	int hint_errno;
	int64_t extents;
};

static struct fake_fs fake_fs;
/* Called around what this file system does itself; may be NULL. */
static void (*fake_begins)(void);
static void (*fake_ends)(void);

static inline void fake_end(void)
{
	if (fake_ends) {
		fake_ends();
	}
}

static inline void fake_begin(void)
{
	if (fake_begins) {
		fake_begins();
	}
}

static inline int fake_clone(const struct step *in UNUSED, int dst, int src)
{
	struct stat st;
	char block[4096];

	if (fake_fs.clone_errno) {
		errno = fake_fs.clone_errno;
		return -1;
	}
	fake_begin();
	assert_int_equal(fstat(src, &st), 0);
	assert_int_equal(ftruncate(dst, st.st_size), 0);
	for (off_t off = lseek(src, 0, SEEK_DATA); off >= 0;
		off = lseek(src, off + 4096, SEEK_DATA)) {
		ssize_t n = pread(src, block, sizeof(block), off);

		assert_true(n > 0);
		assert_int_equal(pwrite(dst, block, (size_t)n, off), n);
	}
	fake_end();
	return 0;
}

static inline int fake_hint(const struct step *in UNUSED, int fd UNUSED, uint32_t bytes UNUSED)
{
	errno = fake_fs.hint_errno;
	return fake_fs.hint_errno ? -1 : 0;
}

static inline int fake_extents(int fd UNUSED, int64_t *ret)
{
	*ret = fake_fs.extents;
	return 0;
}

static const struct fsops fake_fsops UNUSED = {
	.clone = fake_clone,
	.extent_hint = fake_hint,
	.extents = fake_extents,
};
