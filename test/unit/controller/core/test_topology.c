/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology: which segment meets which, and that a volume is neither made nor promised where it is
 * not reached from, nor left behind by a refusal.
 */
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ZONE "x.dev/zone"
#define RACK "x.dev/rack"

static const struct kv zone_a[] = {{ZONE, "a"}};
static const struct kv zone_b[] = {{ZONE, "b"}};
static const struct kv zone_c[] = {{ZONE, "c"}};
static const struct kv zone_a_rack_7[] = {{RACK, "7"}, {ZONE, "a"}};
static const struct kv zone_a_rack_8[] = {{RACK, "8"}, {ZONE, "a"}};
static const struct kv rack_7[] = {{RACK, "7"}};
static const struct kv other[] = {{"x.dev/other", "a"}};

#define SEGMENT(kvs) ((struct kv_list){(kvs), ARRAY_SIZE(kvs)})

static bool meets(struct kv_list topology, struct kv_list segment)
{
	struct topology one = {.segments = &topology, .n = 1};

	return topology_meets(&one, segment);
}

static void which_meets_which(void **state UNUSED)
{
	const struct kv_list both[] = {SEGMENT(zone_b), SEGMENT(zone_a)};
	const struct topology of = {both, 2};
	const struct topology everywhere = {0};

	assert_true(meets(SEGMENT(zone_a), SEGMENT(zone_a)));
	assert_false(meets(SEGMENT(zone_a), SEGMENT(zone_b)));
	/* A node tells more than the backend needs; a class names less than it. */
	assert_true(meets(SEGMENT(zone_a), SEGMENT(zone_a_rack_7)));
	assert_true(meets(SEGMENT(zone_a_rack_7), SEGMENT(zone_a)));
	assert_false(meets(SEGMENT(zone_a_rack_7), SEGMENT(zone_a_rack_8)));
	assert_false(meets(SEGMENT(zone_b), SEGMENT(zone_a_rack_7)));
	/* A node that does not tell the key is not in the segment. */
	assert_false(meets(SEGMENT(zone_a), SEGMENT(rack_7)));
	assert_false(meets(SEGMENT(zone_a), SEGMENT(other)));

	assert_true(topology_meets(&of, SEGMENT(zone_a)));
	assert_true(topology_meets(&of, SEGMENT(zone_b)));
	assert_false(topology_meets(&of, SEGMENT(zone_c)));
	assert_true(topology_meets(&everywhere, SEGMENT(other)));
	assert_true(topology_meets_any(&of, &everywhere));
	assert_true(topology_meets_any(&everywhere, &of));
}

static void as_text(void **state UNUSED)
{
	const struct kv_list many[] = {SEGMENT(zone_a_rack_7), SEGMENT(zone_b), SEGMENT(zone_c),
		SEGMENT(zone_a), SEGMENT(rack_7), SEGMENT(other)};
	_cleanup_strbuf_ struct strbuf text = sb_init(KIB);

	topology_print(&(struct topology){many, 2}, &text);
	assert_string_equal(sb_str(&text), "x.dev/rack=7,x.dev/zone=a or x.dev/zone=b");
	sb_reset(&text);
	topology_print(&(struct topology){many, 6}, &text);
	assert_non_null(strstr(sb_str(&text), "x.dev/zone=a or 2 more"));
}

static void copies(void **state UNUSED)
{
	const struct kv_list both[] = {SEGMENT(zone_b), SEGMENT(zone_a_rack_7)};
	struct topology copy;
	size_t room = 0;
	int result = -1;

	/* Whatever the memory is, it is copied whole or not at all. */
	for (; result < 0 && room < KIB; room += 8) {
		struct arena *arena = arena_new(room);

		result = topology_copy(arena, &(struct topology){both, 2}, &copy);
		if (result == 0) {
			assert_int_equal(copy.n, 2);
			assert_string_equal(kv_get(copy.segments[0], ZONE), "b");
			assert_string_equal(kv_get(copy.segments[1], RACK), "7");
			assert_ptr_not_equal(copy.segments[1].items, zone_a_rack_7);
		}
		arena_free(arena);
	}
	assert_int_equal(result, 0);
	assert_true(room > 64);
}

static int make(
	struct bench *bench, const char *backend, struct kv_list asked, struct core_volume *ret)
{
	const struct kv on = {"backend", backend};
	const struct core_create what = {.name = "pvc-1",
		.parameters = {&on, 1},
		.fs_type = "",
		.requisite = {&asked, asked.n > 0 ? 1 : 0}};

