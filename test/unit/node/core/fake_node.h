/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A make-believe node for the tests of the staging machine: controllers, disks, mounts and paths in
 * shared memory, so that what a killed process did is there for the next one, as with a kernel.
 */
#pragma once

#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "common/nvmf/uuid.h"
#include "node/core/core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

#define FAKE_MAX 32
#define FAKE_SIZE (INT64_C(1) << 30)
#define FAKE_NQN "nqn.2026-01.dev.csi.nvmetcp:test:sub"
#define FAKE_PORTAL "10.0.0.5:4420"
#define FAKE_PORTAL2 "10.0.0.6:4420"
#define BOOT_A "11111111-1111-1111-1111-111111111111"
#define BOOT_B "22222222-2222-2222-2222-222222222222"

struct fake_disk {
	bool used;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];
	dev_t dev;
	int64_t size;
	char content[16]; /* "", "ext4", "xfs" or something foreign */
	int64_t fs_size;
	bool attached; /* the kernel shows it, by a controller of its subsystem */
	bool read_only;
	bool dead_fs;
	bool held; /* in a mount namespace that is not ours */
	unsigned syncs;
	unsigned formats;
	unsigned checks;
};

struct fake_mount {
	bool used;
	bool read_only;
	bool fs_read_only;
	const char *fs_word; /* among the options of the filesystem; NULL: none */
	dev_t dev;
	dev_t node; /* of a bound device node */
	char fs_type[16];
	char root[128];
	char target[256];
};

struct fake {
	struct fake_disk disks[FAKE_MAX];
	struct fake_mount mounts[FAKE_MAX];
	struct {
		char nqn[NQN_SIZE];
		bool connected;
		bool kept;
	} subsystems[FAKE_MAX];
	struct {
		char path[256];
		bool folder;
	} paths[FAKE_MAX];
	unsigned next_minor;
	unsigned connects;
	unsigned disconnects;
	bool silent; /* no target answers: controllers reconnect */
	bool half;   /* only the path to the first portal, FAKE_PORTAL, is there and works */
	/* The next call of this operation fails with this code; "" when none. */
	char fail_op[32];
	enum err_code fail_code;
	char dir[64];		       /* of the test: state/ and mountinfo are in it */
	pid_t stuck_pid;	       /* check() leaves this child behind */
	int stuck_pidfd;	       /* usage() leaves this one behind */
	void (*in_connect)(void *arg); /* what others do meanwhile */
	void *in_connect_arg;
	unsigned opened; /* times that a filesystem was asked to open */
	unsigned trims;
	char trimming[256];   /* where one is at work, which keeps it mounted */
	uint64_t trimmed_to;  /* end of the last part */
	int trim_stuck_pidfd; /* trim() leaves this child behind */
	void (*in_trim)(void *arg, const struct guard *guard); /* what others do meanwhile */
	void *in_trim_arg;
	void (*in_sync)(void *arg);
	void *in_sync_arg;
};

/* As common/base/helper.c has it: nothing else makes a child that cannot be killed. */
struct helper_stuck {
	int pidfd;
};

static inline bool fake_fails(struct fake *fake, const char *op, struct err *err)
{
	if (!streq(fake->fail_op, op)) {
		return false;
	}
	fake->fail_op[0] = '\0';
	(void)err_set(err, fake->fail_code, "%s: made to fail", op);
	return true;
}

static inline size_t fake_subsystem(struct fake *fake, const char *nqn)
{
	size_t i = 0;

	while (fake->subsystems[i].nqn[0] && !streq(fake->subsystems[i].nqn, nqn)) {
		i++;
	}
	/* @nqn may be the very entry. */
	memmove(fake->subsystems[i].nqn, nqn, strlen(nqn) + 1);
	return i;
}

/* The kernel shows the disks of connected subsystems; a disk that comes back has a new number. */
static inline void fake_attach(struct fake *fake, const char *nqn, bool connected)
{
	fake->subsystems[fake_subsystem(fake, nqn)].connected = connected;
	for (size_t i = 0; i < FAKE_MAX; i++) {
		struct fake_disk *disk = &fake->disks[i];
		if (disk->used && streq(disk->nqn, nqn) && disk->attached != connected) {
			disk->attached = connected;
			disk->read_only = false;
			if (connected) {
				disk->dev = makedev(259, fake->next_minor++);
			}
		}
	}
}

