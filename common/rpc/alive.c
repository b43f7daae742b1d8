/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few bytes of HTTP/2 that ask a server for a sign of life (RFC 9113: 3.4, 4.1, 6.7).
 */
#include "common/rpc/alive.h"

#include "common/rpc/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define FRAME_HEAD 9
/* Largest frame that a server may send to whoever did not allow more. */
#define FRAME_MAX 16384
#define FRAME_PING 6
#define FLAG_ACK 1

/* The preface of a connection, empty settings, and a PING of 8 bytes. */
static const char question[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			       "\0\0\0\4\0\0\0\0\0"
			       "\0\0\10\6\0\0\0\0\0"
			       "nvmetcp?";

static int hung_up(const char *path, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE,
		"socket %s: what listens there is no gRPC server or ended the connection", path);
}

/* Exactly @n bytes. */
static int read_all(int fd, const char *path, uint8_t *bytes, size_t n, const struct deadline *dl,
	struct err *err)
{
	while (n > 0) {
		ssize_t got;

		if (deadline_poll(dl, fd, POLLIN, -1, "the answer of our own server", err) < 0) {
			return err_wrap(err, "socket %s", path);
		}
		got = read(fd, bytes, n);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			return hung_up(path, err);
		}
		if (got > 0) {
			bytes += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

int rpc_alive(const char *path, const struct deadline *dl, struct err *err)
{
	_cleanup_close_ int fd = rpc_socket_connect(path);
	uint8_t head[FRAME_HEAD] = {0};
	uint8_t body[FRAME_MAX];

	if (fd < 0) {
		return err_set(err, ERR_UNAVAILABLE, "socket %s: nobody answers there (%s)", path,
			errno == ENOENT ? "it was removed" : strerrordesc_np(errno));
	}
	/* A new socket takes so few bytes at once. */
	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) != sizeof(question) - 1) {
		return hung_up(path, err);
	}
	for (;;) {
		if (read_all(fd, path, head, sizeof(head), dl, err) < 0) {
			return -1;
		}
		size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		if (len > sizeof(body)) {
			return hung_up(path, err);
		}
		if (read_all(fd, path, body, len, dl, err) < 0) {
			return -1;
		}
		if (head[3] == FRAME_PING && (head[4] & FLAG_ACK)) {
			return 0;
		}
	}
}