	bench->err = (struct err){0};
	return core_volume_create(bench->core, &bench->op, &what, ret, &bench->err);
}

static struct core_volume made(struct bench *bench, const char *backend, struct kv_list asked)
{
	struct core_volume volume;

	if (make(bench, backend, asked, &volume) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return volume;
}

static void where_it_is_reached(void **state UNUSED)
{
	const struct kv_list both[] = {SEGMENT(zone_a), SEGMENT(zone_b)};
	struct core_volume volume;
	struct bench bench;

	bench_start_at(&bench, true, (struct topology){both, 2});
	assert_true(core_has_topology(bench.core));
	volume = made(&bench, "a", SEGMENT(zone_b));
	assert_int_equal(volume.topology->n, 2);
	assert_string_equal(kv_get(volume.topology->segments[1], ZONE), "b");
	/* Looked up and listed it says the same. */
	assert_int_equal(
		core_volume_get(bench.core, &bench.op, &volume.id, &volume, &bench.err), 0);
	assert_int_equal(volume.topology->n, 2);
	/* Nothing is asked, or the backend is reached from everywhere. */
	assert_int_equal(made(&bench, "a", (struct kv_list){0}).topology->n, 2);
	assert_int_equal(made(&bench, "b", SEGMENT(zone_c)).topology->n, 0);
	bench_stop(&bench);
}

static void where_it_is_not_reached(void **state UNUSED)
{
	const struct kv_list here = SEGMENT(zone_a);
	struct core_volume volume;
	struct bench bench;

	bench_start_at(&bench, false, (struct topology){&here, 1});
	assert_int_equal(make(&bench, "a", SEGMENT(zone_b), &volume), -1);
	assert_int_equal(bench.err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(bench.err.msg, "backend a is reached from x.dev/zone=a, not from "
					      "x.dev/zone=b; let the pod"));
	assert_int_equal(bench.a->calls[TINY_CREATE], 0);
	bench_stop(&bench);
}

/*
 * The answer to the call that made it was lost, and by now the claim is asked for from elsewhere.
 * A refusal would be final: the provisioner would believe that there is nothing to delete.
 */
static void what_is_made_is_not_left_behind(void **state UNUSED)
{
	const struct kv_list here = SEGMENT(zone_a);
	struct core_volume first;
	struct core_volume again;
	struct bench bench;

	bench_start_at(&bench, false, (struct topology){&here, 1});
	first = made(&bench, "a", SEGMENT(zone_a));
	again = made(&bench, "a", SEGMENT(zone_b));
	assert_string_equal(again.id.object, first.id.object);
	assert_string_equal(kv_get(again.topology->segments[0], ZONE), "a");
	/* Whether it is there cannot be known now: nothing final is said. */
	bench.a->fail[TINY_GET] = ERR_UNAVAILABLE;
	assert_int_equal(make(&bench, "a", SEGMENT(zone_b), &again), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	bench_stop(&bench);
}

static int64_t room(struct bench *bench, const char *backend, struct kv_list from)
{
	const struct kv on = {"backend", backend};
	struct core_capacity room = {0};

	if (core_capacity(bench->core, &bench->op, (struct kv_list){&on, backend ? 1 : 0}, from,
		    &room, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return room.available;
}

static void room_by_segment(void **state UNUSED)
{
	const struct kv_list here = SEGMENT(zone_a);
	struct bench bench;

	bench_start_at(&bench, true, (struct topology){&here, 1});
	assert_int_equal(room(&bench, "a", (struct kv_list){0}), 10 * GIB);
	assert_int_equal(room(&bench, "a", SEGMENT(zone_a_rack_8)), 10 * GIB);
	assert_int_equal(room(&bench, "a", SEGMENT(zone_b)), 0);
	assert_int_equal(room(&bench, "a", SEGMENT(other)), 0);
	assert_int_equal(room(&bench, "b", SEGMENT(zone_b)), 10 * GIB);
	assert_int_equal(room(&bench, NULL, SEGMENT(zone_a)), 20 * GIB);
	assert_int_equal(room(&bench, NULL, SEGMENT(zone_b)), 10 * GIB);
	bench_stop(&bench);
	bench_start(&bench, true);
	assert_false(core_has_topology(bench.core));
	assert_int_equal(room(&bench, NULL, SEGMENT(zone_a)), 0);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_meets_which),
		cmocka_unit_test(as_text),
		cmocka_unit_test(copies),
		cmocka_unit_test(where_it_is_reached),
		cmocka_unit_test(where_it_is_not_reached),
		cmocka_unit_test(what_is_made_is_not_left_behind),
		cmocka_unit_test(room_by_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
