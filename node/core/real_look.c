/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of struct host_ops that only reads sysfs: what the kernel shows, which no device that
 * does not answer can hold up.
 */
#include "node/core/real_look.h"

#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "node/nvme/head.h"

#include <stdio.h>
#include <sys/sysmacros.h>

#define SECTOR INT64_C(512)

int real_scan(struct host_real *host, const char *nqn, struct subsys_view *ret, struct err *err)
{
	return subsys_scan(fab_host(host->fab), nqn, fab_identity(host->fab), ret, err);
}

int real_controllers(void *self, const char *nqn, struct host_controllers *ret, struct err *err)
{
	_cleanup_subsys_view_ struct subsys_view view = {0};

	if (real_scan(self, nqn, &view, err) < 0) {
		return -1;
	}
	*ret = (struct host_controllers){.listed = view.ours_listed, .live = view.ours_live};
	return 0;
}

int real_disks(
	void *self, const char *nqn, dev_t *ret_devs, size_t max, size_t *ret_n, struct err *err)
{
	_cleanup_subsys_view_ struct subsys_view view = {0};

	if (real_scan(self, nqn, &view, err) < 0) {
		return -1;
	}
	*ret_n = 0;
	for (size_t i = 0; i < view.n_disks && *ret_n < max; i++) {
		if (view.disks[i].ready) {
			ret_devs[(*ret_n)++] = view.disks[i].dev;
		}
	}
	return 0;
}

int real_owner(void *self, dev_t dev, char ret_nqn[NQN_SIZE], struct err *err)
{
	struct host_real *host = self;
	struct subsys_paths paths = {0};
	int result = 0;

	ret_nqn[0] = '\0';
	if (subsys_list_ours(fab_host(host->fab), fab_identity(host->fab), &paths, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < paths.n && result == 0 && !ret_nqn[0]; i++) {
		_cleanup_subsys_view_ struct subsys_view view = {0};
		result = real_scan(host, paths.list[i].nqn, &view, err);
		for (size_t k = 0; result == 0 && k < view.n_disks; k++) {
			if (view.disks[k].ready && view.disks[k].dev == dev) {
				(void)snprintf(ret_nqn, NQN_SIZE, "%s", paths.list[i].nqn);
			}
		}
	}
	subsys_paths_done(&paths);
	return result;
}

int real_dev_size(void *self, dev_t dev, int64_t *ret_size, struct err *err)
{
	struct host_real *host = self;
	struct err why = {0};
	char path[64];
	char text[32];
	int64_t sectors;

	(void)snprintf(path, sizeof(path), "dev/block/%u:%u/size", major(dev), minor(dev));
	if (attr_read(fab_host(host->fab)->sysfs, path, text, sizeof(text), &why) < 0) {
		*ret_size = 0;
		return why.code == ERR_NOT_FOUND ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	if (parse_i64(path, text, 0, INT64_MAX / SECTOR, &sectors, err) < 0) {
		return -1;
	}
	*ret_size = sectors * SECTOR;
	return 0;
}

int real_ctrls(void *self, struct host_ctrl **ret_list, size_t *ret_n, struct err *err)
{
	struct host_real *host = self;
	struct subsys_paths paths = {0};

	if (subsys_list_ours(fab_host(host->fab), fab_identity(host->fab), &paths, err) < 0) {
		return -1;
	}
	/* One more than there are: an empty list is no want of memory. */
	struct host_ctrl *list = calloc(paths.n + 1, sizeof(*list));
	for (size_t i = 0; list && i < paths.n; i++) {
		const struct subsys_ctrl *ctrl = &paths.list[i].ctrl;

		memcpy(list[i].nqn, paths.list[i].nqn, sizeof(list[i].nqn));
		(void)snprintf(list[i].state, sizeof(list[i].state), "%s", ctrl->state);
		list[i].live = ctrl->live;
		list[i].has_portal = ctrl->has_portal;
		list[i].portal = ctrl->portal;
	}
	*ret_n = paths.n;
	subsys_paths_done(&paths);
	*ret_list = list;
	return list ? 0 : err_set(err, ERR_RESOURCE_EXHAUSTED, "sysfs: out of memory");
}

bool real_shown(void *self, dev_t dev, const struct ns_ident *ident)
{
	struct host_real *host = self;

	return head_shown(fab_host(host->fab), dev, ident);
}
