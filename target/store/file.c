/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `file`: opening, identity, usage and state texts.
 */
#include "target/store/file.h"

#include "common/base/fileio.h"
#include "target/store/file_priv.h"
#include "target/store/generation.h"
#include "target/store/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

const char *file_store_folder(enum object_kind kind)
{
	return kind == OBJECT_SNAPSHOT ? FILE_STORE_SNAPSHOTS : FILE_STORE_VOLUMES;
}

void file_store_name(struct object_name name, const char *suffix, char out[FILE_NAME_SIZE])
{
	(void)snprintf(out, FILE_NAME_SIZE, "%s%s", name.id, suffix);
}

/* Another file system may have been mounted over the path, or ours be gone beneath it. */
static int file_check(struct store *store, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	struct stat opened;
	struct stat there;
	struct stamp stamp;
	struct err why = {0};

	if (fstat(fs->dirfd, &opened) < 0 || stat(fs->path, &there) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s: %m", fs->stamp.name, fs->path);
	}
	if (opened.st_dev != there.st_dev || opened.st_ino != there.st_ino) {
		return err_set(err, ERR_UNAVAILABLE,
			"pool %s: %s is not the directory that was opened: is its file system mounted?",
			fs->stamp.name, fs->path);
	}
	if (stamp_read(fs->dirfd, fs->path, &stamp, &why) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s", fs->stamp.name, why.msg);
	}
	if (!streq(stamp.uuid, fs->stamp.uuid)) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s has the identity %s now, not %s",
			fs->stamp.name, fs->path, stamp.uuid, fs->stamp.uuid);
	}
	return 0;
}

static int file_usage(struct store *store, struct store_usage *ret, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	struct statvfs vfs;

	if (fstatvfs(fs->dirfd, &vfs) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s: %m", fs->stamp.name, fs->path);
	}
	int64_t total = (int64_t)vfs.f_blocks * (int64_t)vfs.f_frsize;
	int64_t reserve = FILE_STORE_RESERVE + total / FILE_STORE_RESERVE_PART;

	ret->size = MAX(total - reserve, 0);
	ret->free = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
	return 0;
}

static int file_path(
	struct store *store, struct object_name name, char ret[PATH_MAX], struct err *err)
{
	struct file_store *fs = file_store_of(store);
	int n = snprintf(ret, PATH_MAX, "%s/%s/%s%s", fs->path, file_store_folder(name.kind),
		name.id, FILE_DATA_SUFFIX);

	if (n < 0 || n >= PATH_MAX) {
		return err_set(err, ERR_INTERNAL, "pool %s: the path of %s is too long",
			fs->stamp.name, name.id);
	}
	return 0;
}

/* The caller holds fs->spares. */
static int fill_spares(const struct step *in, struct file_store *fs, struct err *err)
{
	fs->spares_low = true;
	if (fs->spare_folder < 0) {
		if (dir_make(fs->dirfd, SPARE_FOLDER, 0700, err) < 0) {
			return -1;
		}
		fs->spare_folder = openat(
			fs->dirfd, SPARE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fs->spare_folder < 0) {
			return err_errno(err, errno, SPARE_FOLDER ": open");
		}
	}
	if (spares_fill(in, fs->spare_folder, err) < 0) {
		return -1;
	}
	fs->spares_low = false;
	return 0;
}

/*
 * A state as one. Where the pool is full its blocks come from a spare: taking a host's access or a
 * volume away must work just then, and each begins with a state. A new object has no such right.
 */
