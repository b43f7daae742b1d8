/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of volumes over restarts: kept by whoever is left, told, and gone with them.
 */
#include "common/base/fileio.h"
#include "node/core/hold.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define VOLUME "linux/vol-1"

struct rig {
	char dir[64];
	struct holds *holds;
	struct err err;
	unsigned found;
	char volume[64];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/nv-hold-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	assert_int_equal(holds_open(rig->dir, &rig->holds, &rig->err), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	char path[80];

	holds_free(rig->holds);
	(void)snprintf(path, sizeof(path), "%s/busy", rig->dir);
	/* Fails when a file was left. */
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

/* Somebody who has the lock's descriptor, as a child of an operation. */
static pid_t keep(const struct hold *hold)
{
	pid_t pid = fork();

	assert_true(hold->fd > 0);
	if (pid == 0) {
		/* A test that fails must not leave it behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)pause();
		}
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void reopen(struct rig *rig)
{
	holds_free(rig->holds);
	assert_int_equal(holds_open(rig->dir, &rig->holds, &rig->err), 0);
}

static void found(void *arg, const char *volume, const char *what)
{
	struct rig *rig = arg;

	assert_non_null(strstr(what, "ABORTED"));
	rig->found++;
	(void)snprintf(rig->volume, sizeof(rig->volume), "%s", volume);
}

static void take(struct rig *rig, struct hold *ret)
{
	if (hold_take(rig->holds, HOLD_VOLUME, VOLUME, "NodeUnstageVolume", ret, &rig->err) < 0) {
		fail_msg("%s", rig->err.msg);
	}
}

static void released_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct hold hold;

	for (int i = 0; i < 3; i++) {
		take(rig, &hold);
		/* A child that answered and is not quite gone keeps nobody off. */
		pid_t pid = keep(&hold);
		hold_release(rig->holds, &hold);
		assert_int_equal(hold.fd, 0);
		take(rig, &hold);
		hold_release(rig->holds, &hold);
		end(pid);
	}
	hold_release(rig->holds, &hold);
	assert_int_equal(holds_look(rig->holds, found, rig, &rig->err), 0);
	assert_int_equal(rig->found, 0);
}

static void who_is_left_is_found_after_a_restart(void **state)
{
	struct rig *rig = *state;
	struct hold hold;
	struct hold other;

	take(rig, &hold);
	pid_t pid = keep(&hold);
	hold_leave(&hold);
	reopen(rig);
	assert_int_equal(holds_look(rig->holds, found, rig, &rig->err), 0);
	assert_int_equal(rig->found, 1);
	assert_string_equal(rig->volume, VOLUME);
	assert_int_equal(holds_left(rig->holds), 1);
	struct hold_old old;
	assert_true(hold_is_old(rig->holds, HOLD_VOLUME, VOLUME, &old));
	assert_string_equal(old.operation, "NodeUnstageVolume");
	assert_true(old.since_unix > 0);
	assert_false(hold_is_old(rig->holds, HOLD_STATISTICS, VOLUME, &old));
	assert_false(hold_is_old(rig->holds, HOLD_VOLUME, "linux/vol-2", &old));
	assert_int_equal(
		hold_take(rig->holds, HOLD_VOLUME, VOLUME, "NodeStageVolume", &hold, &rig->err),
		-1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(
		strstr(rig->err.msg, "volume " VOLUME ": a process that this plugin started"));
	assert_non_null(strstr(rig->err.msg, "(NodeUnstageVolume, begun 0 s ago)"));
	/* Nobody else is touched: another volume, and this one's statistics. */
	assert_int_equal(
		hold_take(rig->holds, HOLD_VOLUME, "linux/vol-2", "x", &other, &rig->err), 0);
	hold_release(rig->holds, &other);
	assert_int_equal(hold_take(rig->holds, HOLD_STATISTICS, VOLUME, "x", &other, &rig->err), 0);
	hold_release(rig->holds, &other);
	end(pid);
	assert_int_equal(holds_left(rig->holds), 0);
	assert_false(hold_is_old(rig->holds, HOLD_VOLUME, VOLUME, &old));
	take(rig, &hold);
	hold_release(rig->holds, &hold);
}

/* Killed with nobody left: the file is stale. */
static void what_nobody_holds_is_swept(void **state)
{
	struct rig *rig = *state;
	struct hold hold;

	take(rig, &hold);
	(void)close(hold.fd);
	reopen(rig);
	assert_int_equal(holds_look(rig->holds, found, rig, &rig->err), 0);
	assert_int_equal(rig->found, 0);
	assert_int_equal(holds_left(rig->holds), 0);
}

/* Killed between the lock and its description, or the file was written by another version. */
static void without_a_description(void **state)
{
	struct rig *rig = *state;
	struct hold hold;

	take(rig, &hold);
	pid_t pid = keep(&hold);
	assert_int_equal(ftruncate(hold.fd, 0), 0);
	hold_leave(&hold);
	assert_int_equal(
		hold_take(rig->holds, HOLD_VOLUME, VOLUME, "NodeStageVolume", &hold, &rig->err),
		-1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "(not known"));
	assert_int_equal(holds_look(rig->holds, found, rig, &rig->err), 0);
	assert_string_equal(rig->volume, "");
	end(pid);
	take(rig, &hold);
	hold_release(rig->holds, &hold);
}

/* A question about one kind of work, which makes no file and takes no lock. */
static void is_somebody_at_it(void **state)
{
	struct rig *rig = *state;
	struct hold hold;
	struct hold other;

	assert_int_equal(hold_check(rig->holds, HOLD_RECLAIM, VOLUME, &rig->err), 0);
	assert_int_equal(
		hold_take(rig->holds, HOLD_RECLAIM, VOLUME, "Reclaim", &hold, &rig->err), 0);
	pid_t pid = keep(&hold);
	hold_leave(&hold);
	reopen(rig);
	assert_int_equal(hold_check(rig->holds, HOLD_RECLAIM, VOLUME, &rig->err), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "Reclaim"));
	assert_int_equal(hold_check(rig->holds, HOLD_RECLAIM, "linux/vol-2", &rig->err), 0);
	take(rig, &other);
	hold_release(rig->holds, &other);
	end(pid);
	assert_int_equal(hold_check(rig->holds, HOLD_RECLAIM, VOLUME, &rig->err), 0);
	assert_int_equal(holds_look(rig->holds, found, rig, &rig->err), 0);
}

/* A state folder in which no file can be made is no reason to leave a volume mounted. */
static void goes_on_without_a_file(void **state)
{
	struct rig *rig = *state;
	struct hold hold;
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/busy", rig->dir);
	assert_int_equal(rmdir(path), 0);
	take(rig, &hold);
	assert_int_equal(hold.fd, 0);
	hold_release(rig->holds, &hold);
	assert_int_equal(mkdir(path, 0700), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(released_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_left_is_found_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_holds_is_swept, setup, teardown),
		cmocka_unit_test_setup_teardown(is_somebody_at_it, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_description, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_on_without_a_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
