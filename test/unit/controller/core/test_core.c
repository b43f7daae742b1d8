/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's own state: made whole or not at all, backends closed once, names looked up.
 */
#include "controller/core/core.h"
#include "controller/core/member.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void closes_what_it_took(void **state UNUSED)
{
	unsigned closed = 0;
	struct bench bench;

	bench_start(&bench, true);
	bench.a->closed_out = &closed;
	bench.b->closed_out = &closed;
	bench_stop(&bench);
	assert_int_equal(closed, 2);
	core_free(NULL);
}

static void names_and_aliases(void **state UNUSED)
{
	struct bench bench;

	bench_start(&bench, true);
	assert_ptr_equal(member_by_name(bench.core, "a")->be, bench.a);
	assert_ptr_equal(member_by_name(bench.core, "old-a")->be, bench.a);
	assert_ptr_equal(member_by_name(bench.core, "b")->be, bench.b);
	assert_null(member_by_name(bench.core, "old"));
	assert_null(member_by_name(bench.core, ""));
	bench_stop(&bench);
}

static void one_lock_for_all_names_of_a_volume(void **state UNUSED)
{
	struct bench bench;
	struct member *member;
	struct keylock_held *held = NULL;
	struct core_volume volume;
	struct core_create what = {.name = "v", .range = {MIB, 0}, .fs_type = ""};
	struct core_id id;

	bench_start(&bench, false);
	assert_int_equal(core_volume_create(bench.core, &bench.op, &what, &volume, &bench.err), 0);
	member = member_by_name(bench.core, "a");
	assert_int_equal(member_lock(bench.core, member, BE_KIND_VOLUME, volume.id.object, &held,
				 &bench.err),
		0);
	id = (struct core_id){"old-a", volume.id.object};
	assert_int_equal(core_volume_delete(bench.core, &bench.op, &id, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_ABORTED);
	keylock_release(held);
	assert_int_equal(core_volume_delete(bench.core, &bench.op, &id, &bench.err), 0);
	bench_stop(&bench);
}

static void a_full_lane_turns_away(void **state UNUSED)
{
	struct bench bench;
	struct lane *held[CORE_LANE_MAX];
	struct core_create what = {.name = "v", .range = {MIB, 0}, .fs_type = ""};
	struct kv on_b = {"backend", "b"};
	struct kv on_a = {"backend", "a"};
	struct core_volume volume;

	bench_start(&bench, true);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		assert_int_equal(lane_enter(&member_by_name(bench.core, "a")->lane, "a", &held[i],
					 &bench.err),
			0);
	}
	what.parameters = (struct kv_list){&on_a, 1};
	assert_int_equal(core_volume_create(bench.core, &bench.op, &what, &volume, &bench.err), -1);
	assert_int_equal(bench.err.code, ERR_UNAVAILABLE);
	/* The other backend does not notice. */
	what.parameters = (struct kv_list){&on_b, 1};
	assert_int_equal(core_volume_create(bench.core, &bench.op, &what, &volume, &bench.err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
		lane_leave(held[i]);
	}
	what.parameters = (struct kv_list){&on_a, 1};
	assert_int_equal(core_volume_create(bench.core, &bench.op, &what, &volume, &bench.err), 0);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_what_it_took),
		cmocka_unit_test(names_and_aliases),
		cmocka_unit_test(one_lock_for_all_names_of_a_volume),
		cmocka_unit_test(a_full_lane_turns_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
