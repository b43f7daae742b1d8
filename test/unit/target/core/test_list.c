/* SPDX-License-Identifier: Apache-2.0 */
/* Lists over pools: complete, in order, page by page, and never short for lack of a pool. */
#include "test/unit/target/core/world.h"

static void make_in(const char *id, const char *pool, const char *instance)
{
	struct volume_request request = volume_of(id);
	bool created;

	request.pool = pool;
	request.instance = instance;
	assert_ok(put_request(&request, &created), world.err);
}

static void make_some(void)
{
	make_in("b", "one", "test");
	make_in("d", "one", "prod");
	make_in("a", "two", "test");
	make_in("c", "two", "prod");
	make_in("e", "two", "test");
}

static void expect(const struct list_request *request, const char *ids, bool more)
{
	_cleanup_list_answer_ struct list_answer answer = {0};
	char got[64] = "";
	size_t len = 0;

	assert_ok(agent_list(world.agent, request, &answer, &world.err), world.err);
	for (size_t i = 0; i < answer.n; i++) {
		len += (size_t)snprintf(
			got + len, sizeof(got) - len, "%s", answer.list[i].object->id);
	}
	assert_string_equal(got, ids);
	assert_int_equal(answer.more, more);
}

static void test_pages(void **state UNUSED)
{
	make_some();
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 10}, "abcde", false);
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 5}, "abcde", false);
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 2}, "ab", true);
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 2, .after = "b"}, "cd", true);
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 2, .after = "d"}, "e", false);
	/* The token's own object may be gone by now. */
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 2, .after = "bb"}, "cd",
		true);
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 2, .after = "z"}, "", false);
	expect(&(struct list_request){.kind = OBJECT_SNAPSHOT, .limit = 2}, "", false);
}

static void test_filters(void **state UNUSED)
{
	_cleanup_list_answer_ struct list_answer answer = {0};
	struct list_request request = {.kind = OBJECT_VOLUME, .limit = 10};
	bool created;

	make_some();
	request.instance = "test";
	expect(&request, "abe", false);
	request.pool = "one";
	expect(&request, "b", false);
	request.pool = "three";
	assert_refused(
		agent_list(world.agent, &request, &answer, &world.err), ERR_NOT_FOUND, "three");
	assert_ok(put_snapshot("s1", "a", &created), world.err);
	assert_ok(put_snapshot("s2", "b", &created), world.err);
	request = (struct list_request){.kind = OBJECT_SNAPSHOT, .limit = 10};
	expect(&request, "s1s2", false);
	request.volume = "b";
	expect(&request, "s2", false);
	request.volume = "none";
	expect(&request, "", false);
}

static void test_absent_pool(void **state UNUSED)
{
	_cleanup_list_answer_ struct list_answer answer = {0};
	struct list_request request = {.kind = OBJECT_VOLUME, .limit = 10};

	make_some();
	pool_away(1);
	/* Half a list would be taken for the whole one. */
	assert_refused(agent_list(world.agent, &request, &answer, &world.err), ERR_UNAVAILABLE,
		"pool two");
	request.pool = "one";
	expect(&request, "bd", false);
	pool_back(1);
}

static void test_damaged_is_left_out(void **state UNUSED)
{
	make_some();
	put_file(at(&world.pools[1], "volumes/c.json"), "torn");
	assert_int_equal(unlink(at(&world.pools[0], "volumes/b.img")), 0);
	world_restart();
	expect(&(struct list_request){.kind = OBJECT_VOLUME, .limit = 10}, "ade", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_filters, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_absent_pool, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_damaged_is_left_out, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
