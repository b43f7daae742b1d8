/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `file`: opening and usage.
 */
#include "target/store/file.h"

#include "target/store/file_priv.h"

#include <stdio.h>
#include <sys/statvfs.h>

static int file_usage(struct store *store, struct store_usage *ret, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	struct statvfs vfs;

	if (fstatvfs(fs->dir.dirfd, &vfs) < 0) {
		return err_set(
			err, ERR_UNAVAILABLE, "pool %s: %s: %m", fs->dir.stamp.name, fs->dir.path);
	}
	int64_t total = (int64_t)vfs.f_blocks * (int64_t)vfs.f_frsize;
	int64_t reserve = FILE_STORE_RESERVE + total / FILE_STORE_RESERVE_PART;

	*ret = (struct store_usage){
		.size = MAX(total - reserve, 0),
		.free = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize,
	};
	return 0;
}

static int file_path(
	struct store *store, struct object_name name, char ret[PATH_MAX], struct err *err)
{
	struct file_store *fs = file_store_of(store);
	int n = snprintf(ret, PATH_MAX, "%s/%s/%s%s", fs->dir.path, pooldir_folder(name.kind),
		name.id, FILE_DATA_SUFFIX);

	if (n < 0 || n >= PATH_MAX) {
		return err_set(err, ERR_INTERNAL, "pool %s: the path of %s is too long",
			fs->dir.stamp.name, name.id);
	}
	return 0;
}

static int file_each(struct store *store, enum object_kind kind, bool states,
	int (*fn)(const char *id, void *arg), void *arg, struct err *err)
{
	return pooldir_each(&file_store_of(store)->dir, kind,
		states ? POOLDIR_STATE_SUFFIX : FILE_DATA_SUFFIX, fn, arg, err);
}

static void fs_free(struct file_store *fs)
{
	pooldir_done(&fs->dir);
	free(fs);
}

static void fs_freep(struct file_store **fs)
{
	if (*fs) {
		fs_free(*fs);
	}
}

static void file_free(struct store *store)
{
	fs_free(file_store_of(store));
}

static const struct store_ops file_ops = {
	.type = FILE_STORE_TYPE,
	.check = pooldir_check,
	.usage = file_usage,
	.create = file_data_create,
	.clone = file_data_clone,
	.grow = file_data_grow,
	.remove = file_data_remove,
	.drain = file_data_drain,
	.stat = file_data_stat,
	.extents = file_data_extents,
	.path = file_path,
	.state_write = pooldir_state_write,
	.state_read = pooldir_state_read,
	.state_remove = pooldir_state_remove,
	.each = file_each,
	.generation_write = pooldir_generation_write,
	.tidy = pooldir_tidy,
	.free = file_free,
};

int file_store_open(const struct step *in, const struct store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err)
{
	_cleanup_(fs_freep) struct file_store *fs = calloc(1, sizeof(*fs));
	struct err why = {0};

	if (!fs) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", options->name);
	}
	pooldir_init(&fs->dir);
	fs->base.ops = &file_ops;
	fs->base.dir = &fs->dir;
	fs->base.limits = (struct store_limits){
		.granularity = STORE_GRANULARITY, .extent = FILE_STORE_EXTENT};
	fs->fs = options->fs;
	fs->clone_extents =
		options->clone_extents ? options->clone_extents : FILE_STORE_CLONE_EXTENTS;
	if (pooldir_open(&fs->dir, FILE_STORE_TYPE, options, err) < 0) {
		return -1;
	}
	/* Without a free block it cannot be tried; --init-pool did, before it made the identity. */
	if (stamp_probe_reflink(in, fs->dir.dirfd, fs->dir.path, fs->fs, &why) < 0 &&
		why.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, why.code, "pool %s: %s", options->name, why.msg);
	}
	*ret_stamp = fs->dir.stamp;
	*ret_store = &TAKE_PTR(fs)->base;
	return 0;
}
