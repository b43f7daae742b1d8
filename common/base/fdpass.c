/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCM_RIGHTS with one byte of data, which Linux asks for on stream sockets.
 */
#include "common/base/fdpass.h"

#include <errno.h>
#include <sys/socket.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
};

int fdpass_send(int sock, const int *fds, size_t n, struct err *err)
{
	union control control = {0};
	char byte = 'f';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};

	if (n == 0 || n > FDPASS_MAX) {
		return err_set(err, ERR_INTERNAL,
			"descriptors: %zu in one message, 1 to %d are allowed", n, FDPASS_MAX);
	}
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0) {
		return err_errno(err, errno, "descriptors: send");
	}
	return 0;
}

int fdpass_receive(int sock, int *ret_fds, size_t n, struct err *err)
{
	union control control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fds[FDPASS_MAX];
	size_t got = 0;
	ssize_t len;

	do {
		len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	struct cmsghdr *head = len > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		got = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), MIN(got, (size_t)FDPASS_MAX) * sizeof(int));
	}
	if (got == n) {
		memcpy(ret_fds, fds, n * sizeof(int));
		return 0;
	}
	for (size_t i = 0; i < MIN(got, (size_t)FDPASS_MAX); i++) {
		(void)close(fds[i]);
	}
	return err_set(err, ERR_UNAVAILABLE, "descriptors: got %zu, expected %zu", got, n);
}
