/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, making and doubting the identity of a pool.
 */
#include "target/store/stamp.h"

#include "common/base/clock.h"
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "common/json/json.h"
#include "target/store/file.h"
#include "target/store/lvmthin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define STAMP_VERSION 1
#define STAMP_MAX 4096

static const char *const stamp_keys[] = {
	"version", "uuid", "name", "type", "createdAt", "vgUuid", "thinPoolUuid", NULL};

static int thin_parse(const struct js_at *top, struct stamp *ret, struct err *err)
{
	const char *vg;
	const char *lv;

	ret->vg_uuid[0] = '\0';
	ret->lv_uuid[0] = '\0';
	if (!streq(ret->type, LVMTHIN_STORE_TYPE)) {
		return 0;
	}
	if (js_get_str(top, "vgUuid", LVM_UUID_SIZE - 1, &vg, err) < 0 ||
		js_get_str(top, "thinPoolUuid", LVM_UUID_SIZE - 1, &lv, err) < 0) {
		return -1;
	}
	(void)snprintf(ret->vg_uuid, sizeof(ret->vg_uuid), "%s", vg);
	(void)snprintf(ret->lv_uuid, sizeof(ret->lv_uuid), "%s", lv);
	return 0;
}

static int stamp_parse(const char *path, const char *text, struct stamp *ret, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	char file[PATH_MAX];
	const char *uuid;
	const char *name;
	int64_t version;
	int type;
	int64_t created;
	uint8_t bytes[16];

	(void)snprintf(file, sizeof(file), "%s/%s", path, STAMP_FILE);
	if (js_parse(file, text, strlen(text), STAMP_MAX, &doc, err) < 0) {
		return -1;
	}
	struct js_at top = js_root(doc);
	if (js_want_obj(&top, err) < 0 ||
		js_get_int(&top, "version", 1, STAMP_VERSION, &version, err) < 0 ||
		js_only_keys(&top, stamp_keys, err) < 0 ||
		js_get_str(&top, "uuid", UUID_TEXT_SIZE - 1, &uuid, err) < 0 ||
		js_get_str(&top, "name", OBJECT_ID_MAX, &name, err) < 0 ||
		js_get_choice(&top, "type", store_types, &type, err) < 0 ||
		js_get_int(&top, "createdAt", 0, INT64_MAX, &created, err) < 0) {
		return -1;
	}
	if (parse_hex("uuid", uuid, bytes, sizeof(bytes), err) < 0 ||
		object_id_check("name", name, err) < 0) {
		return err_wrap(err, "%s", file);
	}
	uuid_print(bytes, ret->uuid);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->type, sizeof(ret->type), "%s", store_types[type]);
	return thin_parse(&top, ret, err);
}

int stamp_read(int dirfd, const char *path, struct stamp *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct err why = {0};

	if (file_read(dirfd, STAMP_FILE, STAMP_MAX, &text, NULL, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			return err_set(err, ERR_UNAVAILABLE,
				"%s: no pool is there (no file %s): is its file system mounted? A new pool is made with --init-pool",
				path, STAMP_FILE);
		}
		return err_set(err, ERR_UNAVAILABLE, "%s/%s: %s", path, STAMP_FILE, why.msg);
	}
	if (stamp_parse(path, text, ret, &why) < 0) {
		return err_set(err, ERR_DATA_LOSS, "%s", why.msg);
	}
	return 0;
}

int stamp_read_at(const char *path, struct stamp *ret, struct err *err)
{
	_cleanup_close_ int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0) {
		return err_errno(err, errno, "%s: open the directory", path);
	}
	return stamp_read(dirfd, path, ret, err);
}

int stamp_probe_reflink(
	const struct step *in, int dirfd, const char *path, const struct fsops *fs, struct err *err)
{
	_cleanup_close_ int src = -1;
	_cleanup_close_ int dst = -1;
	char block[STORE_GRANULARITY];

	/* Files without a name: nothing to clear away after a crash. */
	src = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	dst = openat(dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (src < 0 || dst < 0) {
		return err_errno(err, errno, "%s: make a temporary file to try reflink with", path);
	}
	memset(block, 'x', sizeof(block));
	if (pwrite(src, block, sizeof(block), 0) != (ssize_t)sizeof(block)) {
		return err_errno(
			err, errno, "%s: write a temporary file to try reflink with", path);
	}
	if (fs->clone(in, dst, src) < 0) {
		if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == EXDEV) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"%s: this file system cannot share blocks between files (no reflink): use XFS made with reflink=1 (the default of mkfs.xfs) or btrfs",
				path);
		}
		return err_errno(err, errno, "%s: try reflink", path);
	}
	return 0;
}

static int stop_at_first(const char *name, void *arg UNUSED)
{
	return name[0] == '.' ? 0 : 1;
}

