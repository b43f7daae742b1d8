/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store `lvmthin`: the thin volumes themselves.
 */
#include "target/store/lvmthin_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BYTES_SIZE 24

static void print_bytes(int64_t bytes, char out[BYTES_SIZE])
{
	(void)snprintf(out, BYTES_SIZE, "%lldb", (long long)bytes);
}

static int say(struct object_name name, struct err *err)
{
	return err_wrap(err, "%s %s", object_kind_name(name.kind), name.id);
}

/* Somebody else's, whatever its name. */
static int foreign(const struct lvmthin_store *s, struct object_name name, const char *not_done,
	struct err *err)
{
	char lv[LVM_NAME_SIZE];

	lvmthin_lv(name, lv);
	return err_set(err, ERR_FAILED_PRECONDITION,
		"%s %s: %s/%s lacks the tag %s, so it is not %s: is it of another pool?",
		object_kind_name(name.kind), name.id, s->vg, lv, s->tag, not_done);
}

int lvmthin_device(struct lvmthin_store *s, struct object_name name,
	char ret_name[DM_DEVICE_NAME_SIZE], struct dm_device *ret, struct err *err)
{
	char lv[LVM_NAME_SIZE];

	lvmthin_lv(name, lv);
	if (lvm_device(s->vg, lv, "", ret_name, err) < 0) {
		return -1;
	}
	if (s->lvm.env->dm->device(ret_name, ret) < 0) {
		return errno == ENXIO
			       ? 0
			       : err_set(err, ERR_UNAVAILABLE, "%s %s: device mapper: %s: %m",
					 object_kind_name(name.kind), name.id, ret_name);
	}
	if (!lvm_device_is(ret->uuid, s->pool.vg_uuid, "") || !streq(ret->target, "thin")) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s %s: the device %s is none of this pool: its UUID is \"%s\", its target \"%s\"",
			object_kind_name(name.kind), name.id, ret_name, ret->uuid, ret->target);
	}
	return 1;
}

/* Without a device it may be there all the same. Return: -1, NOT_FOUND only when it is not. */
static int why_no_device(struct lvmthin_store *s, struct object_name name, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	char lv[LVM_NAME_SIZE];
	struct js_at rows;

	lvmthin_lv(name, lv);
	if (lvm_report(&s->lvm, lv, "lv_name", &doc, &rows, err) < 0) {
		return say(name, err);
	}
	return err_set(err, ERR_UNAVAILABLE, "%s %s: the logical volume %s/%s is not active",
		object_kind_name(name.kind), name.id, s->vg, lv);
}

int lvmthin_stat(
	struct store *store, struct object_name name, struct store_stat *ret, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	int rc = lvmthin_device(s, name, device_name, &device, err);

	if (rc <= 0) {
		return rc < 0 ? -1 : why_no_device(s, name, err);
	}
	if (dm_thin_parse(device.status, &ret->allocated, err) < 0) {
		return say(name, err);
	}
	ret->size = device.size;
	return 0;
}

/* As lvmthin_device(), and activates it when it is not. */
static int need_device(const struct step *in, struct lvmthin_store *s, struct object_name name,
	char ret_name[DM_DEVICE_NAME_SIZE], struct dm_device *ret, struct err *err)
{
	char lv[LVM_NAME_SIZE];
	char what[2 * LVM_NAME_SIZE];
	const char *const args[] = {
		"lvchange", "--activate", "y", "--ignoreactivationskip", what, NULL};
	int rc = lvmthin_device(s, name, ret_name, ret, err);

	if (rc != 0) {
		return rc < 0 ? -1 : 0;
	}
	lvmthin_lv(name, lv);
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, lv);
	if (lvm_change(in, &s->lvm, args, err) < 0) {
		return say(name, err);
	}
	rc = lvmthin_device(s, name, ret_name, ret, err);
	if (rc == 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s %s: %s was activated but has no device",
			object_kind_name(name.kind), name.id, what);
	}
	return rc < 0 ? -1 : 0;
}

int lvmthin_wake(
	const struct step *in, struct store *store, struct object_name name, struct err *err)
{
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;

	return need_device(in, lvmthin_of(store), name, device_name, &device, err);
}

