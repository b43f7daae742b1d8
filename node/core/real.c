/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct host_ops by the real initiator, block layer and mount table.
 */
#include "node/block/disk.h"
#include "node/block/fsck.h"
#include "node/block/grow.h"
#include "node/core/real_connect.h"
#include "node/core/real_look.h"
#include "node/nvme/head.h"
#include "node/nvme/subsys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* --- the disk --- */

static int prove(struct host_real *host, const struct host_want *want,
	const struct subsys_disk *disk, struct guard *guard, struct host_device *ret,
	struct err *err)
{
	struct head_want head = {
		.nqn = want->nqn, .ident = want->ident, .min_size = want->min_size};
	struct proven_device device = PROVEN_NONE;

	if (head_prove(host->fab, &head, disk, guard, &device, err) < 0) {
		return -1;
	}
	ret->fd = device.fd;
	ret->dev = device.dev;
	ret->size = (int64_t)device.size;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", device.name);
	return 0;
}

static int real_device(const struct step *in, void *self, const struct host_want *want,
	struct guard *guard, struct host_device *ret, struct err *err)
{
	struct host_real *host = self;
	struct real_device_job job = {.host = host, .link = want->link, .guard = guard};
	struct head_want head = {
		.nqn = want->nqn, .ident = want->ident, .min_size = want->min_size};
	struct deadline dl = deadline_sooner(&guard->dl, REAL_DEVICE_MS);
	struct subsys_disk disk;

	if (want->link) {
		head.kept_away = real_more_paths;
		head.arg = &job;
	}
	return head_wait(in, host->fab, host->uev, &head, &dl, &disk, err) < 0
		       ? -1
		       : prove(host, want, &disk, guard, ret, err);
}

static int real_device_now(void *self, const struct host_want *want, struct guard *guard,
	struct host_device *ret, struct err *err)
{
	struct host_real *host = self;
	_cleanup_subsys_view_ struct subsys_view view = {0};
	struct err why = {0};

	if (real_scan(host, want->nqn, &view, err) < 0) {
		return -1;
	}
	const struct subsys_disk *disk = subsys_find_disk(&view, want->ident, &why);
	if (disk) {
		return prove(host, want, disk, guard, ret, err);
	}
	if (why.code != ERR_OK) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return err_set(err, ERR_NOT_FOUND, "subsystem %s: the kernel lists no disk of this volume",
		want->nqn);
}

static int real_device_grown(const struct step *in, void *self, const struct host_want *want,
	struct guard *guard, struct host_device *ret, struct err *err)
{
	struct host_real *host = self;
	struct head_want head = {
		.nqn = want->nqn, .ident = want->ident, .min_size = want->min_size};
	struct deadline dl = deadline_sooner(&guard->dl, REAL_DEVICE_MS);
	struct subsys_disk disk;

	if (head_wait_size(in, host->fab, host->uev, &head, &dl, &disk, err) < 0) {
		return -1;
	}
	/* A size that is on its way is no proof of another device. */
	struct host_want any_size = *want;
	any_size.min_size = 0;
	if (prove(host, &any_size, &disk, guard, ret, err) < 0) {
		return -1;
	}
	if (ret->size < want->min_size) {
		(void)err_set(err, ERR_UNAVAILABLE, "%s: has %lld bytes and not yet %lld; retry",
			ret->name, (long long)ret->size, (long long)want->min_size);
		guard_close(guard, &ret->fd);
		return -1;
	}
	return 0;
}

static int real_disconnect(
	const struct step *in, void *self, const char *nqn, struct guard *guard, struct err *err)
{
	struct host_real *host = self;

	return fab_disconnect(in, host->fab, nqn, guard, err);
}

static int real_keep(void *self, const struct host_link *link, struct err *err)
{
	struct host_real *host = self;

	return keeper_set(host->keeper, link->nqn, link->portals, link->options, err);
}

