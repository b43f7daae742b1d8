/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spare files, for states that must be written although the pool is full.
 */
#include "target/store/spare.h"

#include "common/base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define SPARE_NAME_SIZE 12
#define BLOCK 4096

static void spare_name(int i, char out[SPARE_NAME_SIZE])
{
	(void)snprintf(out, SPARE_NAME_SIZE, "%d", i);
}

static bool whole(const struct stat *st)
{
	return st->st_size >= SPARE_SIZE && (int64_t)st->st_blocks * 512 >= SPARE_SIZE;
}

/* Written, not only allocated: the first use then converts nothing. */
static int fill(const struct step *in UNUSED, int folder, const char *name, struct err *err)
{
	static const char zeros[BLOCK];
	_cleanup_close_ int fd =
		openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_errno(err, errno, SPARE_FOLDER "/%s: open", name);
	}
	if (whole(&st)) {
		return 0;
	}
	for (off_t at = 0; at < SPARE_SIZE; at += BLOCK) {
		if (file_write_all(fd, zeros, sizeof(zeros)) < 0) {
			return err_errno(err, errno, SPARE_FOLDER "/%s: write", name);
		}
	}
	return fsync(fd) < 0 ? err_errno(err, errno, SPARE_FOLDER "/%s: fsync", name) : 0;
}

int spares_fill(const struct step *in, int folder, struct err *err)
{
	char name[SPARE_NAME_SIZE];

	for (int i = 0; i < SPARES; i++) {
		spare_name(i, name);
		if (fill(in, folder, name, err) < 0) {
			return -1;
		}
	}
	return fsync(folder) < 0 ? err_errno(err, errno, SPARE_FOLDER ": fsync") : 0;
}

/* The smallest that holds @len bytes, so that the large ones stay. Return: its number, -1: none. */
static int choose(int folder, size_t len)
{
	char name[SPARE_NAME_SIZE];
	int64_t least = INT64_MAX;
	int best = -1;

	for (int i = 0; i < SPARES; i++) {
		struct stat st;

		spare_name(i, name);
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
			continue;
		}
		int64_t room = (int64_t)st.st_blocks * 512;

		if (room >= (int64_t)len && room < least) {
			least = room;
			best = i;
		}
	}
	return best;
}

/* Nobody looks at a spare, so it may be half written when we die. */
static int prepare(
	const struct step *in UNUSED, int folder, const char *spare, const void *data, size_t len)
{
	_cleanup_close_ int fd = openat(folder, spare, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || file_write_all(fd, data, len) < 0 || ftruncate(fd, (off_t)len) < 0) {
		return -1;
	}
	return fsync(fd);
}

int spares_use(const struct step *in, int folder, int dirfd, const char *name, const void *data,
	size_t len, struct err *err)
{
	char spare[SPARE_NAME_SIZE];

	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		return err_errno(err, errno, "%s: replace by a spare file", name);
	}
	int i = choose(folder, len);

	if (i < 0) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: the file system is full, and no spare file has %zu bytes", name, len);
	}
	spare_name(i, spare);
	if (prepare(in, folder, spare, data, len) < 0) {
		return err_errno(err, errno, "%s: write to a spare file", name);
	}
	if (renameat2(folder, spare, dirfd, name, RENAME_EXCHANGE) < 0) {
		return err_errno(err, errno, "%s: exchange for a spare file", name);
	}
	if (fsync(dirfd) < 0 || fsync(folder) < 0) {
		return err_errno(err, errno, "%s: fsync its folder", name);
	}
	return 0;
}
