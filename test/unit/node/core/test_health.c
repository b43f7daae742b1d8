/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of volumes and backends, one thing after the other that can be wrong with them.
 */
#include "node/core/health.h"
#include "node/core/hold.h"
#include "test/unit/node/core/rig.h"

#include <sys/prctl.h>

static struct core_health health;

static int look(struct rig *rig, const char *target)
{
	struct deadline dl = deadline_in(20000);

	rig->err = (struct err){0};
	return core_volume_health(rig->core, VOLUME, target, &dl, &health, &rig->err);
}

/* The message of @reason, which is the only thing wrong. */
static const char *only(struct rig *rig, enum health_reason reason)
{
	assert_int_equal(look(rig, ""), 0);
	if (health.n != 1 || health.list[0].reason != reason) {
		fail_msg("%zu reasons, %s: %s", health.n,
			health.n ? health_kind(health.list[0].reason)->name : "",
			health.n ? health.list[0].message : "");
	}
	return health.list[0].message;
}

static void well(struct rig *rig)
{
	assert_int_equal(look(rig, TARGET), 0);
	if (health.n != 0) {
		fail_msg(
			"%s: %s", health_kind(health.list[0].reason)->name, health.list[0].message);
	}
}

#define assert_says(message, part) assert_non_null(strstr(message, part))

static struct core_stage two_paths(void)
{
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(portals_parse("portals", FAKE_PORTAL "," FAKE_PORTAL2,
				 &request.attach.portals, NULL),
		0);
	return request;
}

static void staged(struct rig *rig)
{
	struct core_stage request = two_paths();
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
}

