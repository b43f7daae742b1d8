/* SPDX-License-Identifier: Apache-2.0 */
/*
 * e2fsck's verdicts on real filesystems: clean, mended, and beyond safe repair.
 */
#include "node/block/fsck.h"
#include "test/unit/node/block/disk_fake.h"

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
	struct deadline dl = deadline_in(call->ms);

	return fsck_run(in, "nvme0n1", call->fstype, call->fd, &dl, &call->result, err);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_and_mended),
		cmocka_unit_test(test_needs_a_person),
		cmocka_unit_test(test_no_filesystem_and_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
