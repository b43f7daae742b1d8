/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publish and unpublish: CSI's table of the second publish, readonly, raw block, what is foreign.
 */
#include "test/unit/node/core/rig.h"

static void shows_the_volume_at_the_target(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(fake_top(rig->fake, TARGET)->dev, rig->fake->disks[0].dev);
	assert_false(fake_top(rig->fake, TARGET)->read_only);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_paths(rig), 1);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void wants_the_volume_staged_there(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), 0);
	publish.staging = "/plugins/other";
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	publish.staging = STAGING;
	publish.target = STAGING;
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_INVALID_ARGUMENT);
	publish.target = TARGET;
	fake_top(rig->fake, STAGING)->dev = makedev(8, 17);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_mounts(rig), 1);
	assert_int_equal(rig_paths(rig), 1);
}

/* Its staging mount went, by hand or by a publish that was killed: the device is the proven one. */
static void a_lost_staging_mount_is_made_again(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	fake_top(rig->fake, STAGING)->used = false;
	assert_int_equal(rig_publish(rig, &publish), 0);
	rig_assert_staged(rig, 2);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	/* Nor is it formatted when nothing is found on it any more. */
	fake_top(rig->fake, STAGING)->used = false;
	rig->fake->disks[0].content[0] = '\0';
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig->fake->disks[0].formats, 1);
}

/*
 * A filesystem that made itself read-only is not handed to the next pod: kubelet calls no stage
 * again while it counts the volume as staged.
 */
static void a_filesystem_that_went_read_only_is_mended(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	struct core_publish second = rig_publish_request(&request);

	second.target = TARGET2;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	fake_top(rig->fake, STAGING)->fs_read_only = true;
	fake_top(rig->fake, TARGET)->fs_read_only = true;
	/* A pod still holds it: a mount now would give the same filesystem. */
	assert_int_equal(rig_publish(rig, &second), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(rig->err.msg, TARGET));
	assert_int_equal(rig->fake->disks[0].checks, 0);
	rig_assert_staged(rig, 2);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_publish(rig, &second), 0);
	assert_false(fake_top(rig->fake, STAGING)->fs_read_only);
	assert_int_equal(rig->fake->disks[0].checks, 1);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	rig_assert_staged(rig, 2);
	/* One that needs a person stays as it is, and the error says so each time. */
	assert_int_equal(rig_unpublish(rig, TARGET2), 0);
	fake_top(rig->fake, STAGING)->fs_read_only = true;
	for (int i = 0; i < 2; i++) {
		rig_fail(rig, "check", ERR_FAILED_PRECONDITION);
		assert_int_equal(rig_publish(rig, &second), -1);
		assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
		assert_non_null(strstr(rig->err.msg, "check: made to fail"));
	}
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

/* Mounted with the flag "ro" it is as it was asked for. */
static void a_read_only_mount_needs_no_mending(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	char flag[] = "ro";
	char *flags[] = {flag};

	request.access.flags = flags;
	request.access.n_flags = 1;
	struct core_publish publish = rig_publish_request(&request);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_true(fake_top(rig->fake, STAGING)->fs_read_only);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(rig->fake->disks[0].checks, 0);
}

/* Same target: the same is fine, another readonly or capability is ALREADY_EXISTS. */
static void second_publish_at_the_same_target(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	for (int many = 0; many < 2; many++) {
		request.access.many_targets = many;
		publish = rig_publish_request(&request);
		assert_int_equal(rig_stage(rig, &request), 0);
		assert_int_equal(rig_publish(rig, &publish), 0);
		assert_int_equal(rig_publish(rig, &publish), 0);
		assert_int_equal(rig_mounts(rig), 2);
		publish.read_only = true;
		assert_int_equal(rig_publish(rig, &publish), -1);
		assert_int_equal(rig->err.code, ERR_ALREADY_EXISTS);
		publish.read_only = false;
		publish.access.mode = 1;
		assert_int_equal(rig_publish(rig, &publish), -1);
		assert_int_equal(rig->err.code, ERR_ALREADY_EXISTS);
		assert_int_equal(rig_unpublish(rig, TARGET), 0);
		assert_int_equal(rig_unstage(rig), 0);
		rig_assert_nothing(rig);
	}
}