static inline struct fake_disk *fake_by_dev(struct fake *fake, dev_t dev)
{
	for (size_t i = 0; i < FAKE_MAX; i++) {
		if (fake->disks[i].used && fake->disks[i].attached && fake->disks[i].dev == dev) {
			return &fake->disks[i];
		}
	}
	return NULL;
}

static inline struct fake_mount *fake_top(struct fake *fake, const char *target)
{
	for (size_t i = FAKE_MAX; i > 0; i--) {
		if (fake->mounts[i - 1].used && streq(fake->mounts[i - 1].target, target)) {
			return &fake->mounts[i - 1];
		}
	}
	return NULL;
}

static inline struct fake_mount *fake_add_mount(struct fake *fake, const char *target, dev_t dev)
{
	struct fake_mount *mount = fake->mounts;

	while (mount->used) {
		mount++;
		assert_true(mount < fake->mounts + FAKE_MAX);
	}
	*mount = (struct fake_mount){.used = true, .dev = dev};
	(void)snprintf(mount->target, sizeof(mount->target), "%s", target);
	(void)snprintf(mount->root, sizeof(mount->root), "/");
	(void)snprintf(mount->fs_type, sizeof(mount->fs_type), "ext4");
	return mount;
}

static int fake_connect(const struct step *in, void *self, const struct host_link *link,
	struct guard *guard, struct err *err)
{
	struct fake *fake = self;

	(void)in;
	(void)guard;
	if (fake_fails(fake, "connect", err)) {
		return -1;
	}
	if (fake->in_connect) {
		void (*meanwhile)(void *) = fake->in_connect;
		fake->in_connect = NULL;
		meanwhile(fake->in_connect_arg);
	}
	fake->connects += fake->subsystems[fake_subsystem(fake, link->nqn)].connected ? 0 : 1;
	fake_attach(fake, link->nqn, true);
	return 0;
}

static int fake_device_now(void *self, const struct host_want *want, struct guard *guard,
	struct host_device *ret, struct err *err)
{
	struct fake *fake = self;

	(void)guard;
	if (fake_fails(fake, "device", err)) {
		return -1;
	}
	for (size_t i = 0; i < FAKE_MAX; i++) {
		const struct fake_disk *disk = &fake->disks[i];
		if (disk->used && disk->attached && streq(disk->nqn, want->nqn) &&
			memcmp(disk->uuid, want->ident->uuid, 16) == 0) {
			if (disk->size < want->min_size) {
				return err_set(err, ERR_FAILED_PRECONDITION, "device: too small");
			}
			ret->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
			ret->dev = disk->dev;
			ret->size = disk->size;
			(void)snprintf(ret->name, sizeof(ret->name), "nvme%zun1", i);
			return 0;
		}
	}
	return err_set(err, ERR_NOT_FOUND, "device: not there");
}

static int fake_device(const struct step *in, void *self, const struct host_want *want,
	struct guard *guard, struct host_device *ret, struct err *err)
{
	(void)in;
	return fake_device_now(self, want, guard, ret, err);
}

static int fake_disconnect(
	const struct step *in, void *self, const char *nqn, struct guard *guard, struct err *err)
{
	struct fake *fake = self;

	(void)in;
	(void)guard;
	if (fake_fails(fake, "disconnect", err)) {
		return -1;
	}
	fake->disconnects++;
	fake_attach(fake, nqn, false);
	return 0;
}

static int fake_keep(void *self, const struct host_link *link, struct err *err)
{
	struct fake *fake = self;

	(void)err;
	fake->subsystems[fake_subsystem(fake, link->nqn)].kept = true;
	return 0;
}

static void fake_drop(void *self, const char *nqn)
{
	struct fake *fake = self;

	fake->subsystems[fake_subsystem(fake, nqn)].kept = false;
}

