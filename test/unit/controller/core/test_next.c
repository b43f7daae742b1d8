/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core that follows another one: what goes on keeps all that is known of it, what went ends its
 * calls first, and a target that stands one controller never has calls of both.
 */
#include "controller/core/current.h"
#include "controller/core/member.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* "a" and "b" in force, and the one that follows. */
struct rig {
	struct bench bench;
	struct current *current;
	unsigned closed;
	struct tiny *fresh;
};

static void start(struct rig *rig, bool two_writers)
{
	*rig = (struct rig){0};
	bench_start(&rig->bench, true);
	rig->bench.a->features.two_writers = two_writers;
	rig->bench.a->closed_out = &rig->closed;
	rig->bench.b->closed_out = &rig->closed;
	rig->current = current_new(core_ref(rig->bench.core));
	assert_non_null(rig->current);
}

static void stop(struct rig *rig)
{
	current_free(rig->current);
	bench_stop(&rig->bench);
}

/* Put in force: "b" as it is, and @name on a new backend (NULL: "b" alone). Return: it, held. */
static struct core *follow(struct rig *rig, const char *name)
{
	struct core_backend backends[] = {{.name = "b"}, {.name = name}};
	struct core *core;
	struct core *old = current_core(rig->current);

	if (name) {
		rig->fresh = tiny_open();
		rig->fresh->features.two_writers = rig->bench.a->features.two_writers;
		backends[1].take_backend = &rig->fresh->base;
	}
	assert_int_equal(core_next(old, backends, name ? 2 : 1, &core, &rig->bench.err), 0);
	core_free(old);
	current_replace(rig->current, core_ref(core));
	return core;
}

static int make(struct rig *rig, struct core *core, const char *backend, const char *name,
	struct core_volume *ret)
{
	const struct kv on = {"backend", backend};
	const struct core_create what = {
		.name = name, .parameters = {&on, 1}, .range = {MIB, 0}, .fs_type = ""};

	rig->bench.err = (struct err){0};
	return core_volume_create(core, &rig->bench.op, &what, ret, &rig->bench.err);
}

static void what_is_the_same_goes_on(void **state UNUSED)
{
	struct core_volume volume;
	struct rig rig;
	struct core *core;
	size_t slot;

	start(&rig, true);
	slot = core_backend_slot(rig.bench.core, 1);
	assert_int_equal(make(&rig, rig.bench.core, "b", "v", &volume), 0);
	core = follow(&rig, "aa");
	assert_int_equal(core_backend_count(core), 2);
	assert_string_equal(core_backend_name(core, 0), "aa");
	assert_string_equal(core_backend_name(core, 1), "b");
	assert_ptr_equal(core->members[1], rig.bench.core->members[1]);
	assert_int_equal(core_backend_slot(core, 1), slot);
	/* Not behind calls of the one that went. */
	assert_int_not_equal(core_backend_slot(core, 0), core_backend_slot(rig.bench.core, 0));
	assert_int_not_equal(core_backend_slot(core, 0), slot);
	assert_int_equal(
		core_volume_get(core, &rig.bench.op, &volume.id, &volume, &rig.bench.err), 0);
	assert_int_equal(rig.closed, 0);
	core_free(core);
	stop(&rig);
	assert_int_equal(rig.closed, 2);
}

static void what_went_is_closed_with_its_last_call(void **state UNUSED)
{
	struct core_id gone = {"a", "t1-v-00112233445566778899aabbccddeeff"};
	struct core_volume volume;
	struct core *core;
	struct core *held;
	struct lane *lane;
	struct rig rig;

	start(&rig, true);
	/* A call at work on "a": it holds the core, and is in the lane. */
	held = current_core(rig.current);
	assert_int_equal(
		member_enter(held->members[0], &held->members[0]->lane, &lane, &rig.bench.err), 0);
	core = follow(&rig, NULL);
	core_free(TAKE_PTR(rig.bench.core));
	assert_int_equal(rig.closed, 0);
	/* One that had only taken the core does not begin on it; one on "b" does. */
	assert_int_equal(make(&rig, held, "a", "v", &volume), -1);
	assert_int_equal(rig.bench.err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(rig.bench.err.msg, "configuration has just changed"));
	assert_int_equal(make(&rig, held, "b", "v", &volume), 0);
	/* New calls know no "a": it is not said to be gone. */
	assert_int_equal(core_volume_delete(core, &rig.bench.op, &gone, &rig.bench.err), -1);
	assert_int_equal(rig.bench.err.code, ERR_UNAVAILABLE);
	lane_leave(lane);
	assert_int_equal(rig.closed, 0);
	core_free(held);
	assert_int_equal(rig.closed, 1);
	core_free(core);
	stop(&rig);
	assert_int_equal(rig.closed, 2);
}

