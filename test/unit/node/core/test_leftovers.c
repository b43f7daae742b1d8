/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left: held by others, from an earlier boot, unwritten, or of a stage that failed.
 */
#include "node/core/gate.h"
#include "node/core/hold.h"
#include "test/unit/node/core/rig.h"

/* A pod with a mount namespace of its own that does not follow ours keeps the filesystem alive. */
static void a_filesystem_held_elsewhere_is_not_disconnected(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_stage block = rig_block();
	struct core_stage other = rig_request(1, "linux/vol-2");

	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->disks[0].held = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rig_unstage(rig), -1);
		assert_int_equal(rig->err.code, ERR_ABORTED);
		assert_non_null(strstr(rig->err.msg, "nvme0n1"));
		assert_non_null(strstr(rig->err.msg, "another mount namespace"));
		assert_int_equal(rig_mounts(rig), 0);
		assert_int_equal(rig_records(rig), 1);
		assert_true(rig_connected(rig));
		rig_restart(rig);
	}
	rig->fake->disks[0].held = false;
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
	/* The same for a raw device, which dm may hold. */
	assert_int_equal(rig_stage(rig, &block), 0);
	rig->fake->disks[0].held = true;
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	rig->fake->disks[0].held = false;
	assert_int_equal(rig_unstage(rig), 0);
	/* The subsystem stays for another volume: the target takes this one away all the same. */
	(void)rig_disk(rig, 1, FAKE_NQN);
	other.staging = "/plugins/other";
	fake_make_path(rig->fake, other.staging, true);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_stage(rig, &other), 0);
	rig->fake->disks[1].held = true;
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->disks[0].held = true;
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
}

/* What an undo could not even begin with is known to the record, which the next call goes by. */
static void a_record_outlives_an_undo_that_failed(void **state)
{
#ifdef NV_FAULTS
	static const char *const undos[] = {
		"undo-mount", "undo-mount.done", "undo-connect", "undo-connect.done"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	char faults[160];

	for (size_t i = 0; i < ARRAY_SIZE(undos); i++) {
		(void)snprintf(faults, sizeof(faults),
			"NodeStageVolume.record-done=fail:FAILED_PRECONDITION,NodeStageVolume.%s=fail",
			undos[i]);
		assert_int_equal(setenv("NVMETCP_FAULTS", faults, 1), 0);
		assert_int_equal(rig_stage(rig, &request), -1);
		assert_int_equal(unsetenv("NVMETCP_FAULTS"), 0);
		assert_int_equal(rig->err.code, ERR_ABORTED);
		assert_int_equal(rig_records(rig), 1);
		assert_int_equal(rig_unstage(rig), 0);
		rig_assert_nothing(rig);
	}
#else
	(void)state;
	skip(); /* this build has no fault points */
#endif
}

/* After a reboot the number of one volume's device is another's. */
static void a_device_number_of_an_earlier_boot_means_nothing(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_stage other = rig_request(1, "linux/vol-2");

	(void)snprintf(other.attach.nqn, sizeof(other.attach.nqn), FAKE_NQN "2");
	other.staging = "/plugins/other";
	fake_make_path(rig->fake, other.staging, true);
	(void)rig_disk(rig, 1, FAKE_NQN "2");
	for (int staged_again = 0; staged_again < 2; staged_again++) {
		rig->fake->next_minor = 1;
		assert_int_equal(rig_stage(rig, &request), 0);
		struct core_publish publish = rig_publish_request(&request);
		assert_int_equal(rig_publish(rig, &publish), 0);
		rig_reboot(rig);
		rig->fake->next_minor = 1;
		assert_int_equal(rig_stage(rig, &other), 0);
		/* Also where a stage of this boot got as far as its record. */
		if (staged_again) {
			rig_fail(rig, "connect", ERR_UNAVAILABLE);
			assert_int_equal(rig_stage(rig, &request), -1);
		}
		if (rig_unstage(rig) < 0) {
			fail_msg("%s", rig->err.msg);
		}
		assert_int_equal(rig_mounts(rig), 1);
		assert_int_equal(rig_records(rig), 1);
		rig_close(rig);
		(void)!dir_each(AT_FDCWD, rig->state, rig_remove, rig->state, NULL);
		memset(rig->fake->mounts, 0, sizeof(rig->fake->mounts));
		fake_attach(rig->fake, FAKE_NQN "2", false);
		rig->boot = BOOT_A;
		rig_open(rig);
	}
}

static int find_record(const char *name, void *arg)
{
	if (strncmp(name, "v-", 2) == 0) {
		(void)snprintf(arg, 256, "%s", name);
	}
	return 0;
}

/* A record that cannot be written stops a stage, never the way down. */
static void a_record_that_cannot_be_written_keeps_nothing_mounted(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);
	char name[256];
	char path[PATH_MAX];

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(dir_each(AT_FDCWD, rig->state, find_record, name, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", rig->state, name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_mounts(rig), 1);
	/* It ends at the folder, which cannot be removed like a record. */
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig_mounts(rig), 0);
	assert_false(rig_connected(rig));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_false(rig_connected(rig));
}

/* A final code says that nothing is there. */
static void a_repeated_stage_never_fails_for_good_with_something_there(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_fail(rig, "device", ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "made to fail"));
	rig_assert_staged(rig, 1);
	/* Half-staged, and the folder is gone. */
	assert_int_equal(rig_unstage(rig), 0);
	rig_fail(rig, "mount", ERR_UNAVAILABLE);
	assert_int_equal(rig_stage(rig, &request), -1);
	int at = fake_path(rig->fake, STAGING);
	rig->fake->paths[at].path[0] = '\0';
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_true(rig_connected(rig));
	assert_int_equal(rig_unstage(rig), 0);
	fake_make_path(rig->fake, STAGING, true);
	rig_assert_nothing(rig);
}

