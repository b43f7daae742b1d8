/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool's directory: opening, identity and state texts.
 */
#include "target/store/pooldir.h"

#include "common/base/fileio.h"
#include "target/store/generation.h"
#include "target/store/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

const char *pooldir_folder(enum object_kind kind)
{
	return kind == OBJECT_SNAPSHOT ? POOLDIR_SNAPSHOTS : POOLDIR_VOLUMES;
}

void pooldir_name(struct object_name name, const char *suffix, char out[POOLDIR_NAME_SIZE])
{
	(void)snprintf(out, POOLDIR_NAME_SIZE, "%s%s", name.id, suffix);
}

/* Another file system may have been mounted over the path, or ours be gone beneath it. */
int pooldir_check(struct store *store, struct err *err)
{
	const struct pooldir *dir = store->dir;
	struct stat opened;
	struct stat there;
	struct stamp stamp;
	struct err why = {0};

	if (fstat(dir->dirfd, &opened) < 0 || stat(dir->path, &there) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s: %m", dir->stamp.name, dir->path);
	}
	if (opened.st_dev != there.st_dev || opened.st_ino != there.st_ino) {
		return err_set(err, ERR_UNAVAILABLE,
			"pool %s: %s is not the directory that was opened: is its file system mounted?",
			dir->stamp.name, dir->path);
	}
	if (stamp_read(dir->dirfd, dir->path, &stamp, &why) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s", dir->stamp.name, why.msg);
	}
	if (!streq(stamp.uuid, dir->stamp.uuid)) {
		return err_set(err, ERR_UNAVAILABLE, "pool %s: %s has the identity %s now, not %s",
			dir->stamp.name, dir->path, stamp.uuid, dir->stamp.uuid);
	}
	return 0;
}

/* The caller holds dir->spares. */
static int fill_spares(const struct step *in, struct pooldir *dir, struct err *err)
{
	dir->spares_low = true;
	if (dir->spare_folder < 0) {
		if (dir_make(dir->dirfd, SPARE_FOLDER, 0700, err) < 0) {
			return -1;
		}
		dir->spare_folder = openat(
			dir->dirfd, SPARE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir->spare_folder < 0) {
			return err_errno(err, errno, SPARE_FOLDER ": open");
		}
	}
	if (spares_fill(in, dir->spare_folder, err) < 0) {
		return -1;
	}
	dir->spares_low = false;
	return 0;
}

/*
 * A state as one. Where the pool is full its blocks come from a spare: taking a host's access or a
 * volume away must work just then, and each begins with a state. A new object has no such right.
 */
static int write_state(const struct step *in, struct pooldir *dir, struct object_name name,
	const char *text, struct err *err)
{
	char file[POOLDIR_NAME_SIZE];
	size_t len = strlen(text);
	int folder = dir->folders[name.kind];
	struct err full = {0};
	int rc;

	pooldir_name(name, POOLDIR_STATE_SUFFIX, file);
	rc = file_write_atomic(folder, file, text, len, 0600, &full);
	if (rc < 0 && full.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, full.code, "%s", full.msg);
	}
	(void)pthread_mutex_lock(&dir->spares);
	if (rc == 0 && dir->spares_low) {
		/* There is space again; if not for all of them, the next write tries again. */
		(void)fill_spares(in, dir, NULL);
	} else if (rc < 0 && dir->spare_folder >= 0) {
		rc = spares_use(in, dir->spare_folder, folder, file, text, len, NULL);
		dir->spares_low = true;
	}
	(void)pthread_mutex_unlock(&dir->spares);
	return rc < 0 ? err_set(err, full.code, "%s", full.msg) : 0;
}

int pooldir_state_write(const struct step *in, struct store *store, struct object_name name,
	const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len > STORE_STATE_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s %s: its state would pass %d bytes",
			object_kind_name(name.kind), name.id, STORE_STATE_MAX);
	}
	if (write_state(in, store->dir, name, text, err) < 0) {
		return err_wrap(
			err, "%s %s: write its state", object_kind_name(name.kind), name.id);
	}
	return step_changed(in, "state", err);
}

int pooldir_state_read(
	struct store *store, struct object_name name, char **ret_text, struct err *err)
{
	char file[POOLDIR_NAME_SIZE];

	pooldir_name(name, POOLDIR_STATE_SUFFIX, file);
	return file_read(
		store->dir->folders[name.kind], file, STORE_STATE_MAX, ret_text, NULL, err);
}

