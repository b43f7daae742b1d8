/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: the journal around the work, undos in reverse, fault points. Whatever counts passages or
 * dies runs in a child of its own.
 */
#include "common/base/fault.h"
#include "common/base/step.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What happened, as words in order. */
static char trace[256];

static void note(const char *word, const char *name)
{
	size_t len = strlen(trace);

	(void)snprintf(trace + len, sizeof(trace) - len, "%s%s:%s", len ? " " : "", word, name);
}

static int before(void *self, const char *step, struct err *err)
{
	note("before", step);
	return self ? err_set(err, ERR_UNAVAILABLE, "disk full") : 0;
}

static void after(void *self, const char *step, int result)
{
	(void)self;
	note(result == 0 ? "ok" : "failed", step);
}

static const struct step_journal journal = {.before = before, .after = after};

static int work(const struct step *in, void *arg, struct err *err)
{
	note(arg ? arg : "work", step_name(in));
	(void)err;
	return 0;
}

static int refuse(const struct step *in, void *arg, struct err *err)
{
	note("fail", step_name(in));
	return err_set(err, ERR_INTERNAL, "%s: %s", step_name(in), (const char *)arg);
}

static int clear(void **state)
{
	(void)state;
	trace[0] = '\0';
	return unsetenv("NVMETCP_FAULTS"); // NOLINT(concurrency-mt-unsafe): one thread
}

static void test_journal_is_around_the_work(void **state)
{
	struct steps steps = {.operation = "Stage", .journal = &journal};
	struct err err = {0};

	(void)state;
	assert_int_equal(step_run(&steps, "connect", work, NULL, &err), 0);
	assert_string_equal(trace, "before:connect work:connect ok:connect");
	trace[0] = '\0';
	assert_int_equal(step_run(&steps, "mount", refuse, "no", &err), -1);
	assert_string_equal(trace, "before:mount fail:mount failed:mount");
	assert_string_equal(err.msg, "mount: no");
}

static void test_without_a_journal(void **state)
{
	struct step_journal empty = {0};
	struct steps steps = {.operation = "Stage"};

	(void)state;
	assert_int_equal(step_run(&steps, "connect", work, NULL, NULL), 0);
	steps.journal = &empty;
	assert_int_equal(step_run(&steps, "connect", work, NULL, NULL), 0);
	assert_string_equal(trace, "work:connect work:connect");
}

/* What cannot be written down first is not done. */
static void test_a_failing_journal_stops_the_step(void **state)
{
	struct step_journal bad = {.before = before, .after = after, .self = trace};
	struct steps steps = {.operation = "Stage", .journal = &bad};
	struct err err = {0};

	(void)state;
	assert_int_equal(step_run(&steps, "connect", work, NULL, &err), -1);
	assert_string_equal(trace, "before:connect");
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "connect"));
	assert_non_null(strstr(err.msg, "disk full"));
}

static void test_undos_run_newest_first(void **state)
{
	struct steps steps = {.operation = "Stage", .journal = &journal};
	struct err err = {0};

	(void)state;
	steps_on_failure(&steps, "disconnect", work, "1");
	steps_on_failure(&steps, "umount", work, "2");
	assert_int_equal(steps_undo(&steps, &err), 0);
	assert_string_equal(trace,
		"before:umount 2:umount ok:umount before:disconnect 1:disconnect ok:disconnect");
	/* Once only. */
	trace[0] = '\0';
	assert_int_equal(steps_undo(&steps, &err), 0);
	assert_string_equal(trace, "");
}

static void test_undo_ends_with_the_first_failure(void **state)
{
	struct steps steps = {.operation = "Stage"};
	struct err err = {0};

	(void)state;
	steps_on_failure(&steps, "a", work, "1");
	steps_on_failure(&steps, "b", refuse, "not now");
	steps_on_failure(&steps, "c", work, "2");
	assert_int_equal(steps_undo(&steps, &err), -1);
	assert_string_equal(trace, "2:c fail:b");
	assert_string_equal(err.msg, "b: not now");
	/* Nor later: what they would take back is still needed. */
	assert_int_equal(steps_undo(&steps, &err), 0);
	assert_string_equal(trace, "2:c fail:b");
}

