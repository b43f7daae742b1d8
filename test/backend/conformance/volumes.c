/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: made once, compared, found, grown, removed; what is not there and what is not ours.
 */
#include "test/backend/conformance/suite.h"

static void create_twice_is_one(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "twice");
	struct be_volume first;
	struct be_volume second;

	assert_done(env, create(env, env->subject->a, &args, &first));
	assert_done(env, create(env, env->subject->b, &args, &second));
	assert_string_equal(first.object, args.object);
	assert_string_equal(second.object, args.object);
	assert_true(first.size >= SIZE_SMALL);
	assert_int_equal(first.size, second.size);
	assert_int_equal(first.created_ms, second.created_ms);
	assert_string_equal(first.pool, second.pool);
	assert_true(second.ready);
	assert_false(second.written);
	assert_int_equal(second.n_hosts, 0);
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 1);
}

static void what_is_kept_comes_back(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "kept");
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_int_equal(env->subject->b->ops->volume_get(
				 env->subject->b, &env->op, args.object, &volume, &env->err),
		0);
	if (!env->full) {
		assert_int_equal(volume.metadata.n, 0);
		assert_string_equal(volume.name, "");
		assert_false(volume.source_known);
		return;
	}
	assert_string_equal(volume.name, "kept");
	assert_true(volume.source_known);
	assert_int_equal(volume.source.kind, BE_BLANK);
	assert_true(volume.created_ms > 0);
	assert_int_equal(volume.metadata.n, args.metadata.n);
	for (size_t i = 0; i < args.metadata.n; i++) {
		const char *value = kv_get(volume.metadata, args.metadata.items[i].key);

		assert_non_null(value);
		assert_string_equal(value, args.metadata.items[i].value);
	}
}

static void other_metadata_is_no_mismatch(void **state)
{
	static const struct kv more[] = {{"parameters", "other"}, {"newer", "key"}};
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "skew");
	struct be_volume_args newer = args;
	struct be_volume volume;

	newer.metadata = (struct kv_list){.items = more, .n = ARRAY_SIZE(more)};
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, create(env, env->subject->b, &newer, &volume));
	if (env->full) {
		assert_non_null(kv_get(volume.metadata, "note")); /* what is there is told */
		assert_null(kv_get(volume.metadata, "newer"));
	}
}

static void mismatches_are_told(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "base");
	struct be_volume_args other;
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	other = args;
	other.size = SIZE_LARGE;
	assert_code(env, create(env, env->subject->b, &other, &volume), ERR_ALREADY_EXISTS);
	other = args;
	other.size = MIB;
	other.limit = 2 * MIB;
	assert_code(env, create(env, env->subject->b, &other, &volume), ERR_ALREADY_EXISTS);
	other.limit = SIZE_SMALL; /* what is there is within the range */
	assert_done(env, create(env, env->subject->b, &other, &volume));
	other = args;
	other.source = (struct be_source){
		.kind = BE_FROM_VOLUME, .object = object_of(env, BE_KIND_VOLUME, "some")};
	assert_code(env, create(env, env->subject->b, &other, &volume), ERR_ALREADY_EXISTS);
	if (env->full) {
		other = args;
		other.name = "another name with the same object";
		assert_code(env, create(env, env->subject->b, &other, &volume), ERR_ALREADY_EXISTS);
	}
	if (env->subject->other_pool) {
		other = args;
		other.pool = env->subject->other_pool;
		assert_code(env, create(env, env->subject->b, &other, &volume), ERR_ALREADY_EXISTS);
	}
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 1);
}

static void create_after_growth_is_the_same(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "grown");
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, expand(env, env->subject->a, args.object, SIZE_LARGE, &volume));
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_true(volume.size >= SIZE_LARGE);
}

