/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configfs by plain system calls.
 */
#include "target/export/configfs.h"

#include "common/base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

static int linux_mkdir(const struct step *in UNUSED, const char *path)
{
	return mkdir(path, 0755);
}

static int linux_rmdir(const struct step *in UNUSED, const char *path)
{
	return rmdir(path);
}

static int linux_symlink(const struct step *in UNUSED, const char *target, const char *path)
{
	return symlink(target, path);
}

static int linux_unlink(const struct step *in UNUSED, const char *path)
{
	return unlink(path);
}

static int linux_write(const struct step *in UNUSED, const char *path, const char *value)
{
	return attr_write(AT_FDCWD, path, value, NULL);
}

const struct configfs_ops configfs_linux = {
	.mkdir = linux_mkdir,
	.rmdir = linux_rmdir,
	.symlink = linux_symlink,
	.unlink = linux_unlink,
	.write = linux_write,
};

/* A path with its root; one that does not fit is cut, and then names nothing. */
struct full {
	char path[PATH_MAX];
};

static struct full full_of(const struct configfs *cfs, const char *path)
{
	struct full full;

	(void)snprintf(full.path, sizeof(full.path), "%s/%s", cfs->root, path);
	return full;
}

const char *configfs_path(char out[CONFIGFS_PATH_SIZE], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out, CONFIGFS_PATH_SIZE, fmt, args);
	va_end(args);
	return out;
}

int configfs_mkdir(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err)
{
	struct full full = full_of(cfs, path);

	if (cfs->ops->mkdir(in, full.path) < 0 && errno != EEXIST) {
		return err_errno(err, errno, "mkdir %s", full.path);
	}
	return step_changed(in, "mkdir", err);
}

int configfs_rmdir(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err)
{
	struct full full = full_of(cfs, path);

	if (cfs->ops->rmdir(in, full.path) < 0 && errno != ENOENT) {
		return err_errno(err, errno, "rmdir %s", full.path);
	}
	return step_changed(in, "rmdir", err);
}

int configfs_link(const struct step *in, const struct configfs *cfs, const char *target,
	const char *path, struct err *err)
{
	struct full to = full_of(cfs, target);
	struct full full = full_of(cfs, path);

	if (cfs->ops->symlink(in, to.path, full.path) < 0 && errno != EEXIST) {
		return err_errno(err, errno, "link %s", full.path);
	}
	return step_changed(in, "link", err);
}

int configfs_unlink(
	const struct step *in, const struct configfs *cfs, const char *path, struct err *err)
{
	struct full full = full_of(cfs, path);

	if (cfs->ops->unlink(in, full.path) < 0 && errno != ENOENT) {
		return err_errno(err, errno, "unlink %s", full.path);
	}
	return step_changed(in, "unlink", err);
}

int configfs_write(const struct step *in, const struct configfs *cfs, const char *path,
	const char *value, struct err *err)
{
	struct full full = full_of(cfs, path);

	if (cfs->ops->write(in, full.path, value) < 0) {
		return err_errno(err, errno, "write \"%s\" to %s", value, full.path);
	}
	return step_changed(in, "write", err);
}

int configfs_set(const struct step *in, const struct configfs *cfs, const char *path,
	const char *value, struct err *err)
{
	char now[CONFIGFS_VALUE_SIZE];

	if (configfs_read(cfs, path, now, err) < 0) {
		return -1;
	}
	return streq(now, value) ? 0 : configfs_write(in, cfs, path, value, err);
}

int configfs_read(const struct configfs *cfs, const char *path, char value[CONFIGFS_VALUE_SIZE],
	struct err *err)
{
	struct full full = full_of(cfs, path);

	return attr_read(AT_FDCWD, full.path, value, CONFIGFS_VALUE_SIZE, err);
}

bool configfs_has(const struct configfs *cfs, const char *path)
{
	struct full full = full_of(cfs, path);

	return faccessat(AT_FDCWD, full.path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int add_name(const char *name, void *arg)
{
	struct configfs_names *names = arg;

	if (names->n == names->size) {
		size_t size = names->size ? names->size * 2 : 16;
		char **list = realloc(names->list, size * sizeof(*list));

		if (!list) {
			return 1;
		}
		names->list = list;
		names->size = size;
	}
	names->list[names->n] = strdup(name);
	if (!names->list[names->n]) {
		return 1;
	}
	names->n++;
	return 0;
}

int configfs_list(
	const struct configfs *cfs, const char *path, struct configfs_names *ret, struct err *err)
{
	struct full full = full_of(cfs, path);
	struct err why = {0};

	*ret = (struct configfs_names){0};
	int rc = dir_each(AT_FDCWD, full.path, add_name, ret, &why);
	if (rc == 0 || (rc < 0 && why.code == ERR_NOT_FOUND)) {
		return 0;
	}
	configfs_names_done(ret);
	if (rc > 0) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "list %s: no memory", full.path);
	}
	return err_set(err, why.code, "%s", why.msg);
}

void configfs_names_done(struct configfs_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		free(names->list[i]);
	}
	free(names->list);
	*names = (struct configfs_names){0};
}
