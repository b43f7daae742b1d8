/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points by table and by file: what may be armed, while the process runs; what each action
 * does; what is not in the table. test_step.c has them around steps.
 */
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/step.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct fault_row rows[] = {
	{"Stage", "connect", NULL},
	{"Stage", "data", "first second"},
	{"Stage", FAULT_ANSWER, NULL},
};
static const struct fault_table table = {.file = "rows", .rows = rows, .n = ARRAY_SIZE(rows)};

#ifdef NV_FAULTS

static const char *const all_points[] = {"Stage.connect", "Stage.connect.done", "Stage.data",
	"Stage.data.first", "Stage.data.second", "Stage.data.done", "Stage.answer"};

/* NVMETCP_FAULTS holds a file's name, and the file what @text says; NULL: there is none. */
static void arm(const char *text)
{
	if (!text) {
		(void)unlink("faults");
		return;
	}
	FILE *f = fopen("faults", "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	char template[] = "/tmp/nv-fault-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(template));
	assert_int_equal(chdir(template), 0);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
	assert_int_equal(setenv("NVMETCP_FAULTS", "@faults", 1), 0);
	return faults_use(&table, NULL);
}

static int teardown(void **state)
{
	char here[64];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	(void)unlink("faults");
	(void)unlink("faults.trace");
	assert_int_equal(chdir("/"), 0);
	return rmdir(here);
}

static int nothing(const struct step *in, void *arg, struct err *err)
{
	(void)in;
	(void)arg;
	(void)err;
	return 0;
}

static int two_changes(const struct step *in, void *arg, struct err *err)
{
	(void)arg;
	return step_changed(in, "first", err) < 0 ? -1 : step_changed(in, "second", err);
}

static int run(struct err *err)
{
	struct steps steps = {.operation = "Stage"};

	return step_run(&steps, "connect", nothing, NULL, err) < 0
		       ? -1
		       : step_run(&steps, "data", two_changes, NULL, err);
}

static void test_armed_while_it_runs(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(run(&err), 0);
	arm("Stage.data.first=fail:NOT_FOUND@1");
	assert_int_equal(run(&err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "fault point Stage.data.first");
	/* The first passage is over, until the file says something else. */
	assert_int_equal(run(&err), 0);
	arm("Stage.data.first=fail:ABORTED@1\n");
	assert_int_equal(run(&err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	arm(NULL);
	assert_int_equal(run(&err), 0);
}

static void test_trace_is_the_table_in_order(void **state)
{
	char line[128];
	size_t n = 0;

	(void)state;
	arm("*=trace");
	assert_int_equal(run(NULL), 0);
	assert_false(fault_answer("Stage"));
	/* Answers of what changes nothing have no point. */
	assert_false(fault_answer("GetCapacity"));
	FILE *f = fopen("faults.trace", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		assert_true(n < ARRAY_SIZE(all_points));
		assert_string_equal(line, all_points[n++]);
	}
	assert_int_equal(fclose(f), 0);
	assert_int_equal(n, ARRAY_SIZE(all_points));
}

static void test_answers_are_lost(void **state)
{
	(void)state;
	assert_false(fault_answer("Stage"));
	arm("Stage.answer=drop@2");
	assert_false(fault_answer("Stage"));
	assert_true(fault_answer("Stage"));
	assert_false(fault_answer("Stage"));
	arm("Stage.*=fail");
	assert_true(fault_answer("Stage"));
}

static void test_delay_goes_on(void **state)
{
	int64_t began = clock_ms();

	(void)state;
	arm("Stage.connect=delay:30");
	assert_int_equal(run(NULL), 0);
	assert_true(clock_ms() - began >= 30);
}

static void test_what_may_be_armed(void **state)
{
	static const char *const good[] = {"Stage.connect=kill", "Stage.data.second=fail:INTERNAL",
		"Stage.answer=drop", "Stage.answer=kill@3", "Stage.data.done=delay:5@2",
		"Stage.*=trace", ""};
	static const char *const bad[] = {"Stage.mount=kill", "Stage.data.third=kill",
		"Stage.answer.done=kill", "Stage.connect=drop", "Stage.connect=fail:SOMETHING",
		"Stage.connect=fail:", "Stage.connect=delay", "Stage.connect=delay:0",
		"Stage.connect=kill:9", "Stage=kill"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		arm(good[i]);
		assert_int_equal(faults_use(&table, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err){0};
		arm(bad[i]);
		assert_int_equal(faults_use(&table, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "NVMETCP_FAULTS"));
		/* Nor is it passed over in a running process. */
		assert_int_equal(run(NULL), -1);
	}
}

/* In a child: its wait status, and what it said on stderr. */
static int in_child(void (*body)(void), char *said, size_t size)
{
	int ends[2];
	int status;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		body();
		_exit(0);
	}
	(void)close(ends[1]);
	while (len + 1 < size && (n = read(ends[0], said + len, size - 1 - len)) > 0) {
		len += (size_t)n;
	}
	said[len] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void pass_unknown_step(void)
{
	struct steps steps = {.operation = "Stage"};

	(void)!step_run(&steps, "mount", nothing, NULL, NULL);
}

static void pass_unknown_change(void)
{
	struct steps steps = {.operation = "Stage"};

	(void)!step_run(&steps, "connect", two_changes, NULL, NULL);
}

static void test_a_point_that_is_not_in_the_table_is_a_crash(void **state)
{
	char said[256];
	int status = in_child(pass_unknown_step, said, sizeof(said));

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_string_equal(said, "fault points: Stage.mount is not in rows; add it\n");
	status = in_child(pass_unknown_change, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_string_equal(said, "fault points: Stage.connect.first is not in rows; add it\n");
}

static void run_once(void)
{
	(void)!run(NULL);
}

static void test_killed_once_armed(void **state)
{
	char said[256];
	int status;

	(void)state;
	arm("Stage.data.second=kill");
	status = in_child(run_once, said, sizeof(said));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_told(void **state)
{
	char *asked[] = {"program", "--fault-points", "more", NULL};

	(void)state;
	assert_true(faults_told(2, asked, &table));
	assert_false(faults_told(3, asked, &table));
	assert_false(faults_told(1, asked, &table));
}

#else

static void test_told(void **state)
{
	char *asked[] = {"program", "--fault-points", NULL};

	(void)state;
	assert_false(faults_told(2, asked, &table));
}

static int setup(void **state)
{
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return 0;
}

#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
#ifdef NV_FAULTS
		TEST(test_armed_while_it_runs),
		TEST(test_trace_is_the_table_in_order),
		TEST(test_answers_are_lost),
		TEST(test_delay_goes_on),
		TEST(test_what_may_be_armed),
		TEST(test_a_point_that_is_not_in_the_table_is_a_crash),
		TEST(test_killed_once_armed),
#endif
		TEST(test_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
