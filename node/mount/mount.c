/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side: what may hang is asked of the helper, the rest is done here.
 */
#include "node/mount/mount.h"

#include "common/base/fileio.h"
#include "node/mount/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

int mount_filesystem(
	const struct step *in, const struct mount_what *what, struct guard *guard, struct err *err)
{
	char dev[24];
	char flags[24];

	(void)in;
	(void)snprintf(dev, sizeof(dev), "%llu", (unsigned long long)what->dev);
	(void)snprintf(flags, sizeof(flags), "%lu", what->flags);
	const char *const argv[] = {
		"mount", what->name, dev, what->target, what->fs_type, flags, what->data, NULL};
	return guard_call(guard, argv, what->fd, NULL, err);
}

int mount_bind(
	const struct step *in, const char *from, const char *to, bool read_only, struct err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	_cleanup_close_ int tree =
		open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
	if (tree < 0) {
		return err_errno(err, errno, "%s: cannot be shown at %s", from, to);
	}
	if (read_only && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		return err_errno(err, errno, "%s: cannot be made read-only", to);
	}
	if (move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		return err_errno(err, errno, "%s: bind mount of %s (%s)", to, from, step_name(in));
	}
	return 0;
}

void mount_node_name(const char *key, char out[MOUNT_NODE_NAME_SIZE])
{
	(void)snprintf(
		out, MOUNT_NODE_NAME_SIZE, MOUNT_NODE_PREFIX "%.*s", MOUNT_NODE_KEY_MAX, key);
}

static int allows_devices(const char *folder, struct err *err)
{
	struct statvfs st;

	if (statvfs(folder, &st) < 0) {
		return err_errno(err, errno, "%s", folder);
	}
	if (st.f_flag & ST_NODEV) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is on a filesystem mounted nodev, so no device node in it works; raw block "
			"volumes need --state-dir on one that is not",
			folder);
	}
	return 0;
}

static bool is_node_of(const struct stat *st, dev_t dev)
{
	return S_ISBLK(st->st_mode) && st->st_rdev == dev;
}

static void node_path(const char *folder, const char *key, char out[PATH_MAX])
{
	char name[MOUNT_NODE_NAME_SIZE];

	mount_node_name(key, name);
	(void)snprintf(out, PATH_MAX, "%s/%s", folder, name);
}

/* A node of the volume's device at @path; one of a device that it had before is replaced. */
static int make_node(const struct step *in, const char *path, dev_t dev, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (is_node_of(&st, dev)) {
			return 0;
		}
		if (unlink(path) < 0) {
			return err_errno(err, errno, "%s", path);
		}
	}
	if (mknod(path, S_IFBLK | 0600, dev) < 0) {
		return err_errno(err, errno, "%s: device node %u:%u (%s)", path, major(dev),
			minor(dev), step_name(in));
	}
	return 0;
}

int mount_bind_device(const struct step *in, const struct mount_node *node, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	node_path(node->folder, node->key, path);
	if (allows_devices(node->folder, err) < 0 || make_node(in, path, node->dev, err) < 0 ||
		mount_bind(in, path, node->target, false, err) < 0) {
		return -1;
	}
	if (stat(node->target, &st) < 0) {
		return err_errno(err, errno, "%s", node->target);
	}
	if (!is_node_of(&st, node->dev)) {
		return err_set(
			err, ERR_ABORTED, "%s: another mount came on top; retry", node->target);
	}
	return 0;
}

int mount_node_remove(const struct step *in, const char *folder, const char *key, struct err *err)
{
	char path[PATH_MAX];

	node_path(folder, key, path);
	return unlink(path) < 0 && errno != ENOENT
		       ? err_errno(err, errno, "%s (%s)", path, step_name(in))
		       : 0;
}

struct clean_job {
	const struct step *in;
	const char *folder;
	const struct mount_table *table;
	struct err *err;
};

static int clean_one(const char *name, void *arg)
{
	const struct clean_job *job = arg;
	const size_t prefix = sizeof(MOUNT_NODE_PREFIX) - 1;

	if (strncmp(name, MOUNT_NODE_PREFIX, prefix) != 0 ||
		mount_table_find_root(job->table, name)) {
		return 0;
	}
	return mount_node_remove(job->in, job->folder, name + prefix, job->err);
}

int mount_nodes_clean(
	const struct step *in, const char *folder, const struct mount_table *table, struct err *err)
{
	struct clean_job job = {.in = in, .folder = folder, .table = table, .err = err};

	return dir_each(AT_FDCWD, folder, clean_one, &job, err) == 0 ? 0 : -1;
}

int mount_sync(const struct step *in, const char *target, struct guard *guard, struct err *err)
{
	const char *const argv[] = {"sync", target, NULL};

	(void)in;
	return guard_call(guard, argv, -1, NULL, err);
}

int mount_remove(const struct step *in, const char *target, struct guard *guard, struct err *err)
{
	const char *const argv[] = {"umount", target, NULL};

	if (!guard) {
		return mount_unmount(in, target, err);
	}
	return guard_call(guard, argv, -1, NULL, err);
}

/* Something is there already: is it what a mount can go on? */
static int check_existing(const char *path, bool folder, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		return err_errno(err, errno, "%s", path);
	}
	if (folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) {
		return 0;
	}
	return err_set(err, ERR_FAILED_PRECONDITION, "%s: is there already and is no %s; remove it",
		path, folder ? "folder" : "regular file");
}

int mount_target_make(
	const struct step *in, const char *path, bool folder, bool *ret_made, struct err *err)
{
	*ret_made = false;
	if (folder) {
		if (mkdir(path, 0750) == 0) {
			*ret_made = true;
			return 0;
		}
	} else {
		_cleanup_close_ int fd =
			open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0660);
		if (fd >= 0) {
			*ret_made = true;
			return 0;
		}
	}
	if (errno == EEXIST) {
		return check_existing(path, folder, err);
	}
	if (errno == ENOENT) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: the folder it is to be made in does not exist; the container orchestrator "
			"makes it",
			path);
	}
	return err_errno(err, errno, "%s (%s)", path, step_name(in));
}

int mount_target_remove(const struct step *in, const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, errno, "%s", path);
	}
	if (S_ISDIR(st.st_mode)) {
		if (rmdir(path) == 0 || errno == ENOENT) {
			return 0;
		}
		if (errno == ENOTEMPTY || errno == EEXIST) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"%s: is not mounted and yet holds files, which are on the node's own disk; "
				"move them away",
				path);
		}
	} else if (!S_ISREG(st.st_mode) || st.st_size > 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is not mounted and is no empty file or folder; move it away", path);
	} else if (unlink(path) == 0 || errno == ENOENT) {
		return 0;
	}
	return err_errno(err, errno, "%s: remove (%s)", path, step_name(in));
}
