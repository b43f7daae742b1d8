/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is lent to a child: the lock that it keeps to its end, also when its caller is gone, and the
 * descriptor whose last close is the child's.
 */
#include "common/base/guard.h"
#include "common/base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Says that it began, and goes on until it is killed, or until the descriptor says so. */
static int verb_linger(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct pollfd told = {.fd = fd, .events = POLLHUP};
	int64_t number = 0;

	(void)out;
	if (argc == 2 && parse_i64("pid", argv[1], 1, INT32_MAX, &number, err) < 0) {
		return -1;
	}
	if (argc == 2 && kill((pid_t)number, SIGUSR1) < 0) {
		return -1;
	}
	while (poll(&told, 1, -1) < 0 && errno == EINTR) {
	}
	return 0;
}

static int verb_nothing(
	int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)fd;
	(void)out;
	(void)err;
	return 0;
}

static const struct helper_verb verbs[] = {{"linger", verb_linger}, {"nothing", verb_nothing}};

struct rig {
	struct helper *helper;
	char path[64];
	int lock;
};

static int lock_now(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		assert_int_equal(errno, EWOULDBLOCK);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = {0};

	assert_non_null(rig);
	assert_int_equal(helper_start(verbs, ARRAY_SIZE(verbs), &rig->helper, &err), 0);
	(void)snprintf(rig->path, sizeof(rig->path), "/tmp/nv-guard-XXXXXX");
	int fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	(void)close(fd);
	rig->lock = lock_now(rig->path);
	assert_true(rig->lock >= 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	helper_stop(rig->helper);
	if (rig->lock >= 0) {
		(void)close(rig->lock);
	}
	(void)unlink(rig->path);
	free(rig);
	return 0;
}

static void a_child_that_answered_holds_nothing(void **state)
{
	static const char *const argv[] = {"nothing", NULL};
	struct rig *rig = *state;
	struct guard guard = {.helper = rig->helper, .dl = deadline_in(20000), .hold = rig->lock};
	struct err err = {0};

	for (int i = 0; i < 100; i++) {
		assert_int_equal(guard_call(&guard, argv, -1, NULL, &err), 0);
	}
	(void)close(rig->lock);
	rig->lock = lock_now(rig->path);
	assert_true(rig->lock >= 0);
}

/* The caller is killed, its helper ends, and the child goes on: the lock says so, until it ends. */
static void the_lock_outlives_the_caller(void **state)
{
	struct rig *rig = *state;
	struct deadline dl = deadline_in(20000);
	char number[16];
	sigset_t began;
	int ends[2];
	int signal = 0;

	assert_int_equal(pipe(ends), 0);
	(void)sigemptyset(&began);
	(void)sigaddset(&began, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &began, NULL);
	(void)snprintf(number, sizeof(number), "%d", getpid());
	pid_t caller = fork();
	if (caller == 0) {
		const char *const argv[] = {"linger", number, NULL};
		struct helper *own = NULL;
		(void)close(ends[1]);
		if (helper_start(verbs, ARRAY_SIZE(verbs), &own, NULL) == 0) {
			struct guard guard = {.helper = own, .dl = dl, .hold = rig->lock};
			_exit(guard_call(&guard, argv, ends[0], NULL, NULL) == 0 ? 0 : 1);
		}
		_exit(1);
	}
	(void)close(ends[0]);
	(void)close(TAKE_FD(rig->lock));
	assert_int_equal(sigwait(&began, &signal), 0);
	assert_int_equal(kill(caller, SIGKILL), 0);
	assert_int_equal(waitpid(caller, NULL, 0), caller);
	assert_int_equal(lock_now(rig->path), -1);
	/* The pipe's other end goes, and so the child. */
	(void)close(ends[1]);
	while ((rig->lock = lock_now(rig->path)) < 0) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 5, "the child's end", NULL), 0);
	}
}

/* The reader of a pipe: when it sees the end, all copies of the other end are closed. */
static void closes_in_the_child(void **state)
{
	struct rig *rig = *state;
	struct guard guard = {.helper = rig->helper, .dl = deadline_in(0), .hold = rig->lock};
	int ends[2];
	char byte;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(pipe(ends), 0);
		/* Whatever is left of the call's own time. */
		guard_close(&guard, &ends[1]);
		assert_int_equal(ends[1], -1);
		assert_null(guard.stuck);
		assert_int_equal(read(ends[0], &byte, 1), 0);
		(void)close(ends[0]);
	}
	guard_close(&guard, &ends[1]);
	assert_int_equal(pipe(ends), 0);
	guard.helper = NULL;
	guard_close(&guard, &ends[1]);
	assert_int_equal(ends[1], -1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_child_that_answered_holds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_lock_outlives_the_caller, setup, teardown),
		cmocka_unit_test_setup_teardown(closes_in_the_child, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