/* One object has one lock, whichever core a call came by. */
static void locks_are_shared(void **state UNUSED)
{
	struct keylock_held *held;
	struct core_volume volume;
	struct core *core;
	struct rig rig;

	start(&rig, true);
	assert_int_equal(make(&rig, rig.bench.core, "b", "v", &volume), 0);
	core = follow(&rig, NULL);
	assert_int_equal(member_lock(rig.bench.core, rig.bench.core->members[1], BE_KIND_VOLUME,
				 volume.id.object, &held, &rig.bench.err),
		0);
	assert_int_equal(core_volume_delete(core, &rig.bench.op, &volume.id, &rig.bench.err), -1);
	assert_int_equal(rig.bench.err.code, ERR_ABORTED);
	keylock_release(held);
	assert_int_equal(core_volume_delete(core, &rig.bench.op, &volume.id, &rig.bench.err), 0);
	core_free(core);
	stop(&rig);
}

/* With another name, even: it may be the same target. And once more while the first still waits. */
static void one_writer_waits_for_the_one_before(void **state UNUSED)
{
	struct core_volume volume;
	struct core *second;
	struct core *third;
	struct lane *lane;
	struct rig rig;

	start(&rig, false);
	assert_int_equal(member_enter(rig.bench.core->members[0], &rig.bench.core->members[0]->lane,
				 &lane, &rig.bench.err),
		0);
	second = follow(&rig, "other");
	assert_int_equal(make(&rig, second, "other", "v", &volume), -1);
	assert_int_equal(rig.bench.err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(rig.bench.err.msg, "1 calls of before are still at work"));
	assert_int_equal(make(&rig, second, "b", "v", &volume), 0);
	third = follow(&rig, "a");
	assert_int_equal(make(&rig, third, "a", "v", &volume), -1);
	assert_int_equal(rig.fresh->calls[TINY_CREATE], 0);
	lane_leave(lane);
	assert_int_equal(make(&rig, third, "a", "v", &volume), 0);
	core_free(third);
	core_free(second);
	stop(&rig);
}

static void two_writers_need_not_wait(void **state UNUSED)
{
	struct core_volume volume;
	struct core *core;
	struct lane *lane;
	struct rig rig;

	start(&rig, true);
	assert_int_equal(member_enter(rig.bench.core->members[0], &rig.bench.core->members[0]->lane,
				 &lane, &rig.bench.err),
		0);
	core = follow(&rig, "a");
	assert_int_equal(make(&rig, core, "a", "v", &volume), 0);
	assert_int_equal(rig.fresh->calls[TINY_CREATE], 1);
	assert_int_equal(rig.bench.a->calls[TINY_CREATE], 0);
	lane_leave(lane);
	core_free(core);
	stop(&rig);
}

/* Numbers are found again, however often backends come and go. */
static void slots_do_not_run_out(void **state UNUSED)
{
	struct rig rig;

	start(&rig, true);
	for (unsigned i = 0; i < 4 * CORE_BACKENDS_MAX; i++) {
		struct core *core = follow(&rig, i % 2 ? "odd" : "even");

		assert_true(core_backend_slot(core, 1) < CORE_BACKENDS_MAX);
		assert_int_not_equal(core_backend_slot(core, 0), core_backend_slot(core, 1));
		core_free(core);
	}
	stop(&rig);
}

#define CALLERS 4
#define CALLS 300

struct caller {
	struct current *current;
	unsigned refused;
};

static void *call_on_b(void *arg)
{
	struct caller *caller = arg;

	for (unsigned i = 0; i < CALLS; i++) {
		_cleanup_core_ struct core *core = current_core(caller->current);
		struct op op = {.arena = arena_new(MIB), .deadline = deadline_in(60000)};
		struct core_id id = {"b", "t1-v-00112233445566778899aabbccddeeff"};
		struct core_volume volume;
		struct err err = {0};

		caller->refused += core_volume_get(core, &op, &id, &volume, &err) == 0 ||
				   err.code != ERR_NOT_FOUND;
		arena_free(op.arena);
	}
	return NULL;
}

/* While others come and go, each call on "b" is answered by it. */
static void calls_on_others_are_not_disturbed(void **state UNUSED)
{
	struct caller callers[CALLERS] = {0};
	pthread_t threads[CALLERS];
	struct rig rig;

	start(&rig, true);
	for (size_t i = 0; i < CALLERS; i++) {
		callers[i].current = rig.current;
		assert_int_equal(pthread_create(&threads[i], NULL, call_on_b, &callers[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		core_free(follow(&rig, i % 2 ? "odd" : "even"));
	}
	for (size_t i = 0; i < CALLERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(callers[i].refused, 0);
	}
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_same_goes_on),
		cmocka_unit_test(what_went_is_closed_with_its_last_call),
		cmocka_unit_test(locks_are_shared),
		cmocka_unit_test(one_writer_waits_for_the_one_before),
		cmocka_unit_test(two_writers_need_not_wait),
		cmocka_unit_test(slots_do_not_run_out),
		cmocka_unit_test(calls_on_others_are_not_disturbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