static void a_volume_that_is_well_has_no_entry(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(look(rig, ""), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
	staged(rig);
	well(rig);
	assert_int_equal(rig->fake->opened, 1);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(look(rig, ""), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
}

static void a_volume_of_the_last_boot_is_not_here(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	rig_reboot(rig);
	assert_int_equal(look(rig, ""), -1);
	assert_int_equal(rig->err.code, ERR_NOT_FOUND);
}

static void lost_paths_are_named(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	rig->fake->half = true;
	/* The keeper may still be about to add it. */
	well(rig);
	/* A restart forgets when it was staged. */
	rig_restart(rig);
	const char *message = only(rig, HEALTH_PATHS_LOST);
	assert_says(message, "1 of 2 paths");
	assert_says(message, FAKE_PORTAL2 " (not connected)");
	assert_null(strstr(message, FAKE_PORTAL " ("));
	assert_false(health_kind(HEALTH_PATHS_LOST)->inaccessible);
	rig->fake->half = false;
	well(rig);
}

static void no_path_is_told_with_what_the_pods_see(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	rig->fake->silent = true;
	const char *message = only(rig, HEALTH_ALL_PATHS_LOST);
	assert_true(health_kind(HEALTH_ALL_PATHS_LOST)->inaccessible);
	assert_says(message, "none of 2 paths");
	assert_says(message, FAKE_PORTAL " (connecting), " FAKE_PORTAL2 " (connecting)");
	assert_says(message, "go on by themselves");
	assert_null(strstr(message, "ctrlLossTmo"));
	/* P9: nobody asks a filesystem that cannot answer. */
	assert_int_equal(rig->fake->opened, 0);
}

static void times_of_the_volume_are_told(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = two_paths();

	request.options.fast_io_fail_tmo = 7;
	request.options.ctrl_loss_tmo = 90;
	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->silent = true;
	const char *message = only(rig, HEALTH_ALL_PATHS_LOST);
	assert_says(message, "wait for 7 s (fastIoFailTmo) and fail");
	assert_says(message, "after 90 s (ctrlLossTmo)");
}

/* Who keeps a message writes it again whenever it differs: it tells moments, not durations. */
static void a_message_stays_the_same(void **state)
{
	struct rig *rig = *state;
	char first[HEALTH_MSG_SIZE];

	staged(rig);
	rig->fake->silent = true;
	(void)snprintf(first, sizeof(first), "%s", only(rig, HEALTH_ALL_PATHS_LOST));
	assert_says(first, " (seen since 2");
	assert_string_equal(only(rig, HEALTH_ALL_PATHS_LOST), first);
	assert_null(strstr(first, " s ago"));
}

static void a_disk_that_is_gone_needs_new_pods(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	fake_attach(rig->fake, FAKE_NQN, false);
	assert_says(only(rig, HEALTH_DEVICE_LOST), "delete the pods");
	/* It came back as another one: what is mounted stays dead. */
	fake_attach(rig->fake, FAKE_NQN, true);
	assert_says(only(rig, HEALTH_DEVICE_LOST), "delete the pods");
}

/* The kernel gives numbers anew. */
static void another_disk_of_that_number_is_not_it(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	rig->fake->disks[0].uuid[0] ^= 1;
	assert_says(only(rig, HEALTH_DEVICE_LOST), "delete the pods");
}

static void filesystems_that_gave_up(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	struct fake_mount *mount = fake_top(rig->fake, STAGING);
	mount->fs_read_only = true;
	assert_says(only(rig, HEALTH_READ_ONLY), "read-only");
	mount->fs_read_only = false;
	mount->fs_word = "emergency_ro,data=ordered";
	assert_says(only(rig, HEALTH_READ_ONLY), "read-only");
	mount->fs_word = "shutdown";
	assert_says(only(rig, HEALTH_SHUT_DOWN), "shut itself down");
	mount->fs_word = "shutdowns,noquota";
	well(rig);
	/* Older kernels show no word: it does not open. */
	rig->fake->disks[0].dead_fs = true;
	assert_says(only(rig, HEALTH_SHUT_DOWN), "shut itself down");
}

static void readers_are_read_only_and_well(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	request.access.read_only = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	well(rig);
}

static void mounts_that_went_away(void **state)
{
	struct rig *rig = *state;

	staged(rig);
	fake_top(rig->fake, STAGING)->used = false;
	assert_says(only(rig, HEALTH_STAGING_LOST), STAGING);
	fake_top(rig->fake, TARGET)->used = false;
	assert_int_equal(look(rig, TARGET), 0);
	assert_int_equal(health.n, 2);
	assert_int_equal(health.list[1].reason, HEALTH_PUBLISH_LOST);
	assert_says(health.list[1].message, TARGET);
	/* A target that was never published is no loss. */
	assert_int_equal(look(rig, TARGET2), 0);
	assert_int_equal(health.n, 1);
}

static void a_raw_device_has_paths_and_no_filesystem(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_block();
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	well(rig);
	assert_int_equal(rig->fake->opened, 0);
	rig->fake->silent = true;
	(void)only(rig, HEALTH_ALL_PATHS_LOST);
	rig->fake->silent = false;
	fake_top(rig->fake, TARGET)->used = false;
	assert_int_equal(look(rig, TARGET), 0);
	assert_int_equal(health.list[0].reason, HEALTH_PUBLISH_LOST);
}

static void a_stage_that_failed_is_remembered(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = two_paths();

	/* A final code leaves no record, another one does; both are told. */
	rig_fail(rig, "inspect", ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_says(only(rig, HEALTH_STAGE_FAILED), "inspect: made to fail");
	rig_fail(rig, "connect", ERR_UNAVAILABLE);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_says(only(rig, HEALTH_STAGE_FAILED), "connect: made to fail");
	assert_int_equal(rig_stage(rig, &request), 0);
	well(rig);
}

static void a_request_that_cannot_be_is_told(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = two_paths();

	request.mkfs_options = "--evil";
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_says(only(rig, HEALTH_STAGE_FAILED), "mkfsOptions");
}

static void a_publish_that_failed_is_remembered_until_it_is_taken_away(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = two_paths();
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_fail(rig, "bind", ERR_UNAVAILABLE);
	assert_int_equal(rig_publish(rig, &publish), -1);
	assert_says(only(rig, HEALTH_PUBLISH_FAILED), "bind: made to fail");
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	well(rig);
}

static pid_t child_that_waits(void)
{
	pid_t child = fork();

	if (child == 0) {
		/* A test that fails must not leave it behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pause();
		_exit(0);
	}
	assert_true(child > 0);
	return child;
}

static void end(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* P9, P10: one child for each volume that hangs, and an answer each time. */
static void a_filesystem_that_hangs_is_asked_once(void **state)
{
	struct rig *rig = *state;
	pid_t child = child_that_waits();

	staged(rig);
	rig->fake->stuck_pidfd = pidfd_open(child, 0);
	assert_says(only(rig, HEALTH_FS_HANGS), "does not answer");
	assert_int_equal(rig->fake->opened, 1);
	assert_says(only(rig, HEALTH_FS_HANGS), "has not answered a question (open) since 2");
	assert_int_equal(rig->fake->opened, 1);
	end(child);
	well(rig);
}

static void a_check_that_goes_on_is_told(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = two_paths();
	pid_t child = child_that_waits();

	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	rig->fake->stuck_pid = child;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(look(rig, ""), 0);
	assert_int_equal(health.n, 2);
	assert_int_equal(health.list[0].reason, HEALTH_CHECK_RUNS);
	assert_says(health.list[0].message, "NodeStageVolume: the check");
	assert_int_equal(health.list[1].reason, HEALTH_STAGE_FAILED);
	/* The core reaps the child. */
	assert_int_equal(kill(child, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	(void)only(rig, HEALTH_STAGE_FAILED);
}

/* Its own operations of this run do not count as left behind. */
static void who_was_left_behind_before_the_restart(void **state)
{
	struct rig *rig = *state;
	struct holds *before = NULL;
	struct hold hold;

	staged(rig);
	assert_int_equal(holds_open(rig->state, &before, &rig->err), 0);
	assert_int_equal(
		hold_take(before, HOLD_VOLUME, VOLUME, "NodeUnstageVolume", &hold, &rig->err), 0);
	well(rig);
	rig_restart(rig);
	const char *message = only(rig, HEALTH_KERNEL_HANGS);
	assert_says(message, "NodeUnstageVolume, begun at 2");
	assert_says(message, "restarted");
	hold_release(before, &hold);
	well(rig);
	holds_free(before);
}

static void a_record_that_cannot_be_read_is_told(void **state)
{
	struct rig *rig = *state;
	unsigned counts[HEALTH_REASONS];
	char path[PATH_MAX];
	struct dirent *entry;

	staged(rig);
	(void)snprintf(path, sizeof(path), "%s", rig->state);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) && strncmp(entry->d_name, "v-", 2) != 0) {
	}
	assert_non_null(entry);
	(void)snprintf(path, sizeof(path), "%s/%s", rig->state, entry->d_name);
	(void)closedir(dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "torn", 4, 0600, &rig->err), 0);
	rig_close(rig);
	rig_open(rig);
	assert_int_equal(core_count_health(rig->core, counts, &rig->err), 0);
	assert_int_equal(counts[HEALTH_BAD_RECORD], 1);
}

static void counts_are_those_of_the_volumes(void **state)
{
	struct rig *rig = *state;
	unsigned counts[HEALTH_REASONS];
	struct core_stage other = rig_request(1, "linux/vol-2");

	(void)rig_disk(rig, 1, FAKE_NQN);
	staged(rig);
	assert_int_equal(core_count_health(rig->core, counts, &rig->err), 0);
	for (size_t i = 0; i < HEALTH_REASONS; i++) {
		assert_int_equal(counts[i], 0);
	}
	rig_fail(rig, "connect", ERR_INTERNAL);
	assert_int_equal(rig_stage(rig, &other), -1);
	rig->fake->silent = true;
	rig->fake->opened = 0;
	assert_int_equal(core_count_health(rig->core, counts, &rig->err), 0);
	assert_int_equal(counts[HEALTH_ALL_PATHS_LOST], 1);
	assert_int_equal(counts[HEALTH_STAGE_FAILED], 1);
	assert_int_equal(rig->fake->opened, 0);
}

static void sysfs_that_cannot_be_read_is_no_answer(void **state)
{
	struct rig *rig = *state;
	struct core_backends backends;

	staged(rig);
	rig_fail(rig, "ctrls", ERR_UNAVAILABLE);
	assert_int_equal(look(rig, ""), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	rig_fail(rig, "ctrls", ERR_UNAVAILABLE);
	assert_int_equal(core_backend_health(rig->core, &backends, &rig->err), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_volume_that_is_well_has_no_entry),
		TEST(a_volume_of_the_last_boot_is_not_here),
		TEST(lost_paths_are_named),
		TEST(no_path_is_told_with_what_the_pods_see),
		TEST(times_of_the_volume_are_told),
		TEST(a_message_stays_the_same),
		TEST(a_disk_that_is_gone_needs_new_pods),
		TEST(another_disk_of_that_number_is_not_it),
		TEST(filesystems_that_gave_up),
		TEST(readers_are_read_only_and_well),
		TEST(mounts_that_went_away),
		TEST(a_raw_device_has_paths_and_no_filesystem),
		TEST(a_stage_that_failed_is_remembered),
		TEST(a_request_that_cannot_be_is_told),
		TEST(a_publish_that_failed_is_remembered_until_it_is_taken_away),
		TEST(a_filesystem_that_hangs_is_asked_once),
		TEST(a_check_that_goes_on_is_told),
		TEST(who_was_left_behind_before_the_restart),
		TEST(a_record_that_cannot_be_read_is_told),
		TEST(counts_are_those_of_the_volumes),
		TEST(sysfs_that_cannot_be_read_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
