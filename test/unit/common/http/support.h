/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP tests share: raw sockets, a scripted server, certificates made on the spot, and
 * steps.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/spawn.h"
#include "common/base/step.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

/** Nothing in these tests takes this long unless it hangs. */
#define PATIENCE_MS 20000

/* What only a broken machine fails at; the analyzer does not know cmocka's own asserts. */
static inline void must(bool good)
{
	if (!good) {
		abort();
	}
}

static inline int tcp_socket(uint16_t port, struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	*addr = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return fd;
}

/* A bound port, listening or not. */
static inline int tcp_bound(bool listening, uint16_t *ret_port)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd = tcp_socket(0, &addr);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	if (listening) {
		assert_int_equal(listen(fd, 16), 0);
	}
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static inline int tcp_connect(uint16_t port)
{
	struct sockaddr_in addr;
	int fd = tcp_socket(port, &addr);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline void send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);

		if (done <= 0) {
			return; /* the other side closed: the test looks at what it reads */
		}
		bytes += done;
		n -= (size_t)done;
	}
}

/* Everything until the other side closes, or until @until is there (NULL: to the end). */
static inline size_t read_until(int fd, const char *until, char *out, size_t size)
{
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};
	size_t n = 0;

	out[0] = '\0';
	while (n + 1 < size && !(until && strstr(out, until))) {
		ssize_t got;

		if (deadline_poll(&dl, fd, POLLIN, -1, "reading", &err) < 0) {
			fail_msg("nothing more came after: %s", out);
		}
		got = recv(fd, out + n, size - 1 - n, 0);
		if (got <= 0) {
			break;
		}
		n += (size_t)got;
		out[n] = '\0';
	}
	return n;
}

/* One whole exchange over a connection of its own; the request must ask for the close. */
static inline void talk(uint16_t port, const char *request, char *out, size_t size)
{
	int fd = tcp_connect(port);

	send_all(fd, request, strlen(request));
	(void)read_until(fd, NULL, out, size);
	(void)close(fd);
}

/* Run fn as a step, as http_send() wants it. */
static inline int in_step(step_fn fn, void *arg, struct err *err)
{
	struct steps steps = {.operation = "Test"};

	return step_run(&steps, "send", fn, arg, err);
}

/* A self-signed certificate for @ext ("subjectAltName=IP:10.0.0.5") and its key, as PEM files,
 * valid between two times as openssl writes them. */
static inline void make_cert_between(
	const char *dir, const char *name, const char *ext, const char *from, const char *until)
{
	char key[256];
	char cert[256];
	struct spawn_result result = {0};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};
	const char *argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:prime256v1", "-nodes", "-not_before", from, "-not_after", until,
		"-subj", "/CN=test", "-addext", ext, "-keyout", key, "-out", cert, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};

	(void)snprintf(key, sizeof(key), "%s/%s.key", dir, name);
	(void)snprintf(cert, sizeof(cert), "%s/%s.pem", dir, name);
	if (spawn_run(&what, &dl, &result, &err) < 0 || result.exit_code != 0) {
		fail_msg("openssl: %s %s", err.msg, result.output ? result.output : "");
	}
	spawn_result_done(&result);
	assert_int_equal(chmod(key, 0600), 0);
}

/* One for @san that is good now; it can be trusted as a CA. */
static inline void make_cert(const char *dir, const char *name, const char *san)
{
	char ext[256];

	(void)snprintf(ext, sizeof(ext), "subjectAltName=%s", san);
	make_cert_between(dir, name, ext, "20200101000000Z", "20990101000000Z");
}

/* Remove a folder of the test's own, files only. */
static inline void remove_dir(const char *dir)
{
	const char *argv[] = {"rm", "-rf", dir, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};
	struct spawn_result result = {0};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};

	assert_int_equal(spawn_run(&what, &dl, &result, &err), 0);
	spawn_result_done(&result);
}

/** What the scripted server does with each connection. */
enum fake_mode {
	FAKE_REPLY,   /* read the request's head, send reply, close */
	FAKE_KEEP,    /* the same, but close only after the next request came: a stale connection */
	FAKE_CLOSE,   /* read the request's head, close */
	FAKE_SLAM,    /* close at once */
	FAKE_SILENT,  /* read and say nothing until the client leaves */
	FAKE_ENDLESS, /* send reply, then bytes until the client leaves */
};

struct fake {
	enum fake_mode mode;
	const char *reply;
	int fd;
	uint16_t port;
	atomic_int connections;
	int heard;	   /* eventfd: a request's head came */
	atomic_bool reset; /* FAKE_SILENT: the client left by a reset, not an orderly end */
	char request[8192];
	pthread_t thread;
};

static inline bool fake_hear(struct fake *fake, int fd)
{
	const uint64_t one = 1;
	size_t n = read_until(fd, "\r\n\r\n", fake->request, sizeof(fake->request));

	if (n > 0) {
		assert_int_equal(write(fake->heard, &one, sizeof(one)), sizeof(one));
	}
	return n > 0;
}

static inline void fake_serve(struct fake *fake, int fd)
{
	static const char filler[1024] = "x";
	char rest[64];

	if (fake->mode == FAKE_SLAM || !fake_hear(fake, fd) || fake->mode == FAKE_CLOSE) {
		return;
	}
	if (fake->mode == FAKE_SILENT) {
		errno = 0;
		(void)read_until(fd, NULL, rest, sizeof(rest));
		atomic_store(&fake->reset, errno == ECONNRESET);
		return;
	}
	send_all(fd, fake->reply, strlen(fake->reply));
	if (fake->mode == FAKE_KEEP) {
		(void)read_until(fd, "\r\n\r\n", fake->request, sizeof(fake->request));
	}
	while (fake->mode == FAKE_ENDLESS && send(fd, filler, sizeof(filler), MSG_NOSIGNAL) > 0) {
	}
}

static inline void *fake_run(void *arg)
{
	struct fake *fake = arg;

	for (;;) {
		int fd = accept4(fake->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			return NULL; /* fake_stop() shut it down */
		}
		atomic_fetch_add(&fake->connections, 1);
		fake_serve(fake, fd);
		(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
	}
}

/* On @fd, which listens; fake_stop() closes it. */
static inline void fake_start_on(struct fake *fake, int fd, enum fake_mode mode, const char *reply)
{
	fake->mode = mode;
	fake->reply = reply;
	fake->fd = fd;
	fake->heard = eventfd(0, EFD_CLOEXEC);
	assert_true(fake->heard >= 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

static inline void fake_start(struct fake *fake, enum fake_mode mode, const char *reply)
{
	memset(fake, 0, sizeof(*fake));
	fake_start_on(fake, tcp_bound(true, &fake->port), mode, reply);
}

static inline void fake_stop(struct fake *fake)
{
	(void)shutdown(fake->fd, SHUT_RDWR);
	assert_int_equal(pthread_join(fake->thread, NULL), 0);
	(void)close(fake->fd);
	(void)close(fake->heard);
}