int lvmthin_path(struct store *store, struct object_name name, char ret[PATH_MAX], struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	struct stat st;
	int rc = lvmthin_device(s, name, device_name, &device, err);

	if (rc <= 0) {
		return rc < 0 ? -1 : why_no_device(s, name, err);
	}
	(void)snprintf(ret, PATH_MAX, "%s/%s", s->lvm.env->dev_dir, device_name);
	if (stat(ret, &st) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s %s: %s: %m", object_kind_name(name.kind),
			name.id, ret);
	}
	/* A link may be an old one. */
	if (st.st_rdev != device.number) {
		return err_set(err, ERR_UNAVAILABLE, "%s %s: %s is another device",
			object_kind_name(name.kind), name.id, ret);
	}
	return 0;
}

/* A pool that is full or broken takes nothing new; asked before lvm gets halfway. */
static int refuse_full(struct lvmthin_store *s, struct err *err)
{
	struct dm_pool pool;

	if (lvmthin_pool_status(s, &pool, err) < 0) {
		return -1;
	}
	if (pool.read_only) {
		return err_set(err, ERR_UNAVAILABLE,
			"pool %s: the thin pool %s/%s is read-only: its metadata is full or damaged; see docs/target.md",
			s->dir.stamp.name, s->vg, s->thin_pool);
	}
	if (pool.full || pool.data_used >= pool.data_size) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"pool %s: the thin pool %s/%s is full: lvextend it, or delete volumes or snapshots",
			s->dir.stamp.name, s->vg, s->thin_pool);
	}
	return 0;
}

int lvmthin_create(const struct step *in, struct store *store, struct object_name name,
	int64_t size, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char lv[LVM_NAME_SIZE];
	char bytes[BYTES_SIZE];
	/* No signature is wiped, which would allocate a chunk: there is none in a new volume. */
	const char *const args[] = {"lvcreate", "--wipesignatures", "n", "--virtualsize", bytes,
		"--thinpool", s->thin_pool, "--name", lv, "--addtag", s->tag, s->vg, NULL};

	lvmthin_lv(name, lv);
	print_bytes(size, bytes);
	if (refuse_full(s, err) < 0 || lvm_change(in, &s->lvm, args, err) < 0) {
		return say(name, err);
	}
	return step_changed(in, "volume", err);
}

/* Let lvm make it larger; what it did already is no error. */
static int extend(const struct step *in, struct lvmthin_store *s, struct object_name name,
	int64_t size, struct err *err)
{
	char lv[LVM_NAME_SIZE];
	char what[2 * LVM_NAME_SIZE];
	char bytes[BYTES_SIZE];
	const char *const grow[] = {"lvextend", "--size", bytes, what, NULL};
	const char *const refresh[] = {"lvchange", "--refresh", what, NULL};
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	struct err why = {0};

	lvmthin_lv(name, lv);
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, lv);
	print_bytes(size, bytes);
	if (lvm_change(in, &s->lvm, grow, &why) < 0 && why.code != ERR_INTERNAL) {
		return err_set(err, why.code, "%s", why.msg);
	}
	if (step_changed(in, "size", err) < 0 ||
		need_device(in, s, name, device_name, &device, err) < 0) {
		return -1;
	}
	/* One that was killed may have written the size down and not told the kernel. */
	if (device.size < size &&
		(lvm_change(in, &s->lvm, refresh, err) < 0 ||
			need_device(in, s, name, device_name, &device, err) < 0)) {
		return -1;
	}
	if (device.size != size) {
		return err_set(err, ERR_INTERNAL,
			"%s has %lld bytes after it was grown to %lld%s%s", what,
			(long long)device.size, (long long)size, why.msg[0] ? ": " : "", why.msg);
	}
	return 0;
}

/* What was copied and not yet on the disks must be, as it will be answered for. */
static int flush(struct store *store, struct object_name name, struct err *err)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;

	if (lvmthin_path(store, name, path, err) < 0) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) {
		return err_errno(err, errno, "%s %s: write it to stable storage",
			object_kind_name(name.kind), name.id);
	}
	return 0;
}

