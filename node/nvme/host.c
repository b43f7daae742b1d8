/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real /sys and /dev, and the real calls on an open disk.
 */
#include "node/nvme/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int real_disk_number(int fd, dev_t *ret_dev)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -1;
	}
	if (!S_ISBLK(st.st_mode)) {
		errno = ENOTBLK;
		return -1;
	}
	*ret_dev = st.st_rdev;
	return 0;
}

static int real_disk_size(int fd, uint64_t *ret_bytes)
{
	return ioctl(fd, BLKGETSIZE64, ret_bytes);
}

static const struct host_calls real_calls = {
	.disk_number = real_disk_number,
	.disk_size = real_disk_size,
};

static int open_root(const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0) {
		return err_errno(err, errno, "%s", path);
	}
	return 0;
}

int host_open(const char *sysfs_path, const char *dev_path, const char *nodes_path,
	struct host_paths *ret, struct err *err)
{
	struct host_paths host = {.sysfs = -1, .dev = -1, .nodes = -1, .calls = &real_calls};

	if (open_root(sysfs_path, &host.sysfs, err) < 0 ||
		open_root(dev_path, &host.dev, err) < 0 ||
		(nodes_path && open_root(nodes_path, &host.nodes, err) < 0)) {
		host_close(&host);
		return -1;
	}
	*ret = host;
	return 0;
}

void host_close(struct host_paths *host)
{
	int *fds[] = {&host->sysfs, &host->dev, &host->nodes};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0) {
			(void)close(TAKE_FD(*fds[i]));
		}
	}
}