/* Taking a failed stage back keeps the record while a pod still has the device. */
static void a_stage_taken_back_remembers_what_a_pod_holds(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_stage other = rig_request(1, "linux/vol-2");
	struct core_publish publish = rig_publish_request(&request);

	(void)rig_disk(rig, 1, FAKE_NQN);
	other.staging = "/plugins/other";
	fake_make_path(rig->fake, other.staging, true);
	assert_int_equal(rig_stage(rig, &other), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(rig_publish(rig, &publish), 0);
	fake_top(rig->fake, STAGING)->used = false;
	rig_fail(rig, "mount", ERR_FAILED_PRECONDITION);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig_records(rig), 2);
	assert_true(rig_connected(rig));
}

static void what_is_in_memory_is_stored_before_the_unmount(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	assert_int_equal(rig_stage(rig, &request), 0);
	rig_fail(rig, "sync", ERR_UNAVAILABLE);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	assert_int_equal(rig_mounts(rig), 1);
	assert_true(rig_connected(rig));
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(rig->fake->disks[0].syncs, 1);
	rig_assert_nothing(rig);
	/* One that shut itself down has nothing to store any more. */
	assert_int_equal(rig_stage(rig, &request), 0);
	rig->fake->disks[0].dead_fs = true;
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void count_found(void *arg, const char *volume, const char *what)
{
	unsigned *found = arg;

	if (streq(volume, VOLUME) && strstr(what, "is not done with it")) {
		(*found)++;
	}
}

/* Somebody of a plugin that is gone hangs on the volume: nothing is done to it, and the rest of the
 * node goes on. */
static void who_hangs_since_before_the_restart_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_stage other = rig_request(1, "linux/vol-2");
	struct deadline dl = deadline_in(20000);
	struct core_counts counts;
	struct core_stats stats;
	struct holds *before = NULL;
	struct hold hold;
	unsigned found = 0;

	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(holds_open(rig->state, &before, &rig->err), 0);
	assert_int_equal(
		hold_take(before, HOLD_VOLUME, VOLUME, "NodeUnstageVolume", &hold, &rig->err), 0);
	rig_close(rig);
	rig_open(rig);
	assert_int_equal(core_start(rig->core, count_found, &found, &rig->err), 0);
	assert_int_equal(found, 1);
	core_read_counts(rig->core, &counts);
	assert_int_equal(counts.stuck, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_unstage(rig), -1);
		assert_int_equal(rig->err.code, ERR_ABORTED);
		assert_non_null(strstr(rig->err.msg, "before its last restart (NodeUnstageVolume"));
		assert_int_equal(rig_stage(rig, &request), -1);
		assert_int_equal(rig->err.code, ERR_ABORTED);
	}
	assert_int_equal(rig_mounts(rig), 1);
	assert_int_equal(core_stats(rig->core, VOLUME, STAGING, &dl, &stats, &rig->err), 0);
	(void)rig_disk(rig, 1, FAKE_NQN "2");
	(void)snprintf(other.attach.nqn, sizeof(other.attach.nqn), FAKE_NQN "2");
	other.staging = "/plugins/other";
	fake_make_path(rig->fake, other.staging, true);
	assert_int_equal(rig_stage(rig, &other), 0);
	/* It ends. */
	hold_leave(&hold);
	holds_free(before);
	core_read_counts(rig->core, &counts);
	assert_int_equal(counts.stuck, 0);
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(rig_stage(rig, &request), 0);
}

