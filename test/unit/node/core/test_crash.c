/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P5 and P6: a process killed before or after any step, and every operation failing once, with a
 * final code or without; then the call again, or its opposite. What is left is counted.
 */
#include "test/unit/node/core/rig.h"

static void do_stage(struct rig *rig)
{
	struct core_stage request = rig_request(0, VOLUME);

	(void)rig_stage(rig, &request);
}

static void do_unstage(struct rig *rig)
{
	(void)rig_unstage(rig);
}

static void do_publish(struct rig *rig)
{
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	(void)rig_publish(rig, &publish);
}

static void do_unpublish(struct rig *rig)
{
	(void)rig_unpublish(rig, TARGET);
}

/* Both sides of a step. */
static const char *const SIDES[] = {"", ".done"};

static void kill_at(struct rig *rig, const char *rpc, const char *step, const char *side,
	void (*fn)(struct rig *))
{
	char point[128];

	(void)snprintf(point, sizeof(point), "%s.%s%s", rpc, step, side);
	if (!rig_killed(rig, point, fn)) {
		fail_msg("%s was not reached", point);
	}
	rig_restart(rig);
}

static const char *const STAGE_STEPS[] = {"record", "connect", "device", "access", "format",
	"record-formatted", "mount", "grow", "record-done"};

static void stage_killed_then_repeated(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	for (size_t i = 0; i < ARRAY_SIZE(STAGE_STEPS); i++) {
		for (size_t side = 0; side < 2; side++) {
			kill_at(rig, "NodeStageVolume", STAGE_STEPS[i], SIDES[side], do_stage);
			assert_int_equal(rig_stage(rig, &request), 0);
			rig_assert_staged(rig, 1);
			assert_int_equal(rig->fake->disks[0].formats, 1);
			assert_int_equal(rig_unstage(rig), 0);
			rig_assert_nothing(rig);
			rig->fake->disks[0].content[0] = '\0';
			rig->fake->disks[0].formats = 0;
		}
	}
}

static void stage_killed_then_unstaged(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(STAGE_STEPS); i++) {
		for (size_t side = 0; side < 2; side++) {
			kill_at(rig, "NodeStageVolume", STAGE_STEPS[i], SIDES[side], do_stage);
			assert_int_equal(rig_unstage(rig), 0);
			rig_assert_nothing(rig);
			rig->fake->disks[0].content[0] = '\0';
		}
	}
}

/* The repeated call comes with other words: another attachment of the volume. */
static void stage_killed_then_moved(void **state)
{
	struct rig *rig = *state;
	struct core_stage moved = rig_request(1, VOLUME);

	(void)rig_disk(rig, 1, FAKE_NQN "2");
	(void)snprintf(moved.attach.nqn, sizeof(moved.attach.nqn), FAKE_NQN "2");
	for (size_t i = 0; i + 1 < ARRAY_SIZE(STAGE_STEPS); i++) {
		kill_at(rig, "NodeStageVolume", STAGE_STEPS[i], ".done", do_stage);
		rig->fake->disks[1].content[0] = '\0';
		(void)snprintf(rig->fake->disks[1].content, 16, "ext4");
		assert_int_equal(rig_stage(rig, &moved), 0);
		assert_false(rig_connected(rig));
		assert_int_equal(rig_mounts(rig), 1);
		assert_int_equal(rig_unstage(rig), 0);
		rig_assert_nothing(rig);
		rig->fake->disks[0].content[0] = '\0';
	}
}

static void unstage_killed_then_repeated(void **state)
{
	static const char *const steps[] = {"record", "sync", "unmount", "disconnect", "forget"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (size_t side = 0; side < 2; side++) {
			assert_int_equal(rig_stage(rig, &request), 0);
			kill_at(rig, "NodeUnstageVolume", steps[i], SIDES[side], do_unstage);
			assert_int_equal(rig_unstage(rig), 0);
			rig_assert_nothing(rig);
		}
	}
}

static void unstage_killed_then_staged(void **state)
{
	static const char *const steps[] = {"record", "sync", "unmount", "disconnect", "forget"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (size_t side = 0; side < 2; side++) {
			assert_int_equal(rig_stage(rig, &request), 0);
			kill_at(rig, "NodeUnstageVolume", steps[i], SIDES[side], do_unstage);
			assert_int_equal(rig_stage(rig, &request), 0);
			rig_assert_staged(rig, 1);
			assert_int_equal(rig->fake->disks[0].formats, 1);
		}
	}
}

