/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over /sys/class/nvme-subsystem and /sys/class/nvme. Every folder is opened once and read
 * through its descriptor, so a name that is recycled in between cannot mix two objects.
 */
#include "node/nvme/subsys.h"

#include "common/base/fileio.h"
#include "node/nvme/subsys_read.h"

#include <errno.h>
#include <stdio.h>

/* struct walk - what the callbacks of one pass share. */
struct walk {
	const struct host_paths *host;
	const struct host_identity *us;
	struct subsys_view *view;
	int dirfd; /* the folder whose names come in */
	bool head; /* disks found there are multipath heads */
	struct err *err;
};

static int add_ctrl(struct walk *walk, const struct subsys_ctrl *ctrl)
{
	struct subsys_view *view = walk->view;

	if (view->n_ctrls == SUBSYS_CTRLS_MAX) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED,
			"subsystem %s: more than %d controllers", view->nqn, SUBSYS_CTRLS_MAX);
	}
	void *grown = reallocarray(view->ctrls, view->n_ctrls + 1, sizeof(*ctrl));
	if (!grown) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED, "subsystem %s: out of memory",
			view->nqn);
	}
	view->ctrls = grown;
	view->ctrls[view->n_ctrls++] = *ctrl;
	view->ours_listed += ctrl->ours;
	view->ours += ctrl->ours && !ctrl->going;
	view->ours_live += ctrl->ours && ctrl->live;
	return 0;
}

static int add_disk(struct walk *walk, const struct subsys_disk *disk)
{
	struct subsys_view *view = walk->view;

	if (view->n_disks == SUBSYS_DISKS_MAX) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED,
			"subsystem %s: more than %d namespaces", view->nqn, SUBSYS_DISKS_MAX);
	}
	void *grown = reallocarray(view->disks, view->n_disks + 1, sizeof(*disk));
	if (!grown) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED, "subsystem %s: out of memory",
			view->nqn);
	}
	view->disks = grown;
	view->disks[view->n_disks++] = *disk;
	return 0;
}

