/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prepared process: no core of it, its signals wait.
 */
#include "common/base/base.h"
#include "common/base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Bits of what is not as it should be. */
static int wrong(void)
{
	struct sigaction pipe_action;
	struct rlimit limit;
	sigset_t pending;
	sigset_t signals;

	if (prctl(PR_GET_DUMPABLE) != 1) {
		return 1; /* then the test shows nothing */
	}
	process_prepare(&signals);
	int result = prctl(PR_GET_DUMPABLE) != 0 ? 2 : 0;
	if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur != 0 || limit.rlim_max != 0) {
		result |= 4;
	}
	if (sigaction(SIGPIPE, NULL, &pipe_action) < 0 || pipe_action.sa_handler != SIG_IGN) {
		result |= 8;
	}
	/* It would end us here if it were not blocked. */
	(void)raise(SIGTERM);
	if (sigpending(&pending) < 0 || !sigismember(&pending, SIGTERM) ||
		!sigismember(&signals, SIGTERM) || !sigismember(&signals, SIGINT) ||
		sigismember(&signals, SIGHUP)) {
		result |= 16;
	}
	return result;
}

static void prepared(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		_exit(wrong());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(prepared)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
