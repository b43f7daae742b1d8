/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount, umount, statfs and the health check of a mount, as verbs of the helper: each runs in a
 * process of its own, which the kernel may hold for as long as the device does not answer.
 */
#include "node/mount/verbs.h"

#include "common/base/parse.h"
#include "node/mount/mount.h"
#include "node/mount/trim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

/* A mount as its child sees it: the device is a descriptor, since names are recycled and a
 * container's /dev need not be the host's. */
struct mount_job {
	int fd;
	const char *name;
	uint64_t dev;
	const char *target;
	const char *fs_type;
	uint64_t flags;
	const char *data;
};

int mount_unmount(const struct step *in, const char *target, struct err *err)
{
	if (umount2(target, UMOUNT_NOFOLLOW) == 0) {
		return 0;
	}
	switch (errno) {
	case EINVAL: /* not a mount point */
	case ENOENT:
		return 0;
	case EBUSY:
		return err_set(err, ERR_ABORTED,
			"%s: cannot be unmounted, it is in use: a process has a file open in it, or it is "
			"mounted again below; retry when that has ended",
			target);
	default:
		return err_errno(err, errno, "%s: unmount (%s)", target, step_name(in));
	}
}

/* /dev/<name> where that is the very device, so that people recognise it in the mount table; else
 * the descriptor itself. */
static void source_of(const struct mount_job *job, char out[PATH_MAX])
{
	struct stat st;

	(void)snprintf(out, PATH_MAX, "/dev/%s", job->name);
	if (stat(out, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != job->dev) {
		(void)snprintf(out, PATH_MAX, "/proc/self/fd/%d", job->fd);
	}
}

static int explain_mount(int errnum, const struct mount_job *job, struct err *err)
{
	switch (errnum) {
	case EUCLEAN:
	case EBADMSG:
	case EROFS:
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: the %s filesystem cannot be mounted as it is (%s): it is damaged, or its log "
			"must be replayed and this mount may not write; stage the volume once read-write "
			"on one node, or restore it from a snapshot",
			job->name, job->fs_type, strerrordesc_np(errnum));
	case EINVAL:
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: the kernel refuses to mount the %s filesystem: a mount flag or a feature of "
			"the filesystem is unknown to this kernel, or its superblock is damaged; the "
			"kernel's log on the node says which",
			job->name, job->fs_type);
	case EIO:
	case ENXIO:
	case ENODEV:
		return err_set(err, ERR_UNAVAILABLE, "%s: cannot be read while mounting: %s",
			job->name, strerrordesc_np(errnum));
	default:
		return err_errno(err, errnum, "%s: mount on %s", job->name, job->target);
	}
}

static int step_mount(const struct step *in, void *arg, struct err *err)
{
	const struct mount_job *job = arg;
	char source[PATH_MAX];
	struct stat st;

	source_of(job, source);
	if (mount(source, job->target, job->fs_type, job->flags, job->data) < 0) {
		return explain_mount(errno, job, err);
	}
	if (stat(job->target, &st) < 0) {
		return err_errno(err, errno, "%s: after mounting %s", job->target, job->name);
	}
	if (st.st_dev == job->dev) {
		return 0;
	}
	/* The name was given to another device between look-up and mount: not ours, take it away.
	 */
	if (mount_unmount(in, job->target, err) < 0) {
		return err_wrap(err, "device %u:%u was mounted in place of %s", major(st.st_dev),
			minor(st.st_dev), job->name);
	}
	return err_set(err, ERR_UNAVAILABLE,
		"%s: device %u:%u was mounted in place of %s; it was unmounted again; retry",
		job->target, major(st.st_dev), minor(st.st_dev), job->name);
}

static int step_umount(const struct step *in, void *arg, struct err *err)
{
	return mount_unmount(in, arg, err);
}

static int bad_call(const char *verb, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "helper %s: wrong arguments", verb);
}

static int verb_mount(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct mount_job job = {.fd = fd};

	(void)out;
	if (argc != 7 || fd < 0) {
		return bad_call("mount", err);
	}
	job.name = argv[1];
	job.target = argv[3];
	job.fs_type = argv[4];
	job.data = argv[6];
	if (parse_u64("device", argv[2], 0, UINT64_MAX, &job.dev, err) < 0 ||
		parse_u64("flags", argv[5], 0, UINT64_MAX, &job.flags, err) < 0) {
		return -1;
	}
	return step_run(&steps, "mount", step_mount, &job, err);
}

