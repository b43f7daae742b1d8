/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open a disk and ask the target who it is, in a process of its own: the first open reads the
 * partition table and Identify travels to the target, so both hang when the path dies.
 */
#include "common/base/fdpass.h"
#include "common/base/parse.h"
#include "common/base/step.h"
#include "node/nvme/fab_verbs.h"
#include "node/nvme/head.h"
#include "node/nvme/nsdesc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define OPCODE_IDENTIFY 0x06
#define CNS_NS_DESCRIPTORS 0x03
/* Status code and its type, as the ioctl returns them. */
#define STATUS_MASK 0x7ff
#define STATUS_INVALID_OPCODE 0x001
#define STATUS_INVALID_FIELD 0x002

struct open_job {
	const char *name;
	dev_t dev;
	uint32_t nsid;
	int dev_dir;
	int nodes_dir;
	int flags; /* of the open, beyond O_RDONLY */
	int disk;
};

static bool is_device(const struct stat *st, dev_t dev)
{
	return S_ISBLK(st->st_mode) && st->st_rdev == dev;
}

/*
 * Open @name in @dir if that node is the device meant; opening another one could hang as well.
 * Return: the descriptor, or minus an errno (ENXIO: another device).
 */
static int open_node(int dir, const char *name, dev_t dev, int flags)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return -errno;
	}
	if (!is_device(&st, dev)) {
		return -ENXIO;
	}
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0 || !is_device(&st, dev)) {
		(void)close(fd);
		return -ENXIO;
	}
	return fd;
}

static int held(const struct open_job *job, struct err *err)
{
	return err_set(err, ERR_ABORTED,
		"%s: somebody holds it exclusively, such as a mounted filesystem", job->name);
}

static int open_step(const struct step *in, void *arg, struct err *err)
{
	struct open_job *job = arg;
	char node[64];

	(void)in;
	job->disk = open_node(job->dev_dir, job->name, job->dev, job->flags);
	if (job->disk >= 0) {
		return 0;
	}
	if (job->disk == -EBUSY) {
		return held(job, err);
	}
	/* /dev is not the node's own, or slower than we are: a node of ours, gone at once. */
	(void)snprintf(node, sizeof(node), HEAD_NODE_PREFIX "%u-%u-%d", major(job->dev),
		minor(job->dev), (int)getpid());
	/* One that a killed process of the same number left. */
	(void)unlinkat(job->nodes_dir, node, 0);
	if (mknodat(job->nodes_dir, node, S_IFBLK | 0600, job->dev) < 0) {
		return err_errno(err, errno, "%s: make its device node", job->name);
	}
	job->disk = open_node(job->nodes_dir, node, job->dev, job->flags);
	(void)unlinkat(job->nodes_dir, node, 0);
	if (job->disk == -EBUSY) {
		return held(job, err);
	}
	if (job->disk < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s: open: %s", job->name,
			strerrordesc_np(-job->disk));
	}
	return 0;
}

static int identify(const struct open_job *job, struct strbuf *out, struct err *err)
{
	uint8_t list[NSDESC_SIZE] = {0};
	struct nvme_admin_cmd cmd = {
		.opcode = OPCODE_IDENTIFY,
		.nsid = job->nsid,
		.addr = (uint64_t)(uintptr_t)list,
		.data_len = sizeof(list),
		.cdw10 = CNS_NS_DESCRIPTORS,
	};

	/* The kernel's own time limit applies: a shorter one would reset a slow but healthy path.
	 */
	int result = ioctl(job->disk, NVME_IOCTL_ADMIN_CMD, &cmd);
	if (result < 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s: the target could not be asked for the namespace's identity: %s",
			job->name, strerrordesc_np(errno));
	}
	/* The status without its bits for retries; anything else than "not known to me" says
	 * nothing about who it is. */
	int status = result & STATUS_MASK;
	if (status == STATUS_INVALID_OPCODE || status == STATUS_INVALID_FIELD) {
		sb_addf(out, "none=%d", status);
		return 0;
	}
	if (result > 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s: the target answered NVMe status 0x%x when asked for the namespace's identity; "
			"retry",
			job->name, (unsigned)result);
	}
	nsdesc_print(list, out);
	return 0;
}

/* What both verbs are told: a name, @n numbers (device, device, namespace), and two folders. The
 * process ends with the verb, and the folders with it. */
static int receive_job(const char *verb, int n, int argc, const char *const *argv, int fd,
	struct open_job *ret, struct err *err)
{
	uint64_t numbers[3] = {0};
	int dirs[2];

	if (argc != 2 + n) {
		return err_set(err, ERR_INTERNAL, "%s: %d arguments", verb, argc);
	}
	for (int i = 0; i < n; i++) {
		if (parse_u64(verb, argv[2 + i], 0, UINT32_MAX, &numbers[i], err) < 0) {
			return -1;
		}
	}
	if (fdpass_receive(fd, dirs, 2, err) < 0) {
		return -1;
	}
	*ret = (struct open_job){
		.name = argv[1],
		.dev = makedev((unsigned)numbers[0], (unsigned)numbers[1]),
		.nsid = (uint32_t)numbers[2],
		.dev_dir = dirs[0],
		.nodes_dir = dirs[1],
		.disk = -1,
	};
	return 0;
}

int verb_head_held(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct err why = {0};
	struct open_job job;

	if (receive_job(VERB_HEAD_HELD, 2, argc, argv, fd, &job, err) < 0) {
		return -1;
	}
	/* An exclusive open fails while a filesystem, dm, md or swap holds the device, in whatever
	 * mount namespace: no mount table needs to be asked. */
	job.flags = O_EXCL;
	if (step_run(&steps, "try-disk", open_step, &job, &why) == 0) {
		(void)close(job.disk);
		sb_add(out, "free");
		return 0;
	}
	/* The kernel has given the disk up: there is nothing left to lose. */
	if (job.disk == -ENXIO) {
		sb_add(out, "free");
		return 0;
	}
	if (why.code == ERR_ABORTED) {
		sb_add(out, "held");
		return 0;
	}
	return err_set(err, why.code, "%s", why.msg);
}

int verb_head_open(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct steps steps = {.operation = "helper"};
	struct open_job job;

	if (receive_job(VERB_HEAD_OPEN, 3, argc, argv, fd, &job, err) < 0 ||
		step_run(&steps, "open-disk", open_step, &job, err) < 0) {
		return -1;
	}
	/* Closed before the answer goes out: from then on only the caller holds the disk. */
	_cleanup_close_ int disk = job.disk;
	if (identify(&job, out, err) < 0) {
		return -1;
	}
	return fdpass_send(fd, &disk, 1, err);
}
