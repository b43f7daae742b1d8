/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `file`: the sparse files themselves.
 */
#include "common/base/fileio.h"
#include "target/store/file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int fail(struct object_name name, const char *what, int errnum, struct err *err)
{
	(void)err_errno(err, errnum, "%s %s: %s", object_kind_name(name.kind), name.id, what);
	return -1;
}

static int open_data(
	struct file_store *fs, struct object_name name, int flags, int *ret_fd, struct err *err)
{
	char file[POOLDIR_NAME_SIZE];

	pooldir_name(name, FILE_DATA_SUFFIX, file);
	*ret_fd = openat(fs->dir.folders[name.kind], file, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*ret_fd < 0) {
		return fail(name, "open its data file", errno, err);
	}
	return 0;
}

/* A new file with the hint, which XFS takes only while a file is empty. */
static int make_data(const struct step *in, struct file_store *fs, struct object_name name,
	int *ret_fd, struct err *err)
{
	if (open_data(fs, name, O_RDWR | O_CREAT | O_EXCL, ret_fd, err) < 0) {
		return -1;
	}
	if (fs->fs->extent_hint(in, *ret_fd, (uint32_t)FILE_STORE_EXTENT) < 0) {
		return fail(name, "set the extent-size hint of its data file", errno, err);
	}
	return step_changed(in, "file", err);
}

static int set_size(
	const struct step *in, int fd, struct object_name name, int64_t size, struct err *err)
{
	if (ftruncate(fd, size) < 0) {
		return fail(name, "set the size of its data file", errno, err);
	}
	return step_changed(in, "size", err);
}

/* On stable storage: the content first, then the name. */
static int settle(struct file_store *fs, int fd, struct object_name name, struct err *err)
{
	if (fsync(fd) < 0) {
		return fail(name, "write its data file to stable storage", errno, err);
	}
	return dir_sync(fs->dir.folders[name.kind], ".", err);
}

int file_data_create(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	_cleanup_close_ int fd = -1;

	if (make_data(in, fs, name, &fd, err) < 0 || set_size(in, fd, name, size, err) < 0) {
		return -1;
	}
	return settle(fs, fd, name, err);
}

static int may_clone(struct file_store *fs, int fd, struct object_name from, struct err *err)
{
	int64_t extents;

	if (fs->fs->extents(fd, &extents) < 0) {
		return fail(from, "count the extents of its data file", errno, err);
	}
	if (extents > fs->clone_extents) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s %s: its data file has %lld extents, more than cloneExtents (%lld): a copy would stop its writes for too long; run xfs_fsr or btrfs filesystem defragment on it, or raise cloneExtents",
			object_kind_name(from.kind), from.id, (long long)extents,
			(long long)fs->clone_extents);
	}
	return 0;
}

int file_data_clone(const struct step *in, struct store *store, struct object_name from,
	struct object_name to, int64_t size, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	_cleanup_close_ int src = -1;
	_cleanup_close_ int dst = -1;
	struct stat st;

	if (open_data(fs, from, O_RDONLY, &src, err) < 0 || may_clone(fs, src, from, err) < 0 ||
		make_data(in, fs, to, &dst, err) < 0) {
		return -1;
	}
	if (fs->fs->clone(in, dst, src) < 0) {
		return fail(to, "share the blocks of its source", errno, err);
	}
	if (step_changed(in, "clone", err) < 0) {
		return -1;
	}
	if (fstat(dst, &st) < 0) {
		return fail(to, "look at its data file", errno, err);
	}
	if (st.st_size > size) {
		return err_set(err, ERR_INTERNAL,
			"%s %s: its source has %lld bytes, more than %lld",
			object_kind_name(to.kind), to.id, (long long)st.st_size, (long long)size);
	}
	if (st.st_size < size && set_size(in, dst, to, size, err) < 0) {
		return -1;
	}
	return settle(fs, dst, to, err);
}

int file_data_grow(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (open_data(fs, name, O_RDWR, &fd, err) < 0) {
		return -1;
	}
	if (fstat(fd, &st) < 0) {
		return fail(name, "look at its data file", errno, err);
	}
	if (size < st.st_size) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s %s: its data file has %lld bytes and is never cut to %lld, as an older state file would have it: put the newer one back, or correct its size, and restart the agent",
			object_kind_name(name.kind), name.id, (long long)st.st_size,
			(long long)size);
	}
	if (size > st.st_size && set_size(in, fd, name, size, err) < 0) {
		return -1;
	}
	if (fsync(fd) < 0) {
		return fail(name, "write its data file to stable storage", errno, err);
	}
	return 0;
}

int file_data_remove(
	const struct step *in UNUSED, struct store *store, struct object_name name, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	char file[POOLDIR_NAME_SIZE];

	pooldir_name(name, FILE_DATA_SUFFIX, file);
	if (file_remove(fs->dir.folders[name.kind], file, err) < 0) {
		return err_wrap(
			err, "%s %s: remove its data file", object_kind_name(name.kind), name.id);
	}
	return 0;
}

/*
 * Setting a file to the size that it has takes its lock alone and waits for direct writes under way
 * (inode_dio_wait() in XFS and btrfs); nothing of its content changes.
 */
int file_data_drain(
	const struct step *in, struct store *store, struct object_name name, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (open_data(fs, name, O_RDWR, &fd, err) < 0) {
		return -1;
	}
	if (fstat(fd, &st) < 0) {
		return fail(name, "look at its data file", errno, err);
	}
	return set_size(in, fd, name, st.st_size, err);
}

int file_data_stat(
	struct store *store, struct object_name name, struct store_stat *ret, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	char file[POOLDIR_NAME_SIZE];
	struct stat st;

	pooldir_name(name, FILE_DATA_SUFFIX, file);
	if (fstatat(fs->dir.folders[name.kind], file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return fail(name, "look at its data file", errno, err);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_DATA_LOSS, "%s %s: its data file is no regular file",
			object_kind_name(name.kind), name.id);
	}
	ret->size = st.st_size;
	ret->allocated = (int64_t)st.st_blocks * 512;
	return 0;
}

int file_data_extents(struct store *store, struct object_name name, int64_t *ret, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	_cleanup_close_ int fd = -1;

	if (open_data(fs, name, O_RDONLY, &fd, err) < 0) {
		return -1;
	}
	if (fs->fs->extents(fd, ret) < 0) {
		return fail(name, "count the extents of its data file", errno, err);
	}
	return 0;
}
