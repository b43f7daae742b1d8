/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binding. A Unix socket gets its mode and group before it listens, so nobody can connect in
 * between; one that a dead process left is replaced, one that is in use is not.
 */
#include "common/http/listen.h"

#include "common/base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* Remove a socket nobody listens on; all else at that path stays. */
static int clear_stale(const struct sockaddr_un *addr, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0) {
		return errno == ENOENT ? 0 : err_errno(err, errno, "socket %s", addr->sun_path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(err, ERR_ALREADY_EXISTS,
			"socket %s: there is something else than a socket; remove it or choose another path",
			addr->sun_path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return err_errno(err, errno, "socket");
	}
	/* EAGAIN says that its queue is full: somebody listens. */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN) {
		return err_set(err, ERR_ALREADY_EXISTS, "socket %s: another process serves there",
			addr->sun_path);
	}
	if (unlink(addr->sun_path) < 0 && errno != ENOENT) {
		return err_errno(
			err, errno, "socket %s: cannot remove the old one", addr->sun_path);
	}
	return 0;
}

static int set_owner(const struct http_server_options *options, struct err *err)
{
	const char *path = options->unix_path;
	mode_t mode = options->unix_mode ? options->unix_mode : 0600;

	if (options->unix_gid != 0 && options->unix_gid != (gid_t)-1 &&
		chown(path, (uid_t)-1, options->unix_gid) < 0) {
		return err_errno(err, errno, "socket %s: give it to group %u", path,
			(unsigned)options->unix_gid);
	}
	if (chmod(path, mode) < 0) {
		return err_errno(err, errno, "socket %s: set mode %o", path, (unsigned)mode);
	}
	return 0;
}

static int bind_unix(const struct http_server_options *options, int fd, struct err *err)
{
	const char *path = options->unix_path;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (path[0] != '/' || strlen(path) >= sizeof(addr.sun_path)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"socket %s: must be an absolute path of at most %zu bytes", path,
			sizeof(addr.sun_path) - 1);
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (clear_stale(&addr, err) < 0) {
		return -1;
	}
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		return err_errno(err, errno, "socket %s: bind", path);
	}
	if (set_owner(options, err) < 0) {
		(void)unlink(path);
		return -1;
	}
	return 0;
}

/* "10.0.0.1:80" and "[::1]:80"; numbers only, as a name may change its meaning. */
static int parse_address(const char *text, union any_addr *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	uint64_t port = 0;
	size_t n;

	*ret = (union any_addr){0};
	if (!colon || (size_t)(colon - text) >= sizeof(host)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"address \"%s\": must be like 127.0.0.1:4480 or [::1]:4480", text);
	}
	if (parse_u64("address: port", colon + 1, 0, UINT16_MAX, &port, err) < 0) {
		return -1;
	}
	n = (size_t)(colon - text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)port);
		return 0;
	}
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1) {
			ret->v6.sin6_family = AF_INET6;
			ret->v6.sin6_port = htons((uint16_t)port);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"address \"%s\": must be a numeric address and a port, like 127.0.0.1:4480 or [::1]:4480",
		text);
}

static bool addr_loopback(const union any_addr *addr)
{
	if (addr->sa.sa_family == AF_INET) {
		return (ntohl(addr->v4.sin_addr.s_addr) >> 24) == 127;
	}
	return IN6_IS_ADDR_LOOPBACK(&addr->v6.sin6_addr);
}

static int bind_tcp(const char *address, union any_addr *addr, int fd, struct err *err)
{
	socklen_t len = addr->sa.sa_family == AF_INET ? sizeof(addr->v4) : sizeof(addr->v6);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) {
		return err_errno(err, errno, "address %s: SO_REUSEADDR", address);
	}
	if (bind(fd, &addr->sa, len) < 0) {
		return err_errno(err, errno, "address %s: bind", address);
	}
	/* Which port it became. Both families have it at the same place. */
	if (getsockname(fd, &addr->sa, &len) < 0) {
		return err_errno(err, errno, "address %s: getsockname", address);
	}
	return 0;
}

int listener_open(
	const struct http_server_options *options, struct http_listener *ret, struct err *err)
{
	struct http_listener listener = {.fd = -1, .loopback = true};
	_cleanup_close_ int fd = -1;
	union any_addr addr = {.sa.sa_family = AF_UNIX};

	if (!options->unix_path == !options->address) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"HTTP server: give either a Unix socket or an address to listen on");
	}
	if (options->address && parse_address(options->address, &addr, err) < 0) {
		return -1;
	}
	fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return err_errno(err, errno, "socket");
	}
	if (options->address) {
		if (bind_tcp(options->address, &addr, fd, err) < 0) {
			return -1;
		}
		listener.port = ntohs(addr.v4.sin_port);
		listener.loopback = addr_loopback(&addr);
	} else if (bind_unix(options, fd, err) < 0) {
		return -1;
	}
	if (listen(fd, BACKLOG) < 0) {
		return err_errno(err, errno, "listen");
	}
	listener.fd = TAKE_FD(fd);
	*ret = listener;
	return 0;
}
