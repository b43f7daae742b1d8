/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who hang: their locks stay with them until they end.
 */
#include "node/core/busy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* A test that fails must not leave it behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end_child(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void locks_stay_until_the_child_ends(void **state)
{
	struct keylock *locks = keylock_new(4);
	struct busy *busy = busy_new();
	struct keylock_held *held[BUSY_LOCKS] = {NULL, NULL};
	struct keylock_held *again = NULL;
	struct err err = {0};
	pid_t pid = start_child();

	(void)state;
	assert_int_equal(busy_check(busy, "volume a", &err), 0);
	assert_int_equal(keylock_try(locks, "volume", "a", &held[0], &err), 0);
	busy_take(busy, "volume a", "unmount", (struct busy_child){.pid = pid}, held);
	assert_null(held[0]);
	assert_int_equal(busy_count(busy), 1);
	assert_int_equal(busy_check(busy, "volume a", &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	assert_non_null(strstr(err.msg, "unmount"));
	struct busy_one who;
	assert_true(busy_look(busy, "volume a", &who));
	assert_string_equal(who.what, "unmount");
	assert_false(who.kernel);
	assert_true(who.since_unix > 0);
	assert_false(busy_look(busy, "volume b", &who));
	assert_int_equal(busy_check(busy, "volume b", &err), 0);
	assert_int_equal(keylock_try(locks, "volume", "a", &again, &err), -1);
	end_child(pid);
	/* Anybody's question sweeps. */
	assert_int_equal(busy_check(busy, "volume b", &err), 0);
	assert_int_equal(busy_count(busy), 0);
	assert_int_equal(keylock_try(locks, "volume", "a", &again, &err), 0);
	keylock_release(again);
	busy_free(busy);
	keylock_free(locks);
}

static void freeing_releases_the_locks(void **state)
{
	struct keylock *locks = keylock_new(4);
	struct busy *busy = busy_new();
	struct keylock_held *held[BUSY_LOCKS] = {NULL, NULL};
	struct err err = {0};
	pid_t pid = start_child();

	(void)state;
	assert_int_equal(keylock_try(locks, "volume", "a", &held[0], &err), 0);
	assert_int_equal(keylock_try(locks, "volume", "b", &held[1], &err), 0);
	busy_take(busy, "volume a", "statfs", (struct busy_child){.pid = pid}, held);
	busy_free(busy);
	assert_int_equal(keylock_try(locks, "volume", "a", &held[0], &err), 0);
	assert_int_equal(keylock_try(locks, "volume", "b", &held[1], &err), 0);
	keylock_release(held[0]);
	keylock_release(held[1]);
	keylock_free(locks);
	end_child(pid);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	busy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_stay_until_the_child_ends),
		cmocka_unit_test(freeing_releases_the_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
