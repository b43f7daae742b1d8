/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near side of growing: hands two descriptors to a child and reads its answer.
 */
#include "node/block/grow.h"

#include "common/base/fdpass.h"
#include "common/base/parse.h"
#include "node/block/grow_child.h"

#include <errno.h>
#include <sys/socket.h>

static int parse_answer(char *text, struct grow_size *ret, struct err *err)
{
	char *rest = text;
	const char *fs = strsep(&rest, " ");
	const char *device = strsep(&rest, " ");
	const char *block = strsep(&rest, " ");
	uint64_t block_size;

	if (!block || parse_u64("filesystem size", fs, 0, UINT64_MAX, &ret->fs_bytes, err) < 0 ||
		parse_u64("device size", device, 0, UINT64_MAX, &ret->device_bytes, err) < 0 ||
		parse_u64("block size", block, 512, 65536, &block_size, err) < 0) {
		return err_set(err, ERR_INTERNAL, "grow: the answer about the sizes is cut short");
	}
	ret->needed = ret->device_bytes >= ret->fs_bytes + block_size;
	return 0;
}

static int call(struct guard *guard, const struct grow_target *target, const char *const *argv,
	struct grow_size *ret, struct err *err)
{
	const int fds[2] = {target->mount_fd, target->device_fd};
	_cleanup_free_ char *text = NULL;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		return err_errno(err, errno, "grow: socket pair");
	}
	int result = fdpass_send(pair[0], fds, 2, err);
	if (result == 0) {
		result = guard_call(guard, argv, pair[1], &text, err);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	return result < 0 ? -1 : parse_answer(text, ret, err);
}

static int ask(struct guard *guard, const struct grow_target *target, const char *what,
	struct grow_size *ret, struct err *err)
{
	const char *argv[] = {VERB_GROW, target->fstype, what, NULL};

	return call(guard, target, argv, ret, err);
}

int grow_mounted(const struct step *in, struct guard *guard, const struct grow_place *place,
	struct grow_size *ret, struct err *err)
{
	const char *argv[] = {VERB_GROW, place->fstype, "grow", place->path, NULL};
	/* The child opens the path itself; the first descriptor only fills its place. */
	const struct grow_target target = {.fstype = place->fstype,
		.mount_fd = place->device_fd,
		.device_fd = place->device_fd};

	(void)in;
	return call(guard, &target, argv, ret, err);
}

int grow_query(struct guard *guard, const struct grow_target *target, struct grow_size *ret,
	struct err *err)
{
	return ask(guard, target, "query", ret, err);
}

int grow_fs(const struct step *in, struct guard *guard, const struct grow_target *target,
	struct grow_size *ret, struct err *err)
{
	(void)in;
	return ask(guard, target, "grow", ret, err);
}
