/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage and unstage: what is done, what is refused, what is repaired, what is left.
 */
#include "test/unit/node/core/rig.h"

#include <sys/prctl.h>

static void new_ext4_is_formatted_mounted_and_kept(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
	assert_string_equal(rig->fake->disks[0].content, "ext4");
	assert_int_equal(rig->fake->disks[0].formats, 1);
	assert_int_equal(fake_top(rig->fake, STAGING)->dev, rig->fake->disks[0].dev);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void block_is_only_connected(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 0);
	assert_int_equal(rig->fake->disks[0].formats, 0);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void the_same_again_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_restart(rig);
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
	assert_int_equal(rig->fake->connects, 1);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	assert_int_equal(rig->fake->disks[0].checks, 0);
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void another_capability_is_refused_by_name(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_stage other = request;
	char flag[] = "noatime";
	char *flags[] = {flag};

	assert_int_equal(rig_stage(rig, &request), 0);
	other.access.fs_type = "xfs";
	assert_int_equal(rig_stage(rig, &other), -1);
	assert_int_equal(rig->err.code, ERR_ALREADY_EXISTS);
	assert_non_null(strstr(rig->err.msg, "fs_type"));
	other = request;
	other.access.mode = 1;
	assert_int_equal(rig_stage(rig, &other), -1);
	assert_non_null(strstr(rig->err.msg, "access_mode"));
	other = request;
	other.access.flags = flags;
	other.access.n_flags = 1;
	assert_int_equal(rig_stage(rig, &other), -1);
	assert_non_null(strstr(rig->err.msg, "mount_flags"));
	assert_null(strstr(rig->err.msg, "noatime"));
	other = request;
	other.staging = "/elsewhere";
	assert_int_equal(rig_stage(rig, &other), -1);
	assert_int_equal(rig->err.code, ERR_ALREADY_EXISTS);
	assert_non_null(strstr(rig->err.msg, "staging_target_path"));
	rig_assert_staged(rig, 1);
}

static void what_holds_data_is_never_formatted(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	request.attach.written = true;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	rig_assert_nothing(rig);
	(void)snprintf(rig->fake->disks[0].content, 16, "LUKS");
	request.attach.written = false;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig->fake->disks[0].formats, 0);
	rig_assert_nothing(rig);
}

/* The record remembers a format even where the stage failed for good afterwards. */
static void formatted_once_forbids_a_second_format(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	rig_fail(rig, "mount", ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_false(rig_connected(rig));
	assert_int_equal(rig_records(rig), 1);
	/* The target lies: it shows zeros where the filesystem was. */
	rig->fake->disks[0].content[0] = '\0';
	rig_restart(rig);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void a_format_wants_the_exact_size(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	rig->fake->disks[0].size = FAKE_SIZE * 2;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig->fake->disks[0].formats, 0);
	rig_assert_nothing(rig);
}

static void an_existing_filesystem_is_checked_and_grown(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	rig->fake->disks[0].fs_size = FAKE_SIZE;
	rig->fake->disks[0].size = FAKE_SIZE * 2;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig->fake->disks[0].checks, 1);
	assert_int_equal(rig->fake->disks[0].formats, 0);
	assert_int_equal(rig->fake->disks[0].fs_size, FAKE_SIZE * 2);
}

static void readers_change_nothing(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	request.access.read_only = true;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	rig_assert_nothing(rig);
	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	rig->fake->disks[0].fs_size = 1;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_true(rig->fake->disks[0].read_only);
	assert_true(fake_top(rig->fake, STAGING)->read_only);
	assert_int_equal(rig->fake->disks[0].checks, 0);
	assert_int_equal(rig->fake->disks[0].fs_size, 1);
}

static void wrong_flags_are_refused_before_anything_is_done(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	char flag[] = "bind";
	char *flags[] = {flag};

	request.access.flags = flags;
	request.access.n_flags = 1;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(rig->fake->connects, 0);
	request = rig_request(0, VOLUME);
	request.mkfs_options = "-F /dev/sda";
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(rig->err.msg, "mkfsOptions"));
	assert_int_equal(rig->fake->connects, 0);
	rig_assert_nothing(rig);
}

static void without_a_staging_folder_nothing_is_done(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	request.staging = "/plugins/missing";
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig->fake->connects, 0);
	rig_assert_nothing(rig);
}