static void publish_killed_then_repeated_or_undone(void **state)
{
	static const char *const steps[] = {"record", "target", "bind"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (size_t side = 0; side < 2; side++) {
			for (int again = 0; again < 2; again++) {
				kill_at(rig, "NodePublishVolume", steps[i], SIDES[side],
					do_publish);
				if (again) {
					assert_int_equal(rig_publish(rig, &publish), 0);
					assert_int_equal(rig_mounts(rig), 2);
				}
				assert_int_equal(rig_unpublish(rig, TARGET), 0);
				rig_assert_staged(rig, 1);
				assert_int_equal(rig_paths(rig), 1);
			}
		}
	}
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

/* A publish that mends what went read-only, killed in the middle of it. */
static void publish_killed_while_it_mends(void **state)
{
	static const char *const steps[] = {"unmount", "check", "mount", "record", "bind"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (size_t side = 0; side < 2; side++) {
			fake_top(rig->fake, STAGING)->fs_read_only = true;
			kill_at(rig, "NodePublishVolume", steps[i], SIDES[side], do_publish);
			assert_int_equal(rig_publish(rig, &publish), 0);
			rig_assert_staged(rig, 2);
			assert_false(fake_top(rig->fake, TARGET)->fs_read_only);
			assert_int_equal(rig->fake->disks[0].formats, 1);
			assert_int_equal(rig_unpublish(rig, TARGET), 0);
		}
	}
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void unpublish_killed_then_repeated(void **state)
{
	static const char *const steps[] = {"unmount", "target", "record"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);
	struct core_publish publish = rig_publish_request(&request);

	assert_int_equal(rig_stage(rig, &request), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (size_t side = 0; side < 2; side++) {
			assert_int_equal(rig_publish(rig, &publish), 0);
			kill_at(rig, "NodeUnpublishVolume", steps[i], SIDES[side], do_unpublish);
			assert_int_equal(rig_unpublish(rig, TARGET), 0);
			rig_assert_staged(rig, 1);
			assert_int_equal(rig_paths(rig), 1);
		}
	}
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static const char *const STAGE_OPS[] = {
	"connect", "device", "access", "inspect", "format", "check", "mount", "grow"};

/* A final code says that nothing is there: so nothing may be. */
static void a_final_failure_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)snprintf(rig->fake->disks[0].content, 16, "ext4");
	for (size_t i = 0; i < ARRAY_SIZE(STAGE_OPS); i++) {
		if (streq(STAGE_OPS[i], "format")) {
			continue; /* formatted already: see the next test */
		}
		rig_fail(rig, STAGE_OPS[i], ERR_INTERNAL);
		assert_int_equal(rig_stage(rig, &request), -1);
		assert_int_equal(rig->err.code, ERR_INTERNAL);
		assert_string_equal(rig->fake->fail_op, "");
		rig_assert_nothing(rig);
	}
	rig->fake->disks[0].content[0] = '\0';
	rig_fail(rig, "format", ERR_INTERNAL);
	assert_int_equal(rig_stage(rig, &request), -1);
	rig_assert_nothing(rig);
}

/* Any other code leaves what there is for the next try, or for unstage. */
static void a_failure_that_is_not_final_is_gone_on_from(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	for (size_t i = 0; i < ARRAY_SIZE(STAGE_OPS); i++) {
		for (int again = 0; again < 2; again++) {
			bool format = streq(STAGE_OPS[i], "format");
			(void)snprintf(rig->fake->disks[0].content, 16, "%s", format ? "" : "ext4");
			rig->fake->connects = 0;
			rig_fail(rig, STAGE_OPS[i], ERR_UNAVAILABLE);
			assert_int_equal(rig_stage(rig, &request), -1);
			assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
			assert_int_equal(rig_records(rig), 1);
			if (again) {
				assert_int_equal(rig_stage(rig, &request), 0);
				rig_assert_staged(rig, 1);
				assert_int_equal(rig->fake->connects, 1);
			}
			assert_int_equal(rig_unstage(rig), 0);
			rig_assert_nothing(rig);
		}
	}
}

/* Where taking back fails as well, the code must say that something is left (P6). */
static void a_failed_undo_is_not_final(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	(void)snprintf(rig->fake->disks[0].content, 16, "LUKS");
	rig_fail(rig, "disconnect", ERR_INTERNAL);
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "LUKS"));
	assert_true(rig_connected(rig));
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void unstage_says_ok_only_when_it_is_done(void **state)
{
	static const char *const ops[] = {"unmount", "disconnect"};
	struct rig *rig = *state;
	struct core_stage request = rig_request(0, VOLUME);

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_int_equal(rig_stage(rig, &request), 0);
		rig_fail(rig, ops[i], ERR_UNAVAILABLE);
		assert_int_equal(rig_unstage(rig), -1);
		assert_int_equal(rig_records(rig), 1);
		assert_true(rig_connected(rig));
		assert_int_equal(rig_unstage(rig), 0);
		rig_assert_nothing(rig);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(stage_killed_then_repeated),
		TEST(stage_killed_then_unstaged),
		TEST(stage_killed_then_moved),
		TEST(unstage_killed_then_repeated),
		TEST(unstage_killed_then_staged),
		TEST(publish_killed_then_repeated_or_undone),
		TEST(publish_killed_while_it_mends),
		TEST(unpublish_killed_then_repeated),
		TEST(a_final_failure_leaves_nothing),
		TEST(a_failure_that_is_not_final_is_gone_on_from),
		TEST(a_failed_undo_is_not_final),
		TEST(unstage_says_ok_only_when_it_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