static int write_state(const struct step *in, struct file_store *fs, struct object_name name,
	const char *text, struct err *err)
{
	char file[FILE_NAME_SIZE];
	size_t len = strlen(text);
	int folder = fs->folders[name.kind];
	struct err full = {0};
	int rc;

	file_store_name(name, FILE_STATE_SUFFIX, file);
	rc = file_write_atomic(folder, file, text, len, 0600, &full);
	if (rc < 0 && full.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, full.code, "%s", full.msg);
	}
	(void)pthread_mutex_lock(&fs->spares);
	if (rc == 0 && fs->spares_low) {
		/* There is space again; if not for all of them, the next write tries again. */
		(void)fill_spares(in, fs, NULL);
	} else if (rc < 0 && fs->spare_folder >= 0) {
		rc = spares_use(in, fs->spare_folder, folder, file, text, len, NULL);
		fs->spares_low = true;
	}
	(void)pthread_mutex_unlock(&fs->spares);
	return rc < 0 ? err_set(err, full.code, "%s", full.msg) : 0;
}

static int file_state_write(const struct step *in, struct store *store, struct object_name name,
	const char *text, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	size_t len = strlen(text);

	if (len > STORE_STATE_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s %s: its state would pass %d bytes",
			object_kind_name(name.kind), name.id, STORE_STATE_MAX);
	}
	if (write_state(in, fs, name, text, err) < 0) {
		return err_wrap(
			err, "%s %s: write its state", object_kind_name(name.kind), name.id);
	}
	return step_changed(in, "state", err);
}

static int file_state_read(
	struct store *store, struct object_name name, char **ret_text, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	char file[FILE_NAME_SIZE];

	file_store_name(name, FILE_STATE_SUFFIX, file);
	return file_read(fs->folders[name.kind], file, STORE_STATE_MAX, ret_text, NULL, err);
}

static int file_state_remove(
	const struct step *in UNUSED, struct store *store, struct object_name name, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	char file[FILE_NAME_SIZE];

	file_store_name(name, FILE_STATE_SUFFIX, file);
	return file_remove(fs->folders[name.kind], file, err);
}

struct each {
	const char *suffix;
	int (*fn)(const char *id, void *arg);
	void *arg;
};

static int each_name(const char *file, void *arg)
{
	const struct each *each = arg;
	size_t len = strlen(file);
	size_t suffix = strlen(each->suffix);
	char id[OBJECT_ID_SIZE];

	if (len <= suffix || len - suffix > OBJECT_ID_MAX ||
		!streq(file + len - suffix, each->suffix)) {
		return 0;
	}
	memcpy(id, file, len - suffix);
	id[len - suffix] = '\0';
	if (object_id_check("id", id, NULL) < 0) {
		return 0;
	}
	return each->fn(id, each->arg);
}

static int file_each(struct store *store, enum object_kind kind, bool states,
	int (*fn)(const char *id, void *arg), void *arg, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	struct each each = {states ? FILE_STATE_SUFFIX : FILE_DATA_SUFFIX, fn, arg};

	return dir_each(fs->folders[kind], ".", each_name, &each, err);
}

static int file_generation_write(
	const struct step *in, struct store *store, int64_t generation, struct err *err)
{
	return generation_write(in, file_store_of(store)->dirfd, generation, err);
}

struct tidy {
	const struct step *in;
	int folder;
	struct err *err;
};

static int tidy_name(const char *file, void *arg)
{
	const struct tidy *tidy = arg;

	if (strncmp(file, ".tmp-", 5) != 0) {
		return 0;
	}
	return file_remove(tidy->folder, file, tidy->err);
}

static int file_tidy(const struct step *in, struct store *store, struct err *err)
{
	struct file_store *fs = file_store_of(store);
	struct err full = {0};
	int rc;

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		struct tidy tidy = {in, fs->folders[kind], err};

		if (dir_each(fs->folders[kind], ".", tidy_name, &tidy, err) < 0) {
			return err_wrap(err, "pool %s: remove temporary files", fs->stamp.name);
		}
	}
	(void)pthread_mutex_lock(&fs->spares);
	rc = fill_spares(in, fs, &full);
	(void)pthread_mutex_unlock(&fs->spares);
	/* A pool that is full is used with what it has. */
	if (rc < 0 && full.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, full.code, "pool %s: %s", fs->stamp.name, full.msg);
	}
	return 0;
}

