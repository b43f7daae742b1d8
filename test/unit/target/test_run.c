/* SPDX-License-Identifier: Apache-2.0 */
/* The process: what keeps it from starting, that it ends when told, and the service manager. */
#include "common/base/log.h"
#include "target/run.h"
#include "test/unit/target/emulator.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct place place;
static struct err err;
static char socket_path[PATH_MAX];

static int setup(void **state UNUSED)
{
	sigset_t set;

	err = (struct err){0};
	place_make(&place);
	emu_make();
	(void)snprintf(socket_path, sizeof(socket_path), "%s/api.sock", place.path);
	/* A port that is there already: a plain folder makes no attributes. */
	assert_int_equal(emu_mkdir(NO_STEP, at(&emu.place, "ports/1")), 0);
	emu_attr(at(&emu.place, "ports/1"), "addr_trtype", "tcp");
	emu_attr(at(&emu.place, "ports/1"), "addr_traddr", "127.0.0.1");
	emu_attr(at(&emu.place, "ports/1"), "addr_trsvcid", "4420");
	log_set(LOG_LEVEL_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	return 0;
}

static int teardown(void **state UNUSED)
{
	emu_remove();
	place_remove(&place);
	return 0;
}

static struct config config_of(const char *state_dir)
{
	struct config config = {
		.unix_path = socket_path,
		.state_dir = state_dir,
		.configfs = emu.root,
		.n_pools = 1,
		.pools = {{.store = {.name = "one", .type = "file", .path = place.path},
			.ratio = 1.0}},
	};

	assert_ok(portals_parse("portals", "127.0.0.1:4420", &config.portals, &err), err);
	return config;
}

static void test_refuses(void **state UNUSED)
{
	char state_dir[PATH_MAX];
	char token[PATH_MAX];
	struct config config;

	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", place.path);
	(void)snprintf(token, sizeof(token), "%s/token", place.path);
	config = config_of(state_dir);
	config.configfs = "/nowhere";
	assert_int_equal(run_agent(&config, &err), -1);
	assert_err(err, ERR_FAILED_PRECONDITION, "modprobe");
	config = config_of(state_dir);
	config.token_file = token;
	assert_int_equal(run_agent(&config, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "token");
	put_file(token, "hunter2");
	assert_int_equal(chmod(token, 0644), 0);
	assert_int_equal(run_agent(&config, &err), -1);
	assert_non_null(strstr(err.msg, "token"));
	assert_null(strstr(err.msg, "hunter2"));
	err = (struct err){0};
	config = config_of(state_dir);
	config.unix_path = "/nowhere/api.sock";
	assert_int_equal(run_agent(&config, &err), -1);
	assert_non_null(strstr(err.msg, "/nowhere/api.sock"));
}

/* A signal that came already: the agent starts, waits for its pool, and ends at once. */
static void test_ends_when_told(void **state UNUSED)
{
	char state_dir[PATH_MAX];
	struct config config;
	sigset_t set;
	int got;

	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", place.path);
	config = config_of(state_dir);
	config.pool_wait_s = 3600;
	assert_int_equal(raise(SIGTERM), 0);
	assert_ok(run_agent(&config, &err), err);
	assert_false(exists(at(&place, "api.sock")));
	/* Still pending, as nobody took it: taken here, so that the test does not end by it. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	assert_int_equal(sigwait(&set, &got), 0);
}

static void test_init_pool(void **state UNUSED)
{
	assert_int_equal(run_init_pool("relative", "one", NULL, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "absolute");
	assert_int_equal(run_init_pool(place.path, "One", NULL, &err), -1);
	assert_err(err, ERR_INVALID_ARGUMENT, "pool name");
}

static void test_notify(void **state UNUSED)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[32] = "";

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", place.path);
	assert_true(fd >= 0);
	assert_int_equal(fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0); // NOLINT(concurrency-mt-unsafe)
	run_notify("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	assert_int_equal(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
	run_notify("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	/* Nobody there, and a path that is none: nothing happens. */
	assert_int_equal(unlink(addr.sun_path), 0);
	run_notify("READY=1");
	// NOLINTNEXTLINE(concurrency-mt-unsafe)
	assert_int_equal(setenv("NOTIFY_SOCKET", "nonsense", 1), 0);
	run_notify("READY=1");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0); // NOLINT(concurrency-mt-unsafe)
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
