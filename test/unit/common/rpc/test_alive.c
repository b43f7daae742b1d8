/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sign of life: from a server that works, one whose workers all hang, and what is no server.
 */
#include "common/rpc/alive.h"
#include "test/unit/common/rpc/raw.h"

static void blocks(struct setup *setup, struct op *op, const Csi__V1__CreateVolumeRequest *request,
	Csi__V1__CreateVolumeResponse_Closure closure)
{
	struct deadline dl = deadline_in(LONG_MS);

	(void)request;
	assert_int_equal(deadline_poll(&dl, setup->release_fd, POLLIN, -1, "the test", NULL), 1);
	(void)err_set(&op->err, ERR_ABORTED, "released");
	closure(NULL, op);
}

static enum err_code alive(const char *path, int64_t ms, struct err *err)
{
	struct deadline dl = deadline_in(ms);

	*err = (struct err){0};
	return rpc_alive(path, &dl, err) < 0 ? err->code : ERR_OK;
}

static void a_server_is_alive(void **state UNUSED)
{
	struct caller callers[2];
	struct setup setup;
	struct err err;

	setup_prepare(&setup);
	setup.create = blocks;
	setup_start(&setup);
	assert_int_equal(alive(setup.socket_path, LONG_MS, &err), ERR_OK);
	/* Each of its workers hangs: it is alive all the same. */
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		caller_start(&callers[i], setup.client, "v");
	}
	wait_for(&setup.entered, ARRAY_SIZE(callers));
	for (int i = 0; i < 50; i++) {
		assert_int_equal(alive(setup.socket_path, LONG_MS, &err), ERR_OK);
	}
	/* The socket's file went away: nobody can reach it. */
	assert_int_equal(unlink(setup.socket_path), 0);
	assert_int_equal(alive(setup.socket_path, LONG_MS, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, setup.socket_path));
	assert_non_null(strstr(err.msg, "it was removed"));
	setup_release(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		assert_int_equal(caller_join(&callers[i]), ERR_ABORTED);
	}
	setup_end(&setup);
}

/* Listens at the path of @setup and gives @bytes to whoever comes. */
struct other {
	int fd;
	const void *bytes;
	size_t n;
	int hold_fd; /* the connection stays until this is readable; -1: closed at once */
	pthread_t thread;
};

static void *other_run(void *arg)
{
	struct other *other = arg;
	struct deadline dl = deadline_in(LONG_MS);
	int fd = accept(other->fd, NULL, NULL);

	if (fd >= 0) {
		send_raw(fd, other->bytes, other->n);
		if (other->hold_fd >= 0) {
			assert_int_equal(
				deadline_poll(&dl, other->hold_fd, POLLIN, -1, "it", NULL), 1);
		}
		(void)close(fd);
	}
	return NULL;
}

static enum err_code ask_other(const void *bytes, size_t n, bool hold, int64_t ms, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct other other = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.bytes = bytes,
		.n = n,
		.hold_fd = hold ? eventfd(0, EFD_CLOEXEC) : -1};
	char dir[] = "/tmp/nv-rpc-XXXXXX";

	assert_non_null(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	if (other.fd < 0 || bind(other.fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(other.fd, 1) < 0) {
		fail_msg("cannot listen at %s", addr.sun_path);
	}
	assert_int_equal(pthread_create(&other.thread, NULL, other_run, &other), 0);
	enum err_code code = alive(addr.sun_path, ms, err);
	if (hold) {
		(void)eventfd_write(other.hold_fd, 1);
	}
	assert_int_equal(pthread_join(other.thread, NULL), 0);
	(void)close(other.fd);
	if (hold) {
		(void)close(other.hold_fd);
	}
	/* Left by a process that was killed: there, but nobody listens. */
	struct err stale;
	assert_int_equal(alive(addr.sun_path, LONG_MS, &stale), ERR_UNAVAILABLE);
	assert_int_equal(unlink(addr.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
	return code;
}

static void what_is_not_alive(void **state UNUSED)
{
	static const char endless[] = "\xff\xff\xff\4\0\0\0\0\0";
	/* A PING of its own, which is no answer to ours. */
	static const char asks[] = "\0\0\10\6\0\0\0\0\0........";
	static const char answer[] = "\0\0\10\6\1\0\0\0\0nvmetcp?";
	struct err err;

	assert_int_equal(ask_other("", 0, true, 50, &err), ERR_DEADLINE_EXCEEDED);
	assert_int_equal(ask_other("", 0, false, LONG_MS, &err), ERR_UNAVAILABLE);
	assert_int_equal(
		ask_other(endless, sizeof(endless) - 1, true, LONG_MS, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "no gRPC server"));
	assert_int_equal(ask_other(asks, sizeof(asks) - 1, true, 50, &err), ERR_DEADLINE_EXCEEDED);
	assert_int_equal(ask_other(answer, sizeof(answer) - 1, true, LONG_MS, &err), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_alive),
		cmocka_unit_test(what_is_not_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
