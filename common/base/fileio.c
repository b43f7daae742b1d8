/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, attributes and folders. Every open is close-on-exec; errors name the path.
 */
#include "common/base/fileio.h"

#include "common/base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FIRST_READ 4096
#define TMP_PREFIX ".tmp-"

/* read(2) until @size bytes or the end. Return: bytes, -1 with errno. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int file_read_all(
	int fd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0;
	size_t len = 0;

	/* The size that stat tells is no help: files of /proc and /sys say 0 or 4096. */
	for (;;) {
		if (len == size) {
			size = size ? size * 2 : FIRST_READ;
			/* One byte more than allowed tells "too long", one more holds the NUL. */
			size = MIN(size, max < SIZE_MAX - 2 ? max + 2 : max);
			char *more = realloc(data, size);
			if (!more) {
				return err_set(
					err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
			}
			data = more;
		}
		ssize_t n = read_full(fd, data + len, size - len);
		if (n < 0) {
			return err_errno(err, errno, "%s: read", path);
		}
		len += (size_t)n;
		if (len > max) {
			return err_set(err, ERR_OUT_OF_RANGE,
				"%s: longer than the %zu bytes allowed", path, max);
		}
		if (len < size) {
			break;
		}
	}
	data[len] = '\0';
	*ret_data = TAKE_PTR(data);
	if (ret_len) {
		*ret_len = len;
	}
	return 0;
}

int file_read(
	int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, errno, "%s: open", path)
		      : file_read_all(fd, path, max, ret_data, ret_len, err);
}

int file_write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			errno = n < 0 ? errno : ENOSPC;
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The folder that @path is in, opened, and the last part of the name. Return: fd, or -1. */
static int open_parent(int dirfd, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!*name || len >= sizeof(folder)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"'%s': must be the path of a file, below %d bytes", path, PATH_MAX);
	}
	memcpy(folder, path, len);
	folder[len] = '\0';
	if (len == 0) {
		(void)snprintf(folder, sizeof(folder), "%s", slash ? "/" : ".");
	}
	int fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, errno, "%s: open its folder", path);
	}
	*ret_name = name;
	return fd;
}

/* The new content under a name that nobody else uses. Return: 0, or -1 with the file removed. */
static int write_tmp(int folder, const char *tmp, const void *data, size_t len, mode_t mode)
{
	int fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		return -1;
	}
	/* By fchmod, since the umask would cut what open is given. */
	if (file_write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0) {
		int saved = errno;
		(void)close(fd);
		(void)unlinkat(folder, tmp, 0);
		errno = saved;
		return -1;
	}
	(void)close(fd);
	return 0;
}

int file_write_atomic(
	int dirfd, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	const char *name;
	uint8_t random[8];
	char tmp[sizeof(TMP_PREFIX) + 2 * sizeof(random)] = TMP_PREFIX;
	_cleanup_close_ int folder = open_parent(dirfd, path, &name, err);

	if (folder < 0) {
		return -1;
	}
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		return err_errno(err, errno, "%s: getrandom", path);
	}
	hex_print(random, sizeof(random), tmp + strlen(TMP_PREFIX));
	if (write_tmp(folder, tmp, data, len, mode) < 0) {
		return err_errno(err, errno, "%s: write", path);
	}
	if (renameat(folder, tmp, folder, name) < 0) {
		int saved = errno;
		(void)unlinkat(folder, tmp, 0);
		return err_errno(err, saved, "%s: rename", path);
	}
	if (fsync(folder) < 0) {
		return err_errno(err, errno, "%s: fsync its folder", path);
	}
	return 0;
}

int file_remove(int dirfd, const char *path, struct err *err)
{
	const char *name = NULL;
	struct err local = {0};
	_cleanup_close_ int folder = open_parent(dirfd, path, &name, &local);

	if (folder < 0) {
		return local.code == ERR_NOT_FOUND ? 0 : err_set(err, local.code, "%s", local.msg);
	}
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT) {
		return err_errno(err, errno, "%s: unlink", path);
	}
	/* Also when it was gone: an earlier call may have been killed before it got here. */
	if (fsync(folder) < 0) {
		return err_errno(err, errno, "%s: fsync its folder", path);
	}
	return 0;
}