/* --- volumes of one target, each with a subsystem of its own --- */

#define CROWD (GATE_BAD + 1)

struct crowd {
	struct rig *rig;
	unsigned inside;
	char volumes[CROWD][32];
	char staging[CROWD][32];
};

static int crowd_unstage(struct crowd *crowd, unsigned i)
{
	struct deadline dl = deadline_in(20000);

	crowd->rig->err = (struct err){0};
	return core_unstage(
		crowd->rig->core, crowd->volumes[i], crowd->staging[i], &dl, &crowd->rig->err);
}

static void crowd_stage(struct crowd *crowd, struct rig *rig)
{
	*crowd = (struct crowd){.rig = rig};
	for (unsigned i = 0; i < CROWD; i++) {
		struct core_stage request = rig_request(i, crowd->volumes[i]);

		(void)snprintf(crowd->volumes[i], sizeof(crowd->volumes[i]), "linux/vol-%u", i);
		(void)snprintf(crowd->staging[i], sizeof(crowd->staging[i]), "/plugins/%u", i);
		(void)snprintf(
			request.attach.nqn, sizeof(request.attach.nqn), "%s-%u", FAKE_NQN, i);
		(void)rig_disk(rig, i, request.attach.nqn);
		request.staging = crowd->staging[i];
		fake_make_path(rig->fake, request.staging, true);
		assert_int_equal(rig_stage(rig, &request), 0);
	}
}

/* While one is being taken down, the next one is begun, and so on. */
static void crowd_follow(void *arg)
{
	struct crowd *crowd = arg;
	unsigned next = ++crowd->inside;

	if (next < GATE_BAD) {
		assert_int_equal(crowd_unstage(crowd, next), 0);
	} else {
		assert_int_equal(crowd_unstage(crowd, next), -1);
		assert_int_equal(crowd->rig->err.code, ERR_UNAVAILABLE);
		assert_non_null(strstr(crowd->rig->err.msg, "10.0.0.5:4420"));
	}
}

/* P7: after one take-down whose time was over, the others of that target come in few at a time. */
static void a_dead_target_is_given_few_take_downs_at_once(void **state)
{
	struct rig *rig = *state;
	struct crowd crowd;

	crowd_stage(&crowd, rig);
	(void)snprintf(rig->fake->fail_op, sizeof(rig->fake->fail_op), "sync");
	rig->fake->fail_code = ERR_DEADLINE_EXCEEDED;
	assert_int_equal(crowd_unstage(&crowd, 0), -1);
	assert_int_equal(rig->err.code, ERR_DEADLINE_EXCEEDED);
	rig->fake->in_sync = crowd_follow;
	rig->fake->in_sync_arg = &crowd;
	assert_int_equal(crowd_unstage(&crowd, 0), 0);
	assert_int_equal(crowd.inside, GATE_BAD);
	rig->fake->in_sync = NULL;
	assert_int_equal(crowd_unstage(&crowd, GATE_BAD), 0);
	assert_int_equal(rig_mounts(rig), 0);
	assert_int_equal(rig_records(rig), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_filesystem_held_elsewhere_is_not_disconnected),
		TEST(a_record_outlives_an_undo_that_failed),
		TEST(a_device_number_of_an_earlier_boot_means_nothing),
		TEST(a_record_that_cannot_be_written_keeps_nothing_mounted),
		TEST(a_repeated_stage_never_fails_for_good_with_something_there),
		TEST(a_stage_taken_back_remembers_what_a_pod_holds),
		TEST(what_is_in_memory_is_stored_before_the_unmount),
		TEST(who_hangs_since_before_the_restart_is_left_alone),
		TEST(a_dead_target_is_given_few_take_downs_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
