/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expand and statistics.
 */
#include "test/unit/node/core/rig.h"

#include <sys/prctl.h>

static int expand(
	struct rig *rig, const char *path, int64_t required, int64_t limit, int64_t *ret_size)
{
	struct core_expand request = {
		.volume = VOLUME, .path = path, .required = required, .limit = limit};
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_expand(rig->core, &request, &dl, ret_size, &rig->err);
}

static int stats(struct rig *rig, const char *path, struct core_stats *ret)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_stats(rig->core, VOLUME, path, &dl, ret, &rig->err);
}

static void grows_the_filesystem_to_the_device(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	const char *const paths[] = {STAGING, TARGET};
	int64_t size;

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		rig->fake->disks[0].size += FAKE_SIZE;
		assert_int_equal(expand(rig, paths[i], rig->fake->disks[0].size, 0, &size), 0);
		assert_int_equal(size, rig->fake->disks[0].size);
		assert_int_equal(rig->fake->disks[0].fs_size, size);
		assert_int_equal(expand(rig, paths[i], 0, 0, &size), 0);
	}
}

/* As stage has it: a filesystem mounted with the flag "ro" is left at its size. */
static void a_read_only_mount_is_not_grown(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	char flag[] = "ro";
	char *flags[] = {flag};
	int64_t size;

	request.access.flags = flags;
	request.access.n_flags = 1;
	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->disks[0].size += FAKE_SIZE;
	rig_fail(rig, "grow", ERR_UNAVAILABLE);
	assert_int_equal(expand(rig, STAGING, FAKE_SIZE * 2, 0, &size), 0);
	assert_int_equal(size, FAKE_SIZE * 2);
	assert_string_equal(rig->fake->fail_op, "grow");
}

static void refuses_what_cannot_be(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	int64_t size = -1;

	assert_int_equal(expand(rig, STAGING, 0, 0, &size), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(expand(rig, "/somewhere", 0, 0, &size), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	assert_int_equal(expand(rig, STAGING, 0, 4096, &size), -1);
	assert_int_equal(rig->err.code, ERR_OUT_OF_RANGE);
	assert_int_equal(expand(rig, STAGING, FAKE_SIZE * 2, 0, &size), -1);
	assert_int_equal(rig->fake->disks[0].fs_size, FAKE_SIZE);
	assert_int_equal(size, -1);
}

static void block_and_readers_have_no_filesystem_to_grow(void **state)
{
	struct rig *rig = *state;
	struct core_stage block = rig_block();
	struct core_stage request = rig_request(0, VOLUME);
	int64_t size;

	assert_int_equal(rig_stage(rig, &block), 0);
	rig->fake->disks[0].size = FAKE_SIZE * 2;
	assert_int_equal(expand(rig, STAGING, FAKE_SIZE * 2, 0, &size), 0);
	assert_int_equal(size, FAKE_SIZE * 2);
	assert_int_equal(rig->fake->disks[0].fs_size, 0);
	assert_int_equal(rig_unstage(rig), 0);
	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	request.access.read_only = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(expand(rig, STAGING, FAKE_SIZE * 2, 0, &size), 0);
	assert_int_equal(rig->fake->disks[0].fs_size, 0);
}

static void statistics_of_a_filesystem(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	struct core_stats result;

	assert_int_equal(stats(rig, STAGING, &result), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(stats(rig, TARGET, &result), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(stats(rig, TARGET, &result), 0);
	assert_false(result.block);
	assert_int_equal(result.usage.bytes_total, FAKE_SIZE);
	assert_int_equal(result.usage.inodes_total, 100);
	assert_int_equal(stats(rig, STAGING, &result), 0);
	fake_top(rig->fake, TARGET)->used = false;
	assert_int_equal(stats(rig, TARGET, &result), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	fake_attach(rig->fake, FAKE_NQN, false);
	assert_int_equal(stats(rig, STAGING, &result), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
}

static void statistics_of_a_device(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();
	struct core_publish publish = rig_publish_request(&request);
	struct core_stats result;

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(stats(rig, TARGET, &result), 0);
	assert_true(result.block);
	assert_int_equal(result.usage.bytes_total, FAKE_SIZE);
}

/* P9: a device that does not answer holds its own statistics and nothing else of the volume. */
static void hanging_statistics_hold_only_themselves(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	struct core_stats result;
	pid_t child = fork();

	if (child == 0) {
		/* A test that fails must not leave it behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->stuck_pidfd = pidfd_open(child, 0);
	assert_true(rig->fake->stuck_pidfd >= 0);
	assert_int_equal(stats(rig, STAGING, &result), -1);
	assert_int_equal(rig->err.code, ERR_DEADLINE_EXCEEDED);
	/* No second child is sent after the first. */
	assert_int_equal(stats(rig, STAGING, &result), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(stats(rig, STAGING, &result), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(grows_the_filesystem_to_the_device),
		TEST(a_read_only_mount_is_not_grown),
		TEST(refuses_what_cannot_be),
		TEST(block_and_readers_have_no_filesystem_to_grow),
		TEST(statistics_of_a_filesystem),
		TEST(statistics_of_a_device),
		TEST(hanging_statistics_hold_only_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
