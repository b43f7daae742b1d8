/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock and path of a socket: held locks, stale sockets, living ones, other things in the way.
 */
#include "common/rpc/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

struct place {
	char dir[64];
	char path[96];
	struct rpc_socket socket;
};

static void place_make(struct place *place)
{
	*place = (struct place){.dir = "/tmp/nv-rpc-XXXXXX"};
	assert_non_null(mkdtemp(place->dir));
	(void)snprintf(place->path, sizeof(place->path), "%s/s", place->dir);
	place->socket = (struct rpc_socket){place->path, 0640, (gid_t)-1};
}

static void place_end(struct place *place)
{
	(void)unlink(place->path);
	assert_int_equal(rmdir(place->dir), 0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0) {
		fail_msg("cannot listen at %s", path);
	}
	return fd;
}

static void test_lock(void **state UNUSED)
{
	struct deadline now = deadline_in(0);
	struct place place;
	struct err err = {0};
	struct stat st;
	int fd = -1;
	int second = -1;

	place_make(&place);
	assert_int_equal(rpc_socket_lock(place.path, &now, &fd, &err), 0);
	assert_int_equal(stat(place.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(rpc_socket_lock(place.path, &now, &second, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, place.path));
	assert_int_equal(second, -1);
	(void)close(fd);
	assert_int_equal(rpc_socket_lock(place.path, &now, &second, &err), 0);
	(void)close(second);
	place_end(&place);
}

static void test_lock_cannot_be_made(void **state UNUSED)
{
	struct deadline now = deadline_in(0);
	struct place place;
	struct err err = {0};
	int fd = -1;

	place_make(&place);
	assert_int_equal(symlink("/etc/hostname", place.path), 0);
	assert_int_equal(rpc_socket_lock(place.path, &now, &fd, &err), -1);
	assert_int_equal(unlink(place.path), 0);
	(void)snprintf(place.path, sizeof(place.path), "%s/no/lock", place.dir);
	assert_int_equal(rpc_socket_lock(place.path, &now, &fd, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	place_end(&place);
}

static void test_prepare(void **state UNUSED)
{
	struct place place;
	struct err err = {0};
	int fd;

	place_make(&place);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), 0); /* nothing there */
	fd = listen_at(place.path);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	(void)close(fd);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), 0); /* stale */
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(mkdir(place.path, 0700), 0);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rmdir(place.path), 0);
	(void)snprintf(place.path, sizeof(place.path), "%s/none/s", place.dir);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	place.socket.path = "/nv-rpc-nothing-is-here";
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), access("/", W_OK));
	place_end(&place);
}

/* A peer that does not accept, its queue full, is alive all the same. */
static void test_prepare_full_queue(void **state UNUSED)
{
	struct place place;
	struct err err = {0};
	int fds[8];
	int fd;
	int full = 0;

	place_make(&place);
	fd = listen_at(place.path);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};

		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", place.path);
		full += fds[i] >= 0 && connect(fds[i], (struct sockaddr *)&addr, sizeof(addr)) < 0;
	}
	assert_true(full > 0);
	assert_int_equal(rpc_socket_prepare(&place.socket, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		(void)close(fds[i]);
	}
	(void)close(fd);
	place_end(&place);
}

static void test_own(void **state UNUSED)
{
	struct place place;
	struct err err = {0};
	struct stat st;
	int fd;

	place_make(&place);
	assert_int_equal(rpc_socket_own(&place.socket, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	fd = listen_at(place.path);
	place.socket.gid = getgid();
	assert_int_equal(rpc_socket_own(&place.socket, &err), 0);
	assert_int_equal(stat(place.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_gid, getgid());
	(void)close(fd);
	place_end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_lock_cannot_be_made),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_prepare_full_queue),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
