/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock, liveness and ownership of a Unix socket's path.
 */
#include "common/rpc/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* How often a lock that is held is tried again; no event tells of its release. */
#define LOCK_RETRY_MS 50

int rpc_socket_lock(const char *path, const struct deadline *wait, int *ret_fd, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		return err_errno(err, errno, "lock file %s", path);
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			return err_errno(err, errno, "lock file %s", path);
		}
		if (deadline_poll(wait, -1, 0, LOCK_RETRY_MS, path, NULL) < 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"lock file %s: another process of this driver is serving; wait for "
				"it to end",
				path);
		}
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int rpc_socket_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return -1;
	}
	memcpy(addr.sun_path, path, strnlen(path, sizeof(addr.sun_path) - 1));
	return connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -1 : TAKE_FD(fd);
}

/* Return: 1 when somebody listens at @path, 0 when nobody does, -1 with errno. */
static int somebody_listens(const char *path)
{
	_cleanup_close_ int fd = rpc_socket_connect(path);

	if (fd >= 0) {
		return 1;
	}
	switch (errno) {
	case EAGAIN: /* its queue is full, so it is alive */
		return 1;
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	default:
		return -1;
	}
}

static int check_folder(const char *path, struct err *err)
{
	char folder[RPC_PATH_MAX + 1];
	size_t n = (size_t)(strrchr(path, '/') - path);

	memcpy(folder, path, n);
	(void)snprintf(folder + n, sizeof(folder) - n, "%s", n == 0 ? "/" : "");
	if (access(folder, W_OK | X_OK) < 0) {
		return err_errno(err, errno, "socket %s: its folder", path);
	}
	return 0;
}

int rpc_socket_prepare(const struct rpc_socket *socket, struct err *err)
{
	struct stat st;
	int listens;

	if (check_folder(socket->path, err) < 0) {
		return -1;
	}
	if (lstat(socket->path, &st) < 0) {
		if (errno == ENOENT) {
			return 0;
		}
		return err_errno(err, errno, "socket %s", socket->path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"socket %s: something else is at this path; remove it", socket->path);
	}
	listens = somebody_listens(socket->path);
	if (listens < 0) {
		return err_errno(err, errno, "socket %s", socket->path);
	}
	if (listens > 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"socket %s: another process answers there; stop it, or give this one a "
			"path of its own",
			socket->path);
	}
	return 0;
}

int rpc_socket_own(const struct rpc_socket *socket, struct err *err)
{
	if (socket->gid != (gid_t)-1 && chown(socket->path, (uid_t)-1, socket->gid) < 0) {
		return err_errno(
			err, errno, "group %u of socket %s", (unsigned)socket->gid, socket->path);
	}
	if (chmod(socket->path, socket->mode) < 0) {
		return err_errno(
			err, errno, "mode %04o of socket %s", (unsigned)socket->mode, socket->path);
	}
	return 0;
}