static int verb_umount(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};

	(void)fd;
	(void)out;
	if (argc != 2) {
		return bad_call("umount", err);
	}
	return step_run(&steps, "umount", step_umount, (void *)argv[1], err);
}

static int step_sync(const struct step *in, void *arg, struct err *err)
{
	const char *target = arg;
	struct stat here;
	struct stat above;

	(void)in;
	_cleanup_close_ int fd =
		open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_set(err, ERR_UNAVAILABLE,
					 "%s: cannot be opened to sync it: %s", target,
					 strerrordesc_np(errno));
	}
	/* The node's own disk is none of ours to wait for. */
	if (fstat(fd, &here) == 0 && fstatat(fd, "..", &above, 0) == 0 &&
		here.st_dev == above.st_dev) {
		return 0;
	}
	if (syncfs(fd) < 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s: what was written to the filesystem could not all be stored: %s; retry",
			target, strerrordesc_np(errno));
	}
	return 0;
}

static int verb_sync(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};

	(void)fd;
	(void)out;
	if (argc != 2) {
		return bad_call("sync", err);
	}
	return step_run(&steps, "sync", step_sync, (void *)argv[1], err);
}

static int64_t times(uint64_t blocks, uint64_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(blocks, size, &bytes) || bytes > INT64_MAX) {
		return INT64_MAX;
	}
	return (int64_t)bytes;
}

static int verb_statfs(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct statvfs fs;
	struct stat st;
	uint64_t dev;

	(void)fd;
	if (argc != 3) {
		return bad_call("statfs", err);
	}
	if (parse_u64("device", argv[2], 0, UINT64_MAX, &dev, err) < 0) {
		return -1;
	}
	if (stat(argv[1], &st) < 0) {
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "%s: %s",
			argv[1], strerrordesc_np(errno));
	}
	if (st.st_dev != dev) {
		return err_set(err, ERR_NOT_FOUND, "%s: the volume is not mounted there", argv[1]);
	}
	if (statvfs(argv[1], &fs) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s: %s", argv[1], strerrordesc_np(errno));
	}
	sb_addf(out, "%lld %lld %lld %lld %lld %lld", (long long)times(fs.f_blocks, fs.f_frsize),
		(long long)times(fs.f_blocks - fs.f_bfree, fs.f_frsize),
		(long long)times(fs.f_bavail, fs.f_frsize), (long long)times(fs.f_files, 1),
		(long long)times(fs.f_files - fs.f_ffree, 1), (long long)times(fs.f_ffree, 1));
	return 0;
}

/* Does the folder @path still open, sync and read? One that shut itself down fails somewhere. */
static bool works(const char *path)
{
	struct statvfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return false;
	}
	/* A filesystem mounted for readers has nothing to sync and says EROFS or EINVAL at worst.
	 */
	if (fstatvfs(fd, &fs) < 0 || (fsync(fd) < 0 && errno == EIO)) {
		(void)close(fd);
		return false;
	}
	DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return false;
	}
	errno = 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	bool read = readdir(dir) != NULL || errno == 0;
	(void)closedir(dir);
	return read;
}

static int verb_alive(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)fd;
	if (argc != 2) {
		return bad_call("alive", err);
	}
	sb_add(out, works(argv[1]) ? "yes" : "no");
	return 0;
}

static int verb_opens(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)fd;
	if (argc != 2) {
		return bad_call("opens", err);
	}
	_cleanup_close_ int folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sb_add(out, folder >= 0 ? "yes" : "no");
	return 0;
}

const struct helper_verb *mount_verbs(size_t *ret_n)
{
	static const struct helper_verb verbs[] = {
		{"mount", verb_mount},
		{"sync", verb_sync},
		{"umount", verb_umount},
		{"statfs", verb_statfs},
		{"alive", verb_alive},
		{"opens", verb_opens},
		{"trim", verb_trim},
	};

	*ret_n = ARRAY_SIZE(verbs);
	return verbs;
}
