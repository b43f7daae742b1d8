/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of rates, where a backend has them: kept with the volume, compared, the same after a
 * restart of the target. Whether the target keeps to them is for tests that can look into it.
 */
#include "test/backend/conformance/suite.h"

static const struct be_rates some = {.of = {[BE_RATE_RW_IOPS] = 25000, [BE_RATE_W_MBYTES] = 120}};

static void assert_rates(
	struct env *env, struct backend *be, const char *object, const struct be_rates *want)
{
	struct be_volume volume;

	if (be->ops->volume_get(be, &env->op, object, &volume, &env->err) < 0) {
		fail_msg("%s", env->err.msg);
	}
	assert_memory_equal(&volume.rates, want, sizeof(*want));
}

static struct be_volume_args limited(struct env *env, const char *name)
{
	struct be_volume_args args = volume_args(env, name);

	if (!be_features(env->subject->a)->rates) {
		skip();
	}
	args.rates = some;
	return args;
}

static void rates_are_kept(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = limited(env, "limited");
	const struct be_rates none = {.of = {0}};
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_memory_equal(&volume.rates, &some, sizeof(some));
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_memory_equal(&volume.rates, &some, sizeof(some));
	assert_rates(env, env->subject->b, args.object, &some);
	assert_rates(env, env->subject->a, make_volume(env, "free"), &none);
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 2);
}

static void other_rates_are_a_mismatch(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = limited(env, "limited");
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	args.rates.of[BE_RATE_RW_IOPS] = 0;
	assert_code(env, create(env, env->subject->b, &args, &volume), ERR_ALREADY_EXISTS);
	args.rates = some;
	args.rates.of[BE_RATE_R_MBYTES] = 7;
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_ALREADY_EXISTS);
	assert_non_null(strstr(env->err.msg, be_rate_kinds[BE_RATE_R_MBYTES].name));
	args = volume_args(env, "free");
	(void)make_volume(env, "free");
	args.rates = some;
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_ALREADY_EXISTS);
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 2);
}

/* A copy has the limits that were asked for it, not those of its source. */
static void copies_have_their_own(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = limited(env, "source");
	struct be_volume_args copy = volume_args(env, "copy");
	const struct be_rates none = {.of = {0}};
	struct be_volume volume;

	if (!be_features(env->subject->a)->clone_volume) {
		skip();
	}
	assert_done(env, create(env, env->subject->a, &args, &volume));
	copy.source = (struct be_source){.kind = BE_FROM_VOLUME, .object = args.object};
	assert_done(env, create(env, env->subject->a, &copy, &volume));
	assert_rates(env, env->subject->a, copy.object, &none);
	assert_rates(env, env->subject->a, args.object, &some);
}

static void rates_outlive_a_restart(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = limited(env, "limited");
	struct attach_info info;
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, grant(env, env->subject->a, args.object, host_nqn(env, 1), &info));
	if (!subject_restart(env->subject, &env->err)) {
		skip();
	}
	assert_rates(env, env->subject->b, args.object, &some);
	assert_done(env, grant(env, env->subject->b, args.object, host_nqn(env, 1), &info));
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_memory_equal(&volume.rates, &some, sizeof(some));
}

const struct CMUnitTest rate_tests[] = {
	SUITE_TEST(rates_are_kept),
	SUITE_TEST(other_rates_are_a_mismatch),
	SUITE_TEST(copies_have_their_own),
	SUITE_TEST(rates_outlive_a_restart),
	{0},
};