static void a_foreign_mount_on_the_staging_path_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)fake_add_mount(rig->fake, STAGING, makedev(8, 17));
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_mounts(rig), 1);
	assert_false(rig_connected(rig));
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_mounts(rig), 1);
}

/* All paths went for good, the head with them: the old mount is dead, the disk has a new number. */
static void a_dead_mount_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	dev_t old = rig->fake->disks[0].dev;
	fake_attach(rig->fake, FAKE_NQN, false);
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
	assert_int_not_equal(fake_top(rig->fake, STAGING)->dev, old);
	assert_int_equal(fake_top(rig->fake, STAGING)->dev, rig->fake->disks[0].dev);
	assert_int_equal(rig->fake->disks[0].formats, 1);
}

/* The device is there, but its filesystem shut itself down. */
static void a_filesystem_that_shut_down_is_mounted_anew(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->disks[0].dead_fs = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
	assert_false(rig->fake->disks[0].dead_fs);
	assert_int_equal(rig->fake->disks[0].checks, 1);
	/* ext4 after an error: alive, but read-only without being asked for it. */
	fake_top(rig->fake, STAGING)->fs_read_only = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_false(fake_top(rig->fake, STAGING)->fs_read_only);
	assert_int_equal(rig->fake->disks[0].checks, 2);
}

static void a_dead_filesystem_that_pods_hold_is_not_checked(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	rig->fake->disks[0].dead_fs = true;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(rig->err.msg, TARGET));
	assert_int_equal(rig->fake->disks[0].checks, 0);
	/* The pod ends: now it can be repaired. */
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig->fake->disks[0].checks, 1);
	rig_assert_staged(rig, 1);
}

static void after_a_reboot_it_is_staged_again(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	rig_reboot(rig);
	assert_false(rig_kept(rig));
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
	assert_int_equal(rig->fake->disks[0].formats, 1);
	publish.target = TARGET2;
	publish.access.many_targets = false;
	assert_int_equal(rig_publish(rig, &publish), 0);
	rig_reboot(rig);
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(rig_records(rig), 0);
}

static void a_restart_keeps_the_paths_of_what_is_staged(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->subsystems[fake_subsystem(rig->fake, FAKE_NQN)].kept = false;
	rig_restart(rig);
	assert_true(rig_kept(rig));
	/* Everything lost: the keeper must not bring back what nobody asks for. */
	fake_attach(rig->fake, FAKE_NQN, false);
	rig->fake->subsystems[fake_subsystem(rig->fake, FAKE_NQN)].kept = false;
	rig_restart(rig);
	assert_false(rig_kept(rig));
}

static void two_volumes_share_a_subsystem(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = rig_request(0, VOLUME);
	struct core_stage two = rig_request(1, "linux/vol-2");
	struct deadline dl = deadline_in(20000);

	(void)rig_disk(rig, 1, FAKE_NQN);
	fake_make_path(rig->fake, "/plugins/second", true);
	two.staging = "/plugins/second";
	assert_int_equal(rig_stage(rig, &one), 0);
	assert_int_equal(rig_stage(rig, &two), 0);
	assert_int_equal(rig->fake->connects, 1);
	assert_int_equal(rig_unstage(rig), 0);
	assert_true(rig_connected(rig));
	assert_true(rig_kept(rig));
	assert_int_equal(rig->fake->disconnects, 0);
	assert_int_equal(
		core_unstage(rig->core, "linux/vol-2", "/plugins/second", &dl, &rig->err), 0);
	assert_false(rig_connected(rig));
	assert_int_equal(rig->fake->disconnects, 1);
	assert_int_equal(rig_records(rig), 0);
}

/* A failing stage of one volume must not cut off the other one in the subsystem. */
static void a_failed_stage_spares_the_other_volume(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = rig_request(0, VOLUME);
	struct core_stage two = rig_request(1, "linux/vol-2");

	(void)snprintf(rig_disk(rig, 1, FAKE_NQN)->content, 16, "LUKS");
	fake_make_path(rig->fake, "/plugins/second", true);
	two.staging = "/plugins/second";
	assert_int_equal(rig_stage(rig, &one), 0);
	assert_int_equal(rig_stage(rig, &two), -1);
	assert_int_equal(rig->err.code, ERR_FAILED_PRECONDITION);
	rig_assert_staged(rig, 1);
}

