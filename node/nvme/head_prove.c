/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P2 on the open descriptor. The order matters: open first, then ask sysfs again, since an open
 * disk keeps its number and its folder in sysfs cannot be another disk's.
 */
#include "common/base/fdpass.h"
#include "node/nvme/fab_verbs.h"
#include "node/nvme/head.h"
#include "node/nvme/nsdesc.h"
#include "node/nvme/subsys_read.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#define NUMBER_SIZE 16

void proven_done(struct proven_device *device)
{
	if (device->fd >= 0) {
		(void)close(TAKE_FD(device->fd));
	}
}

/* Run a verb that gets the folders of device nodes; @ret_sock is what it may answer through. */
static int call_with_dirs(struct fab *fab, const char *const *argv, struct guard *guard,
	int *ret_sock, char **ret_text, struct err *err)
{
	const struct host_paths *host = fab_host(fab);
	int dirs[2] = {host->dev, host->nodes >= 0 ? host->nodes : host->dev};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)err_errno(err, errno, "%s: socket pair", argv[1]);
		return -1;
	}
	int result = -1;
	if (fdpass_send(pair[0], dirs, 2, err) == 0) {
		result = guard_call(guard, argv, pair[1], ret_text, err);
	}
	(void)close(pair[1]);
	*ret_sock = pair[0];
	return result;
}

/* Run the verb; the disk that it opened comes back in @ret_fd, its words in @ret_text. */
static int open_in_child(struct fab *fab, const struct subsys_disk *disk, struct guard *guard,
	int *ret_fd, char **ret_text, struct err *err)
{
	char numbers[3][NUMBER_SIZE];

	(void)snprintf(numbers[0], NUMBER_SIZE, "%u", major(disk->dev));
	(void)snprintf(numbers[1], NUMBER_SIZE, "%u", minor(disk->dev));
	(void)snprintf(numbers[2], NUMBER_SIZE, "%u", disk->ident.nsid);
	const char *argv[] = {VERB_HEAD_OPEN, disk->name, numbers[0], numbers[1], numbers[2], NULL};
	_cleanup_close_ int mine = -1;
	int result = call_with_dirs(fab, argv, guard, &mine, ret_text, err);
	return result < 0 ? -1 : fdpass_receive(mine, ret_fd, 1, err);
}

int head_held(struct fab *fab, const struct subsys_disk *disk, struct guard *guard, bool *ret_held,
	struct err *err)
{
	char numbers[2][NUMBER_SIZE];
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int mine = -1;

	(void)snprintf(numbers[0], NUMBER_SIZE, "%u", major(disk->dev));
	(void)snprintf(numbers[1], NUMBER_SIZE, "%u", minor(disk->dev));
	const char *argv[] = {VERB_HEAD_HELD, disk->name, numbers[0], numbers[1], NULL};
	if (call_with_dirs(fab, argv, guard, &mine, &text, err) < 0) {
		return err_wrap(err, "%s: is it still in use", disk->name);
	}
	*ret_held = !text || streq(text, "held");
	return 0;
}

/* The disk of that identity in sysfs now, after the open: the same name and number? */
static int prove_sysfs(const struct host_paths *host, const struct head_want *want,
	const struct subsys_disk *disk, struct ns_ident *ret_ident, struct err *err)
{
	_cleanup_subsys_view_ struct subsys_view view = {.instance = -1};
	struct err twice = {0};

	if (subsys_scan(host, want->nqn, NULL, &view, err) < 0) {
		return -1;
	}
	const struct subsys_disk *now = subsys_find_disk(&view, want->ident, &twice);
	if (twice.code != ERR_OK) {
		return err_set(err, twice.code, "%s", twice.msg);
	}
	if (!now || !now->ready || now->dev != disk->dev || !streq(now->name, disk->name)) {
		return err_set(err, ERR_UNAVAILABLE,
			"%s of %s: the kernel took the device away while it was being opened; retry",
			disk->name, want->nqn);
	}
	*ret_ident = now->ident;
	return 0;
}

/* What the target itself answered. */
static int prove_target(const char *name, const char *text, const struct head_want *want,
	struct ns_ident *ident, struct err *err)
{
	struct ns_ident told;

	/* A target without the descriptor list (before NVMe 1.3): the kernel read NGUID and EUI-64
	 * itself, and sysfs showed them. */
	if (strncmp(text, "none=", strlen("none=")) == 0) {
		return 0;
	}
	if (nsdesc_parse(text, &told, err) < 0) {
		return err_wrap(err, "%s", name);
	}
	told.nsid = ident->nsid;
	if (ns_ident_match(name, want->ident, &told, err) < 0) {
		return -1;
	}
	*ident = told;
	return 0;
}

/* Is @fd, which was opened as @disk, what is wanted? */
static int prove_open(struct fab *fab, const struct head_want *want, const struct subsys_disk *disk,
	const char *text, int fd, struct proven_device *ret, struct err *err)
{
	const struct host_paths *host = fab_host(fab);
	struct ns_ident ident;
	dev_t dev;
	uint64_t size;

	if (host->calls->disk_number(fd, &dev) < 0 || dev != disk->dev) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: what was opened is not the block device %u:%u that sysfs names",
			disk->name, major(disk->dev), minor(disk->dev));
	}
	if (prove_sysfs(host, want, disk, &ident, err) < 0 ||
		prove_target(disk->name, text, want, &ident, err) < 0) {
		return -1;
	}
	if (host->calls->disk_size(fd, &size) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s: its size cannot be read: %s", disk->name,
			strerrordesc_np(errno));
	}
	if (size < (uint64_t)want->min_size) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"%s: the device has %llu bytes, the volume needs %lld", disk->name,
			(unsigned long long)size, (long long)want->min_size);
	}
	*ret = (struct proven_device){.fd = fd, .dev = dev, .size = size, .ident = ident};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", disk->name);
	return 0;
}

int head_prove(struct fab *fab, const struct head_want *want, const struct subsys_disk *disk,
	struct guard *guard, struct proven_device *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int fd = -1;

	if (open_in_child(fab, disk, guard, &fd, &text, err) < 0) {
		return err_wrap(err, "open the device of %s", want->nqn);
	}
	if (prove_open(fab, want, disk, text, fd, ret, err) < 0) {
		guard_close(guard, &fd);
		return -1;
	}
	return 0;
}