/* Another target: for the modes that allow several, else FAILED_PRECONDITION. */
static void second_publish_at_another_target(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	struct core_publish second = rig_publish_request(&request);

	second.target = TARGET2;
	second.read_only = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(rig_publish(rig, &second), 0);
	assert_true(fake_top(rig->fake, TARGET2)->read_only);
	assert_false(fake_top(rig->fake, TARGET)->read_only);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_unpublish(rig, TARGET2), 0);
	assert_int_equal(rig_unstage(rig), 0);
	request.access.many_targets = false;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(rig_publish(rig, &second), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(rig->err.msg, TARGET));
	/* The first one ended: its place is free, also when only its mount went. */
	fake_top(rig->fake, TARGET)->used = false;
	assert_int_equal(rig_publish(rig, &second), 0);
}

static void a_dead_publish_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	fake_attach(rig->fake, FAKE_NQN, false);
	assert_int_equal(rig_publish(rig, &publish), 0); /* nobody knows yet */
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(fake_top(rig->fake, TARGET)->dev, rig->fake->disks[0].dev);
	rig_assert_staged(rig, 2);
}

static void block_is_a_device_node_of_the_proven_device(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(fake_top(rig->fake, TARGET)->node, rig->fake->disks[0].dev);
	assert_false(rig->fake->paths[fake_path(rig->fake, TARGET)].folder);
	assert_int_equal(rig_unstage(rig), -1);
	assert_non_null(strstr(rig->err.msg, TARGET));
	/* kubelet binds the node once more; that is no record of ours, and yet a use of it. */
	*fake_add_mount(rig->fake, "/plugins/map", makedev(8, 1)) = *fake_top(rig->fake, TARGET);
	(void)snprintf(fake_top(rig->fake, TARGET)->target, 256, "/plugins/map");
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "/plugins/map"));
	fake_top(rig->fake, "/plugins/map")->used = false;
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void block_that_came_back_with_another_number_is_staged_again(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	fake_attach(rig->fake, FAKE_NQN, false);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	fake_attach(rig->fake, FAKE_NQN, true);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(fake_top(rig->fake, TARGET)->node, rig->fake->disks[0].dev);
}

static void block_is_read_only_for_all_or_none(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();
	struct core_publish publish = rig_publish_request(&request);
	struct core_publish second = rig_publish_request(&request);

	publish.read_only = true;
	second.target = TARGET2;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_true(rig->fake->disks[0].read_only);
	assert_int_equal(rig_publish(rig, &second), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_publish(rig, &second), 0);
	assert_false(rig->fake->disks[0].read_only);
}

static void foreign_mounts_are_left_alone(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	struct fake_mount *mount = fake_add_mount(rig->fake, TARGET, makedev(0, 42));
	(void)snprintf(mount->fs_type, sizeof(mount->fs_type), "tmpfs");
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_unpublish(rig, TARGET), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_true(mount->used);
}

/* Without a record, as for a volume of an earlier installation, the target still goes. */
static void unpublish_needs_no_record(void **state)
{
	struct rig *rig = *state;

	fake_make_path(rig->fake, TARGET, true);
	(void)fake_add_mount(rig->fake, TARGET, makedev(259, 30));
	(void)fake_add_mount(rig->fake, TARGET, makedev(259, 31));
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	rig_assert_nothing(rig);
}

static void a_failure_is_taken_back(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_fail(rig, "bind", ERR_INTERNAL);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_INTERNAL);
	assert_int_equal(rig_paths(rig), 1);
	rig_assert_staged(rig, 1);
	assert_int_equal(rig_unstage(rig), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(shows_the_volume_at_the_target),
		TEST(wants_the_volume_staged_there),
		TEST(a_lost_staging_mount_is_made_again),
		TEST(a_filesystem_that_went_read_only_is_mended),
		TEST(a_read_only_mount_needs_no_mending),
		TEST(second_publish_at_the_same_target),
		TEST(second_publish_at_another_target),
		TEST(a_dead_publish_is_replaced),
		TEST(block_is_a_device_node_of_the_proven_device),
		TEST(block_that_came_back_with_another_number_is_staged_again),
		TEST(block_is_read_only_for_all_or_none),
		TEST(foreign_mounts_are_left_alone),
		TEST(unpublish_needs_no_record),
		TEST(a_failure_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