int lvmthin_clone(const struct step *in, struct store *store, struct object_name from,
	struct object_name to, int64_t size, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char lv[LVM_NAME_SIZE];
	char origin[LVM_NAME_SIZE];
	char what[2 * LVM_NAME_SIZE];
	const char *const args[] = {"lvcreate", "--snapshot", "--permission",
		to.kind == OBJECT_SNAPSHOT ? "r" : "rw", "--setactivationskip", "n", "--activate",
		"y", "--name", lv, "--addtag", s->tag, what, NULL};
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;

	lvmthin_lv(to, lv);
	lvmthin_lv(from, origin);
	(void)snprintf(what, sizeof(what), "%s/%s", s->vg, origin);
	if (refuse_full(s, err) < 0 || lvm_change(in, &s->lvm, args, err) < 0) {
		return say(to, err);
	}
	if (step_changed(in, "clone", err) < 0 ||
		need_device(in, s, to, device_name, &device, err) < 0) {
		return -1;
	}
	if (device.size > size) {
		return err_set(err, ERR_INTERNAL,
			"%s %s: its source has %lld bytes, more than %lld",
			object_kind_name(to.kind), to.id, (long long)device.size, (long long)size);
	}
	if (device.size < size && extend(in, s, to, size, err) < 0) {
		return -1;
	}
	return flush(store, to, err);
}

/* lvextend takes a name only, and one of ours may have been replaced by another one of its name. */
static int refuse_foreign(struct lvmthin_store *s, struct object_name name, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	char lv[LVM_NAME_SIZE];
	struct js_at rows;
	struct js_at row;
	const char *tags;

	lvmthin_lv(name, lv);
	if (lvm_report(&s->lvm, lv, "lv_tags", &doc, &rows, err) < 0 ||
		js_item_obj(&rows, 0, &row, err) < 0 ||
		js_get_str(&row, "lv_tags", LVMTHIN_TAGS_MAX, &tags, err) < 0) {
		return say(name, err);
	}
	return lvm_has_tag(tags, s->tag) ? 0 : foreign(s, name, "resized", err);
}

int lvmthin_grow(const struct step *in, struct store *store, struct object_name name, int64_t size,
	struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;

	if (need_device(in, s, name, device_name, &device, err) < 0) {
		return -1;
	}
	if (size < device.size) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s %s: it has %lld bytes and is never cut to %lld",
			object_kind_name(name.kind), name.id, (long long)device.size,
			(long long)size);
	}
	if (size == device.size) {
		return 0;
	}
	return refuse_foreign(s, name, err) < 0 ? -1 : extend(in, s, name, size, err);
}

/* By name and tag in one: between a look and a removal it could become another one. */
int lvmthin_remove(
	const struct step *in, struct store *store, struct object_name name, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char lv[LVM_NAME_SIZE];
	char selection[2 * LVM_NAME_SIZE + LVMTHIN_TAG_SIZE + 32];
	const char *const args[] = {"lvremove", "--select", selection, s->vg, NULL};
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	int rc;

	lvmthin_lv(name, lv);
	(void)snprintf(selection, sizeof(selection), "lv_name=%s && lv_tags=%s && pool_lv=%s", lv,
		s->tag, s->thin_pool);
	if (lvm_change(in, &s->lvm, args, err) < 0) {
		return say(name, err);
	}
	rc = lvmthin_device(s, name, device_name, &device, err);
	if (rc > 0) {
		return foreign(s, name, "removed", err);
	}
	return rc < 0 ? -1 : step_changed(in, "removed", err);
}

/* Suspending a device waits for all that reached it, and takes nothing new until it goes on. */
int lvmthin_drain(
	const struct step *in, struct store *store, struct object_name name, struct err *err)
{
	struct lvmthin_store *s = lvmthin_of(store);
	char device_name[DM_DEVICE_NAME_SIZE];
	struct dm_device device;
	struct err why = {0};
	int rc;

	if (need_device(in, s, name, device_name, &device, err) < 0) {
		return -1;
	}
	rc = lvm_suspend(in, &s->lvm, device_name, err);
	if (rc == 0) {
		rc = step_changed(in, "suspended", err);
	}
	/* Also when it failed: one that was ended by its deadline may have come through. */
	if (lvm_resume(in, &s->lvm, device_name, &why) < 0) {
		rc = err_set(
			err, why.code, "%s %s: %s", object_kind_name(name.kind), name.id, why.msg);
	}
	return rc;
}
