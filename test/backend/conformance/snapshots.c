/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots, and volumes made from them and from other volumes.
 */
#include "test/backend/conformance/suite.h"

static void need_snapshots(const struct env *env)
{
	if (!be_features(env->subject->a)->snapshots) {
		skip();
	}
}

static void cut_twice_is_one(void **state)
{
	struct env *env = *state;
	struct be_snapshot_args args;
	struct be_snapshot first;
	struct be_snapshot second;
	const char *volume;

	need_snapshots(env);
	volume = make_volume(env, "cut");
	args = snapshot_args(env, "cut-1", volume);
	assert_done(env, snap(env, env->subject->a, &args, &first));
	assert_done(env, snap(env, env->subject->b, &args, &second));
	assert_string_equal(first.object, args.object);
	assert_string_equal(first.volume, volume);
	assert_string_equal(second.volume, volume);
	assert_int_equal(first.size, SIZE_SMALL);
	assert_true(first.created_ms > 0);
	assert_int_equal(first.created_ms, second.created_ms);
	if (env->full) {
		assert_string_equal(second.name, "cut-1");
	}
	assert_int_equal(all_snapshots(env, env->subject->b, 0).n, 1);
}

static void cut_of_another_volume_is_told(void **state)
{
	struct env *env = *state;
	struct be_snapshot_args args;
	struct be_snapshot snapshot;

	need_snapshots(env);
	args = snapshot_args(env, "taken", make_volume(env, "one"));
	assert_done(env, snap(env, env->subject->a, &args, &snapshot));
	args.volume = make_volume(env, "two");
	assert_code(env, snap(env, env->subject->b, &args, &snapshot), ERR_ALREADY_EXISTS);
	args = snapshot_args(env, "of-nothing", object_of(env, BE_KIND_VOLUME, "none"));
	assert_code(env, snap(env, env->subject->b, &args, &snapshot), ERR_NOT_FOUND);
	args.volume = "nobodys";
	assert_code(env, snap(env, env->subject->b, &args, &snapshot), ERR_NOT_FOUND);
	assert_int_equal(all_snapshots(env, env->subject->b, 0).n, 1);
}

static void cut_is_found_and_removed(void **state)
{
	struct env *env = *state;
	struct backend *b = env->subject->b;
	struct be_snapshot snapshot;
	const char *object;

	need_snapshots(env);
	object = make_snapshot(env, "found", make_volume(env, "v"));
	assert_int_equal(b->ops->snapshot_get(b, &env->op, object, &snapshot, &env->err), 0);
	assert_string_equal(snapshot.object, object);
	assert_done(env, remove_snapshot(env, b, object));
	assert_done(env, remove_snapshot(env, env->subject->a, object));
	assert_code(env, b->ops->snapshot_get(b, &env->op, object, &snapshot, &env->err),
		ERR_NOT_FOUND);
	assert_code(env, b->ops->snapshot_get(b, &env->op, "nobodys", &snapshot, &env->err),
		ERR_NOT_FOUND);
	assert_done(env, remove_snapshot(env, b, "nobodys"));
}

static void list_knows_the_volume(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_snapshots got;
	struct be_page page = {.token = ""};
	const char *one;

	need_snapshots(env);
	one = make_volume(env, "list-one");
	(void)make_snapshot(env, "l1", one);
	(void)make_snapshot(env, "l2", one);
	(void)make_snapshot(env, "l3", make_volume(env, "list-two"));
	assert_int_equal(all_snapshots(env, be, 1).n, 3);
	page.volume = one;
	assert_int_equal(be->ops->snapshot_list(be, &env->op, &page, &got, &env->err), 0);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.list[0].volume, one);
	page.volume = object_of(env, BE_KIND_VOLUME, "none");
	assert_int_equal(be->ops->snapshot_list(be, &env->op, &page, &got, &env->err), 0);
	assert_int_equal(got.n, 0);
	page.volume = "nobodys";
	assert_int_equal(be->ops->snapshot_list(be, &env->op, &page, &got, &env->err), 0);
	assert_int_equal(got.n, 0);
}

static void volume_from_snapshot(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "restored");
	struct be_volume volume;
	struct attach_info origin;
	struct attach_info copy;
	const char *source;

	need_snapshots(env);
	source = make_volume(env, "origin");
	args.source = (struct be_source){
		.kind = BE_FROM_SNAPSHOT, .object = make_snapshot(env, "s", source)};
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_int_equal(volume.size, SIZE_SMALL);
	assert_true(volume.written); /* never to be formatted */
	if (env->full) {
		assert_int_equal(volume.source.kind, BE_FROM_SNAPSHOT);
		assert_string_equal(volume.source.object, args.source.object);
	}
	assert_done(env, grant(env, env->subject->a, source, host_nqn(env, 1), &origin));
	assert_done(env, grant(env, env->subject->a, args.object, host_nqn(env, 1), &copy));
	assert_true(copy.written);
	assert_int_equal(ns_ident_match("d", &origin.ident, &copy.ident, NULL), -1);
	args.source.object = make_snapshot(env, "s2", source);
	assert_code(env, create(env, env->subject->b, &args, &volume), ERR_ALREADY_EXISTS);
}

