/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 by hand: bytes to a server's socket and what comes back.
 */
#pragma once

#include "test/unit/common/rpc/support.h"

#include <sys/socket.h>
#include <sys/un.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
static const char settings[9] = {0, 0, 0, 4};

static inline int connect_raw(struct setup *setup)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", setup->socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		fail_msg("cannot connect to %s", setup->socket_path);
	}
	return fd;
}

static inline void send_raw(int fd, const void *bytes, size_t n)
{
	/* The server may have hung up already. */
	ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

	assert_true(sent == (ssize_t)n || sent < 0);
}

/* Read exactly @n bytes. Return: false at the end of the connection. */
static inline bool read_raw(int fd, void *bytes, size_t n)
{
	struct deadline dl = deadline_in(LONG_MS);
	uint8_t *at = bytes;

	while (n > 0) {
		ssize_t got;

		assert_int_equal(deadline_poll(&dl, fd, POLLIN, -1, "the server", NULL), 1);
		got = read(fd, at, n);
		if (got <= 0) {
			return false;
		}
		at += got;
		n -= (size_t)got;
	}
	return true;
}