static void bad_arguments_are_refused(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_volume_args args = volume_args(env, "bad");
	struct be_limits limits;
	struct be_volume volume;

	assert_int_equal(be->ops->limits(be, &env->op, &limits, &env->err), 0);
	assert_true(limits.granularity > 0 && limits.min_size > 0);
	assert_true(limits.max_size >= limits.min_size);
	assert_int_equal(limits.min_size % limits.granularity, 0);
	if (limits.granularity > 1) {
		args.size = SIZE_SMALL + limits.granularity / 2;
		assert_code(env, create(env, be, &args, &volume), ERR_OUT_OF_RANGE);
	}
	args.size = limits.max_size / limits.granularity * limits.granularity + limits.granularity;
	assert_code(env, create(env, be, &args, &volume), ERR_OUT_OF_RANGE);
	args.size = 0;
	assert_code(env, create(env, be, &args, &volume), ERR_OUT_OF_RANGE);
	args = volume_args(env, "bad");
	args.pool = "no-such-pool";
	assert_code(env, create(env, be, &args, &volume), ERR_INVALID_ARGUMENT);
	args = volume_args(env, "bad");
	args.object = "somebody-elses";
	assert_code(env, create(env, be, &args, &volume), ERR_INVALID_ARGUMENT);
	args = volume_args(env, "bad");
	args.source = (struct be_source){
		.kind = BE_FROM_VOLUME, .object = object_of(env, BE_KIND_VOLUME, "nothing")};
	assert_code(env, create(env, be, &args, &volume), ERR_NOT_FOUND);
	assert_int_equal(all_volumes(env, be, 0).n, 0);
}

static void metadata_has_limits(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "limits");
	char value[BE_METADATA_BYTES_MAX];
	struct kv items[BE_METADATA_MAX + 1];
	struct be_volume volume;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	args.metadata = (struct kv_list){.items = items, .n = 1};
	items[0] = (struct kv){"k", value};
	assert_done(env, create(env, env->subject->a, &args, &volume));
	if (env->full) {
		assert_string_equal(kv_get(volume.metadata, "k"), value);
	}
	assert_done(env, remove_volume(env, env->subject->a, args.object));
	items[0] = (struct kv){"keys", value};
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_INVALID_ARGUMENT);
	items[0] = (struct kv){BE_KEY_NAME, "x"};
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_INVALID_ARGUMENT);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = (struct kv){arena_printf(env->op.arena, "k%zu", i), "v"};
	}
	args.metadata.n = ARRAY_SIZE(items);
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_INVALID_ARGUMENT);
	args.metadata.n = BE_METADATA_MAX;
	assert_done(env, create(env, env->subject->a, &args, &volume));
}

static void delete_is_idempotent(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "gone");
	struct be_volume volume;

	assert_done(env, remove_volume(env, env->subject->a, object));
	assert_done(env, remove_volume(env, env->subject->b, object));
	assert_done(env, remove_volume(env, env->subject->a, object));
	assert_code(env,
		env->subject->b->ops->volume_get(
			env->subject->b, &env->op, object, &volume, &env->err),
		ERR_NOT_FOUND);
	assert_done(env, remove_volume(env, env->subject->a, "nobodys"));
	assert_done(env, remove_volume(env, env->subject->a, "../../etc/passwd"));
}

static void delete_of_what_is_used_is_refused(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "used");
	struct attach_info info;

	assert_done(env, grant(env, env->subject->a, object, host_nqn(env, 1), &info));
	assert_code(env, remove_volume(env, env->subject->b, object), ERR_FAILED_PRECONDITION);
	assert_int_equal(all_volumes(env, env->subject->b, 0).n, 1);
	assert_true(has_host(&all_volumes(env, env->subject->b, 0).list[0], host_nqn(env, 1)));
	assert_done(env, take_back(env, env->subject->b, object, host_nqn(env, 1)));
	assert_done(env, remove_volume(env, env->subject->a, object));
}

static void a_name_may_be_used_again(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "again");
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_done(env, remove_volume(env, env->subject->a, args.object));
	args.size = SIZE_LARGE;
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_true(volume.size >= SIZE_LARGE);
	assert_false(volume.written);
}

