/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well volumes are: what a backend tells is told, what cannot be asked is never called broken.
 */
#include "controller/core/volume.h"
#include "controller/core/volume_health.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct core_volume_health health;

static struct core_id make(struct bench *bench, const char *backend, unsigned i)
{
	struct kv kv = {"backend", backend};
	char name[32];
	struct core_create what = {
		.name = name, .range = {MIB, 0}, .parameters = {&kv, 1}, .fs_type = ""};
	struct core_volume volume;

	(void)snprintf(name, sizeof(name), "%s-%u", backend, i);
	if (core_volume_create(bench->core, &bench->op, &what, &volume, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return volume.id;
}

static int look(struct bench *bench, struct core_id id)
{
	bench->err = (struct err){0};
	return core_volume_health(bench->core, &bench->op, &id, &health, &bench->err);
}

/* The message of the one thing that is wrong. */
static const char *only(struct bench *bench, struct core_id id, enum core_sickness what)
{
	if (look(bench, id) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	assert_int_equal(health.n, 1);
	assert_int_equal(health.list[0].what, what);
	return health.list[0].message;
}

static void list(struct bench *bench, size_t max, const char *token, struct core_sick_volumes *ret)
{
	if (core_volume_health_list(bench->core, &bench->op, max, token, ret, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
}

/* As ListVolumes, which fills the last good list. */
static void remember(struct bench *bench)
{
	struct core_volumes page;

	assert_int_equal(core_volume_list(bench->core, &bench->op, 0, "", &page, &bench->err), 0);
}

static void well_and_unknown(void **state UNUSED)
{
	struct bench bench;
	struct core_sick_volumes page;

	bench_start(&bench, true);
	struct core_id id = make(&bench, "a", 1);
	assert_int_equal(look(&bench, id), 0);
	assert_int_equal(health.n, 0);
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 0);
	assert_string_equal(page.next_token, "");
	tiny_volume(bench.a, id.object)->used = false;
	assert_int_equal(look(&bench, id), -1);
	assert_int_equal(bench.err.code, ERR_NOT_FOUND);
	bench_stop(&bench);
}

static void of_pools(void **state UNUSED)
{
	struct bench bench;
	struct core_sick_volumes page;

	bench_start(&bench, true);
	struct core_id id = make(&bench, "a", 1);
	(void)make(&bench, "b", 1);
	bench.a->pool.free = 10 * MIB;
	assert_int_equal(look(&bench, id), 0);
	assert_int_equal(health.n, 0);
	bench.a->pool.free = 10 * MIB - 1;
	assert_non_null(strstr(only(&bench, id, CORE_SICK_FULL), "pool p on backend a"));
	assert_false(core_sick_kind(CORE_SICK_FULL)->inaccessible);
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 1);
	assert_string_equal(page.list[0].id.backend, "a");
	assert_string_equal(page.list[0].id.object, id.object);
	assert_int_equal(page.list[0].list[0].what, CORE_SICK_FULL);
	/* Not to be asked: nothing is known of them, and nothing else is wrong. */
	bench.a->fail[TINY_POOLS] = ERR_UNAVAILABLE;
	assert_int_equal(look(&bench, id), 0);
	assert_int_equal(health.n, 0);
	bench.a->ops.pools = NULL;
	assert_int_equal(look(&bench, id), 0);
	assert_int_equal(health.n, 0);
	bench_stop(&bench);
}

static void a_pool_that_is_not_there(void **state UNUSED)
{
	struct bench bench;
	struct core_sick_volumes page;

	bench_start(&bench, false);
	struct core_id id = make(&bench, "a", 1);
	remember(&bench);
	bench.a->pool.there = false;
	bench.a->pool.reason = "not mounted";
	/* As a backend answers then (docs/backend-contract.md). */
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	const char *message = only(&bench, id, CORE_SICK_POOL);
	assert_true(core_sick_kind(CORE_SICK_POOL)->inaccessible);
	assert_non_null(strstr(message, "not mounted"));
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 1);
	assert_int_equal(page.list[0].n, 1);
	assert_int_equal(page.list[0].list[0].what, CORE_SICK_POOL);
	bench_stop(&bench);
}

/* Absent is not gone, and a silent management API is no broken volume. */
static void a_backend_out_of_reach(void **state UNUSED)
{
	struct bench bench;
	struct core_sick_volumes page;

	bench_start(&bench, true);
	struct core_id id = make(&bench, "a", 1);
	(void)make(&bench, "b", 1);
	/* Nothing was heard of it before: then nothing is said. */
	bench.a->fail[TINY_GET] = ERR_DEADLINE_EXCEEDED;
	bench.a->fail[TINY_POOLS] = ERR_UNAVAILABLE;
	assert_int_equal(look(&bench, id), -1);
	assert_int_equal(bench.err.code, ERR_DEADLINE_EXCEEDED);
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	assert_int_equal(
		core_volume_health_list(bench.core, &bench.op, 0, "", &page, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	remember(&bench);
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	bench.a->fail[TINY_POOLS] = ERR_UNAVAILABLE;
	const char *message = only(&bench, id, CORE_SICK_BACKEND);
	assert_false(core_sick_kind(CORE_SICK_BACKEND)->inaccessible);
	assert_non_null(strstr(message, "nodes that are connected go on"));
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	bench.a->fail[TINY_POOLS] = ERR_UNAVAILABLE;
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 1);
	assert_string_equal(page.list[0].id.backend, "a");
	assert_int_equal(page.list[0].list[0].what, CORE_SICK_BACKEND);
	bench_stop(&bench);
}

static void a_volume_that_alone_is_not_answered_for(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, false);
	struct core_id id = make(&bench, "a", 1);
	remember(&bench);
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	assert_non_null(strstr(only(&bench, id, CORE_SICK_UNREADABLE), "scripted"));
	assert_false(core_sick_kind(CORE_SICK_UNREADABLE)->inaccessible);
	/* A full pool does not hide it. */
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	bench.a->pool.free = 0;
	assert_int_equal(look(&bench, id), 0);
	assert_int_equal(health.n, 2);
	bench_stop(&bench);
}

static void pages(void **state UNUSED)
{
	struct bench bench;
	struct core_sick_volumes page;
	size_t told = 0;
	const char *token = "";

	bench_start(&bench, true);
	for (unsigned i = 0; i < 5; i++) {
		(void)make(&bench, "a", i);
		(void)make(&bench, "b", i);
	}
	bench.b->pool.free = 0;
	do {
		list(&bench, 2, token, &page);
		assert_true(page.n > 0 && page.n <= 2);
		for (size_t i = 0; i < page.n; i++) {
			assert_string_equal(page.list[i].id.backend, "b");
		}
		told += page.n;
		token = page.next_token;
	} while (!str_empty(token));
	assert_int_equal(told, 5);
	assert_int_equal(
		core_volume_health_list(bench.core, &bench.op, 0, "junk", &page, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_ABORTED);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_and_unknown),
		cmocka_unit_test(of_pools),
		cmocka_unit_test(a_pool_that_is_not_there),
		cmocka_unit_test(a_backend_out_of_reach),
		cmocka_unit_test(a_volume_that_alone_is_not_answered_for),
		cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
