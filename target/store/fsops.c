/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reflink, extent-size hint and extent count of XFS and btrfs.
 */
#include "target/store/fsops.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

static int fs_clone(const struct step *in UNUSED, int dst, int src)
{
	return ioctl(dst, FICLONE, src) < 0 ? -1 : 0;
}

static int fs_extent_hint(const struct step *in UNUSED, int fd, uint32_t bytes)
{
	struct statfs fs;
	struct fsxattr attr;

	if (fstatfs(fd, &fs) < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attr) < 0) {
		return -1;
	}
	/* A write is answered only when it and its extent are on stable storage. Without this a
	 * power cut of the target undoes writes that the initiator, which goes on running, believes
	 * done: its page cache and its journal would be wrong and nobody would notice. */
	attr.fsx_xflags |= FS_XFLAG_SYNC;
	if (fs.f_type == XFS_SUPER_MAGIC) {
		attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
		attr.fsx_extsize = bytes;
	}
	return ioctl(fd, FS_IOC_FSSETXATTR, &attr) < 0 ? -1 : 0;
}

static int fs_extents(int fd, int64_t *ret)
{
	/* With room for no extent the kernel only counts them. */
	struct fiemap map = {.fm_start = 0, .fm_length = FIEMAP_MAX_OFFSET};

	if (ioctl(fd, FS_IOC_FIEMAP, &map) < 0) {
		return -1;
	}
	*ret = map.fm_mapped_extents;
	return 0;
}

const struct fsops fsops_linux = {
	.clone = fs_clone,
	.extent_hint = fs_extent_hint,
	.extents = fs_extents,
};
