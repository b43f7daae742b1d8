/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ioctls. Their numbers and structs are kernel ABI: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h
 * (xfsprogs' header is not part of the kernel's own set).
 */
#include "node/block/grow_child.h"

#include "common/base/fdpass.h"
#include "node/block/blkdev.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define EXT4_SUPERBLOCK 1024
#define EXT4_MAGIC 0xef53
#define EXT4_INCOMPAT_64BIT 0x80
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

/* The part of struct ext4_super_block that is needed, all little-endian. */
struct ext4_super {
	uint32_t inodes_count;
	uint32_t blocks_count_lo;
	uint8_t skipped_1[16];
	uint32_t log_block_size; /* at 24 */
	uint8_t skipped_2[28];
	uint16_t magic; /* at 56 */
	uint8_t skipped_3[38];
	uint32_t feature_incompat; /* at 96 */
	uint8_t skipped_4[236];
	uint32_t blocks_count_hi; /* at 336 */
};
_Static_assert(offsetof(struct ext4_super, log_block_size) == 24, "ext4 superblock");
_Static_assert(offsetof(struct ext4_super, magic) == 56, "ext4 superblock");
_Static_assert(offsetof(struct ext4_super, feature_incompat) == 96, "ext4 superblock");
_Static_assert(offsetof(struct ext4_super, blocks_count_hi) == 336, "ext4 superblock");

struct xfs_geometry_v1 {
	uint32_t blocksize;
	uint32_t rtextsize;
	uint32_t agblocks;
	uint32_t agcount;
	uint32_t logblocks;
	uint32_t sectsize;
	uint32_t inodesize;
	uint32_t imaxpct;
	uint64_t datablocks;
	uint64_t rtblocks;
	uint64_t rtextents;
	uint64_t logstart;
	unsigned char uuid[16];
	uint32_t sunit;
	uint32_t swidth;
	int32_t version;
	uint32_t flags;
	uint32_t logsectsize;
	uint32_t rtsectsize;
	uint32_t dirblocksize;
};
struct xfs_grow_data {
	uint64_t newblocks;
	uint32_t imaxpct;
};
#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry_v1)
#define XFS_GROW_DATA _IOW('X', 110, struct xfs_grow_data)

struct sizes {
	uint64_t fs;
	uint32_t block;
	uint32_t imaxpct; /* XFS */
};

int grow_size_ext4(int device_fd, uint64_t *ret_bytes, uint32_t *ret_block, struct err *err)
{
	struct ext4_super super;

	/* Through the page cache, where a mounted ext4 keeps its superblock. */
	if (pread(device_fd, &super, sizeof(super), EXT4_SUPERBLOCK) != (ssize_t)sizeof(super)) {
		return err_set(err, ERR_UNAVAILABLE, "grow: the ext4 superblock cannot be read");
	}
	uint32_t shift = le32toh(super.log_block_size);
	if (le16toh(super.magic) != EXT4_MAGIC || shift > 6) {
		return err_set(
			err, ERR_FAILED_PRECONDITION, "grow: the device has no ext4 superblock");
	}
	uint64_t blocks = le32toh(super.blocks_count_lo);
	if (le32toh(super.feature_incompat) & EXT4_INCOMPAT_64BIT) {
		blocks |= (uint64_t)le32toh(super.blocks_count_hi) << 32;
	}
	*ret_block = 1024U << shift;
	*ret_bytes = blocks * *ret_block;
	return 0;
}

static int read_sizes(const char *fstype, const int fds[2], struct sizes *ret, struct err *err)
{
	struct xfs_geometry_v1 g = {0};

	if (streq(fstype, "ext4")) {
		return grow_size_ext4(fds[1], &ret->fs, &ret->block, err);
	}
	if (ioctl(fds[0], XFS_GEOMETRY, &g) < 0) {
		(void)err_errno(err, errno, "grow: the XFS geometry cannot be read");
		return -1;
	}
	*ret = (struct sizes){g.datablocks * g.blocksize, g.blocksize, g.imaxpct};
	return 0;
}

struct grow_job {
	const char *fstype;
	int mount_fd;
	uint64_t blocks;
	uint32_t imaxpct;
};

static int grow_step(const struct step *in, void *arg, struct err *err)
{
	const struct grow_job *job = arg;
	struct xfs_grow_data xfs = {.newblocks = job->blocks, .imaxpct = job->imaxpct};
	uint64_t blocks = job->blocks;

	(void)in;
	int result = streq(job->fstype, "ext4") ? ioctl(job->mount_fd, EXT4_IOC_RESIZE_FS, &blocks)
						: ioctl(job->mount_fd, XFS_GROW_DATA, &xfs);
	if (result < 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"grow: the kernel could not grow the %s filesystem to %llu blocks: %s; retry",
			job->fstype, (unsigned long long)job->blocks, strerrordesc_np(errno));
	}
	return 0;
}

/* Open the mount point, and see that the device's filesystem is what is mounted there: a folder
 * that lost its mount is on the node's own disk, which must not be grown. */
static int open_mounted(const char *path, int device_fd, int *ret_fd, struct err *err)
{
	struct stat device;
	struct stat here;

	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &here) < 0 || fstat(device_fd, &device) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "grow: %s: cannot be opened: %s", path,
			strerrordesc_np(errno));
	}
	if (here.st_dev != device.st_rdev) {
		return err_set(err, ERR_UNAVAILABLE,
			"grow: what is mounted at %s is not the volume's device; stage the volume again "
			"(restart the pods that use it), then retry",
			path);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int verb_grow(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct blkdev_geometry geometry;
	struct sizes sizes = {0};
	int fds[2] = {-1, -1};

	if (argc != 3 && argc != 4) {
		return err_set(err, ERR_INTERNAL, VERB_GROW ": %d arguments", argc);
	}
	const char *fstype = argv[1];
	if (fdpass_receive(fd, fds, 2, err) < 0) {
		return -1;
	}
	/* Closed before the answer goes out: the caller may unmount as soon as it has it. */
	_cleanup_close_ int mount_fd = fds[0];
	_cleanup_close_ int device_fd = fds[1];
	if (argc == 4) {
		(void)close(TAKE_FD(mount_fd));
		if (open_mounted(argv[3], device_fd, &mount_fd, err) < 0) {
			return -1;
		}
		fds[0] = mount_fd;
	}
	if (blkdev_geometry_read(device_fd, &geometry, err) < 0 ||
		read_sizes(fstype, fds, &sizes, err) < 0) {
		return -1;
	}
	if (streq(argv[2], "grow") && geometry.size >= sizes.fs + sizes.block) {
		struct grow_job job = {fstype, fds[0], geometry.size / sizes.block, sizes.imaxpct};
		if (step_run(&steps, "grow", grow_step, &job, err) < 0 ||
			read_sizes(fstype, fds, &sizes, err) < 0) {
			return -1;
		}
	}
	sb_addf(out, "%llu %llu %u", (unsigned long long)sizes.fs,
		(unsigned long long)geometry.size, sizes.block);
	return 0;
}
