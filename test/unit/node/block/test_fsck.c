/* SPDX-License-Identifier: Apache-2.0 */
/*
 * e2fsck's verdicts on real filesystems: clean, mended, and beyond safe repair.
 */
#include "common/base/spawn.h"
#include "node/block/fsck.h"
#include "test/unit/node/block/disk_fake.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SIZE ((uint64_t)(64 * MIB))

struct call {
	const char *fstype;
	int fd;
	int64_t ms;
	struct fsck_result result;
};

static int step(const struct step *in, void *arg, struct err *err)
{
	struct call *call = arg;
	const struct guard guard = {.dl = deadline_in(call->ms)};

	return fsck_run(in, "nvme0n1", call->fstype, call->fd, &guard, &call->result, err);
}

static int fsck(struct call *call, struct err *err)
{
	struct steps steps = {.operation = "test"};

	return step_run(&steps, "fsck", step, call, err);
}

static void open_ext4(struct fake_disk *disk, const char *then)
{
	char command[300];

	fake_open(disk, SIZE);
	(void)snprintf(command, sizeof(command),
		"mkfs.ext4 -q -F -E nodiscard /proc/self/fd/3 && %s", then);
	const char *argv[] = {"sh", "-c", command, NULL};
	assert_int_equal(fake_run(disk->fd, argv), 0);
}

static void test_clean_and_mended(void **state)
{
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	open_ext4(&disk, "true");
	struct call call = {.fstype = "ext4", .fd = disk.fd, .ms = 60000};
	assert_int_equal(fsck(&call, &err), 0);
	assert_false(call.result.repaired);
	fake_close(&disk);
	/* A wrong count of free blocks is mended by -p. */
	open_ext4(&disk,
		"debugfs -w -R 'ssv free_blocks_count 5' /proc/self/fd/3 >/dev/null 2>&1 && "
		"debugfs -w -R 'ssv state 0' /proc/self/fd/3 >/dev/null 2>&1");
	call.fd = disk.fd;
	if (fsck(&call, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_true(call.result.repaired);
	assert_fs_whole(disk.fd, "ext4");
	fake_close(&disk);
}

static void test_needs_a_person(void **state)
{
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	/* The root directory is lost. */
	open_ext4(&disk, "debugfs -w -R 'clri <2>' /proc/self/fd/3 >/dev/null 2>&1 && "
			 "debugfs -w -R 'ssv state 2' /proc/self/fd/3 >/dev/null 2>&1");
	struct call call = {.fstype = "ext4", .fd = disk.fd, .ms = 60000};
	assert_int_equal(fsck(&call, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "nvme0n1"));
	assert_non_null(strstr(err.msg, "UNEXPECTED INCONSISTENCY"));
	fake_close(&disk);
}

static void test_no_filesystem_and_others(void **state)
{
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	fake_open(&disk, SIZE);
	struct call call = {.fstype = "ext4", .fd = disk.fd, .ms = 60000};
	assert_int_equal(fsck(&call, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	/* XFS checks itself at mount. */
	call.fstype = "xfs";
	assert_int_equal(fsck(&call, &err), 0);
	call.fstype = "ext4";
	call.ms = 0;
	assert_int_equal(fsck(&call, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_int_equal(call.result.stuck_pid, 0);
	fake_close(&disk);
}

/* An e2fsck that takes as long as somebody holds "gate". */
static void slow_e2fsck(const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/gate", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/e2fsck", dir);
	FILE *f = fopen(path, "we");
	if (!f) {
		fail_msg("%s", path);
		return;
	}
	(void)fprintf(f, "#!/bin/sh\nread line <%s/gate\n", dir);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
}

/* It is not killed at the end of the call, to begin anew with each repeated one. */
static void test_longer_than_the_call(void **state)
{
	char dir[] = "/tmp/nv-fsck-XXXXXX";
	char path[4096];
	struct fake_disk disk;
	siginfo_t info = {0};
	struct err err = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	slow_e2fsck(dir);
	(void)snprintf(path, sizeof(path), "%s:/usr/sbin:/usr/bin:/sbin:/bin", dir);
	assert_int_equal(setenv("PATH", path, 1), 0); // NOLINT(concurrency-mt-unsafe)
	fake_open(&disk, SIZE);
	struct call call = {.fstype = "ext4", .fd = disk.fd, .ms = 50};
	assert_int_equal(fsck(&call, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_non_null(strstr(err.msg, "fsck of nvme0n1: is not done yet; it goes on"));
	assert_true(call.result.stuck_pid > 0);
	assert_false(spawn_gone(call.result.stuck_pid));
	(void)snprintf(path, sizeof(path), "%s/gate", dir);
	int gate = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(gate >= 0);
	assert_int_equal(write(gate, "go\n", 3), 3);
	assert_int_equal(waitid(P_PID, (id_t)call.result.stuck_pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_code, CLD_EXITED);
	assert_int_equal(info.si_status, 0);
	assert_true(spawn_gone(call.result.stuck_pid));
	(void)close(gate);
	fake_close(&disk);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/e2fsck", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_and_mended),
		cmocka_unit_test(test_needs_a_person),
		cmocka_unit_test(test_no_filesystem_and_others),
		cmocka_unit_test(test_longer_than_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
