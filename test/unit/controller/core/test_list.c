/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: every object that stays is told exactly once, and what cannot be asked is never told as
 * detached.
 */
#include "controller/core/snapshot.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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

static void expect(struct bench *bench, int result, enum err_code code, const char *text)
{
	assert_int_equal(result, -1);
	if (bench->err.code != code || !strstr(bench->err.msg, text)) {
		fail_msg("%s, not %s with \"%s\": %s", err_code_name(bench->err.code),
			err_code_name(code), text, bench->err.msg);
	}
	bench->err = (struct err){0};
}

static void list(struct bench *bench, size_t max, const char *token, struct core_volumes *ret)
{
	if (core_volume_list(bench->core, &bench->op, max, token, ret, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
}

static void all_and_in_order(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes page;
	struct core_id last;

	bench_start(&bench, true);
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 0);
	assert_string_equal(page.next_token, "");
	for (unsigned i = 0; i < 7; i++) {
		(void)make(&bench, "b", i);
		last = make(&bench, "a", i);
	}
	tiny_add_host(tiny_volume(bench.a, last.object), NODE_2);
	tiny_add_host(tiny_volume(bench.a, last.object), NODE_1);
	bench.a->page = 2;
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 14);
	assert_string_equal(page.next_token, "");
	assert_null(page.stale);
	for (size_t i = 1; i < page.n; i++) {
		int order = strcmp(page.list[i - 1].id.backend, page.list[i].id.backend);

		assert_true(order < 0 || (order == 0 && strcmp(page.list[i - 1].id.object,
								page.list[i].id.object) < 0));
	}
	for (size_t i = 0; i < page.n; i++) {
		if (streq(page.list[i].id.object, last.object)) {
			assert_int_equal(page.list[i].n_nodes, 2);
			assert_string_equal(page.list[i].nodes[0], NODE_1);
			assert_string_equal(page.list[i].nodes[1], NODE_2);
			last.object = NULL;
			break;
		}
	}
	assert_null(last.object);
	bench_stop(&bench);
}

static void pages_of_every_size(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, true);
	for (unsigned i = 0; i < 5; i++) {
		(void)make(&bench, "a", i);
		(void)make(&bench, "b", i);
	}
	for (size_t max = 1; max <= 11; max++) {
		const char *token = "";
		size_t told = 0;
		size_t pages = 0;

		do {
			struct core_volumes page;

			list(&bench, max, token, &page);
			assert_true(page.n <= max);
			assert_true(page.n > 0);
			told += page.n;
			token = page.next_token;
			pages++;
		} while (!str_empty(token));
		assert_int_equal(told, 10);
		assert_int_equal(pages, (10 + max - 1) / max);
	}
	bench_stop(&bench);
}

static void stable_while_things_come_and_go(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes first;
	struct core_volumes rest;

	bench_start(&bench, false);
	for (unsigned i = 0; i < 9; i++) {
		(void)make(&bench, "a", i);
	}
	list(&bench, 3, "", &first);
	/* The last one told goes, and one that was to come; others come. */
	tiny_volume(bench.a, first.list[2].id.object)->used = false;
	list(&bench, 1, first.next_token, &rest);
	tiny_volume(bench.a, rest.list[0].id.object)->used = false;
	list(&bench, 0, first.next_token, &rest);
	assert_int_equal(rest.n, 5);
	for (size_t i = 0; i < rest.n; i++) {
		for (size_t k = 0; k < first.n; k++) {
			assert_string_not_equal(rest.list[i].id.object, first.list[k].id.object);
		}
	}
	bench_stop(&bench);
}

static void bad_tokens(void **state UNUSED)
{
	static char too_long[1024];
	const char *const bad[] = {"invalid-token", "5", "/", "a/", "a/x",
		"z/t1-v-00112233445566778899aabbccddeeff",
		"a/t2-v-00112233445566778899aabbccddeeff",
		"a/t1-s-00112233445566778899aabbccddeeff",
		"old-a/t1-v-00112233445566778899aabbccddeeff", too_long};
	struct core_snapshot_filter filter = {0};
	struct core_snapshots snapshots;
	struct core_volumes page;
	struct bench bench;

	bench_start(&bench, false);
	memset(too_long, 'a', sizeof(too_long) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		expect(&bench,
			core_volume_list(bench.core, &bench.op, 0, bad[i], &page, &bench.err),
			ERR_ABORTED, "starting_token");
	}
	filter.token = "a/t1-v-00112233445566778899aabbccddeeff";
	expect(&bench, core_snapshot_list(bench.core, &bench.op, &filter, &snapshots, &bench.err),
		ERR_ABORTED, "starting_token");
	/* A token of ours whose volume never was is as good as one whose volume is gone. */
	list(&bench, 0, "a/t1-v-00112233445566778899aabbccddeeff", &page);
	bench_stop(&bench);
}

static void backend_out_of_reach(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes page;
	struct core_id id;

	bench_start(&bench, true);
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	expect(&bench, core_volume_list(bench.core, &bench.op, 0, "", &page, &bench.err),
		ERR_UNAVAILABLE, "backend a");
	/* A final code would be wrong, whatever the backend says. */
	bench.a->fail[TINY_LIST] = ERR_NOT_FOUND;
	assert_int_equal(core_volume_list(bench.core, &bench.op, 0, "", &page, &bench.err), -1);
	assert_false(err_is_final(bench.err.code));

	id = make(&bench, "a", 1);
	(void)make(&bench, "b", 1);
	tiny_add_host(tiny_volume(bench.a, id.object), NODE_1);
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 2);
	/* Now it is gone: its volumes are told as they were, published nodes and all. */
	bench.a->fail[TINY_LIST] = ERR_UNAVAILABLE;
	(void)make(&bench, "b", 2);
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 3);
	assert_string_equal(page.stale, "a");
	assert_string_equal(page.list[0].id.object, id.object);
	assert_int_equal(page.list[0].n_nodes, 1);
	/* And back. */
	tiny_volume(bench.a, id.object)->n_hosts = 0;
	list(&bench, 0, "", &page);
	assert_null(page.stale);
	assert_int_equal(page.list[0].n_nodes, 0);
	bench_stop(&bench);
}