/* A name in the folder of a controller or of a subsystem: is it a disk? */
static int on_disk_name(const char *name, void *arg)
{
	struct walk *walk = arg;
	struct subsys_disk disk;

	if (!sys_is_disk(name)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_read_disk(fd, name, walk->head, &disk);
	return add_disk(walk, &disk);
}

/* dir_each(), for which a folder that vanished is an empty one. */
static int each_name(struct walk *walk, const char *path, int (*fn)(const char *name, void *arg))
{
	struct err err = {0};

	if (dir_each(walk->dirfd, path, fn, walk, &err) == 0 || err.code == ERR_NOT_FOUND) {
		return 0;
	}
	/* The callbacks leave their own error; else it is the folder's. */
	if (walk->err && walk->err->code == ERR_OK) {
		*walk->err = err;
	}
	return -1;
}

static bool has_ctrl(const struct subsys_view *view, const char *name)
{
	for (size_t i = 0; i < view->n_ctrls; i++) {
		if (streq(view->ctrls[i].name, name)) {
			return true;
		}
	}
	return false;
}

/* Read the controller in the open folder @fd and the disks right below it. */
static int read_ctrl(struct walk *walk, int fd, const char *name)
{
	struct subsys_ctrl ctrl;
	struct walk below = *walk;

	sys_read_ctrl(fd, name, walk->us, &ctrl);
	if (add_ctrl(walk, &ctrl) < 0) {
		return -1;
	}
	below.dirfd = fd;
	below.head = false;
	return each_name(&below, ".", on_disk_name);
}

/* A name in the folder of a subsystem: a head, or the link of a controller. */
static int on_subsys_entry(const char *name, void *arg)
{
	struct walk *walk = arg;

	if (!sys_is_ctrl(name, NULL)) {
		return on_disk_name(name, arg);
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	return fd < 0 || has_ctrl(walk->view, name) ? 0 : read_ctrl(walk, fd, name);
}

/* A name in class/nvme-subsystem. */
static int on_subsys_name(const char *name, void *arg)
{
	struct walk *walk = arg;
	struct walk below = *walk;
	char nqn[NQN_SIZE + 16];
	int instance;

	if (!sys_is_subsys(name, &instance)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_attr(fd, "subsysnqn", nqn, sizeof(nqn));
	if (!streq(nqn, walk->view->nqn)) {
		return 0;
	}
	walk->view->found = true;
	walk->view->instance = instance;
	below.dirfd = fd;
	below.head = true;
	return each_name(&below, ".", on_subsys_entry);
}

/* A name in class/nvme: a controller that its subsystem does not link to (yet, or any more)? */
static int on_ctrl_name(const char *name, void *arg)
{
	struct walk *walk = arg;
	char nqn[NQN_SIZE + 16];

	if (!sys_is_ctrl(name, NULL) || has_ctrl(walk->view, name)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_attr(fd, "subsysnqn", nqn, sizeof(nqn));
	return streq(nqn, walk->view->nqn) ? read_ctrl(walk, fd, name) : 0;
}

/* Open a folder of class/; one that is not there (no module loaded) is empty, a broken /sys is not.
 */
static int open_class(const struct host_paths *host, const char *name, int *ret_fd, struct err *err)
{
	*ret_fd = sys_open_dirf(host->sysfs, "class/%s", name);
	if (*ret_fd < 0 && faccessat(host->sysfs, "class", F_OK, 0) != 0) {
		return err_errno(err, errno, "sysfs: class");
	}
	return 0;
}

int subsys_scan(const struct host_paths *host, const char *nqn, const struct host_identity *us,
	struct subsys_view *ret, struct err *err)
{
	struct subsys_view view = {.instance = -1};
	struct err own = {0};
	struct walk walk = {.host = host, .us = us, .view = &view, .err = err ? err : &own};
	_cleanup_close_ int subsystems = -1;
	_cleanup_close_ int ctrls = -1;

	(void)snprintf(view.nqn, sizeof(view.nqn), "%s", nqn);
	walk.err->code = ERR_OK;
	if (open_class(host, "nvme-subsystem", &subsystems, walk.err) < 0 ||
		open_class(host, "nvme", &ctrls, walk.err) < 0) {
		return -1;
	}
	walk.dirfd = subsystems;
	int result = subsystems < 0 ? 0 : each_name(&walk, ".", on_subsys_name);
	walk.dirfd = ctrls;
	if (result == 0 && ctrls >= 0) {
		result = each_name(&walk, ".", on_ctrl_name);
	}
	if (result < 0) {
		subsys_view_done(&view);
		return -1;
	}
	*ret = view;
	return 0;
}

int subsys_rescan(const struct host_paths *host, const struct host_identity *us,
	struct subsys_view *view, struct err *err)
{
	struct subsys_view fresh = {.instance = -1};
	struct err own = {0};
	struct walk walk = {.host = host, .us = us, .view = &fresh, .err = err ? err : &own};
	char name[DISK_NAME_SIZE];

	walk.err->code = ERR_OK;
	(void)snprintf(fresh.nqn, sizeof(fresh.nqn), "%s", view->nqn);
	(void)snprintf(name, sizeof(name), "nvme-subsys%d", view->instance);
	_cleanup_close_ int fd = sys_open_dirf(host->sysfs, "class/nvme-subsystem");
	walk.dirfd = fd;
	if (view->instance >= 0 && fd >= 0 && on_subsys_name(name, &walk) < 0) {
		subsys_view_done(&fresh);
		return -1;
	}
	subsys_view_done(view);
	*view = fresh;
	return 0;
}

void subsys_view_done(struct subsys_view *view)
{
	free(view->ctrls);
	free(view->disks);
	*view = (struct subsys_view){.instance = -1};
}

const struct subsys_disk *subsys_find_disk(
	const struct subsys_view *view, const struct ns_ident *want, struct err *err)
{
	const struct subsys_disk *found = NULL;
	struct err ignored = {0};

	for (size_t i = 0; i < view->n_disks; i++) {
		const struct subsys_disk *disk = &view->disks[i];
		if (!sys_ident_match(disk->name, want, &disk->ident, &ignored)) {
			continue;
		}
		if (found) {
			(void)err_set(err, ERR_FAILED_PRECONDITION,
				"subsystem %s: %s and %s both have the identity of the volume; the target "
				"must give each namespace its own",
				view->nqn, found->name, disk->name);
			return NULL;
		}
		found = disk;
	}
	return found;
}

struct policy_walk {
	int dirfd;
	void (*fn)(const struct subsys_policy *seen, void *arg);
	void *arg;
};

static int on_policy_name(const char *name, void *arg)
{
	const struct policy_walk *walk = arg;
	struct subsys_policy seen;

	if (!sys_is_subsys(name, &seen.instance)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_attr(fd, "subsysnqn", seen.nqn, sizeof(seen.nqn));
	sys_attr(fd, "iopolicy", seen.policy, sizeof(seen.policy));
	if (seen.nqn[0]) {
		walk->fn(&seen, walk->arg);
	}
	return 0;
}

int subsys_each_policy(const struct host_paths *host,
	void (*fn)(const struct subsys_policy *seen, void *arg), void *arg, struct err *err)
{
	struct policy_walk walk = {.fn = fn, .arg = arg};
	_cleanup_close_ int fd = -1;

	if (open_class(host, "nvme-subsystem", &fd, err) < 0) {
		return -1;
	}
	walk.dirfd = fd;
	return fd < 0 ? 0 : dir_each(fd, ".", on_policy_name, &walk, err);
}

bool subsys_multipath(const struct host_paths *host)
{
	char value[8];

	sys_attr(host->sysfs, "module/nvme_core/parameters/multipath", value, sizeof(value));
	return !streq(value, "N");
}

/* struct list_walk - one pass over all controllers. */
struct list_walk {
	int dirfd;
	const struct host_identity *us;
	struct subsys_paths paths;
	struct err *err;
};

static int on_any_ctrl(const char *name, void *arg)
{
	struct list_walk *walk = arg;
	struct subsys_path path;

	if (!sys_is_ctrl(name, NULL)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_read_ctrl(fd, name, walk->us, &path.ctrl);
	sys_attr(fd, "subsysnqn", path.nqn, sizeof(path.nqn));
	if (!path.ctrl.ours || !path.nqn[0]) {
		return 0;
	}
	if (walk->paths.n == SUBSYS_MAX) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED,
			"sysfs: more than %d controllers of this node", SUBSYS_MAX);
	}
	void *grown = reallocarray(walk->paths.list, walk->paths.n + 1, sizeof(path));
	if (!grown) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED, "sysfs: out of memory");
	}
	walk->paths.list = grown;
	walk->paths.list[walk->paths.n++] = path;
	return 0;
}

int subsys_list_ours(const struct host_paths *host, const struct host_identity *us,
	struct subsys_paths *ret, struct err *err)
{
	struct err own = {0};
	struct list_walk walk = {.us = us, .err = &own};
	struct err dir = {0};
	_cleanup_close_ int fd = -1;

	if (open_class(host, "nvme", &fd, err) < 0) {
		return -1;
	}
	walk.dirfd = fd;
	if (fd >= 0 && dir_each(fd, ".", on_any_ctrl, &walk, &dir) != 0) {
		subsys_paths_done(&walk.paths);
		if (err) {
			*err = own.code != ERR_OK ? own : dir;
		}
		return -1;
	}
	*ret = walk.paths;
	return 0;
}

void subsys_paths_done(struct subsys_paths *paths)
{
	free(paths->list);
	*paths = (struct subsys_paths){0};
}