/* What nobody recorded, but is mounted from the subsystem, is not cut off either. */
static void an_unrecorded_mount_stops_the_disconnect(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)rig_disk(rig, 1, FAKE_NQN);
	assert_int_equal(rig_stage(rig, &request), 0);
	(void)fake_add_mount(rig->fake, "/by/hand", rig->fake->disks[1].dev);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "/by/hand"));
	assert_true(rig_connected(rig));
	fake_top(rig->fake, "/by/hand")->used = false;
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void unstage_waits_for_unpublish(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(rig_unstage(rig), -1);
	assert_false(err_is_final(rig->err.code));
	assert_non_null(strstr(rig->err.msg, TARGET));
	rig_assert_staged(rig, 2);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	/* A subpath mount that nobody recorded holds the filesystem as well. */
	(void)fake_add_mount(rig->fake, "/pods/subpath", rig->fake->disks[0].dev);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_true(rig_connected(rig));
	fake_top(rig->fake, "/pods/subpath")->used = false;
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void unstage_finds_a_mount_whose_record_was_lost(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(dir_each(AT_FDCWD, rig->state, rig_remove, rig->state, NULL), 0);
	rig_restart(rig);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

/* Calls that come while the first one connects. */
static void meanwhile(void *arg)
{
	struct rig *rig = arg;
	struct core_stage same = rig_request(0, VOLUME);
	struct core_stage other = rig_request(1, "linux/vol-2");
	struct core_publish publish = rig_publish_request(&same);
	struct deadline soon = deadline_in(0);
	struct err err = {0};

	assert_int_equal(rig_stage(rig, &same), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	/* Another volume of the subsystem waits for it, as long as its caller does. */
	assert_int_equal(core_stage(rig->core, &other, &soon, &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	/* A volume of another subsystem is not concerned. */
	(void)snprintf(other.attach.nqn, sizeof(other.attach.nqn), FAKE_NQN "2");
	struct deadline dl = deadline_in(20000);
	assert_int_equal(core_stage(rig->core, &other, &dl, &err), 0);
}

static void calls_meanwhile_are_turned_away(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)rig_disk(rig, 1, FAKE_NQN "2");
	fake_make_path(rig->fake, "/plugins/second", true);
	rig->fake->in_connect = meanwhile;
	rig->fake->in_connect_arg = rig;
	request.staging = "/plugins/second";
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_mounts(rig), 2);
	assert_int_equal(rig_records(rig), 2);
	assert_int_equal(rig_stage(rig, &request), 0);
}

static void a_busy_volume_turns_others_away(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	pid_t child = fork();

	if (child == 0) {
		/* A test that fails must not leave it behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	/* fsck takes longer than the call: that answers, the volume stays locked. */
	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	rig->fake->stuck_pid = child;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_DEADLINE_EXCEEDED);
	assert_true(rig_connected(rig));
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "the check of its filesystem"));
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	struct core_counts counts;
	core_read_counts(rig->core, &counts);
	assert_int_equal(counts.stuck, 1);
	/* It ends: the next call goes on. */
	assert_int_equal(kill(child, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_assert_staged(rig, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_ext4_is_formatted_mounted_and_kept),
		TEST(block_is_only_connected),
		TEST(the_same_again_changes_nothing),
		TEST(another_capability_is_refused_by_name),
		TEST(what_holds_data_is_never_formatted),
		TEST(formatted_once_forbids_a_second_format),
		TEST(a_format_wants_the_exact_size),
		TEST(an_existing_filesystem_is_checked_and_grown),
		TEST(readers_change_nothing),
		TEST(wrong_flags_are_refused_before_anything_is_done),
		TEST(without_a_staging_folder_nothing_is_done),
		TEST(a_foreign_mount_on_the_staging_path_is_left_alone),
		TEST(a_dead_mount_is_replaced),
		TEST(a_filesystem_that_shut_down_is_mounted_anew),
		TEST(a_dead_filesystem_that_pods_hold_is_not_checked),
		TEST(after_a_reboot_it_is_staged_again),
		TEST(a_restart_keeps_the_paths_of_what_is_staged),
		TEST(two_volumes_share_a_subsystem),
		TEST(a_failed_stage_spares_the_other_volume),
		TEST(an_unrecorded_mount_stops_the_disconnect),
		TEST(unstage_waits_for_unpublish),
		TEST(unstage_finds_a_mount_whose_record_was_lost),
		TEST(calls_meanwhile_are_turned_away),
		TEST(a_busy_volume_turns_others_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