/* Two lists that end only when both have begun. */
static pthread_barrier_t both;

static int list_together(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err)
{
	(void)pthread_barrier_wait(&both);
	return tiny_list(self, op, page, ret, err);
}

static int room_together(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	(void)pthread_barrier_wait(&both);
	return tiny_capacity(self, op, pool, ret, err);
}

static int cut_together(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err)
{
	(void)pthread_barrier_wait(&both);
	return tiny_snap_list(self, op, page, ret, err);
}

/* All backends are asked at once: one after the other, this would never end. */
static void backends_do_not_wait_for_each_other(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes page;
	struct core_snapshots cut;
	struct core_snapshot_filter filter = {0};
	struct core_capacity room;

	bench_start(&bench, true);
	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	(void)make(&bench, "a", 1);
	(void)make(&bench, "b", 1);
	bench.a->ops.volume_list = bench.b->ops.volume_list = list_together;
	bench.a->ops.snapshot_list = bench.b->ops.snapshot_list = cut_together;
	bench.a->ops.capacity = bench.b->ops.capacity = room_together;
	list(&bench, 0, "", &page);
	assert_int_equal(page.n, 2);
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &cut, &bench.err), 0);
	assert_int_equal(core_capacity(bench.core, &bench.op, (struct kv_list){0},
				 (struct kv_list){0}, &room, &bench.err),
		0);
	assert_int_equal(room.available, 20 * GIB);
	assert_int_equal(pthread_barrier_destroy(&both), 0);
	bench_stop(&bench);
}

/* A page that one backend fills is no reason to ask the next one, once it is known how many there
 * are. */
static void no_more_are_asked_than_the_page_needs(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes page;

	bench_start(&bench, true);
	for (unsigned i = 0; i < 4; i++) {
		(void)make(&bench, "a", i);
		(void)make(&bench, "b", i);
	}
	list(&bench, 0, "", &page);
	assert_int_equal(bench.b->calls[TINY_LIST], 1);
	list(&bench, 2, "", &page);
	assert_int_equal(page.n, 2);
	assert_int_equal(bench.b->calls[TINY_LIST], 1);
	/* Fewer than were there: the next one is asked after all. */
	bench.a->volumes[0].used = bench.a->volumes[1].used = bench.a->volumes[2].used = false;
	list(&bench, 3, "", &page);
	assert_int_equal(page.n, 3);
	assert_int_equal(bench.b->calls[TINY_LIST], 2);
	bench_stop(&bench);
}

static int standing_still(struct backend *self UNUSED, const struct op *op UNUSED,
	const struct be_page *page UNUSED, struct be_volumes *ret, struct err *err UNUSED)
{
	*ret = (struct be_volumes){.next = "again"};
	return 0;
}

static void a_list_that_never_ends(void **state UNUSED)
{
	struct bench bench;
	struct core_volumes page;

	bench_start(&bench, false);
	bench.a->ops.volume_list = standing_still;
	expect(&bench, core_volume_list(bench.core, &bench.op, 0, "", &page, &bench.err),
		ERR_UNAVAILABLE, "stands still");
	bench_stop(&bench);
}

static void snapshots(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot_filter filter = {0};
	struct core_snapshots page;
	struct core_snapshot cut;
	struct core_id a = {0};
	struct core_id b = {0};
	struct core_id absent = {"a", "t1-s-00112233445566778899aabbccddeeff"};
	char name[16];

	bench_start(&bench, true);
	a = make(&bench, "a", 1);
	b = make(&bench, "b", 1);
	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "s%u", i);
		assert_int_equal(core_snapshot_create(bench.core, &bench.op, name, i < 3 ? &a : &b,
					 &cut, &bench.err),
			0);
	}
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 4);
	filter.source = &a;
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 3);
	assert_string_equal(page.list[0].source.object, a.object);
	filter.max_entries = 2;
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 2);
	filter.token = page.next_token;
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 1);
	assert_string_equal(page.next_token, "");

	filter = (struct core_snapshot_filter){.id = &cut.id};
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 1);
	assert_string_equal(page.list[0].id.object, cut.id.object);
	filter.source = &a;
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 0);
	filter = (struct core_snapshot_filter){.id = &absent};
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 0);
	filter = (struct core_snapshot_filter){.source = &absent};
	assert_int_equal(core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err), 0);
	assert_int_equal(page.n, 0);
	assert_int_equal(bench.err.code, ERR_OK);

	filter = (struct core_snapshot_filter){0};
	bench.b->fail[TINY_SNAP_LIST] = ERR_UNAVAILABLE;
	expect(&bench, core_snapshot_list(bench.core, &bench.op, &filter, &page, &bench.err),
		ERR_UNAVAILABLE, "backend b");
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_and_in_order),
		cmocka_unit_test(pages_of_every_size),
		cmocka_unit_test(stable_while_things_come_and_go),
		cmocka_unit_test(bad_tokens),
		cmocka_unit_test(backend_out_of_reach),
		cmocka_unit_test(backends_do_not_wait_for_each_other),
		cmocka_unit_test(no_more_are_asked_than_the_page_needs),
		cmocka_unit_test(a_list_that_never_ends),
		cmocka_unit_test(snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
