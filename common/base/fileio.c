/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files and single attributes.
 */
#include "common/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

/* Read until the end or @size bytes. Return: bytes read, -1 with errno. */
static ssize_t read_some(int fd, char *buf, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, buf + got, size - got);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_read(
	int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: cannot open", path);
	}
	/* Attributes say 4096 or 0 whatever they hold, so the size is found by reading. */
	size_t size = MIN(max, (size_t)4096);
	size_t len = 0;
	_cleanup_free_ char *data = malloc(size + 1);
	for (;;) {
		if (!data) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
		}
		ssize_t n = read_some(fd, data + len, size + 1 - len);
		if (n < 0) {
			return err_errno(err, errno, "%s: cannot read", path);
		}
		len += (size_t)n;
		if (len <= size) {
			break;
		}
		if (size == max) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED,
				"%s: larger than the %zu bytes allowed", path, max);
		}
		size = MIN(max, size * 4);
		char *more = realloc(data, size + 1);
		if (!more) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
		}
		data = more;
	}
	data[len] = '\0';
	*ret_data = TAKE_PTR(data);
	if (ret_len) {
		*ret_len = len;
	}
	return 0;
}

/* The folder of @path, "." when it has none, into @out. */
static int folder_of(const char *path, char out[PATH_MAX], struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len + 1 >= PATH_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT, "path: longer than %d bytes", PATH_MAX);
	}
	if (!slash) {
		memcpy(out, ".", 2);
	} else if (len == 0) {
		memcpy(out, "/", 2);
	} else {
		memcpy(out, path, len);
		out[len] = '\0';
	}
	return 0;
}

int dir_sync(int dirfd, const char *path, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0) {
		return err_errno(err, errno, "%s: cannot fsync the folder", path);
	}
	return 0;
}

int file_write_atomic(
	int dirfd, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	static _Atomic unsigned counter;
	char folder[PATH_MAX];
	char temp[PATH_MAX];

	if (folder_of(path, folder, err) < 0) {
		return -1;
	}
	int n = snprintf(temp, sizeof(temp), "%s/.tmp-%d-%u", folder, getpid(),
		atomic_fetch_add(&counter, 1));
	if (n < 0 || (size_t)n >= sizeof(temp)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: path too long", path);
	}
	_cleanup_close_ int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) {
		return err_errno(err, errno, "%s: cannot create beside it", path);
	}
	if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0 ||
		renameat(dirfd, temp, dirfd, path) < 0) {
		int saved = errno;
		(void)unlinkat(dirfd, temp, 0);
		return err_errno(err, saved, "%s: cannot write", path);
	}
	return dir_sync(dirfd, folder, err);
}

int file_remove(int dirfd, const char *path, struct err *err)
{
	char folder[PATH_MAX];

	if (unlinkat(dirfd, path, 0) < 0 && errno != ENOENT) {
		return err_errno(err, errno, "%s: cannot remove", path);
	}
	if (folder_of(path, folder, err) < 0) {
		return -1;
	}
	struct err sync_err = {0};
	if (dir_sync(dirfd, folder, &sync_err) < 0 && sync_err.code != ERR_NOT_FOUND) {
		return err_set(err, sync_err.code, "%s", sync_err.msg);
	}
	return 0;
}

int attr_read(int dirfd, const char *path, char *buf, size_t size, struct err *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: cannot open", path);
	}
	ssize_t n = read_some(fd, buf, size);
	if (n < 0) {
		return err_errno(err, errno, "%s: cannot read", path);
	}
	char *newline = memchr(buf, '\n', (size_t)n);
	if (newline) {
		*newline = '\0';
	} else if ((size_t)n == size) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "%s: longer than %zu bytes", path, size - 1);
	} else {
		buf[n] = '\0';
	}
	return 0;
}

int attr_write(int dirfd, const char *path, const char *value, struct err *err)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t n = fd < 0 ? -1 : write(fd, value, len);
	int saved = n < 0 ? errno : (size_t)n == len ? 0 : EIO;

	if (fd >= 0) {
		(void)close(fd);
	}
	if (saved) {
		(void)err_errno(err, saved, "%s: cannot write '%.64s'", path, value);
		errno = saved;
		return -1;
	}
	return 0;
}

int dir_make(int dirfd, const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "folder: a path of 1 to %d bytes is needed",
			PATH_MAX - 1);
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0') {
			continue;
		}
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdirat(dirfd, part, mode) < 0 && errno != EEXIST) {
			return err_errno(err, errno, "%s: cannot make the folder", part);
		}
	}
	struct stat st;
	if (fstatat(dirfd, path, &st, 0) < 0) {
		return err_errno(err, errno, "%s: cannot stat", path);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_FAILED_PRECONDITION, "%s: is there and is no folder", path);
	}
	return 0;
}

static void closedirp(DIR **dir)
{
	if (*dir) {
		(void)closedir(*dir);
	}
}

int dir_each(int dirfd, const char *path, int (*fn)(const char *name, void *arg), void *arg,
	struct err *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return err_errno(err, errno, "%s: cannot open the folder", path);
	}
	_cleanup_(closedirp) DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return err_errno(err, ENOMEM, "%s: cannot read the folder", path);
	}
	for (;;) {
		errno = 0;
		/* One DIR belongs to one thread here, which is what readdir asks for. */
		struct dirent *entry = readdir(dir); // NOLINT(concurrency-mt-unsafe)
		if (!entry) {
			return errno ? err_errno(err, errno, "%s: cannot read the folder", path) : 0;
		}
		if (streq(entry->d_name, ".") || streq(entry->d_name, "..")) {
			continue;
		}
		int result = fn(entry->d_name, arg);
		if (result != 0) {
			return result;
		}
	}
}
