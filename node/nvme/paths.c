/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over /sys/class/nvme for the paths, one over /sys/class/nvme-subsystem for the policies.
 */
#include "node/nvme/paths.h"

#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "node/nvme/subsys_read.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Of every node plugin, whatever its instance. */
#define NODE_PREFIX NQN_PREFIX "node."

struct walk {
	int dirfd; /* of class/nvme, then of a controller */
	bool all;
	struct path_row seen; /* the controller that is looked at */
	bool has_namespace;
	struct path_rows rows;
	struct err *err;
};

static int add_row(struct walk *walk, const struct path_row *row)
{
	struct path_rows *rows = &walk->rows;

	if (rows->n == PATHS_MAX) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED,
			"sysfs: more than %d paths on this node", PATHS_MAX);
	}
	void *grown = reallocarray(rows->list, rows->n + 1, sizeof(*row));
	if (!grown) {
		return err_set(walk->err, ERR_RESOURCE_EXHAUSTED, "sysfs: out of memory");
	}
	rows->list = grown;
	rows->list[rows->n++] = *row;
	return 0;
}

/* "nvme0c1n2", the path of controller 1, is one of the disk "nvme0n2". */
static void disk_of_path(const char *name, char out[DISK_NAME_SIZE])
{
	const char *c = strchr(name, 'c');
	const char *n = strchr(c, 'n');

	(void)snprintf(out, DISK_NAME_SIZE, "%.*s%s", (int)(c - name), name, n);
}

static int on_namespace(const char *name, void *arg)
{
	struct walk *walk = arg;
	struct path_row row = walk->seen;
	bool path = sys_is_path_disk(name);

	if (!path && !sys_is_disk(name)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	sys_attr(fd, "ana_state", row.ana, sizeof(row.ana));
	if (path) {
		disk_of_path(name, row.device);
	} else {
		(void)snprintf(row.device, sizeof(row.device), "%s", name);
	}
	walk->has_namespace = true;
	return add_row(walk, &row);
}

static void read_queues(int dirfd, int *ret)
{
	char text[16];
	int64_t count;
	struct err ignored = {0};

	sys_attr(dirfd, "queue_count", text, sizeof(text));
	*ret = -1;
	/* The first one is for administration. */
	if (parse_i64("queue_count", text, 0, UINT16_MAX, &count, &ignored) == 0) {
		*ret = MAX((int)count - 1, 0);
	}
}

static int on_ctrl(const char *name, void *arg)
{
	struct walk *walk = arg;
	struct walk below = *walk;
	struct path_row *seen = &below.seen;
	struct err dir = {0};

	if (!sys_is_ctrl(name, NULL)) {
		return 0;
	}
	_cleanup_close_ int fd = sys_open_dir(walk->dirfd, name);
	if (fd < 0) {
		return 0;
	}
	*seen = (struct path_row){0};
	sys_read_ctrl(fd, name, NULL, &seen->ctrl);
	sys_attr(fd, "subsysnqn", seen->nqn, sizeof(seen->nqn));
	seen->driver = strncmp(seen->ctrl.hostnqn, NODE_PREFIX, strlen(NODE_PREFIX)) == 0;
	if (!seen->nqn[0] || (!seen->driver && !walk->all)) {
		return 0;
	}
	read_queues(fd, &seen->io_queues);
	below.dirfd = fd;
	below.has_namespace = false;
	int result = dir_each(fd, ".", on_namespace, &below, &dir);

	walk->rows = below.rows;
	/* A controller that vanishes meanwhile has had its rows. */
	if (result != 0 && walk->err->code != ERR_OK) {
		return -1;
	}
	return below.has_namespace ? 0 : add_row(walk, seen);
}

static int compare(const void *a, const void *b)
{
	const struct path_row *one = a;
	const struct path_row *two = b;
	int order = strcmp(one->nqn, two->nqn);

	if (order == 0) {
		order = (one->ctrl.instance > two->ctrl.instance) -
			(one->ctrl.instance < two->ctrl.instance);
	}
	return order != 0 ? order : strverscmp(one->device, two->device);
}

static void set_policy(const struct subsys_policy *seen, void *arg)
{
	struct path_rows *rows = arg;

	for (size_t i = 0; i < rows->n; i++) {
		if (streq(rows->list[i].nqn, seen->nqn)) {
			(void)snprintf(rows->list[i].policy, sizeof(rows->list[i].policy), "%s",
				seen->policy);
		}
	}
}

int paths_read(const struct host_paths *host, bool all, struct path_rows *ret, struct err *err)
{
	struct err own = {0};
	struct err dir = {0};
	struct walk walk = {.all = all, .err = &own};
	_cleanup_close_ int fd = -1;

	if (faccessat(host->sysfs, "class", F_OK, 0) != 0) {
		return err_errno(err, errno, "sysfs: class");
	}
	fd = sys_open_dirf(host->sysfs, "class/nvme");
	walk.dirfd = fd;
	/* No folder: the module is not loaded, so there are no paths. */
	if ((fd >= 0 && dir_each(fd, ".", on_ctrl, &walk, &dir) != 0) ||
		subsys_each_policy(host, set_policy, &walk.rows, &dir) < 0) {
		path_rows_done(&walk.rows);
		return err_set(err, own.code != ERR_OK ? own.code : dir.code, "%s",
			own.code != ERR_OK ? own.msg : dir.msg);
	}
	if (walk.rows.n > 1) {
		qsort(walk.rows.list, walk.rows.n, sizeof(*walk.rows.list), compare);
	}
	*ret = walk.rows;
	return 0;
}

void path_rows_done(struct path_rows *rows)
{
	free(rows->list);
	*rows = (struct path_rows){0};
}