static void test_keep_forgets_the_undos(void **state)
{
	struct steps steps = {.operation = "Stage"};

	(void)state;
	steps_on_failure(&steps, "a", work, "1");
	steps_keep(&steps);
	assert_int_equal(steps_undo(&steps, NULL), 0);
	assert_string_equal(trace, "");
}

static void test_as_many_undos_as_allowed(void **state)
{
	struct steps steps = {.operation = "Stage"};

	(void)state;
	for (int i = 0; i < STEPS_UNDO_MAX; i++) {
		steps_on_failure(&steps, "a", work, "u");
	}
	assert_int_equal(steps_undo(&steps, NULL), 0);
	assert_int_equal(strlen(trace), STEPS_UNDO_MAX * strlen("u:a ") - 1);
}

/* Run @body in a child. Return: its wait status. */
static int in_child(void (*body)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* In the child an assertion of cmocka's would run the rest of the tests; the exit code tells. */
static void expect(bool truth, int code)
{
	if (!truth) {
		_exit(code);
	}
}

static void one_undo_too_many(void)
{
	struct steps steps = {.operation = "Stage"};

	for (int i = 0; i <= STEPS_UNDO_MAX; i++) {
		steps_on_failure(&steps, "a", work, "u");
	}
}

static void test_one_undo_too_many_is_a_crash(void **state)
{
	(void)state;
	int status = in_child(one_undo_too_many);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void set_faults(const char *text)
{
	/* This program has one thread. */
	expect(setenv("NVMETCP_FAULTS", text, 1) == 0, 99); // NOLINT(concurrency-mt-unsafe)
}

#ifdef NV_FAULTS

static void failing_points(void)
{
	struct steps steps = {.operation = "Stage", .journal = &journal};
	struct err err = {0};

	set_faults("Stage.connect=fail,Stage.mount.done=fail");
	expect(step_run(&steps, "connect", work, NULL, &err) == -1, 1);
	expect(err.code == ERR_UNAVAILABLE, 2);
	expect(strstr(err.msg, "Stage.connect") != NULL, 3);
	expect(streq(trace, "before:connect failed:connect"), 4);
	trace[0] = '\0';
	/* The work was done, but the caller does not learn it. */
	expect(step_run(&steps, "mount", work, NULL, &err) == -1, 5);
	expect(streq(trace, "before:mount work:mount failed:mount"), 6);
	expect(step_run(&steps, "other", work, NULL, &err) == 0, 7);
}

static void nth_passage(void)
{
	struct steps steps = {.operation = "Stage"};

	set_faults("Stage.connect=fail@2");
	expect(step_run(&steps, "connect", work, NULL, NULL) == 0, 1);
	expect(step_run(&steps, "other", work, NULL, NULL) == 0, 2);
	expect(step_run(&steps, "connect", work, NULL, NULL) == -1, 3);
	expect(step_run(&steps, "connect", work, NULL, NULL) == 0, 4);
}

static int two_changes(const struct step *in, void *arg, struct err *err)
{
	(void)arg;
	if (step_changed(in, "first", err) < 0) {
		return -1;
	}
	(void)work(in, "changed", err);
	return step_changed(in, "second", err);
}

/* Points between the changes of a step, and one name for all points of an operation. */
static void changes_and_patterns(void)
{
	struct steps steps = {.operation = "Stage"};
	struct steps other = {.operation = "Unstage"};
	struct err err = {0};

	expect(step_changed(NULL, "first", &err) == 0, 1);
	set_faults("Stage.two.second=fail,Stage.*=fail@5");
	expect(step_run(&other, "two", two_changes, NULL, &err) == 0, 2);
	expect(step_run(&steps, "two", two_changes, NULL, &err) == -1, 3);
	expect(strstr(err.msg, "Stage.two.second") != NULL, 4);
	/* Passed are "two" and "two.first", then "one" and "one.done". */
	expect(step_run(&steps, "one", work, NULL, &err) == 0, 5);
	expect(step_run(&steps, "three", work, NULL, &err) == -1, 6);
	expect(strstr(err.msg, "Stage.three") != NULL, 7);
}

static void undo_points(void)
{
	struct steps steps = {.operation = "Stage"};

	set_faults("Stage.disconnect=fail");
	steps_on_failure(&steps, "disconnect", work, "1");
	expect(steps_undo(&steps, NULL) == -1, 1);
	expect(streq(trace, ""), 2);
}

static void killed_before(void)
{
	struct steps steps = {.operation = "Stage"};

	set_faults("Stage.connect=kill");
	(void)!step_run(&steps, "connect", work, NULL, NULL);
}

static void killed_after(void)
{
	struct steps steps = {.operation = "Stage", .journal = &journal};

	/* A step that fails is never "done": no kill, the child ends by itself. */
	set_faults("Stage.bad.done=kill");
	expect(step_run(&steps, "bad", refuse, "x", NULL) == -1, 1);
	set_faults("Stage.connect.done=kill");
	(void)!step_run(&steps, "connect", work, NULL, NULL);
}

static void test_faults(void **state)
{
	(void)state;
	assert_int_equal(in_child(failing_points), 0);
	assert_int_equal(in_child(nth_passage), 0);
	assert_int_equal(in_child(changes_and_patterns), 0);
	assert_int_equal(in_child(undo_points), 0);
}

static void test_fault_kill(void **state)
{
	(void)state;
	int status = in_child(killed_before);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	status = in_child(killed_after);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_fault_hang(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct steps steps = {.operation = "Stage"};
		set_faults("Stage.connect=hang");
		(void)!write(ends[1], "x", 1);
		(void)!step_run(&steps, "connect", work, NULL, NULL);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	int over = poll(&ended, 1, 200);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(over, 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_faults_check(void **state)
{
	static const char *const good[] = {
		"", "A.b=kill", "A.b.done=fail@1", "A.b=hang,C.d=kill@12", "A.b=kill,"};
	static const char *const bad[] = {"A.b", "A.b=", "A.b=explode", "A.b=kill@", "A.b=kill@0",
		"A.b=kill@x", "A.b=kill@-1", "A.b=kill;C.d=kill", "A.b=kill,,"};
	char text[400];

	(void)state;
	assert_int_equal(faults_use(NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		set_faults(good[i]);
		assert_int_equal(faults_use(NULL, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		set_faults(bad[i]);
		assert_int_equal(faults_use(NULL, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "NVMETCP_FAULTS"));
	}
	/* Sixteen entries are taken, not one more. */
	text[0] = '\0';
	for (size_t n = 1; n <= 17; n++) {
		size_t len = strlen(text);
		(void)snprintf(text + len, sizeof(text) - len, "a=kill,");
		set_faults(text);
		assert_int_equal(faults_use(NULL, NULL), n <= 16 ? 0 : -1);
	}
	/* A name around and far past the longest that is taken. */
	for (size_t len = 120; len < 300; len++) {
		memset(text, 'a', len);
		(void)snprintf(text + len, sizeof(text) - len, "=kill");
		set_faults(text);
		assert_int_equal(faults_use(NULL, NULL), len < 128 ? 0 : -1);
	}
}

#else

static void test_faults_check(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(faults_use(NULL, &err), 0);
	set_faults("Stage.connect=kill");
	assert_int_equal(faults_use(NULL, &err), -1);
	assert_non_null(strstr(err.msg, "NVMETCP_FAULTS"));
}

#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, clear)
	const struct CMUnitTest tests[] = {
		TEST(test_journal_is_around_the_work),
		TEST(test_without_a_journal),
		TEST(test_a_failing_journal_stops_the_step),
		TEST(test_undos_run_newest_first),
		TEST(test_undo_ends_with_the_first_failure),
		TEST(test_keep_forgets_the_undos),
		TEST(test_as_many_undos_as_allowed),
		TEST(test_one_undo_too_many_is_a_crash),
#ifdef NV_FAULTS
		TEST(test_faults),
		TEST(test_fault_kill),
		TEST(test_fault_hang),
#endif
		TEST(test_faults_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
