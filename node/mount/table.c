/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountinfo by libmount: our own view of it is made once, so that nothing above this folder knows
 * the library.
 */
#include "node/mount/table.h"

#include <errno.h>
#include <stdio.h>

#include <libmount/libmount.h>

struct mount_table {
	struct libmnt_table *lib; /* owns the strings */
	struct mount_entry *entries;
	size_t n;
};

/* Comma-separated words: is @word one of them? */
static bool has_option(const char *options, const char *word)
{
	char *value;
	size_t len;

	return options && mnt_optstr_get_option(options, word, &value, &len) == 0;
}

/* libmount skips lines that it cannot read unless it is told not to. */
static int refuse_line(struct libmnt_table *table, const char *file, int line)
{
	(void)table;
	(void)file;
	(void)line;
	return -1;
}

static void fill(struct mount_entry *entry, struct libmnt_fs *fs)
{
	const char *target = mnt_fs_get_target(fs);
	const char *root = mnt_fs_get_root(fs);
	const char *type = mnt_fs_get_fstype(fs);
	const char *options = mnt_fs_get_fs_options(fs);

	entry->target = target ? target : "";
	entry->root = root ? root : "";
	entry->fs_type = type ? type : "";
	entry->fs_options = options ? options : "";
	entry->dev = mnt_fs_get_devno(fs);
	entry->read_only = has_option(mnt_fs_get_vfs_options(fs), "ro");
	entry->fs_read_only = has_option(options, "ro");
}

static int load(struct mount_table *table, const char *path, struct err *err)
{
	struct libmnt_fs *fs = NULL;
	struct libmnt_iter *iter;
	int rc;

	table->lib = mnt_new_table();
	if (!table->lib) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	mnt_table_set_parser_errcb(table->lib, refuse_line);
	rc = mnt_table_parse_file(table->lib, path);
	if (rc != 0) {
		return err_set(err, ERR_INTERNAL, "%s: the mount table cannot be read: %s", path,
			rc < 0 ? strerrordesc_np(-rc) : "a line of it is not understood");
	}
	int n = mnt_table_get_nents(table->lib);
	if (n < 0 || n > MOUNT_TABLE_MAX) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"%s: %d mounts, at most %d are looked at", path, n, MOUNT_TABLE_MAX);
	}
	table->entries = calloc((size_t)n + 1, sizeof(*table->entries));
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	if (!table->entries || !iter) {
		mnt_free_iter(iter);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	while (table->n < (size_t)n && mnt_table_next_fs(table->lib, iter, &fs) == 0) {
		fill(&table->entries[table->n++], fs);
	}
	mnt_free_iter(iter);
	return 0;
}

int mount_table_read(const char *path, struct mount_table **ret_table, struct err *err)
{
	struct mount_table *table = calloc(1, sizeof(*table));

	if (!table) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: out of memory", path);
	}
	if (load(table, path, err) < 0) {
		mount_table_free(table);
		return -1;
	}
	*ret_table = table;
	return 0;
}

void mount_table_free(struct mount_table *table)
{
	if (!table) {
		return;
	}
	mnt_unref_table(table->lib);
	free(table->entries);
	free(table);
}

size_t mount_table_len(const struct mount_table *table)
{
	return table->n;
}

const struct mount_entry *mount_table_at(const struct mount_table *table, size_t i)
{
	return &table->entries[i];
}

const struct mount_entry *mount_table_find(const struct mount_table *table, const char *target)
{
	for (size_t i = table->n; i > 0; i--) {
		if (streq(table->entries[i - 1].target, target)) {
			return &table->entries[i - 1];
		}
	}
	return NULL;
}

const struct mount_entry *mount_table_find_dev(const struct mount_table *table, dev_t dev)
{
	for (size_t i = 0; i < table->n; i++) {
		if (table->entries[i].dev == dev) {
			return &table->entries[i];
		}
	}
	return NULL;
}

const struct mount_entry *mount_table_find_root(const struct mount_table *table, const char *part)
{
	for (size_t i = 0; i < table->n; i++) {
		if (strstr(table->entries[i].root, part)) {
			return &table->entries[i];
		}
	}
	return NULL;
}

int mount_real_path(const char *path, char out[PATH_MAX], struct err *err)
{
	char folder[PATH_MAX];
	char real[PATH_MAX];
	char name[PATH_MAX];
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/') {
		len--;
	}
	if (path[0] != '/' || len < 2 || len >= PATH_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"path '%.64s': must be absolute, not '/', and shorter than %d bytes", path,
			PATH_MAX);
	}
	const char *last = memrchr(path, '/', len);
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(last + 1 - path), path);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(path + len - last - 1), last + 1);
	(void)snprintf(out, PATH_MAX, "%.*s", (int)len, path);
	if (!realpath(folder, real)) {
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_errno(err, errno, "path '%.64s': its folder", path);
	}
	int n = snprintf(out, PATH_MAX, "%s%s%s", real, streq(real, "/") ? "" : "/", name);
	if (n < 0 || n >= PATH_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"path '%.64s': longer than %d bytes when its links are followed", path,
			PATH_MAX);
	}
	return 0;
}