static int refuse_leftovers(int dirfd, const char *path, const char *folder, struct err *err)
{
	struct err why = {0};
	int rc = dir_each(dirfd, folder, stop_at_first, NULL, &why);

	if (rc > 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: the folder %s is not empty although there is no %s: this is a pool that lost its identity, or something else; restore %s from the record in the agent's stateDir, or use an empty directory",
			path, folder, STAMP_FILE, STAMP_FILE);
	}
	if (rc < 0 && why.code != ERR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	return 0;
}

static int stamp_write(
	const struct step *in UNUSED, int dirfd, struct stamp *stamp, struct err *err)
{
	_cleanup_js_ struct js *obj = js_object();
	_cleanup_free_ char *text = NULL;
	size_t len;

	js_set_int(obj, "version", STAMP_VERSION);
	js_set_str(obj, "uuid", stamp->uuid);
	js_set_str(obj, "name", stamp->name);
	js_set_str(obj, "type", stamp->type);
	js_set_int(obj, "createdAt", clock_unix_ms());
	if (*stamp->vg_uuid) {
		js_set_str(obj, "vgUuid", stamp->vg_uuid);
		js_set_str(obj, "thinPoolUuid", stamp->lv_uuid);
	}
	if (js_print(obj, STAMP_FILE, STAMP_MAX, &text, &len, err) < 0) {
		return -1;
	}
	return file_write_atomic(dirfd, STAMP_FILE, text, len, 0600, err);
}

/* The directory is a pool already: is it the one that is asked for? */
static int compare(
	const char *path, const struct stamp *is, const struct stamp *wanted, struct err *err)
{
	if (!streq(is->name, wanted->name)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is the pool \"%s\" already, not \"%s\"", path, is->name, wanted->name);
	}
	if (!streq(is->type, wanted->type) || !streq(is->vg_uuid, wanted->vg_uuid) ||
		!streq(is->lv_uuid, wanted->lv_uuid)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: is a pool already, of the type \"%s\"%s%s: use another directory",
			path, is->type, *is->lv_uuid ? " and the thin pool " : "", is->lv_uuid);
	}
	return 0;
}

/* @ret has name, type and what belongs to the type; it gets the identity. @fs NULL: reflink is not
 * needed. */
static int init(const struct step *in, const char *path, const struct fsops *fs, struct stamp *ret,
	struct err *err)
{
	_cleanup_close_ int dirfd = -1;
	struct stamp there;
	struct err why = {0};
	uint8_t uuid[16];

	if (path[0] != '/') {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: must be an absolute path", path);
	}
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		return err_errno(err, errno, "%s: open the directory", path);
	}
	if (stamp_read(dirfd, path, &there, &why) == 0) {
		if (compare(path, &there, ret, err) < 0) {
			return -1;
		}
		*ret = there;
		return 0;
	}
	if (why.code != ERR_UNAVAILABLE ||
		faccessat(dirfd, STAMP_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		*err = why;
		return -1;
	}
	if (refuse_leftovers(dirfd, path, POOLDIR_VOLUMES, err) < 0 ||
		refuse_leftovers(dirfd, path, POOLDIR_SNAPSHOTS, err) < 0 ||
		(fs && stamp_probe_reflink(in, dirfd, path, fs, err) < 0) ||
		dir_make(dirfd, POOLDIR_VOLUMES, 0700, err) < 0 ||
		dir_make(dirfd, POOLDIR_SNAPSHOTS, 0700, err) < 0 ||
		dir_sync(dirfd, ".", err) < 0) {
		return -1;
	}
	uuid_random(uuid);
	uuid_print(uuid, ret->uuid);
	return stamp_write(in, dirfd, ret, err);
}

static int stamp_of(const char *name, const char *type, struct stamp *ret, struct err *err)
{
	*ret = (struct stamp){0};
	if (object_id_check("pool name", name, err) < 0) {
		return -1;
	}
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->type, sizeof(ret->type), "%s", type);
	return 0;
}

int stamp_init(const struct step *in, const char *path, const char *name, const struct fsops *fs,
	struct stamp *ret, struct err *err)
{
	return stamp_of(name, FILE_STORE_TYPE, ret, err) < 0 ? -1 : init(in, path, fs, ret, err);
}

int stamp_init_thin(const struct step *in, const char *path, const char *name, const char *vg_uuid,
	const char *pool_uuid, struct stamp *ret, struct err *err)
{
	if (stamp_of(name, LVMTHIN_STORE_TYPE, ret, err) < 0) {
		return -1;
	}
	(void)snprintf(ret->vg_uuid, sizeof(ret->vg_uuid), "%s", vg_uuid);
	(void)snprintf(ret->lv_uuid, sizeof(ret->lv_uuid), "%s", pool_uuid);
	return init(in, path, NULL, ret, err);
}