static int fake_controllers(
	void *self, const char *nqn, struct host_controllers *ret, struct err *err)
{
	struct fake *fake = self;

	(void)err;
	bool connected = fake->subsystems[fake_subsystem(fake, nqn)].connected;
	*ret = (struct host_controllers){
		.listed = connected ? 1 : 0, .live = connected && !fake->silent ? 1 : 0};
	return 0;
}

static int fake_disks(
	void *self, const char *nqn, dev_t *ret_devs, size_t max, size_t *ret_n, struct err *err)
{
	struct fake *fake = self;

	(void)err;
	*ret_n = 0;
	for (size_t i = 0; i < FAKE_MAX && *ret_n < max; i++) {
		if (fake->disks[i].used && fake->disks[i].attached &&
			streq(fake->disks[i].nqn, nqn)) {
			ret_devs[(*ret_n)++] = fake->disks[i].dev;
		}
	}
	return 0;
}

static int fake_held(void *self, const struct host_want *want, dev_t dev, struct guard *guard,
	char ret_what[HOST_HELD_SIZE], struct err *err)
{
	struct fake *fake = self;

	(void)guard;
	ret_what[0] = '\0';
	if (fake_fails(fake, "held", err)) {
		return -1;
	}
	for (size_t i = 0; i < FAKE_MAX; i++) {
		const struct fake_disk *disk = &fake->disks[i];
		bool meant = !want->ident || memcmp(disk->uuid, want->ident->uuid, 16) == 0 ||
			     (dev != 0 && disk->dev == dev);
		if (disk->used && disk->attached && disk->held && meant &&
			streq(disk->nqn, want->nqn)) {
			(void)snprintf(ret_what, HOST_HELD_SIZE, "nvme%zun1", i);
		}
	}
	return 0;
}

static int fake_owner(void *self, dev_t dev, char ret_nqn[NQN_SIZE], struct err *err)
{
	const struct fake_disk *disk = fake_by_dev(self, dev);

	(void)err;
	(void)snprintf(ret_nqn, NQN_SIZE, "%s", disk ? disk->nqn : "");
	return 0;
}

static int fake_dev_size(void *self, dev_t dev, int64_t *ret_size, struct err *err)
{
	const struct fake_disk *disk = fake_by_dev(self, dev);

	(void)err;
	/* Disks of the machine itself are always there. */
	*ret_size = disk ? disk->size : major(dev) == 8 ? FAKE_SIZE : 0;
	return 0;
}

static inline void fake_ctrl(
	struct fake *fake, const char *nqn, const char *portal, struct host_ctrl *ret)
{
	(void)snprintf(ret->nqn, sizeof(ret->nqn), "%s", nqn);
	assert_int_equal(portal_parse("portal", portal, &ret->portal, NULL), 0);
	ret->has_portal = true;
	ret->live = !fake->silent;
	(void)snprintf(ret->state, sizeof(ret->state), "%s", ret->live ? "live" : "connecting");
}

/* Two paths to each subsystem that is connected. */
static int fake_ctrls(void *self, struct host_ctrl **ret_list, size_t *ret_n, struct err *err)
{
	struct fake *fake = self;
	struct host_ctrl *list = calloc(2 * FAKE_MAX, sizeof(*list));
	size_t n = 0;

	assert_non_null(list);
	if (fake_fails(fake, "ctrls", err)) {
		free(list);
		return -1;
	}
	for (size_t i = 0; i < FAKE_MAX && fake->subsystems[i].nqn[0]; i++) {
		if (fake->subsystems[i].connected) {
			fake_ctrl(fake, fake->subsystems[i].nqn, FAKE_PORTAL, &list[n++]);
		}
		if (fake->subsystems[i].connected && !fake->half) {
			fake_ctrl(fake, fake->subsystems[i].nqn, FAKE_PORTAL2, &list[n++]);
		}
	}
	*ret_list = list;
	*ret_n = n;
	return 0;
}

static bool fake_shown(void *self, dev_t dev, const struct ns_ident *ident)
{
	const struct fake_disk *disk = fake_by_dev(self, dev);

	return disk && memcmp(disk->uuid, ident->uuid, 16) == 0;
}

