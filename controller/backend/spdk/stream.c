/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange over a Unix socket. A connection is not kept: the late answer to a request that was
 * given up can then never be taken for that to the next one.
 */
#include "controller/backend/spdk/stream.h"

#include "common/base/strbuf.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/** How long to wait before a socket whose queue is full is tried again, in ms. */
#define AGAIN_MS 20
/** Read at once. */
#define PART 16384

size_t spdk_scan_end(struct spdk_scan *scan, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (scan->escaped) {
			scan->escaped = false;
		} else if (scan->string) {
			scan->escaped = c == '\\';
			scan->string = c != '"';
		} else if (c == '"') {
			scan->string = true;
		} else if (c == '{' || c == '[') {
			scan->depth++;
			scan->begun = true;
		} else if ((c == '}' || c == ']') && scan->depth > 0) {
			scan->depth--;
		}
		if (scan->begun && scan->depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* A connection that does not block. Return: 0, or -1. */
static int dial(
	const struct spdk_stream *stream, const struct deadline *dl, int *ret_fd, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return err_set(err, ERR_UNAVAILABLE, "socket: errno %d", errno);
	}
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", stream->path);
	while (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			(void)err_errno(err, errno, "not sent: %s", stream->path);
			if (err) {
				err->code = ERR_UNAVAILABLE;
			}
			return -1;
		}
		if (deadline_poll(dl, -1, 0, AGAIN_MS, "not sent: connect", err) < 0) {
			return -1;
		}
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int broken(const struct spdk_stream *stream, const char *what, int errnum, struct err *err)
{
	(void)err_errno(err, errnum, "%s: %s: %s",
		stream->sent ? "outcome unknown, the request was sent" : "not sent", stream->path,
		what);
	if (err) {
		err->code = ERR_UNAVAILABLE;
	}
	return -1;
}

static int wait_for(const struct spdk_stream *stream, const struct deadline *dl, int fd,
	short events, struct err *err)
{
	return deadline_poll(dl, fd, events, -1,
		       stream->sent ? "outcome unknown, the request was sent" : "not sent", err) < 0
		       ? -1
		       : 0;
}

static int put(struct spdk_stream *stream, const struct deadline *dl, int fd, struct err *err)
{
	for (size_t at = 0; at < stream->len;) {
		ssize_t n = send(fd, stream->request + at, stream->len - at, MSG_NOSIGNAL);

		if (n >= 0) {
			stream->sent = true;
			at += (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(stream, dl, fd, POLLOUT, err) < 0) {
				return -1;
			}
		} else if (errno != EINTR) {
			return broken(stream, "send", errno, err);
		}
	}
	return 0;
}

static int get(struct spdk_stream *stream, const struct deadline *dl, int fd, struct strbuf *answer,
	struct err *err)
{
	struct spdk_scan scan = {0};
	char part[PART];

	for (;;) {
		ssize_t n = recv(fd, part, sizeof(part), 0);
		size_t end = n > 0 ? spdk_scan_end(&scan, part, (size_t)n) : 0;

		if (n > 0) {
			sb_addn(answer, part, end ? end : (size_t)n);
			if (answer->failed) {
				return err_set(err, ERR_UNAVAILABLE,
					"outcome unknown, the request was sent: %s: the answer has "
					"more than %zu bytes",
					stream->path, stream->max);
			}
		} else if (n == 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"outcome unknown, the request was sent: %s: the target closed the "
				"connection before its answer ended",
				stream->path);
		} else if (errno == EAGAIN) {
			if (wait_for(stream, dl, fd, POLLIN, err) < 0) {
				return -1;
			}
		} else if (errno != EINTR) {
			return broken(stream, "receive", errno, err);
		}
		if (end) {
			return 0;
		}
	}
}

int spdk_stream_exchange(struct spdk_stream *stream, const struct deadline *dl, char **ret_answer,
	size_t *ret_len, struct err *err)
{
	_cleanup_strbuf_ struct strbuf answer = sb_init(stream->max);
	_cleanup_close_ int fd = -1;
	size_t len;

	stream->sent = false;
	if (deadline_check(dl, "not sent", err) < 0 || dial(stream, dl, &fd, err) < 0 ||
		put(stream, dl, fd, err) < 0 || get(stream, dl, fd, &answer, err) < 0) {
		return -1;
	}
	len = answer.len;
	if (sb_take(&answer, "answer", ret_answer, NULL) < 0) {
		return err_set(err, ERR_UNAVAILABLE, "out of memory for the answer");
	}
	*ret_len = len;
	return 0;
}
