/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision and the format as callers use them: through the helper process.
 */
#include "node/block/disk.h"
#include "node/block/disk_child.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)GIB)

static struct helper *helper;

static int start(void **state)
{
	struct err err = {0};
	size_t n;
	const struct helper_verb *verbs = disk_verbs(&n);

	(void)state;
	return helper_start(verbs, n, &helper, &err);
}

static int stop(void **state)
{
	(void)state;
	helper_stop(helper);
	return 0;
}

struct format_call {
	struct guard guard;
	int fd;
	const struct disk_want *want;
	const struct mkfs_options *options;
};

static int format_step(const struct step *in, void *arg, struct err *err)
{
	struct format_call *call = arg;

	return disk_format(in, &call->guard, call->fd, call->want, call->options, err);
}

static int format(
	int fd, const struct disk_want *want, const char *words, int64_t ms, struct err *err)
{
	struct steps steps = {.operation = "test"};
	struct mkfs_options options;
	struct format_call call = {{.helper = helper, .dl = deadline_in(ms)}, fd, want, &options};

	assert_int_equal(mkfs_options_parse("mkfsOptions", want->fstype, words, &options, err), 0);
	int result = step_run(&steps, "format", format_step, &call, err);
	assert_null(call.guard.stuck);
	return result;
}

static void test_whole_life(void **state)
{
	static const char *const words[][2] = {
		{"ext4", "-L mine -m 3"}, {"xfs", "-L mine -d agcount=5"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct guard guard = {.helper = helper, .dl = deadline_in(60000)};
		struct disk_want want = {.device = "nvme0n1", .fstype = words[i][0], .volume = {1}};
		struct disk_state seen;
		struct fake_disk disk;
		struct err err = {0};

		fake_open(&disk, SIZE);
		assert_int_equal(disk_inspect(&guard, disk.fd, &want, &seen, &err), 0);
		assert_int_equal(seen.verdict, DISK_FORMAT);
		if (format(disk.fd, &want, words[i][1], 60000, &err) < 0) {
			fail_msg("%s", err.msg);
		}
		assert_fs_whole(disk.fd, want.fstype);
		assert_int_equal(disk_inspect(&guard, disk.fd, &want, &seen, &err), 0);
		assert_int_equal(seen.verdict, DISK_USE);
		assert_string_equal(seen.probe.label, "mine");
		fake_close(&disk);
	}
}

static void test_errors_come_back(void **state)
{
	struct guard guard = {.helper = helper, .dl = deadline_in(60000)};
	struct disk_want want = {.device = "nvme7n3", .fstype = "ext4", .written = true};
	struct disk_state seen;
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	fake_open(&disk, SIZE);
	assert_int_equal(disk_inspect(&guard, disk.fd, &want, &seen, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "nvme7n3"));
	want.written = false;
	assert_int_equal(format(disk.fd, &want, "-O nosuch", 60000, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "mkfsOptions"));
	/* Nothing was written by any of it. */
	assert_true(disk.fd < 0 || lseek(disk.fd, 0, SEEK_DATA) < 0);
	assert_int_equal(format(disk.fd, &want, "", 0, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	fake_close(&disk);
}

/* A child whose answer is not one it gives must never let a device be formatted. */
static void test_odd_answers_are_none(void **state)
{
	static const char *const odd[] = {"2\n0\n0\n4096\n512\n512\n0\n0\n0\n0\n\n\n\n",
		"4294967297\n0\n0\n4096\n512\n512\n0\n0\n0\n0\n\n\n\n",
		"1\n2\n0\n4096\n512\n512\n0\n0\n0\n0\n\n\n\n",
		"1\n0\n5\n4096\n512\n512\n0\n0\n0\n0\n\n\n\n",
		"1\n0\n0\n4096\n4294967296\n512\n0\n0\n0\n0\n\n\n\n",
		"1\n0\n0\n4096\n512\n512\n0\n0\n0\n0\n\n\n", "1\n0\n", "", "-1\n"};
	struct disk_state seen;
	struct err err = {0};

	(void)state;
	assert_int_equal(
		disk_state_parse("1\n0\n0\n4096\n512\n512\n0\n0\n0\n0\n\n\n\n", &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_FORMAT);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		if (disk_state_parse(odd[i], &seen, &err) == 0) {
			fail_msg("%zu was taken", i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life),
		cmocka_unit_test(test_errors_come_back),
		cmocka_unit_test(test_odd_answers_are_none),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