int pooldir_state_remove(
	const struct step *in UNUSED, struct store *store, struct object_name name, struct err *err)
{
	char file[POOLDIR_NAME_SIZE];

	pooldir_name(name, POOLDIR_STATE_SUFFIX, file);
	return file_remove(store->dir->folders[name.kind], file, err);
}

int pooldir_generation_write(
	const struct step *in, struct store *store, int64_t generation, struct err *err)
{
	return generation_write(in, store->dir->dirfd, generation, err);
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

int pooldir_each(struct pooldir *dir, enum object_kind kind, const char *suffix,
	int (*fn)(const char *id, void *arg), void *arg, struct err *err)
{
	struct each each = {suffix, fn, arg};

	return dir_each(dir->folders[kind], ".", each_name, &each, err);
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

int pooldir_tidy(const struct step *in, struct store *store, struct err *err)
{
	struct pooldir *dir = store->dir;
	struct err full = {0};
	int rc;

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		struct tidy tidy = {in, dir->folders[kind], err};

		if (dir_each(dir->folders[kind], ".", tidy_name, &tidy, err) < 0) {
			return err_wrap(err, "pool %s: remove temporary files", dir->stamp.name);
		}
	}
	(void)pthread_mutex_lock(&dir->spares);
	rc = fill_spares(in, dir, &full);
	(void)pthread_mutex_unlock(&dir->spares);
	/* A pool that is full is used with what it has. */
	if (rc < 0 && full.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, full.code, "pool %s: %s", dir->stamp.name, full.msg);
	}
	return 0;
}

static int open_folders(struct pooldir *dir, struct err *err)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		dir->folders[kind] = openat(dir->dirfd, pooldir_folder((enum object_kind)kind),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir->folders[kind] < 0) {
			return err_set(err, ERR_DATA_LOSS,
				"pool %s: %s/%s: %m: the pool is not whole", dir->stamp.name,
				dir->path, pooldir_folder((enum object_kind)kind));
		}
	}
	return 0;
}

static int match_identity(const struct store_options *options, const char *type,
	const struct stamp *stamp, struct err *err)
{
	if (!streq(stamp->name, options->name)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: %s is the pool \"%s\" (%s): correct the name or the path in the configuration",
			options->name, options->path, stamp->name, stamp->uuid);
	}
	if (!streq(stamp->type, type)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: type: %s is a pool of the type \"%s\", not \"%s\"", options->name,
			options->path, stamp->type, type);
	}
	if (options->uuid && !streq(stamp->uuid, options->uuid)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"pool %s: %s has the identity %s, but %s is recorded: another file system is mounted there",
			options->name, options->path, stamp->uuid, options->uuid);
	}
	return 0;
}

void pooldir_init(struct pooldir *dir)
{
	*dir = (struct pooldir){.dirfd = -1, .spare_folder = -1};
	(void)pthread_mutex_init(&dir->spares, NULL);
	dir->folders[OBJECT_VOLUME] = -1;
	dir->folders[OBJECT_SNAPSHOT] = -1;
}

void pooldir_done(struct pooldir *dir)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		base_closep(&dir->folders[kind]);
	}
	base_closep(&dir->dirfd);
	base_closep(&dir->spare_folder);
	(void)pthread_mutex_destroy(&dir->spares);
	free(dir->path);
	dir->path = NULL;
}

int pooldir_open(
	struct pooldir *dir, const char *type, const struct store_options *options, struct err *err)
{
	if (options->path[0] != '/') {
		return err_set(err, ERR_INVALID_ARGUMENT, "pool %s: path: \"%s\" must be absolute",
			options->name, options->path);
	}
	/* nvmet opens by path: it must not depend on links that may change. */
	dir->path = realpath(options->path, NULL);
	if (dir->path) {
		dir->dirfd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (dir->dirfd < 0) {
		return err_set(
			err, ERR_UNAVAILABLE, "pool %s: %s: %m", options->name, options->path);
	}
	if (stamp_read(dir->dirfd, dir->path, &dir->stamp, err) < 0) {
		return err_wrap(err, "pool %s", options->name);
	}
	if (match_identity(options, type, &dir->stamp, err) < 0 || open_folders(dir, err) < 0) {
		return -1;
	}
	if (generation_read(dir->dirfd, dir->path, &dir->stamp.generation, err) < 0) {
		return err_wrap(err, "pool %s", options->name);
	}
	return generation_refuse_older(options, dir->path, dir->stamp.generation, err);
}