static int fake_inspect(void *self, const struct host_device *device, const struct host_fs *fs,
	struct guard *guard, enum host_verdict *ret, struct err *err)
{
	const struct fake_disk *disk = fake_by_dev(self, device->dev);

	(void)guard;
	if (fake_fails(self, "inspect", err)) {
		return -1;
	}
	if (!disk->content[0]) {
		if (fs->written || fs->formatted || fs->read_only) {
			return err_set(
				err, ERR_FAILED_PRECONDITION, "blank, and must not be formatted");
		}
		*ret = HOST_FORMAT;
		return 0;
	}
	*ret = HOST_USE;
	return streq(disk->content, fs->fs_type)
		       ? 0
		       : err_set(err, ERR_FAILED_PRECONDITION, "holds %s, wanted %s", disk->content,
				 fs->fs_type);
}

static int fake_format(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, struct guard *guard, struct err *err)
{
	struct fake_disk *disk = fake_by_dev(self, device->dev);

	(void)in;
	(void)guard;
	if (fake_fails(self, "format", err)) {
		return -1;
	}
	disk->formats++;
	disk->fs_size = disk->size;
	(void)snprintf(disk->content, sizeof(disk->content), "%s", fs->fs_type);
	return 0;
}

static int fake_check(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, struct guard *guard, pid_t *ret_stuck_pid, struct err *err)
{
	struct fake *fake = self;

	(void)in;
	(void)fs;
	(void)guard;
	if (fake->stuck_pid) {
		*ret_stuck_pid = fake->stuck_pid;
		fake->stuck_pid = 0;
		return err_set(err, ERR_DEADLINE_EXCEEDED, "check: hangs");
	}
	if (fake_fails(self, "check", err)) {
		return -1;
	}
	fake_by_dev(self, device->dev)->checks++;
	return 0;
}

static int fake_grow(const struct step *in, void *self, const struct host_device *device,
	const struct host_fs *fs, const char *path, struct guard *guard, struct err *err)
{
	struct fake_disk *disk = fake_by_dev(self, device->dev);

	(void)in;
	(void)fs;
	(void)guard;
	if (fake_fails(self, "grow", err)) {
		return -1;
	}
	assert_non_null(fake_top(self, path));
	disk->fs_size = disk->size;
	return 0;
}

static int fake_set_read_only(const struct step *in, void *self, const struct host_device *device,
	bool read_only, struct err *err)
{
	(void)in;
	if (fake_fails(self, "access", err)) {
		return -1;
	}
	fake_by_dev(self, device->dev)->read_only = read_only;
	return 0;
}

static int fake_mounts(void *self, struct mount_table **ret_table, struct err *err)
{
	struct fake *fake = self;
	struct strbuf text = sb_init(1024 * 1024);
	char path[128];

	sb_add(&text, "1 1 8:1 / / rw shared:1 - ext4 /dev/root rw\n");
	for (size_t i = 0; i < FAKE_MAX; i++) {
		const struct fake_mount *mount = &fake->mounts[i];
		if (mount->used) {
			sb_addf(&text, "%zu 1 %u:%u %s %s %s,relatime - %s /dev/x %s%s%s\n", i + 2,
				major(mount->dev), minor(mount->dev), mount->root, mount->target,
				mount->read_only ? "ro" : "rw", mount->fs_type,
				mount->fs_read_only ? "ro" : "rw", mount->fs_word ? "," : "",
				mount->fs_word ? mount->fs_word : "");
		}
	}
	(void)snprintf(path, sizeof(path), "%s/mountinfo", fake->dir);
	int result = file_write_atomic(AT_FDCWD, path, sb_str(&text), text.len, 0600, err);
	sb_done(&text);
	return result < 0 ? -1 : mount_table_read(path, ret_table, err);
}

static int fake_mount(const struct step *in, void *self, const struct mount_what *what,
	struct guard *guard, struct err *err)
{
	struct fake_disk *disk = fake_by_dev(self, what->dev);

