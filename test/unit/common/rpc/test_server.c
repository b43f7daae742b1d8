/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's life: wrong configurations, the socket and its lock, what it leaves to threads and
 * children, and its end with calls under way.
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "test/unit/common/rpc/support.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static void wrong(struct setup *setup, const char *why)
{
	struct rpc_server *server = NULL;
	struct err err = {0};

	assert_int_equal(rpc_server_new(&setup->config, &server, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, why);
	assert_null(server);
}

static void test_wrong_config(void **state UNUSED)
{
	char long_path[RPC_PATH_MAX + 2];
	char why[256];
	struct setup setup;

	setup_prepare(&setup);
	setup.socket.path = "csi.sock";
	wrong(&setup, "sockets[0]: \"csi.sock\" is not an absolute path");
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	setup.socket.path = long_path;
	(void)snprintf(why, sizeof(why),
		"sockets[0]: %s has 108 bytes, the path of a Unix socket at most 107", long_path);
	wrong(&setup, why);
	setup.socket.path = setup.socket_path;
	setup.socket.mode = 01600;
	wrong(&setup, "sockets[0]: 1600 is no mode; 0600 and 0660 are usual");
	setup.socket.mode = 0600;
	setup.config.n_sockets = 0;
	wrong(&setup, "sockets: there are 0, 1 to 4 are allowed");
	setup.config.n_sockets = 1;
	setup.lanes[1].name = "identity";
	wrong(&setup, "lane identity: is there twice");
	setup.lanes[1].name = "";
	wrong(&setup, "lanes[1]: has no name");
	setup.lanes[1] = (struct rpc_lane){"volume", 0, 4};
	wrong(&setup, "lane volume: 0 workers and room for 4 calls; 1 to 256 and 1 to 65536 are "
		      "allowed");
	setup.lanes[1] = (struct rpc_lane){"volume", 2, 4};
	setup.config.lock_path = NULL;
	wrong(&setup, "lock_path: is missing");
	setup.config.lock_path = setup.lock_path;
	setup.config.call_max_ms = 0;
	wrong(&setup, "call_max_ms: 0 is not a time for a call");
	setup.config.call_max_ms = 1;
	setup.routes[0].lane = "none";
	wrong(&setup, "method csi.v1.Controller/ControllerGetCapabilities: there is no lane "
		      "\"none\"");
	setup_end(&setup);
}

static void test_made_and_never_started(void **state UNUSED)
{
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	assert_int_equal(rpc_server_new(&setup.config, &setup.server, &err), 0);
	setup_end(&setup);
}

static void test_mode_of_the_socket(void **state UNUSED)
{
	struct setup setup;
	struct stat st;
	mode_t mask;

	setup_prepare(&setup);
	setup.socket.mode = 0660;
	setup.socket.gid = getgid();
	mask = umask(027);
	setup_start(&setup);
	assert_int_equal(umask(mask), 027); /* put back */
	assert_int_equal(stat(setup.socket_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getgid());
	setup_end(&setup);
}

static void test_several_sockets(void **state UNUSED)
{
	struct rpc_socket sockets[2];
	struct rpc_client *client = NULL;
	struct setup setup;
	struct err err = {0};
	char second[128];

	setup_prepare(&setup);
	(void)snprintf(second, sizeof(second), "%s/registration 100%%.sock", setup.dir);
	sockets[0] = setup.socket;
	sockets[1] = (struct rpc_socket){second, 0600, (gid_t)-1};
	setup.config.sockets = sockets;
	setup.config.n_sockets = 2;
	setup_start(&setup);
	assert_int_equal(rpc_client_new(second, &client, &err), 0);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	assert_int_equal(ask_info(client, &err), ERR_OK);
	rpc_client_free(client);
	setup_end(&setup); /* finds both sockets removed */
}

static int start_another(struct setup *setup, struct err *err)
{
	struct deadline now = deadline_in(0);
	struct rpc_server *server = NULL;
	int result;

	assert_int_equal(rpc_server_new(&setup->config, &server, err), 0);
	result = rpc_server_start(server, &now, err);
	rpc_server_free(server);
	return result;
}

static void test_a_second_one_leaves_the_first_alone(void **state UNUSED)
{
	char second_lock[96];
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(start_another(&setup, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, setup.lock_path));
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	/* Even one that does not share the lock. */
	(void)snprintf(second_lock, sizeof(second_lock), "%s/second.lock", setup.dir);
	setup.config.lock_path = second_lock;
	assert_int_equal(start_another(&setup, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "another process answers"));
	assert_int_equal(access(setup.socket_path, F_OK), 0);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup_end(&setup);
}

static void *stop_first(void *arg)
{
	struct setup *setup = arg;
	struct deadline dl = deadline_in(LONG_MS);
	struct err err = {0};

	assert_int_equal(rpc_server_stop(setup->server, 0, &dl, &err), 0);
	rpc_server_free(TAKE_PTR(setup->server));
	return NULL;
}

/* The next one waits for the lock, and the first does not remove its socket. */
static void test_handover(void **state UNUSED)
{
	struct deadline wait = deadline_in(LONG_MS);
	struct rpc_server *next = NULL;
	struct setup setup;
	struct err err = {0};
	pthread_t thread;

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(rpc_server_new(&setup.config, &next, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_first, &setup), 0);
	assert_int_equal(rpc_server_start(next, &wait, &err), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	rpc_client_wait(setup.client, true);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup.server = next;
	setup_end(&setup);
}

static void test_stale_socket(void **state UNUSED)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", setup.socket_path);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	(void)close(fd);
	setup_start(&setup);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup_end(&setup);
}

static void test_something_in_the_way(void **state UNUSED)
{
	struct rpc_socket sockets[2];
	struct setup setup;
	struct err err = {0};
	char folder[128];

	setup_prepare(&setup);
	(void)snprintf(folder, sizeof(folder), "%s/folder", setup.dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	/* The first socket is there when the second fails, and goes with the server. */
	sockets[0] = setup.socket;
	sockets[1] = (struct rpc_socket){folder, 0600, (gid_t)-1};
	setup.config.sockets = sockets;
	setup.config.n_sockets = 2;
	assert_int_equal(start_another(&setup, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(access(setup.socket_path, F_OK), -1);
	assert_int_equal(rmdir(folder), 0);
	(void)snprintf(folder, sizeof(folder), "%s/none/csi.sock", setup.dir);
	assert_int_equal(start_another(&setup, &err), -1);
	assert_non_null(strstr(err.msg, folder));
	setup_end(&setup);
}

/* What /proc says of the threads of this process but the caller's. */
struct threads {
	char self[16];
	unsigned seen;
	unsigned taking; /* that would take a SIGTERM or SIGINT */
};

static int look_at_thread(const char *tid, void *arg)
{
	struct threads *threads = arg;
	_cleanup_free_ char *text = NULL;
	char path[64];
	uint8_t mask[8];
	const char *blocked;
	struct err err;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	if (streq(tid, threads->self) || file_read(AT_FDCWD, path, MIB, &text, &n, &err) < 0) {
		return 0; /* this one, or it is gone already */
	}
	blocked = strstr(text, "SigBlk:\t");
	assert_non_null(blocked);
	text[blocked - text + 8 + 16] = '\0';
	assert_int_equal(parse_hex("SigBlk", blocked + 8, mask, sizeof(mask), &err), 0);
	threads->seen++;
	threads->taking += !(mask[7 - (SIGTERM - 1) / 8] & 1U << (SIGTERM - 1) % 8) ||
			   !(mask[7 - (SIGINT - 1) / 8] & 1U << (SIGINT - 1) % 8);
	return 0;
}

/* SIGTERM is for sigwait() in main: no thread of gRPC, the poller or the lanes may take it. */
static void test_signals_are_blocked_in_all_threads(void **state UNUSED)
{
	struct threads threads = {0};
	struct setup setup;
	struct err err = {0};
	sigset_t all;
	sigset_t mine;

	(void)snprintf(threads.self, sizeof(threads.self), "%d", (int)gettid());
	setup_prepare(&setup);
	setup_start(&setup);
	/* gRPC starts threads for the client's calls too; those of this one take no part. */
	assert_int_equal(sigfillset(&all), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &mine), 0);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &mine, NULL), 0);
	assert_int_equal(dir_each(AT_FDCWD, "/proc/self/task", look_at_thread, &threads, &err), 0);
	assert_true(threads.seen >= 4);
	assert_int_equal(threads.taking, 0);
	setup_end(&setup);
}

/* Tools that the plugin starts inherit no descriptor of gRPC's or of a call. */
static void test_descriptors_close_on_exec(void **state UNUSED)
{
	struct caller caller;
	struct setup setup;
	bool before[1024] = {false};
	unsigned new = 0;

	for (int fd = 0; fd < 1024; fd++) {
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	}
	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	caller_start(&caller, setup.client, "x");
	wait_for(&setup.entered, 1);
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (!before[fd] && flags >= 0) {
			new ++;
			assert_true(flags & FD_CLOEXEC);
		}
	}
	assert_true(new >= 4);
	setup_release(&setup);
	assert_int_equal(caller_join(&caller), ERR_OK);
	setup_end(&setup);
}

struct stopper {
	pthread_t thread;
	struct setup *setup;
	int64_t grace_ms;
	int result;
	struct err err;
};

static void *stopper_run(void *arg)
{
	struct stopper *stopper = arg;
	struct deadline dl = deadline_in(LONG_MS);

	stopper->result =
		rpc_server_stop(stopper->setup->server, stopper->grace_ms, &dl, &stopper->err);
	return NULL;
}

static void test_stop_lets_calls_finish(void **state UNUSED)
{
	struct stopper stopper = {0};
	struct deadline dl = deadline_in(LONG_MS);
	struct caller caller;
	struct setup setup;

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	caller_start(&caller, setup.client, "in flight");
	wait_for(&setup.entered, 1);
	stopper.setup = &setup;
	stopper.grace_ms = LONG_MS;
	assert_int_equal(pthread_create(&stopper.thread, NULL, stopper_run, &stopper), 0);
	/* The socket goes at once, so that clients see the end coming. */
	while (access(setup.socket_path, F_OK) == 0) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 2, "the test", NULL), 0);
	}
	assert_int_equal(rpc_server_calls(setup.server), 1);
	setup_release(&setup);
	assert_int_equal(caller_join(&caller), ERR_OK);
	assert_string_equal(caller.id, "in flight");
	assert_int_equal(pthread_join(stopper.thread, NULL), 0);
	assert_int_equal(stopper.result, 0);
	setup_end(&setup);
}