int attr_read(int dirfd, const char *path, char *buf, size_t size, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: open", path);
	}
	ssize_t n = read_full(fd, buf, size);
	if (n < 0) {
		return err_errno(err, errno, "%s: read", path);
	}
	char *newline = memchr(buf, '\n', (size_t)n);
	if (newline) {
		*newline = '\0';
	} else if ((size_t)n < size) {
		buf[n] = '\0';
	} else {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: its first line is longer than %zu bytes", path, size - 1);
	}
	return 0;
}

int attr_write(int dirfd, const char *path, const char *value, struct err *err)
{
	size_t len = strlen(value);
	/* O_TRUNC means nothing to sysfs and configfs, and makes plain files of a test tree exact.
	 */
	int fd = openat(dirfd, path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: open", path);
	}
	ssize_t n = write(fd, value, len);
	int saved = n < 0 ? errno : EIO;
	(void)close(fd);
	if (n != (ssize_t)len) {
		errno = saved;
		/* Without the value: some attributes hold keys. */
		return err_errno(err, saved, "%s: write", path);
	}
	return 0;
}

int dir_sync(int dirfd, const char *path, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: open", path);
	}
	if (fsync(fd) < 0) {
		return err_errno(err, errno, "%s: fsync", path);
	}
	return 0;
}

/* Make the folder @part and make it last: fsync of what holds it. One that is there is fine. */
static int make_one(int dirfd, const char *part, mode_t mode, struct err *err)
{
	struct stat st;
	const char *name;

	if (mkdirat(dirfd, part, mode) < 0) {
		int saved = errno;
		/* On a read-only filesystem mkdir says EROFS also for a folder that is there. */
		if (fstatat(dirfd, part, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
			return 0;
		}
		return err_errno(err, saved == EEXIST ? ENOTDIR : saved, "%s: mkdir", part);
	}
	if (fchmodat(dirfd, part, mode, 0) < 0) {
		return err_errno(err, errno, "%s: chmod", part);
	}
	_cleanup_close_ int parent = open_parent(dirfd, part, &name, err);
	if (parent < 0) {
		return -1;
	}
	/* EINVAL: a filesystem that keeps nothing on a disk, as configfs, knows no fsync. */
	if (fsync(parent) < 0 && errno != EINVAL) {
		return err_errno(err, errno, "%s: fsync its folder", part);
	}
	return 0;
}

int dir_make(int dirfd, const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/') {
		len--;
	}
	if (len == 0 || len >= sizeof(part)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"folder '%s': must be a path of 1 to %d bytes", path, PATH_MAX - 1);
	}
	memcpy(part, path, len);
	part[len] = '\0';
	for (size_t i = 1; i < len; i++) {
		if (part[i] == '/' && part[i - 1] != '/') {
			part[i] = '\0';
			int made = make_one(dirfd, part, mode, err);
			part[i] = '/';
			if (made < 0) {
				return -1;
			}
		}
	}
	return make_one(dirfd, part, mode, err);
}

int dir_each(int dirfd, const char *path, int (*fn)(const char *name, void *arg), void *arg,
	struct err *err)
{
	_Alignas(struct dirent64) char buf[4096];
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: open", path);
	}
	for (;;) {
		ssize_t n = getdents64(fd, buf, sizeof(buf));
		if (n < 0) {
			return err_errno(err, errno, "%s: read", path);
		}
		if (n == 0) {
			return 0;
		}
		for (char *p = buf; p < buf + n;) {
			struct dirent64 *entry = (struct dirent64 *)p;
			p += entry->d_reclen;
			if (streq(entry->d_name, ".") || streq(entry->d_name, "..")) {
				continue;
			}
			int result = fn(entry->d_name, arg);
			if (result != 0) {
				return result;
			}
		}
	}
}
