/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running programs: what they get, what they leave, and how they are ended.
 */
#include "common/base/parse.h"
#include "common/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#define FAR_MS 600000

/* Run a shell line. Return: spawn_run's. */
static int shell(const char *line, int pass_fd, const struct deadline *dl, struct spawn_result *ret,
	struct err *err)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = pass_fd};

	return spawn_run(&what, dl, ret, err);
}

/* The same, with time enough; it must end by itself. */
static struct spawn_result run(const char *line)
{
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;
	struct err err = {0};

	assert_int_equal(shell(line, SPAWN_NO_FD, &dl, &result, &err), 0);
	assert_int_equal(err.code, ERR_OK);
	assert_false(result.stuck);
	assert_non_null(result.output);
	return result;
}

static void test_exit_codes(void **state)
{
	(void)state;
	struct spawn_result result = run("exit 0");
	assert_int_equal(result.exit_code, 0);
	assert_string_equal(result.output, "");
	spawn_result_done(&result);
	spawn_result_done(&result);
	result = run("exit 3");
	assert_int_equal(result.exit_code, 3);
	spawn_result_done(&result);
	result = run("kill -TERM $$");
	assert_int_equal(result.exit_code, 128 + SIGTERM);
	spawn_result_done(&result);
}

static void test_output_of_both_streams(void **state)
{
	(void)state;
	struct spawn_result result = run("echo out; echo err >&2; echo end");
	assert_string_equal(result.output, "out\nerr\nend\n");
	spawn_result_done(&result);
	result = run("printf 'a\\0b'");
	assert_string_equal(result.output, "a?b");
	spawn_result_done(&result);
}

static void test_output_is_capped(void **state)
{
	(void)state;
	/* More than is kept and more than a pipe holds: the child is never blocked by it. */
	struct spawn_result result = run("yes | head -c 300000; exit 5");
	assert_int_equal(result.exit_code, 5);
	assert_int_equal(strlen(result.output), SPAWN_OUTPUT_MAX);
	spawn_result_done(&result);
}

static void test_more_output_and_errors_apart(void **state)
{
	const char *const argv[] = {"sh", "-c",
		"yes | head -c 100000; echo why >&2; yes no | head -c 9000 >&2 2>/dev/null; true",
		NULL};
	const struct spawn what = {
		.argv = argv, .pass_fd = SPAWN_NO_FD, .output_max = 90000, .apart = true};
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(spawn_run(&what, &dl, &result, &err), 0);
	assert_int_equal(strlen(result.output), 90000);
	assert_null(strstr(result.output, "why"));
	assert_int_equal(strncmp(result.errors, "why\nno\n", 7), 0);
	assert_true(strlen(result.errors) <= SPAWN_ERRORS_MAX);
	spawn_result_done(&result);
	assert_null(result.errors);
}