static void test_stop_cancels_after_the_grace(void **state UNUSED)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct caller callers[4];
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	/* Two that run and two that wait. */
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		caller_start(&callers[i], setup.client, "x");
	}
	wait_for(&setup.entered, 2);
	wait_for_calls(&setup, 4);
	assert_int_equal(rpc_server_stop(setup.server, 0, &dl, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		assert_int_not_equal(caller_join(&callers[i]), ERR_OK);
		assert_false(err_is_final(callers[i].code));
	}
	assert_int_equal(setup.entered, 2);
	assert_int_equal(setup.cancelled, 2);
	assert_int_equal(rpc_server_stop(setup.server, 0, &dl, &err), 0);
	setup_end(&setup);
}

/* Waits for the release and for nothing else. */
static void create_deaf(struct setup *setup, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	struct deadline dl = deadline_in(LONG_MS);

	if (deadline_poll(&dl, setup->release_fd, POLLIN, -1, "waiting", NULL) < 0) {
		fail_msg("never released");
	}
	create_echo(setup, op, request, closure);
}

static void test_stop_is_bounded(void **state UNUSED)
{
	struct deadline soon = deadline_in(100);
	struct deadline dl = deadline_in(LONG_MS);
	struct caller caller;
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup.create = create_deaf;
	setup_start(&setup);
	caller_start(&caller, setup.client, "x");
	wait_for(&setup.entered, 1);
	assert_int_equal(rpc_server_stop(setup.server, 0, &soon, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	setup_release(&setup);
	assert_int_not_equal(caller_join(&caller), ERR_OK);
	assert_int_equal(rpc_server_stop(setup.server, 0, &dl, &err), 0);
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_config),
		cmocka_unit_test(test_made_and_never_started),
		cmocka_unit_test(test_mode_of_the_socket),
		cmocka_unit_test(test_several_sockets),
		cmocka_unit_test(test_a_second_one_leaves_the_first_alone),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_stale_socket),
		cmocka_unit_test(test_something_in_the_way),
		cmocka_unit_test(test_signals_are_blocked_in_all_threads),
		cmocka_unit_test(test_descriptors_close_on_exec),
		cmocka_unit_test(test_stop_lets_calls_finish),
		cmocka_unit_test(test_stop_cancels_after_the_grace),
		cmocka_unit_test(test_stop_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
