/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete, look up, grow, and the room that is left.
 */
#include "controller/core/params.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct core_id make(struct bench *bench, const char *name)
{
	static struct kv tos = {"tos", "8"};
	struct core_create what = {.name = name,
		.range = {GIB, 0},
		.parameters = {&tos, 1},
		.mount = true,
		.fs_type = "xfs"};
	struct core_volume volume;

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

static int delete(struct bench *bench, struct core_id id)
{
	return core_volume_delete(bench->core, &bench->op, &id, &bench->err);
}

static void deleting(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	assert_int_equal(delete (&bench, id), 0);
	assert_null(tiny_volume(bench.a, id.object));
	assert_int_equal(delete (&bench, id), 0);
	/* What is not there is asked of the backend all the same: a crash may have left half of it.
	 */
	assert_int_equal(bench.a->calls[TINY_DELETE], 2);
	assert_int_equal(bench.err.code, ERR_OK);
	bench_stop(&bench);
}

static void deleting_what_is_not_ours(void **state UNUSED)
{
	struct core_id foreign = {"a", "t2-v-00112233445566778899aabbccddeeff"};
	struct core_id snapshot = {"a", "t1-s-00112233445566778899aabbccddeeff"};
	struct core_id junk = {"a", "root"};
	struct core_id elsewhere = {"z", "t1-v-00112233445566778899aabbccddeeff"};
	struct bench bench;

	bench_start(&bench, false);
	assert_int_equal(delete (&bench, foreign), 0);
	assert_int_equal(delete (&bench, snapshot), 0);
	assert_int_equal(delete (&bench, junk), 0);
	assert_int_equal(bench.a->calls[TINY_DELETE], 0);
	expect(&bench, delete (&bench, elsewhere), ERR_UNAVAILABLE,
		"configuration names no backend \"z\"");
	bench_stop(&bench);
}

static void deleting_what_is_in_use(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	tiny_add_host(tiny_volume(bench.a, id.object), NODE_1);
	expect(&bench, delete (&bench, id), ERR_FAILED_PRECONDITION, NODE_1);
	assert_int_equal(bench.a->calls[TINY_DELETE], 0);
	tiny_volume(bench.a, id.object)->n_hosts = 0;
	bench.a->fail[TINY_DELETE] = ERR_FAILED_PRECONDITION;
	expect(&bench, delete (&bench, id), ERR_FAILED_PRECONDITION, "volume a/");
	bench.a->in_progress[TINY_DELETE] = 1;
	expect(&bench, delete (&bench, id), ERR_ABORTED, "still working");
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	expect(&bench, delete (&bench, id), ERR_UNAVAILABLE, "scripted");
	assert_non_null(tiny_volume(bench.a, id.object));
	assert_int_equal(delete (&bench, id), 0);
	bench_stop(&bench);
}

static void looking_up(void **state UNUSED)
{
	struct bench bench;
	struct core_volume volume;
	struct core_id id;
	struct core_id gone = {"a", "t1-v-00112233445566778899aabbccddeeff"};
	struct tiny_volume *v;

	bench_start(&bench, false);
	id = make(&bench, "v");
	v = tiny_volume(bench.a, id.object);
	tiny_add_host(v, NODE_2);
	tiny_add_host(v, NODE_1);
	v->metadata[v->n_metadata++] = (struct kv){"inside", "of the backend"};
	id.backend = "old-a";
	assert_int_equal(core_volume_get(bench.core, &bench.op, &id, &volume, &bench.err), 0);
	assert_string_equal(volume.id.backend, "a");
	assert_int_equal(volume.size, GIB);
	assert_int_equal(volume.n_nodes, 2);
	assert_string_equal(volume.nodes[0], NODE_1);
	assert_string_equal(volume.nodes[1], NODE_2);
	assert_int_equal(volume.context.n, 2);
	assert_string_equal(kv_get(volume.context, PARAM_FS_KEY), "xfs");
	assert_string_equal(kv_get(volume.context, "tos"), "8");
	expect(&bench, core_volume_get(bench.core, &bench.op, &gone, &volume, &bench.err),
		ERR_NOT_FOUND, "volume a/t1-v-0011");
	bench_stop(&bench);
}

static int expand(
	struct bench *bench, struct core_id id, int64_t required, int64_t limit, int64_t *ret_size)
{
	struct core_range range = {required, limit};

	*ret_size = 0;
	return core_volume_expand(bench->core, &bench->op, &id, &range, ret_size, &bench->err);
}

static void growing(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;
	int64_t size;

	bench_start(&bench, false);
	id = make(&bench, "v");
	assert_int_equal(expand(&bench, id, 2 * GIB + 1, 0, &size), 0);
	assert_int_equal(size, 2 * GIB + TINY_UNIT);
	assert_int_equal(expand(&bench, id, 2 * GIB + 1, 0, &size), 0);
	assert_int_equal(size, 2 * GIB + TINY_UNIT);
	/* Large enough: what it has, and no change. */
	assert_int_equal(expand(&bench, id, GIB, 0, &size), 0);
	assert_int_equal(size, 2 * GIB + TINY_UNIT);
	/* The backend is asked each time: it may have been cut short after it told the new size. */
	assert_int_equal(bench.a->calls[TINY_EXPAND], 3);

	expect(&bench, expand(&bench, id, GIB, 2 * GIB, &size), ERR_OUT_OF_RANGE, "limit_bytes");
	expect(&bench, expand(&bench, id, 3 * GIB + 1, 3 * GIB + 1, &size), ERR_OUT_OF_RANGE,
		"step");
	expect(&bench, expand(&bench, id, TIB + 1, 0, &size), ERR_OUT_OF_RANGE, "required_bytes");
	expect(&bench, expand(&bench, id, INT64_MAX, 0, &size), ERR_OUT_OF_RANGE, "required_bytes");
	assert_int_equal(bench.a->calls[TINY_EXPAND], 3);
	bench_stop(&bench);
}

static void growing_goes_wrong(void **state UNUSED)
{
	struct bench bench;
	struct core_id id;
	struct core_id gone = {"a", "t1-v-00112233445566778899aabbccddeeff"};
	int64_t size;

	bench_start(&bench, false);
	id = make(&bench, "v");
	expect(&bench, expand(&bench, gone, GIB, 0, &size), ERR_NOT_FOUND, "volume");
	bench.a->in_progress[TINY_EXPAND] = 1;
	expect(&bench, expand(&bench, id, 2 * GIB, 0, &size), ERR_ABORTED, "grown");
	bench.a->fail[TINY_EXPAND] = ERR_RESOURCE_EXHAUSTED;
	expect(&bench, expand(&bench, id, 2 * GIB, 0, &size), ERR_RESOURCE_EXHAUSTED, "volume a/");
	bench.a->fail[TINY_LIMITS] = ERR_UNAVAILABLE;
	expect(&bench, expand(&bench, id, 2 * GIB, 0, &size), ERR_UNAVAILABLE, "backend a");
	tiny_volume(bench.a, id.object)->unready = true;
	expect(&bench, expand(&bench, id, 2 * GIB, 0, &size), ERR_ABORTED, "not ready");
	tiny_volume(bench.a, id.object)->unready = false;
	bench.a->ops.volume_expand = NULL;
	expect(&bench, expand(&bench, id, 2 * GIB, 0, &size), ERR_OUT_OF_RANGE, "cannot grow");
	/* Even a backend that cannot grow can say that it is large enough. */
	assert_int_equal(expand(&bench, id, GIB, 0, &size), 0);
	bench_stop(&bench);
}

static void room(void **state UNUSED)
{
	struct kv on_b = {"backend", "b"};
	struct kv pool[] = {{"backend", "a"}, {"pool", "none"}};
	struct kv unknown = {"nope", "1"};
	struct core_capacity room;
	struct bench bench;

	bench_start(&bench, true);
	assert_int_equal(core_capacity(bench.core, &bench.op, (struct kv_list){0},
				 (struct kv_list){0}, &room, &bench.err),
		0);
	assert_int_equal(room.available, 20 * GIB);
	assert_int_equal(room.max_size, 4 * GIB);
	assert_int_equal(room.min_size, TINY_UNIT);
	assert_int_equal(core_capacity(bench.core, &bench.op, (struct kv_list){&on_b, 1},
				 (struct kv_list){0}, &room, &bench.err),
		0);
	assert_int_equal(room.available, 10 * GIB);
	assert_int_equal(bench.a->calls[TINY_CAPACITY], 1);
	expect(&bench,
		core_capacity(bench.core, &bench.op, (struct kv_list){pool, 2}, (struct kv_list){0},
			&room, &bench.err),
		ERR_INVALID_ARGUMENT, "pool");
	expect(&bench,
		core_capacity(bench.core, &bench.op, (struct kv_list){&unknown, 1},
			(struct kv_list){0}, &room, &bench.err),
		ERR_INVALID_ARGUMENT, "nope");
	bench.b->fail[TINY_CAPACITY] = ERR_UNAVAILABLE;
	expect(&bench,
		core_capacity(bench.core, &bench.op, (struct kv_list){0}, (struct kv_list){0},
			&room, &bench.err),
		ERR_UNAVAILABLE, "backend b");
	bench_stop(&bench);
}

/* Many failing calls leave no place in the lane taken. */
static void places_come_back(void **state UNUSED)
{
	struct bench bench;
	struct core_volume volume;
	struct core_id a;

	bench_start(&bench, false);
	a = make(&bench, "v");
	bench.a->limits.max_size = GIB;
	for (unsigned i = 0; i < 3 * CORE_LANE_MAX; i++) {
		/* Every call gives its place back, also those that fail. */
		int64_t size;

		expect(&bench, expand(&bench, a, 2 * GIB, 0, &size), ERR_OUT_OF_RANGE, "required");
	}
	assert_int_equal(core_volume_get(bench.core, &bench.op, &a, &volume, &bench.err), 0);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deleting),
		cmocka_unit_test(deleting_what_is_not_ours),
		cmocka_unit_test(deleting_what_is_in_use),
		cmocka_unit_test(looking_up),
		cmocka_unit_test(growing),
		cmocka_unit_test(growing_goes_wrong),
		cmocka_unit_test(room),
		cmocka_unit_test(places_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
