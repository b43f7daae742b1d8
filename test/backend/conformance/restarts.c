/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target that is started again: volumes and snapshots are what they were, and whatever became of
 * its exports, the lists say what is so, and a grant makes it the same device again.
 */
#include "test/backend/conformance/suite.h"

static void start_again(struct env *env)
{
	if (!subject_restart(env->subject, &env->err)) {
		if (env->err.code != ERR_OK) {
			fail_msg("%s", env->err.msg);
		}
		skip();
	}
}

static struct be_volume listed(struct env *env, const char *object)
{
	struct be_volumes all = all_volumes(env, env->subject->a, 0);

	for (size_t i = 0; i < all.n; i++) {
		if (streq(all.list[i].object, object)) {
			return all.list[i];
		}
	}
	fail_msg("%s is not listed", object);
	return (struct be_volume){0};
}

static void grants_are_made_again(void **state)
{
	struct env *env = *state;
	struct backend *a = env->subject->a;
	bool persist = be_features(a)->exports_persist;
	const char *object = make_volume(env, "again");
	const char *idle = make_volume(env, "idle");
	struct attach_info before = {0};
	struct attach_info after = {0};
	struct be_volume volume;

	assert_done(env, grant(env, a, object, host_nqn(env, 1), &before));
	assert_done(env, grant(env, a, object, host_nqn(env, 2), &after));
	start_again(env);
	volume = listed(env, object);
	assert_int_equal(volume.n_hosts, persist ? 2 : 0);
	assert_int_equal(volume.size, SIZE_SMALL);
	/* One after the other, as they are published again. */
	assert_done(env, grant(env, a, object, host_nqn(env, 2), &after));
	assert_string_equal(after.nqn, before.nqn);
	assert_memory_equal(&after.ident, &before.ident, sizeof(after.ident));
	assert_int_equal(after.portals.n, before.portals.n);
	volume = listed(env, object);
	assert_true(has_host(&volume, host_nqn(env, 2)));
	assert_int_equal(has_host(&volume, host_nqn(env, 1)), persist);
	assert_done(env, grant(env, env->subject->b, object, host_nqn(env, 1), &after));
	assert_int_equal(listed(env, object).n_hosts, 2);
	assert_code(env, remove_volume(env, a, object), ERR_FAILED_PRECONDITION);
	assert_int_equal(listed(env, idle).n_hosts, 0);
}

static void what_was_granted_can_go(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "goes");
	struct attach_info info;

	assert_done(env, grant(env, env->subject->a, object, host_nqn(env, 1), &info));
	start_again(env);
	assert_done(env, take_back(env, env->subject->a, object, host_nqn(env, 1)));
	assert_int_equal(listed(env, object).n_hosts, 0);
	assert_done(env, remove_volume(env, env->subject->a, object));
	assert_int_equal(all_volumes(env, env->subject->b, 0).n, 0);
}

/* Between any two calls on snapshots and what is made of them. */
static void snapshots_are_what_they_were(void **state)
{
	struct env *env = *state;
	struct backend *a = env->subject->a;
	const struct be_features *features = be_features(a);
	struct be_volume_args args = volume_args(env, "restored");
	struct be_snapshot_args cut;
	struct be_snapshot before;
	struct be_snapshot after;
	struct be_volume volume;
	const char *source;

	if (!features->snapshots || !features->snapshots_independent ||
		!features->clone_independent) {
		skip();
	}
	source = make_volume(env, "source");
	cut = snapshot_args(env, "kept", source);
	assert_done(env, snap(env, a, &cut, &before));
	start_again(env);
	assert_done(env, snap(env, a, &cut, &after));
	assert_int_equal(after.created_ms, before.created_ms);
	assert_done(env, remove_volume(env, a, source));
	/* Nothing is made of it now. */
	start_again(env);
	assert_int_equal(a->ops->snapshot_get(a, &env->op, cut.object, &after, &env->err), 0);
	assert_int_equal(after.created_ms, before.created_ms);
	assert_int_equal(all_volumes(env, a, 0).n, 0);
	args.source = (struct be_source){.kind = BE_FROM_SNAPSHOT, .object = cut.object};
	assert_done(env, create(env, a, &args, &volume));
	start_again(env);
	assert_done(env, create(env, a, &args, &volume));
	assert_true(volume.written);
	assert_done(env, remove_snapshot(env, a, cut.object));
	start_again(env);
	assert_int_equal(all_snapshots(env, a, 0).n, 0);
	assert_int_equal(all_volumes(env, a, 0).n, 1);
}

const struct CMUnitTest restart_tests[] = {
	SUITE_TEST(grants_are_made_again),
	SUITE_TEST(what_was_granted_can_go),
	SUITE_TEST(snapshots_are_what_they_were),
	{0},
};