static void volume_from_source_may_be_larger(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "larger");
	struct be_volume volume;

	need_snapshots(env);
	args.source = (struct be_source){.kind = BE_FROM_SNAPSHOT,
		.object = make_snapshot(env, "s", make_volume(env, "small"))};
	args.size = SIZE_LARGE;
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_true(volume.size >= SIZE_LARGE);
	assert_done(env, create(env, env->subject->b, &args, &volume));
	args = volume_args(env, "smaller");
	args.source = (struct be_source){
		.kind = BE_FROM_VOLUME, .object = object_of(env, BE_KIND_VOLUME, "small")};
	args.size = SIZE_SMALL / 2;
	if (be_features(env->subject->a)->clone_volume) {
		assert_code(env, create(env, env->subject->a, &args, &volume), ERR_OUT_OF_RANGE);
	}
	args.source = (struct be_source){
		.kind = BE_FROM_SNAPSHOT, .object = object_of(env, BE_KIND_SNAPSHOT, "none")};
	args.size = SIZE_SMALL;
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_NOT_FOUND);
}

static void volume_from_volume(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "clone");
	const struct be_features *features = be_features(env->subject->a);
	struct be_volume volume;
	const char *source = make_volume(env, "original");

	if (!features->clone_volume) {
		skip();
	}
	args.source = (struct be_source){.kind = BE_FROM_VOLUME, .object = source};
	args.pool = ""; /* where its source is */
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_true(volume.written);
	assert_int_equal(all_volumes(env, env->subject->b, 0).n, 2);
	if (features->clone_independent) {
		assert_done(env, remove_volume(env, env->subject->a, source));
		assert_done(env, create(env, env->subject->b, &args, &volume));
		assert_int_equal(all_volumes(env, env->subject->b, 0).n, 1);
	}
}

static void dependants_are_kept(void **state)
{
	struct env *env = *state;
	const struct be_features *features = be_features(env->subject->a);
	struct be_volume_args args = volume_args(env, "from-orphan");
	struct be_snapshot snapshot;
	struct be_volume volume;
	const char *object;
	const char *source;

	need_snapshots(env);
	source = make_volume(env, "parent");
	object = make_snapshot(env, "child", source);
	if (!features->snapshots_independent) {
		assert_code(
			env, remove_volume(env, env->subject->a, source), ERR_FAILED_PRECONDITION);
		assert_int_equal(all_volumes(env, env->subject->b, 0).n, 1);
		return;
	}
	assert_done(env, remove_volume(env, env->subject->a, source));
	assert_int_equal(env->subject->b->ops->snapshot_get(
				 env->subject->b, &env->op, object, &snapshot, &env->err),
		0);
	if (env->full) {
		assert_string_equal(snapshot.volume, source);
	}
	args.source = (struct be_source){.kind = BE_FROM_SNAPSHOT, .object = object};
	assert_done(env, create(env, env->subject->b, &args, &volume));
}

/* Its name is free at once, what was made from it stays, and both ends may go in any order. */
static void a_snapshot_may_go_before_its_clones(void **state)
{
	struct env *env = *state;
	const struct be_features *features = be_features(env->subject->a);
	struct be_volume_args args[2] = {volume_args(env, "one"), volume_args(env, "two")};
	struct be_snapshot_args cut;
	struct be_snapshot snapshot;
	struct be_volume volume;

	if (!features->snapshots || !features->snapshots_independent ||
		!features->clone_independent) {
		skip();
	}
	cut = snapshot_args(env, "goes", make_volume(env, "source"));
	assert_done(env, snap(env, env->subject->a, &cut, &snapshot));
	for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
		args[i].source = (struct be_source){.kind = BE_FROM_SNAPSHOT, .object = cut.object};
		assert_done(env, create(env, env->subject->a, &args[i], &volume));
	}
	assert_done(env, remove_snapshot(env, env->subject->a, cut.object));
	assert_done(env, remove_snapshot(env, env->subject->b, cut.object));
	assert_int_equal(all_snapshots(env, env->subject->b, 0).n, 0);
	assert_int_equal(all_volumes(env, env->subject->b, 0).n, 3);
	assert_done(env, create(env, env->subject->b, &args[0], &volume));
	assert_done(env, snap(env, env->subject->b, &cut, &snapshot));
	assert_done(env, remove_volume(env, env->subject->a, args[1].object));
	assert_done(env, remove_volume(env, env->subject->a, cut.volume));
	assert_int_equal(all_snapshots(env, env->subject->a, 0).n, 1);
	assert_done(env, remove_snapshot(env, env->subject->a, cut.object));
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 1);
}

const struct CMUnitTest snapshot_tests[] = {
	SUITE_TEST(cut_twice_is_one),
	SUITE_TEST(cut_of_another_volume_is_told),
	SUITE_TEST(cut_is_found_and_removed),
	SUITE_TEST(list_knows_the_volume),
	SUITE_TEST(volume_from_snapshot),
	SUITE_TEST(volume_from_source_may_be_larger),
	SUITE_TEST(volume_from_volume),
	SUITE_TEST(dependants_are_kept),
	SUITE_TEST(a_snapshot_may_go_before_its_clones),
	{0},
};