static void test_missing_program(void **state)
{
	const char *const argv[] = {"no-such-program-at-all", NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(spawn_run(&what, &dl, &result, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no-such-program-at-all"));
	assert_string_equal(result.output, "");
	assert_int_equal(result.exit_code, -1);
	assert_false(result.stuck);
	spawn_result_done(&result);
}

/* The environment is looked at and changed only while this program has one thread. */
// NOLINTBEGIN(concurrency-mt-unsafe)

static void test_environment(void **state)
{
	char want[4096];

	(void)state;
	assert_int_equal(setenv("NVMETCP_TEST_SECRET", "hunter2", 1), 0);
	/* The shell adds PWD and others of its own: ask the kernel what it was given. */
	struct spawn_result result = run("tr '\\0' '\\n' </proc/$$/environ");
	(void)snprintf(want, sizeof(want), "PATH=%s\nLANG=C\n", getenv("PATH"));
	assert_string_equal(result.output, want);
	spawn_result_done(&result);
}

static void test_without_a_path(void **state)
{
	char before[4096];

	(void)state;
	(void)snprintf(before, sizeof(before), "%s", getenv("PATH"));
	assert_int_equal(unsetenv("PATH"), 0);
	struct spawn_result result = run("echo $PATH");
	assert_int_equal(setenv("PATH", before, 1), 0);
	assert_string_equal(result.output, "/usr/sbin:/usr/bin:/sbin:/bin\n");
	spawn_result_done(&result);
}

// NOLINTEND(concurrency-mt-unsafe)

static void test_signals_are_as_at_birth(void **state)
{
	sigset_t set;
	sigset_t before;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	struct spawn_result result = run("grep -E '^Sig(Blk|Ign)' /proc/self/status");
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	assert_string_equal(
		result.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	spawn_result_done(&result);
}

static void test_descriptors(void **state)
{
	/* Without close-on-exec, as a careless library may leave one. */
	_cleanup_close_ int careless = open("/etc/passwd", O_RDONLY); // NOLINT
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;

	(void)state;
	assert_true(careless >= 0);
	/* The shell's own: 0, 1, 2 (and what ls opens for the folder is in ls, not in the shell).
	 */
	result = run("ls /proc/$$/fd");
	assert_string_equal(result.output, "0\n1\n2\n");
	spawn_result_done(&result);
	assert_int_equal(shell("ls /proc/$$/fd; read -r x <&3; echo \"$x\" | cut -d: -f1", careless,
				 &dl, &result, NULL),
		0);
	assert_string_equal(result.output, "0\n1\n2\n3\nroot\n");
	spawn_result_done(&result);
	/* Nothing comes from stdin, and it does not wait for it. */
	result = run("cat; readlink /proc/$$/fd/0");
	assert_string_equal(result.output, "/dev/null\n");
	spawn_result_done(&result);
}

/* A program whose own 0 to 3 are closed gets free numbers there, which the child's must not meet.
 */
static void test_low_descriptors(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct deadline dl = deadline_in(FAR_MS);
		struct spawn_result result;
		int high = fcntl(ends[0], F_DUPFD, 20);
		for (int fd = 0; fd < 10; fd++) {
			(void)close(fd);
		}
		int pass = dup(high);
		bool good = pass == 0 &&
			    shell("echo out; cat <&3", pass, &dl, &result, NULL) == 0 &&
			    streq(result.output, "out\nhello");
		_exit(good ? 0 : 1);
	}
	assert_int_equal(write(ends[1], "hello", 5), 5);
	(void)close(ends[1]);
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(ends[0]);
}

static void test_deadline(void **state)
{
	struct deadline dl = deadline_in(50);
	struct spawn_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(shell("echo begun; exec sleep 1000", SPAWN_NO_FD, &dl, &result, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_false(result.stuck);
	assert_int_equal(result.exit_code, 128 + SIGKILL);
	spawn_result_done(&result);
	/* None is left over. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A child that writes for ever must not carry us past the deadline. */
static void test_deadline_with_endless_output(void **state)
{
	struct deadline dl = deadline_in(50);
	struct spawn_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(shell("cat /dev/zero & cat /dev/zero & exec cat /dev/zero", SPAWN_NO_FD,
				 &dl, &result, &err),
		-1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_true(strlen(result.output) <= SPAWN_OUTPUT_MAX);
	spawn_result_done(&result);
}

static void test_no_time_at_all(void **state)
{
	struct deadline dl = deadline_in(0);
	struct spawn_result result;
	struct err err = {0};

	(void)state;
	assert_int_equal(shell("exit 0", SPAWN_NO_FD, &dl, &result, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_string_equal(result.output, "");
	assert_int_equal(result.exit_code, -1);
	spawn_result_done(&result);
}

struct watcher {
	int started; /* the child's words */
	int cancel;
	char words[64];
};

/* Cancel once the child has said its word, so that it is surely at work. */
static void *cancel_when_started(void *arg)
{
	struct watcher *watcher = arg;
	ssize_t n = read(watcher->started, watcher->words, sizeof(watcher->words) - 1);

	watcher->words[MAX(n, (ssize_t)0)] = '\0';
	(void)eventfd_write(watcher->cancel, 1);
	return NULL;
}

/* Cancelled: the child is killed, and so is what it started itself. */
static void test_cancel_kills_the_group(void **state)
{
	int ends[2];
	struct watcher watcher = {.cancel = eventfd(0, EFD_CLOEXEC)};
	struct deadline dl = deadline_in(FAR_MS);
	struct spawn_result result;
	struct err err = {0};
	pthread_t thread;
	int status = 0;
	int64_t grandchild;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	watcher.started = ends[0];
	dl.cancel_fd = watcher.cancel;
	assert_int_equal(pthread_create(&thread, NULL, cancel_when_started, &watcher), 0);
	assert_int_equal(shell("sleep 1000 & echo $! >&3; wait", ends[1], &dl, &result, &err), -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_false(result.stuck);
	spawn_result_done(&result);
	watcher.words[strcspn(watcher.words, "\n")] = '\0';
	assert_int_equal(parse_i64("pid", watcher.words, 2, INT32_MAX, &grandchild, NULL), 0);
	assert_int_equal(waitpid((pid_t)grandchild, &status, 0), (pid_t)grandchild);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(watcher.cancel);
}

/* A grandchild that keeps the output open does not make us wait once the child has ended. */
static void test_grandchild_holds_the_output(void **state)
{
	int64_t grandchild;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	struct spawn_result result = run("sleep 1000 & echo $!");
	assert_int_equal(result.exit_code, 0);
	result.output[strcspn(result.output, "\n")] = '\0';
	assert_int_equal(parse_i64("pid", result.output, 2, INT32_MAX, &grandchild, NULL), 0);
	/* It was alive: nobody but us ends it. */
	assert_int_equal(waitpid((pid_t)grandchild, NULL, WNOHANG), 0);
	assert_int_equal(kill((pid_t)grandchild, SIGKILL), 0);
	assert_int_equal(waitpid((pid_t)grandchild, NULL, 0), (pid_t)grandchild);
	spawn_result_done(&result);
}

/* A child that closes its output and works on is waited for, without spinning. */
static void test_output_closed_early(void **state)
{
	(void)state;
	struct spawn_result result = run("echo said; exec >&- 2>&-; sleep 0.05; exit 4");
	assert_int_equal(result.exit_code, 4);
	assert_string_equal(result.output, "said\n");
	spawn_result_done(&result);
}

static void test_gone(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		_exit(0);
	}
	assert_false(spawn_gone(pid));
	(void)close(ends[0]);
	(void)close(ends[1]);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(spawn_gone(pid));
	/* And for one that was reaped already. */
	assert_true(spawn_gone(pid));
}

static void *run_some(void *arg)
{
	unsigned *good = arg;

	for (int i = 0; i < 10; i++) {
		struct deadline dl = deadline_in(FAR_MS);
		struct spawn_result result;
		*good += shell("echo x; exit 7", SPAWN_NO_FD, &dl, &result, NULL) == 0 &&
			 result.exit_code == 7 && streq(result.output, "x\n");
		spawn_result_done(&result);
	}
	return NULL;
}

static void test_from_many_threads(void **state)
{
	pthread_t threads[4];
	unsigned good[4] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_some, &good[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(good[i], 10);
	}
}

/* --- one that may go on --- */

static int shell_goes_on(const char *line, int pass_fd, int64_t ms, struct spawn_result *ret)
{
	const char *const argv[] = {"sh", "-c", line, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = pass_fd, .goes_on = true};
	struct deadline dl = deadline_in(ms);
	struct err err = {0};

	return spawn_run(&what, &dl, ret, &err) < 0 ? (int)err.code : 0;
}

static void test_goes_on_but_is_done_in_time(void **state)
{
	struct spawn_result result;

	(void)state;
	assert_int_equal(
		shell_goes_on("echo out; echo err >&2; exit 3", SPAWN_NO_FD, FAR_MS, &result), 0);
	assert_string_equal(result.output, "out\nerr\n");
	assert_int_equal(result.exit_code, 3);
	assert_false(result.stuck);
	spawn_result_done(&result);
	/* No more than there is room for, and nobody waits for a reader. */
	assert_int_equal(shell_goes_on("yes | head -c 1000000", SPAWN_NO_FD, FAR_MS, &result), 0);
	assert_int_equal(strlen(result.output), SPAWN_OUTPUT_MAX);
	spawn_result_done(&result);
}

/* Past its deadline it works on, writes on, and ends as if nothing had been. */
static void test_goes_on(void **state)
{
	struct spawn_result result;
	siginfo_t info = {0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(
		shell_goes_on("read line <&3; yes | head -c 200000; echo end; test $line = go "
			      "&& exit 7",
			fds[0], 50, &result),
		ERR_DEADLINE_EXCEEDED);
	assert_true(result.stuck);
	assert_true(result.stuck_pid > 0);
	assert_false(spawn_gone(result.stuck_pid));
	assert_int_equal(write(fds[1], "go\n", 3), 3);
	assert_int_equal(waitid(P_PID, (id_t)result.stuck_pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_code, CLD_EXITED);
	assert_int_equal(info.si_status, 7);
	assert_true(spawn_gone(result.stuck_pid));
	spawn_result_done(&result);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_output_of_both_streams),
		cmocka_unit_test(test_output_is_capped),
		cmocka_unit_test(test_more_output_and_errors_apart),
		cmocka_unit_test(test_missing_program),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_without_a_path),
		cmocka_unit_test(test_signals_are_as_at_birth),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_low_descriptors),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_deadline_with_endless_output),
		cmocka_unit_test(test_no_time_at_all),
		cmocka_unit_test(test_cancel_kills_the_group),
		cmocka_unit_test(test_grandchild_holds_the_output),
		cmocka_unit_test(test_output_closed_early),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_from_many_threads),
		cmocka_unit_test(test_goes_on_but_is_done_in_time),
		cmocka_unit_test(test_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