	(void)in;
	(void)guard;
	if (fake_fails(self, "mount", err)) {
		return -1;
	}
	assert_string_equal(disk->content, what->fs_type);
	struct fake_mount *mount = fake_add_mount(self, what->target, what->dev);
	(void)snprintf(mount->fs_type, sizeof(mount->fs_type), "%s", what->fs_type);
	mount->read_only = mount->fs_read_only = (what->flags & 1) != 0;
	disk->dead_fs = false;
	return 0;
}

static int fake_bind(const struct step *in, void *self, const char *from, const char *to,
	bool read_only, struct err *err)
{
	(void)in;
	if (fake_fails(self, "bind", err)) {
		return -1;
	}
	const struct fake_mount *source = fake_top(self, from);
	assert_non_null(source);
	fake_add_mount(self, to, source->dev)->read_only = read_only;
	return 0;
}

static int fake_bind_device(
	const struct step *in, void *self, const struct mount_node *node, struct err *err)
{
	char name[MOUNT_NODE_NAME_SIZE];

	(void)in;
	if (fake_fails(self, "bind", err)) {
		return -1;
	}
	struct fake_mount *mount = fake_add_mount(self, node->target, makedev(8, 1));
	mount_node_name(node->key, name);
	(void)snprintf(mount->root, sizeof(mount->root), "/state/%s", name);
	mount->node = node->dev;
	return 0;
}

static int fake_node_remove(
	const struct step *in, void *self, const char *folder, const char *key, struct err *err)
{
	(void)in;
	(void)folder;
	(void)key;
	return fake_fails(self, "node-remove", err) ? -1 : 0;
}

static int fake_sync(
	const struct step *in, void *self, const char *target, struct guard *guard, struct err *err)
{
	struct fake *fake = self;
	const struct fake_mount *mount = fake_top(self, target);
	struct fake_disk *disk = mount ? fake_by_dev(self, mount->dev) : NULL;

	(void)in;
	(void)guard;
	if (fake->in_sync) {
		fake->in_sync(fake->in_sync_arg);
	}
	if (fake_fails(fake, "sync", err)) {
		return -1;
	}
	if (disk && disk->dead_fs) {
		return err_set(err, ERR_UNAVAILABLE, "sync: shut down");
	}
	if (disk) {
		disk->syncs++;
	}
	return 0;
}

static int fake_unmount(
	const struct step *in, void *self, const char *target, struct guard *guard, struct err *err)
{
	struct fake_mount *mount = fake_top(self, target);

	(void)in;
	(void)guard;
	if (fake_fails(self, "unmount", err)) {
		return -1;
	}
	if (streq(((struct fake *)self)->trimming, target)) {
		return err_set(err, ERR_ABORTED, "unmount: in use");
	}
	if (mount) {
		mount->used = false;
	}
	return 0;
}

static int fake_usage(void *self, const char *path, dev_t dev, struct guard *guard,
	struct mount_usage *ret, struct err *err)
{
	struct fake *fake = self;

	(void)path;
	if (fake->stuck_pidfd >= 0) {
		guard->stuck = calloc(1, sizeof(*guard->stuck));
		guard->stuck->pidfd = fake->stuck_pidfd;
		fake->stuck_pidfd = -1;
		return err_set(err, ERR_DEADLINE_EXCEEDED, "statfs: no answer");
	}
	*ret = (struct mount_usage){.bytes_total = fake_by_dev(self, dev)->fs_size,
		.bytes_used = 4096,
		.bytes_free = 8192,
		.inodes_total = 100,
		.inodes_used = 1,
		.inodes_free = 99};
	return 0;
}

static int fake_alive(
	void *self, const char *path, struct guard *guard, bool *ret_alive, struct err *err)
{
	const struct fake_mount *mount = fake_top(self, path);
	const struct fake_disk *disk = mount ? fake_by_dev(self, mount->dev) : NULL;

	(void)guard;
	(void)err;
	*ret_alive = disk && !disk->dead_fs;
	return 0;
}

static int fake_opens(
	void *self, const char *path, struct guard *guard, bool *ret_opens, struct err *err)
{
	struct fake *fake = self;

	fake->opened++;
	if (fake->stuck_pidfd >= 0) {
		guard->stuck = calloc(1, sizeof(*guard->stuck));
		guard->stuck->pidfd = TAKE_FD(fake->stuck_pidfd);
		return err_set(err, ERR_DEADLINE_EXCEEDED, "open: no answer");
	}
	return fake_alive(self, path, guard, ret_opens, err);
}