static void expand_grows_and_never_shrinks(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	const char *object = make_volume(env, "expand");
	struct be_limits limits;
	struct be_volume volume;
	int64_t size;

	assert_int_equal(be->ops->limits(be, &env->op, &limits, &env->err), 0);
	assert_done(env, expand(env, be, object, SIZE_LARGE, &volume));
	size = volume.size;
	assert_true(size >= SIZE_LARGE);
	assert_done(env, expand(env, env->subject->b, object, SIZE_LARGE, &volume));
	assert_int_equal(volume.size, size);
	assert_done(env, expand(env, env->subject->b, object, SIZE_SMALL, &volume));
	assert_int_equal(volume.size, size);
	assert_code(env,
		expand(env, be, object,
			limits.max_size / limits.granularity * limits.granularity +
				limits.granularity,
			&volume),
		ERR_OUT_OF_RANGE);
	assert_code(env,
		expand(env, be, object_of(env, BE_KIND_VOLUME, "none"), SIZE_LARGE, &volume),
		ERR_NOT_FOUND);
	assert_int_equal(be->ops->volume_get(be, &env->op, object, &volume, &env->err), 0);
	assert_int_equal(volume.size, size);
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const odd[] = {
		"", "x", "nobodys", "../..", "a/b", "other-v-0123456789abcdef0123456789abcdef"};
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_volume volume;

	assert_code(env,
		be->ops->volume_get(
			be, &env->op, object_of(env, BE_KIND_VOLUME, "none"), &volume, &env->err),
		ERR_NOT_FOUND);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		assert_code(env, be->ops->volume_get(be, &env->op, odd[i], &volume, &env->err),
			ERR_NOT_FOUND);
	}
}

static void instances_do_not_meet(void **state)
{
	struct env *env = *state;
	struct backend *other = env->subject->other;
	const char *object = make_volume(env, "ours");
	struct be_volume volume;

	assert_code(env, other->ops->volume_get(other, &env->op, object, &volume, &env->err),
		ERR_NOT_FOUND);
	assert_int_equal(all_volumes(env, other, 0).n, 0);
	assert_done(env, remove_volume(env, other, object)); /* no such volume of that instance */
	assert_done(env, take_back(env, other, object, NULL));
	assert_code(env, expand(env, other, object, SIZE_LARGE, &volume), ERR_NOT_FOUND);
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 1);
	assert_int_equal(all_volumes(env, env->subject->a, 0).list[0].size, SIZE_SMALL);
}

static void capacity_is_told(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_capacity before;
	struct be_capacity after;

	if (!be->ops->capacity) {
		skip();
	}
	assert_int_equal(
		be->ops->capacity(be, &env->op, env->subject->pool, &before, &env->err), 0);
	assert_true(before.available >= 0 && before.max_size <= before.available);
	assert_true(before.min_size > 0);
	(void)make_volume(env, "room");
	assert_int_equal(be->ops->capacity(be, &env->op, env->subject->pool, &after, &env->err), 0);
	assert_true(after.available <= before.available - SIZE_SMALL);
	assert_code(env, be->ops->capacity(be, &env->op, "no-such-pool", &after, &env->err),
		ERR_INVALID_ARGUMENT);
}

static void no_room_is_told(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_volume_args args = volume_args(env, "huge");
	struct be_capacity room;
	struct be_limits limits;
	struct be_volume volume;

	if (!be->ops->capacity) {
		skip();
	}
	assert_int_equal(be->ops->limits(be, &env->op, &limits, &env->err), 0);
	assert_int_equal(be->ops->capacity(be, &env->op, args.pool, &room, &env->err), 0);
	args.size = room.available / limits.granularity * limits.granularity + limits.granularity;
	if (args.size > limits.max_size) {
		skip(); /* the pool is larger than any volume */
	}
	assert_code(env, create(env, be, &args, &volume), ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(all_volumes(env, be, 0).n, 0);
}

const struct CMUnitTest volume_tests[] = {
	SUITE_TEST(create_twice_is_one),
	SUITE_TEST(what_is_kept_comes_back),
	SUITE_TEST(other_metadata_is_no_mismatch),
	SUITE_TEST(mismatches_are_told),
	SUITE_TEST(create_after_growth_is_the_same),
	SUITE_TEST(bad_arguments_are_refused),
	SUITE_TEST(metadata_has_limits),
	SUITE_TEST(delete_is_idempotent),
	SUITE_TEST(delete_of_what_is_used_is_refused),
	SUITE_TEST(a_name_may_be_used_again),
	SUITE_TEST(expand_grows_and_never_shrinks),
	SUITE_TEST(what_is_not_there_is_not_found),
	SUITE_TEST(instances_do_not_meet),
	SUITE_TEST(capacity_is_told),
	SUITE_TEST(no_room_is_told),
	{0},
};
