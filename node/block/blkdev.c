/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BLK* ioctls.
 */
#include "node/block/blkdev.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* What a regular file stands for. */
#define FILE_BLOCK 512

int blkdev_geometry_read(int fd, struct blkdev_geometry *ret, struct err *err)
{
	struct blkdev_geometry g = {0};
	struct stat st;
	int logical;
	int read_only;

	if (fstat(fd, &st) < 0) {
		return err_errno(err, errno, "device");
	}
	if (S_ISREG(st.st_mode)) {
		g.size = (uint64_t)st.st_size;
		g.logical_block = g.physical_block = g.io_min = FILE_BLOCK;
		g.regular = true;
		*ret = g;
		return 0;
	}
	if (!S_ISBLK(st.st_mode)) {
		return err_set(err, ERR_FAILED_PRECONDITION, "device: not a block device");
	}
	if (ioctl(fd, BLKGETSIZE64, &g.size) < 0 || ioctl(fd, BLKSSZGET, &logical) < 0 ||
		ioctl(fd, BLKPBSZGET, &g.physical_block) < 0 ||
		ioctl(fd, BLKIOMIN, &g.io_min) < 0 || ioctl(fd, BLKIOOPT, &g.io_opt) < 0 ||
		ioctl(fd, BLKROGET, &read_only) < 0) {
		return err_errno(err, errno, "device: its geometry");
	}
	g.logical_block = (uint32_t)logical;
	g.read_only = read_only != 0;
	*ret = g;
	return 0;
}

int blkdev_set_read_only(const struct step *in, int fd, bool read_only, struct err *err)
{
	int value = read_only;

	(void)in;
	if (ioctl(fd, BLKROSET, &value) < 0) {
		return err_errno(
			err, errno, "device: set it %s", read_only ? "read-only" : "writable");
	}
	return 0;
}