static int fake_trim(const struct step *in, void *self, const struct trim_part *part,
	struct guard *guard, struct trim_done *ret, struct err *err)
{
	struct fake *fake = self;
	const struct fake_mount *mount = fake_top(self, part->path);

	(void)in;
	assert_true(mount && mount->dev == part->dev);
	assert_int_equal(part->start % part->length, 0);
	fake->trims++;
	if (fake->trim_stuck_pidfd >= 0) {
		guard->stuck = calloc(1, sizeof(*guard->stuck));
		guard->stuck->pidfd = TAKE_FD(fake->trim_stuck_pidfd);
		return err_set(err, ERR_DEADLINE_EXCEEDED, "trim: no answer");
	}
	if (fake->in_trim) {
		(void)snprintf(fake->trimming, sizeof(fake->trimming), "%s", part->path);
		fake->in_trim(fake->in_trim_arg, guard);
		fake->trimming[0] = '\0';
	}
	if (deadline_check(&guard->dl, "trim", err) < 0 || fake_fails(fake, "trim", err)) {
		return -1;
	}
	fake->trimmed_to = part->start + part->length;
	*ret = (struct trim_done){.bytes = 1000, .free = 5500};
	return 0;
}

static inline int fake_path(struct fake *fake, const char *path)
{
	for (int i = 0; i < FAKE_MAX; i++) {
		if (streq(fake->paths[i].path, path)) {
			return i;
		}
	}
	return -1;
}

static inline void fake_make_path(struct fake *fake, const char *path, bool folder)
{
	int at = fake_path(fake, "");

	(void)snprintf(fake->paths[at].path, 256, "%s", path);
	fake->paths[at].folder = folder;
}

static int fake_target_make(const struct step *in, void *self, const char *path, bool folder,
	bool *ret_made, struct err *err)
{
	(void)in;
	if (fake_fails(self, "target", err)) {
		return -1;
	}
	*ret_made = fake_path(self, path) < 0;
	if (*ret_made) {
		fake_make_path(self, path, folder);
	}
	return 0;
}

static int fake_target_remove(const struct step *in, void *self, const char *path, struct err *err)
{
	struct fake *fake = self;
	int at = fake_path(fake, path);

	(void)in;
	if (fake_fails(fake, "remove", err)) {
		return -1;
	}
	assert_null(fake_top(fake, path));
	if (at >= 0) {
		fake->paths[at].path[0] = '\0';
	}
	return 0;
}

static int fake_is_folder(void *self, const char *path, bool *ret, struct err *err)
{
	(void)err;
	*ret = fake_path(self, path) >= 0;
	return 0;
}

static dev_t fake_node_at(void *self, const char *path)
{
	const struct fake_mount *mount = fake_top(self, path);

	return mount ? mount->node : 0;
}

static const struct host_ops FAKE_OPS = {
	.connect = fake_connect,
	.device = fake_device,
	.device_now = fake_device_now,
	.device_grown = fake_device,
	.disconnect = fake_disconnect,
	.keep = fake_keep,
	.drop = fake_drop,
	.controllers = fake_controllers,
	.disks = fake_disks,
	.held = fake_held,
	.owner = fake_owner,
	.dev_size = fake_dev_size,
	.ctrls = fake_ctrls,
	.shown = fake_shown,
	.inspect = fake_inspect,
	.format = fake_format,
	.check = fake_check,
	.grow = fake_grow,
	.set_read_only = fake_set_read_only,
	.mounts = fake_mounts,
	.mount = fake_mount,
	.bind = fake_bind,
	.bind_device = fake_bind_device,
	.node_remove = fake_node_remove,
	.sync = fake_sync,
	.unmount = fake_unmount,
	.usage = fake_usage,
	.alive = fake_alive,
	.opens = fake_opens,
	.trim = fake_trim,
	.target_make = fake_target_make,
	.target_remove = fake_target_remove,
	.is_folder = fake_is_folder,
	.node_at = fake_node_at,
};
