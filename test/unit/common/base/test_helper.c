/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper process: answers, errors, descriptors, hanging and dying children.
 */
#include "common/base/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

static int verb_echo(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)fd;
	(void)err;
	for (int i = 1; i < argc; i++) {
		sb_add(out, argv[i]);
		sb_addc(out, '|');
	}
	return 0;
}

static int verb_fail(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)fd;
	(void)out;
	return err_set(err, ERR_NOT_FOUND, "volume %s: not here", argv[1]);
}

static int verb_size(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	struct stat st;

	(void)argc;
	(void)argv;
	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(err, ERR_INTERNAL, "no descriptor came");
	}
	sb_addf(out, "%lld", (long long)st.st_size);
	return 0;
}

static int verb_hang(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)fd;
	(void)out;
	(void)err;
	while (pause() < 0) {
	}
	return 0;
}

static int verb_die(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err)
{
	(void)argc;
	(void)argv;
	(void)fd;
	(void)out;
	(void)err;
	(void)raise(SIGKILL);
	return 0;
}

static const struct helper_verb verbs[] = {
	{"echo", verb_echo},
	{"fail", verb_fail},
	{"size", verb_size},
	{"hang", verb_hang},
	{"die", verb_die},
};

static int setup(void **state)
{
	struct err err = {0};
	struct helper *helper = NULL;

	if (helper_start(verbs, ARRAY_SIZE(verbs), &helper, &err) < 0) {
		return -1;
	}
	*state = helper;
	return 0;
}

static int teardown(void **state)
{
	helper_stop(*state);
	return 0;
}

static void test_answer_comes_back(void **state)
{
	const char *argv[] = {"echo", "a", "", "b c", NULL};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};
	_cleanup_free_ char *out = NULL;

	assert_int_equal(helper_call(*state, argv, -1, &dl, &out, NULL, &err), 0);
	assert_string_equal(out, "a||b c|");
}

static void test_error_of_the_verb_comes_back(void **state)
{
	const char *argv[] = {"fail", "v1", NULL};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};

	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "volume v1: not here");
}

static void kill_helper(const struct helper *helper)
{
	assert_int_equal(syscall(SYS_pidfd_send_signal, helper_pidfd(helper), SIGKILL, NULL, 0), 0);
}

static void test_the_end_of_the_process_is_seen(void **state)
{
	const struct helper_verb none[1] = {{0}};
	struct deadline dl = deadline_in(10000);
	struct helper *helper;
	struct err err = {0};

	(void)state;
	assert_false(helper_gone(NULL));
	assert_int_equal(helper_start(none, 0, &helper, &err), 0);
	assert_false(helper_gone(helper));
	kill_helper(helper);
	assert_int_equal(deadline_poll(&dl, helper_pidfd(helper), POLLIN, -1, "end", &err), 1);
	assert_true(helper_gone(helper));
	helper_stop(helper);
}

static void test_unknown_verb(void **state)
{
	const char *argv[] = {"nonsense", NULL};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};

	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void test_descriptor_is_passed(void **state)
{
	const char *argv[] = {"size", NULL};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};
	_cleanup_free_ char *out = NULL;
	FILE *f = tmpfile();

	if (!f) {
		fail_msg("tmpfile");
		return;
	}
	assert_int_equal(ftruncate(fileno(f), 12345), 0);
	assert_int_equal(helper_call(*state, argv, fileno(f), &dl, &out, NULL, &err), 0);
	assert_string_equal(out, "12345");
	(void)fclose(f);
}

static void test_hanging_child_is_killed_at_the_deadline(void **state)
{
	const char *argv[] = {"hang", NULL};
	struct deadline dl = deadline_in(100);
	struct err err = {0};
	struct helper_stuck *stuck = NULL;

	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, &stuck, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	/* It could be killed, so it is not stuck. */
	assert_null(stuck);
	test_answer_comes_back(state);
}

static void test_cancel_ends_the_call(void **state)
{
	const char *argv[] = {"hang", NULL};
	int pipefd[2];
	struct err err = {0};

	assert_int_equal(pipe(pipefd), 0);
	struct deadline dl = deadline_in(60000);
	dl.cancel_fd = pipefd[0];
	assert_int_equal(write(pipefd[1], "x", 1), 1);
	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	(void)close(pipefd[0]);
	(void)close(pipefd[1]);
}

static void test_child_that_dies_leaves_the_outcome_unknown(void **state)
{
	const char *argv[] = {"die", NULL};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};

	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_false(err_is_final(err.code));
}

static void test_too_many_arguments(void **state)
{
	const char *argv[HELPER_ARGS_MAX + 2] = {"echo"};
	struct deadline dl = deadline_in(10000);
	struct err err = {0};

	for (int i = 1; i <= HELPER_ARGS_MAX; i++) {
		argv[i] = "x";
	}
	assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void test_no_descriptor_leaks(void **state)
{
	const char *argv[] = {"echo", "x", NULL};
	struct err err = {0};
	int before = dup(0);

	(void)close(before);
	for (int i = 0; i < 50; i++) {
		struct deadline dl = deadline_in(10000);
		assert_int_equal(helper_call(*state, argv, -1, &dl, NULL, NULL, &err), 0);
	}
	int after = dup(0);
	assert_int_equal(after, before);
	(void)close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_comes_back),
		cmocka_unit_test(test_error_of_the_verb_comes_back),
		cmocka_unit_test(test_the_end_of_the_process_is_seen),
		cmocka_unit_test(test_unknown_verb),
		cmocka_unit_test(test_descriptor_is_passed),
		cmocka_unit_test(test_hanging_child_is_killed_at_the_deadline),
		cmocka_unit_test(test_cancel_ends_the_call),
		cmocka_unit_test(test_child_that_dies_leaves_the_outcome_unknown),
		cmocka_unit_test(test_too_many_arguments),
		cmocka_unit_test(test_no_descriptor_leaks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