static void real_drop(void *self, const char *nqn)
{
	struct host_real *host = self;

	keeper_drop(host->keeper, nqn);
}

static int real_held(void *self, const struct host_want *want, dev_t dev, struct guard *guard,
	char ret_what[HOST_HELD_SIZE], struct err *err)
{
	struct host_real *host = self;
	_cleanup_subsys_view_ struct subsys_view view = {0};
	struct err twice = {0};

	ret_what[0] = '\0';
	if (real_scan(host, want->nqn, &view, err) < 0) {
		return -1;
	}
	const struct subsys_disk *only =
		want->ident ? subsys_find_disk(&view, want->ident, &twice) : NULL;
	for (size_t i = 0; i < view.n_disks; i++) {
		const struct subsys_disk *disk = &view.disks[i];
		bool held;

		if (!disk->ready || (want->ident && disk != only && (!dev || disk->dev != dev))) {
			continue;
		}
		if (head_held(host->fab, disk, guard, &held, err) < 0) {
			return -1;
		}
		if (held) {
			head_users(fab_host(host->fab), disk->name, ret_what, HOST_HELD_SIZE);
			return 0;
		}
	}
	return 0;
}

/* --- the filesystem --- */

/* What the block layer wants to know; @label is for its messages. */
static struct disk_want disk_want(
	const struct host_device *device, const struct host_fs *fs, char label[256])
{
	struct disk_want want = {
		.device = label,
		.fstype = fs->fs_type,
		.written = fs->written,
		.formatted = fs->formatted,
		.read_only = fs->read_only,
	};

	(void)snprintf(label, 256, "%s (volume %s)", device->name, fs->volume);
	intent_volume_id(fs->ident, want.volume);
	return want;
}

static int real_inspect(void *self, const struct host_device *device, const struct host_fs *fs,
	struct guard *guard, enum host_verdict *ret, struct err *err)
{
	char label[256];
	struct disk_want want = disk_want(device, fs, label);
	struct disk_state state;

	(void)self;
	if (disk_inspect(guard, device->fd, &want, &state, err) < 0) {
		return -1;
	}
	*ret = state.verdict == DISK_FORMAT ? HOST_FORMAT : HOST_USE;
	return 0;
}

static int real_format(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, struct guard *guard, struct err *err)
{
	char label[256];
	struct disk_want want = disk_want(device, fs, label);
	struct mkfs_options options;

	(void)self;
	if (mkfs_options_parse("mkfsOptions", fs->fs_type, fs->mkfs_options, &options, err) < 0) {
		return -1;
	}
	return disk_format(in, guard, device->fd, &want, &options, err);
}

static int real_check(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, struct guard *guard, pid_t *ret_stuck_pid, struct err *err)
{
	struct fsck_result result = {0};

	(void)self;
	int checked = fsck_run(in, device->name, fs->fs_type, device->fd, guard, &result, err);
	*ret_stuck_pid = result.stuck_pid;
	return checked;
}

static int real_grow(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, const char *path, struct guard *guard, struct err *err)
{
	struct grow_size size;

	(void)self;
	const struct grow_place place = {
		.fstype = fs->fs_type, .path = path, .device_fd = device->fd};
	return grow_mounted(in, guard, &place, &size, err);
}

static int real_set_read_only(const struct step *in, void *self, const struct host_device *device,
	bool read_only, struct err *err)
{
	struct blkdev_geometry geometry;

	(void)self;
	if (blkdev_geometry_read(device->fd, &geometry, err) < 0) {
		return -1;
	}
	return geometry.read_only == read_only
		       ? 0
		       : blkdev_set_read_only(in, device->fd, read_only, err);
}

/* --- mounts --- */

static int real_mounts(void *self, struct mount_table **ret_table, struct err *err)
{
	const struct host_real *host = self;

	return mount_table_read(host->mountinfo, ret_table, err);
}

