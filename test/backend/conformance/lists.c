/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: complete, in order, and right while things come and go between two pages.
 */
#include "test/backend/conformance/suite.h"

#include <stdio.h>

#define MANY 23
#define PAGE 5

static const char *named(struct env *env, const char *prefix, unsigned n)
{
	char *name = arena_printf(env->op.arena, "%s-%u", prefix, n);

	assert_non_null(name);
	return name;
}

static void pages_are_complete_and_in_order(void **state)
{
	struct env *env = *state;
	struct be_volumes all;

	for (unsigned i = 0; i < MANY; i++) {
		(void)make_volume(env, named(env, "many", i));
	}
	all = all_volumes(env, env->subject->b, PAGE);
	assert_int_equal(all.n, MANY);
	for (size_t i = 1; i < all.n; i++) {
		assert_true(strcmp(all.list[i - 1].object, all.list[i].object) < 0);
	}
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, MANY);
	assert_int_equal(all_volumes(env, env->subject->a, MANY).n, MANY);
	assert_int_equal(all_volumes(env, env->subject->a, 1).n, MANY);
}

static unsigned times_in(const struct be_volumes *list, const char *object)
{
	unsigned n = 0;

	for (size_t i = 0; i < list->n; i++) {
		n += streq(list->list[i].object, object) ? 1 : 0;
	}
	return n;
}

/* What is there all the while is listed exactly once, whatever else happens. */
static void pages_are_right_under_change(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->b;
	struct be_volumes before;
	struct be_volume seen[2 * MANY];
	struct be_volumes got = {.list = seen};
	struct be_page page = {.max = PAGE, .token = ""};
	unsigned turn = 0;

	for (unsigned i = 0; i < MANY; i++) {
		(void)make_volume(env, named(env, "stay", i));
	}
	before = all_volumes(env, be, 0);
	do {
		struct be_volumes part;

		assert_int_equal(be->ops->volume_list(be, &env->op, &page, &part, &env->err), 0);
		assert_true(got.n + part.n <= ARRAY_SIZE(seen));
		memcpy(seen + got.n, part.list, part.n * sizeof(*part.list));
		got.n += part.n;
		page.token = part.next;
		/* The last one of this page goes: it is the token of the next. */
		if (turn == 1) {
			assert_done(env,
				remove_volume(env, env->subject->a, part.list[part.n - 1].object));
		}
		(void)make_volume(env, named(env, "comes", turn++));
	} while (*page.token);
	for (size_t i = 0; i < before.n; i++) {
		assert_int_equal(times_in(&got, before.list[i].object), 1);
	}
	for (size_t i = 0; i < got.n; i++) {
		assert_int_equal(times_in(&got, got.list[i].object), 1);
	}
}

static void a_token_of_nobody_is_refused(void **state)
{
	static const char *const odd[] = {"UPPER", "a b", "../..", "a&limit=1", "\xff", "%41",
		"0123456789012345678901234567890123456789012345678901234567890123456789"};
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_volumes got;

	(void)make_volume(env, "one");
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		const struct be_page page = {.token = odd[i]};

		assert_code(env, be->ops->volume_list(be, &env->op, &page, &got, &env->err),
			ERR_INVALID_ARGUMENT);
	}
}

static void hosts_are_listed(void **state)
{
	struct env *env = *state;
	const char *object = make_volume(env, "published");
	const char *free_one = make_volume(env, "free");
	struct attach_info info;
	struct be_volumes all;

	assert_done(env, grant(env, env->subject->a, object, host_nqn(env, 1), &info));
	assert_done(env, grant(env, env->subject->b, object, host_nqn(env, 2), &info));
	all = all_volumes(env, env->subject->b, 0);
	assert_int_equal(all.n, 2);
	for (size_t i = 0; i < all.n; i++) {
		bool published = streq(all.list[i].object, object);

		assert_true(published || streq(all.list[i].object, free_one));
		assert_int_equal(all.list[i].n_hosts, published ? 2 : 0);
		assert_int_equal(has_host(&all.list[i], host_nqn(env, 2)), published);
	}
}

const struct CMUnitTest list_tests[] = {
	SUITE_TEST(pages_are_complete_and_in_order),
	SUITE_TEST(pages_are_right_under_change),
	SUITE_TEST(a_token_of_nobody_is_refused),
	SUITE_TEST(hosts_are_listed),
	{0},
};
