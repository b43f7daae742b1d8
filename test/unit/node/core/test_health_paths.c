/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of volumes, and of all volumes of a backend together.
 */
#include "node/core/health.h"
#include "test/unit/node/core/rig.h"

#define NQN2 FAKE_NQN "2"

static struct core_backends look(struct rig *rig)
{
	struct core_backends backends;

	assert_int_equal(core_backend_health(rig->core, &backends, &rig->err), 0);
	return backends;
}

static void counts(struct rig *rig, unsigned reachable, unsigned degraded, unsigned unreachable)
{
	struct core_backends backends = look(rig);

	assert_int_equal(backends.reachable, reachable);
	assert_int_equal(backends.degraded, degraded);
	assert_int_equal(backends.unreachable, unreachable);
	assert_int_equal(backends.degraded_message[0] != '\0', degraded > 0);
	assert_int_equal(backends.unreachable_message[0] != '\0', unreachable > 0);
}

static struct core_stage request_of(size_t disk, const char *volume, const char *portals)
{
	struct core_stage request = rig_request(disk, volume);

	(void)snprintf(
		request.attach.nqn, sizeof(request.attach.nqn), "%s", disk == 0 ? FAKE_NQN : NQN2);
	assert_int_equal(portals_parse("portals", portals, &request.attach.portals, NULL), 0);
	return request;
}

static void a_portal_works_when_one_volume_has_it(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = request_of(0, VOLUME, FAKE_PORTAL "," FAKE_PORTAL2);

	counts(rig, 0, 0, 0);
	assert_int_equal(rig_stage(rig, &one), 0);
	counts(rig, 1, 0, 0);
	rig->fake->half = true;
	/* Still to be added. */
	counts(rig, 1, 0, 0);
	rig_restart(rig);
	counts(rig, 0, 1, 0);
	assert_non_null(strstr(look(rig).degraded_message, "backend linux: 1 of 2 portals"));
	assert_non_null(strstr(look(rig).degraded_message, FAKE_PORTAL2));
	assert_null(strstr(look(rig).degraded_message, FAKE_PORTAL));
	rig->fake->silent = true;
	counts(rig, 0, 0, 1);
	assert_non_null(strstr(look(rig).unreachable_message, FAKE_PORTAL));
}

static void backends_are_told_apart(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = request_of(0, VOLUME, FAKE_PORTAL);
	struct core_stage two = request_of(1, "spdk/vol-2", FAKE_PORTAL);

	(void)rig_disk(rig, 1, NQN2);
	two.staging = "/plugins/other";
	fake_make_path(rig->fake, two.staging, true);
	assert_int_equal(rig_stage(rig, &two), 0);
	assert_int_equal(rig_stage(rig, &one), 0);
	counts(rig, 2, 0, 0);
	fake_attach(rig->fake, NQN2, false);
	rig_restart(rig);
	counts(rig, 1, 0, 1);
	assert_non_null(strstr(look(rig).unreachable_message, "backend spdk: "));
	assert_null(strstr(look(rig).unreachable_message, "linux"));
	rig->fake->silent = true;
	counts(rig, 0, 0, 2);
	/* Always in the same order. */
	struct core_backends both = look(rig);
	assert_true(strstr(both.unreachable_message, "backend linux") <
		    strstr(both.unreachable_message, "; backend spdk"));
}

/* One volume that the target refuses says nothing of the target. */
static void another_volume_proves_the_portal(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = request_of(0, VOLUME, FAKE_PORTAL);
	struct core_stage two = request_of(1, "linux/vol-2", FAKE_PORTAL);

	(void)rig_disk(rig, 1, NQN2);
	two.staging = "/plugins/other";
	fake_make_path(rig->fake, two.staging, true);
	assert_int_equal(rig_stage(rig, &one), 0);
	assert_int_equal(rig_stage(rig, &two), 0);
	fake_attach(rig->fake, NQN2, false);
	rig_restart(rig);
	counts(rig, 1, 0, 0);
}

static void a_target_that_no_volume_could_be_staged_from(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = request_of(0, VOLUME, FAKE_PORTAL);

	rig_fail(rig, "connect", ERR_UNAVAILABLE);
	assert_int_equal(rig_stage(rig, &one), -1);
	counts(rig, 0, 0, 1);
	/* Nothing is known any more after a restart, until it is tried again. */
	rig_restart(rig);
	counts(rig, 0, 0, 0);
}

static void what_a_reboot_ended_is_not_lost(void **state)
{
	struct rig *rig = *state;
	struct core_stage one = request_of(0, VOLUME, FAKE_PORTAL);

	assert_int_equal(rig_stage(rig, &one), 0);
	rig_reboot(rig);
	counts(rig, 0, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_portal_works_when_one_volume_has_it),
		TEST(backends_are_told_apart),
		TEST(another_volume_proves_the_portal),
		TEST(a_target_that_no_volume_could_be_staged_from),
		TEST(what_a_reboot_ended_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