static int real_mount(const struct step *in, void *self, const struct mount_what *what,
	struct guard *guard, struct err *err)
{
	(void)self;
	return mount_filesystem(in, what, guard, err);
}

static int real_bind(const struct step *in, void *self, const char *from, const char *to,
	bool read_only, struct err *err)
{
	(void)self;
	return mount_bind(in, from, to, read_only, err);
}

static int real_bind_device(
	const struct step *in, void *self, const struct mount_node *node, struct err *err)
{
	(void)self;
	return mount_bind_device(in, node, err);
}

static int real_node_remove(
	const struct step *in, void *self, const char *folder, const char *key, struct err *err)
{
	(void)self;
	return mount_node_remove(in, folder, key, err);
}

static int real_sync(
	const struct step *in, void *self, const char *target, struct guard *guard, struct err *err)
{
	(void)self;
	return mount_sync(in, target, guard, err);
}

static int real_unmount(
	const struct step *in, void *self, const char *target, struct guard *guard, struct err *err)
{
	(void)self;
	return mount_remove(in, target, guard, err);
}

static int real_usage(void *self, const char *path, dev_t dev, struct guard *guard,
	struct mount_usage *ret, struct err *err)
{
	(void)self;
	return mount_usage_read(path, dev, guard, ret, err);
}

static int real_alive(
	void *self, const char *path, struct guard *guard, bool *ret_alive, struct err *err)
{
	(void)self;
	return mount_alive(path, guard, ret_alive, err);
}

static int real_opens(
	void *self, const char *path, struct guard *guard, bool *ret_opens, struct err *err)
{
	(void)self;
	return mount_opens(path, guard, ret_opens, err);
}

static int real_trim(const struct step *in, void *self, const struct trim_part *part,
	struct guard *guard, struct trim_done *ret, struct err *err)
{
	(void)self;
	return mount_trim(in, part, guard, ret, err);
}

static int real_target_make(const struct step *in, void *self, const char *path, bool folder,
	bool *ret_made, struct err *err)
{
	(void)self;
	return mount_target_make(in, path, folder, ret_made, err);
}

static int real_target_remove(const struct step *in, void *self, const char *path, struct err *err)
{
	(void)self;
	return mount_target_remove(in, path, err);
}

static int real_is_folder(void *self, const char *path, bool *ret, struct err *err)
{
	struct stat st;

	(void)self;
	*ret = false;
	if (stat(path, &st) == 0) {
		*ret = S_ISDIR(st.st_mode);
		return 0;
	}
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return 0;
	case EIO: /* a dead mount is there: a folder, and about to be repaired */
	case ENODEV:
		*ret = true;
		return 0;
	default:
		return err_errno(err, errno, "%s", path);
	}
}

static dev_t real_node_at(void *self, const char *path)
{
	struct stat st;

	(void)self;
	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

const struct host_ops *host_ops_real(void)
{
	static const struct host_ops ops = {
		.connect = real_connect,
		.device = real_device,
		.device_now = real_device_now,
		.device_grown = real_device_grown,
		.disconnect = real_disconnect,
		.keep = real_keep,
		.drop = real_drop,
		.controllers = real_controllers,
		.disks = real_disks,
		.held = real_held,
		.owner = real_owner,
		.dev_size = real_dev_size,
		.ctrls = real_ctrls,
		.shown = real_shown,
		.inspect = real_inspect,
		.format = real_format,
		.check = real_check,
		.grow = real_grow,
		.set_read_only = real_set_read_only,
		.mounts = real_mounts,
		.mount = real_mount,
		.bind = real_bind,
		.bind_device = real_bind_device,
		.node_remove = real_node_remove,
		.sync = real_sync,
		.unmount = real_unmount,
		.usage = real_usage,
		.alive = real_alive,
		.opens = real_opens,
		.trim = real_trim,
		.target_make = real_target_make,
		.target_remove = real_target_remove,
		.is_folder = real_is_folder,
		.node_at = real_node_at,
	};

	return &ops;
}
