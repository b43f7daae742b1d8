/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants and fences, as far as they can be seen through the contract: what the list says. That a
 * fenced host can write no more is shown on a real kernel, in test/vm.
 */
#include "test/backend/conformance/suite.h"

static struct be_volume look(struct env *env, struct backend *be, const char *object)
{
	struct be_volume volume = {0};

	if (be->ops->volume_get(be, &env->op, object, &volume, &env->err) < 0) {
		fail_msg("get: %s", env->err.msg);
	}
	return volume;
}

static void grant_says_how_to_connect(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "connect");
	const struct be_features *features = be_features(env->subject->a);
	struct attach_info first = {0};
	struct attach_info again = {0};
	struct attach_text text;

	assert_done(env, grant(env, env->subject->a, object, host_nqn(env, 1), &first));
	assert_done(env, grant(env, env->subject->b, object, host_nqn(env, 1), &again));
	assert_int_equal(nqn_check("nqn", first.nqn, &env->err), 0);
	assert_true(ns_ident_known(&first.ident));
	assert_true(first.portals.n >= 1 && first.portals.n <= features->max_portals);
	assert_int_equal(first.min_size, SIZE_SMALL);
	assert_int_equal(first.shared, features->shared_subsystem);
	assert_false(first.written);
	assert_string_equal(first.auth, "none");
	assert_string_equal(first.tls, "none");
	assert_int_equal(attach_print(&first, &text, &env->err), 0);
	assert_string_equal(first.nqn, again.nqn);
	assert_memory_equal(&first.ident, &again.ident, sizeof(first.ident));
	assert_int_equal(look(env, env->subject->b, object).n_hosts, 1);
}

static void identity_outlives_grants(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "identity");
	const char *other = make_volume(env, "identity-2");
	struct attach_info first = {0};
	struct attach_info again = {0};
	struct attach_info second = {0};
	struct be_volume volume;

	assert_done(env, grant(env, env->subject->a, object, host_nqn(env, 1), &first));
	assert_done(env, take_back(env, env->subject->a, object, host_nqn(env, 1)));
	assert_done(env, expand(env, env->subject->a, object, SIZE_LARGE, &volume));
	assert_done(env, grant(env, env->subject->b, object, host_nqn(env, 2), &again));
	assert_string_equal(first.nqn, again.nqn);
	assert_memory_equal(first.ident.uuid, again.ident.uuid, 16);
	assert_memory_equal(first.ident.nguid, again.ident.nguid, 16);
	assert_true(again.min_size >= SIZE_LARGE);
	assert_done(env, grant(env, env->subject->b, other, host_nqn(env, 2), &second));
	assert_int_equal(ns_ident_match("d", &first.ident, &second.ident, NULL), -1);
	assert_true(streq(first.nqn, second.nqn) == first.shared);
}

static void fence_takes_one_host_only(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "fence");
	struct attach_info info;
	struct be_volume volume;

	for (unsigned n = 1; n <= 3; n++) {
		assert_done(env, grant(env, env->subject->a, object, host_nqn(env, n), &info));
	}
	assert_int_equal(look(env, env->subject->b, object).n_hosts, 3);
	assert_done(env, take_back(env, env->subject->b, object, host_nqn(env, 2)));
	volume = look(env, env->subject->a, object);
	assert_int_equal(volume.n_hosts, 2);
	assert_true(has_host(&volume, host_nqn(env, 1)));
	assert_false(has_host(&volume, host_nqn(env, 2)));
	assert_true(has_host(&volume, host_nqn(env, 3)));
	assert_done(env, take_back(env, env->subject->a, object, NULL));
	assert_int_equal(look(env, env->subject->b, object).n_hosts, 0);
}

static void fence_of_nothing_is_done(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "nothing");

	assert_done(env, take_back(env, env->subject->a, object, host_nqn(env, 1)));
	assert_done(env, take_back(env, env->subject->a, object, NULL));
	assert_done(env, take_back(env, env->subject->a, object_of(env, BE_KIND_VOLUME, "none"),
				 host_nqn(env, 1)));
	assert_done(env, take_back(env, env->subject->a, "nobodys", host_nqn(env, 1)));
}

static void grant_of_nothing_is_refused(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "refused");
	struct attach_info info;

	assert_code(env,
		grant(env, env->subject->a, object_of(env, BE_KIND_VOLUME, "none"),
			host_nqn(env, 1), &info),
		ERR_NOT_FOUND);
	assert_code(env, grant(env, env->subject->a, "nobodys", host_nqn(env, 1), &info),
		ERR_NOT_FOUND);
	assert_code(env, grant(env, env->subject->a, object, "not an nqn", &info),
		ERR_INVALID_ARGUMENT);
	assert_code(env, grant(env, env->subject->a, object, "nqn.2014-08.x:a,b", &info),
		ERR_INVALID_ARGUMENT);
	assert_int_equal(look(env, env->subject->a, object).n_hosts, 0);
}

const struct CMUnitTest grant_tests[] = {
	SUITE_TEST(grant_says_how_to_connect),
	SUITE_TEST(identity_outlives_grants),
	SUITE_TEST(fence_takes_one_host_only),
	SUITE_TEST(fence_of_nothing_is_done),
	SUITE_TEST(grant_of_nothing_is_refused),
	{0},
};