static void fs_free(struct file_store *fs)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		base_closep(&fs->folders[kind]);
	}
	base_closep(&fs->dirfd);
	base_closep(&fs->spare_folder);
	(void)pthread_mutex_destroy(&fs->spares);
	free(fs->path);
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
	.type = "file",
	.check = file_check,
	.usage = file_usage,
	.create = file_data_create,
	.clone = file_data_clone,
	.grow = file_data_grow,
	.remove = file_data_remove,
	.drain = file_data_drain,
	.stat = file_data_stat,
	.extents = file_data_extents,
	.path = file_path,
	.state_write = file_state_write,
	.state_read = file_state_read,
	.state_remove = file_state_remove,
	.each = file_each,
	.generation_write = file_generation_write,
	.tidy = file_tidy,
	.free = file_free,
};

static int open_folders(struct file_store *fs, struct err *err)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		fs->folders[kind] = openat(fs->dirfd, file_store_folder((enum object_kind)kind),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fs->folders[kind] < 0) {
			return err_set(err, ERR_DATA_LOSS,
				"pool %s: %s/%s: %m: the pool is not whole", fs->stamp.name,
				fs->path, file_store_folder((enum object_kind)kind));
		}
	}
	return 0;
}

static int match_identity(
	const struct file_store_options *options, const struct stamp *stamp, struct err *err)
{
	if (!streq(stamp->name, options->name)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: %s is the pool \"%s\" (%s): correct the name or the path in the configuration",
			options->name, options->path, stamp->name, stamp->uuid);
	}
	if (options->uuid && !streq(stamp->uuid, options->uuid)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: %s has the identity %s, but %s is recorded: another file system is mounted there",
			options->name, options->path, stamp->uuid, options->uuid);
	}
	return 0;
}

int file_store_open(const struct step *in, const struct file_store_options *options,
	struct store **ret_store, struct stamp *ret_stamp, struct err *err)
{
	_cleanup_(fs_freep) struct file_store *fs = NULL;
	struct err why = {0};

	if (options->path[0] != '/') {
		return err_set(err, ERR_INVALID_ARGUMENT, "pool %s: path: \"%s\" must be absolute",
			options->name, options->path);
	}
	fs = calloc(1, sizeof(*fs));
	if (!fs) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "pool %s: no memory", options->name);
	}
	fs->base.ops = &file_ops;
	fs->dirfd = -1;
	fs->spare_folder = -1;
	(void)pthread_mutex_init(&fs->spares, NULL);
	fs->folders[OBJECT_VOLUME] = -1;
	fs->folders[OBJECT_SNAPSHOT] = -1;
	fs->fs = options->fs;
	fs->clone_extents =
		options->clone_extents ? options->clone_extents : FILE_STORE_CLONE_EXTENTS;
	/* nvmet opens by path: it must not depend on links that may change. */
	fs->path = realpath(options->path, NULL);
	if (fs->path) {
		fs->dirfd = open(fs->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fs->dirfd < 0) {
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup
		return err_set(
			err, ERR_UNAVAILABLE, "pool %s: %s: %m", options->name, options->path);
	}
	if (stamp_read(fs->dirfd, fs->path, &fs->stamp, err) < 0) {
		return err_wrap(err, "pool %s", options->name);
	}
	if (match_identity(options, &fs->stamp, err) < 0 || open_folders(fs, err) < 0) {
		return -1;
	}
	if (generation_read(fs->dirfd, fs->path, &fs->stamp.generation, err) < 0) {
		return err_wrap(err, "pool %s", options->name);
	}
	/* Without a free block it cannot be tried; --init-pool did, before it made the identity. */
	if (stamp_probe_reflink(in, fs->dirfd, fs->path, fs->fs, &why) < 0 &&
		why.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, why.code, "pool %s: %s", options->name, why.msg);
	}
	*ret_stamp = fs->stamp;
	*ret_store = &TAKE_PTR(fs)->base;
	return 0;
}
