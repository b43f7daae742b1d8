/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: once cut they stay what they are, whatever becomes of their volume.
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

static struct core_id make(struct bench *bench, const char *name)
{
	struct core_create what = {
		.name = name, .range = {GIB, 0}, .mount = true, .fs_type = "xfs"};
	struct core_volume volume;

	if (core_volume_create(bench->core, &bench->op, &what, &volume, &bench->err) < 0) {
		fail_msg("%s", bench->err.msg);
	}
	return volume.id;
}

static int cut(
	struct bench *bench, const char *name, struct core_id source, struct core_snapshot *ret)
{
	return core_snapshot_create(bench->core, &bench->op, name, &source, ret, &bench->err);
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

static void cutting(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot first;
	struct core_snapshot again;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	assert_int_equal(cut(&bench, "s", id, &first), 0);
	assert_true(objname_is_of(first.id.object, BENCH_INSTANCE, BE_KIND_SNAPSHOT));
	assert_string_equal(first.source.object, id.object);
	assert_int_equal(first.size, GIB);
	assert_int_equal(first.created_ms, 1700000000123);
	assert_true(first.ready);
	/* The filesystem goes along. */
	assert_string_equal(
		kv_get((struct kv_list){tiny_snapshot(bench.a, first.id.object)->metadata, 1},
			"fsType"),
		"xfs");
	assert_int_equal(cut(&bench, "s", id, &again), 0);
	assert_string_equal(again.id.object, first.id.object);
	assert_int_equal(bench.a->calls[TINY_SNAP_CREATE], 1);
	bench_stop(&bench);
}

static void other_source(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot snapshot;
	struct core_id one;
	struct core_id two;

	bench_start(&bench, false);
	one = make(&bench, "v1");
	two = make(&bench, "v2");
	assert_int_equal(cut(&bench, "s", one, &snapshot), 0);
	expect(&bench, cut(&bench, "s", two, &snapshot), ERR_ALREADY_EXISTS, "snapshot a/");
	bench_stop(&bench);
}

static void volume_gone(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot snapshot;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	assert_int_equal(cut(&bench, "s", id, &snapshot), 0);
	tiny_volume(bench.a, id.object)->used = false;
	assert_int_equal(cut(&bench, "s", id, &snapshot), 0);
	assert_string_equal(snapshot.source.object, id.object);
	expect(&bench, cut(&bench, "other", id, &snapshot), ERR_NOT_FOUND, "volume a/");
	bench_stop(&bench);
}

static void not_ready_yet(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot snapshot;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	bench.a->in_progress[TINY_SNAP_CREATE] = 1;
	expect(&bench, cut(&bench, "s", id, &snapshot), ERR_ABORTED, "being cut");
	assert_int_equal(cut(&bench, "s", id, &snapshot), 0);
	tiny_snapshot(bench.a, snapshot.id.object)->unready = true;
	assert_int_equal(cut(&bench, "s", id, &snapshot), 0);
	assert_false(snapshot.ready);
	assert_int_equal(
		core_snapshot_get(bench.core, &bench.op, &snapshot.id, &snapshot, &bench.err), 0);
	assert_false(snapshot.ready);
	tiny_volume(bench.a, id.object)->unready = true;
	expect(&bench, cut(&bench, "t", id, &snapshot), ERR_ABORTED, "not ready");
	bench_stop(&bench);
}

static void failures_are_passed_on(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot snapshot;
	struct core_id id;

	bench_start(&bench, false);
	id = make(&bench, "v");
	bench.a->fail[TINY_SNAP_CREATE] = ERR_RESOURCE_EXHAUSTED;
	expect(&bench, cut(&bench, "s", id, &snapshot), ERR_RESOURCE_EXHAUSTED, "snapshot a/");
	bench.a->fail[TINY_SNAP_GET] = ERR_DEADLINE_EXCEEDED;
	expect(&bench, cut(&bench, "s", id, &snapshot), ERR_DEADLINE_EXCEEDED, "scripted");
	bench.a->ops.snapshot_create = NULL;
	expect(&bench, cut(&bench, "s", id, &snapshot), ERR_INVALID_ARGUMENT, "no snapshots");
	bench_stop(&bench);
}

static void deleting(void **state UNUSED)
{
	struct bench bench;
	struct core_snapshot snapshot;
	struct core_id volume;
	struct core_id junk = {"a", "junk"};
	struct core_id elsewhere = {"z", "t1-s-00112233445566778899aabbccddeeff"};

	bench_start(&bench, false);
	volume = make(&bench, "v");
	assert_int_equal(cut(&bench, "s", volume, &snapshot), 0);
	bench.a->fail[TINY_SNAP_DELETE] = ERR_FAILED_PRECONDITION;
	expect(&bench, core_snapshot_delete(bench.core, &bench.op, &snapshot.id, &bench.err),
		ERR_FAILED_PRECONDITION, "snapshot a/");
	bench.a->in_progress[TINY_SNAP_DELETE] = 1;
	expect(&bench, core_snapshot_delete(bench.core, &bench.op, &snapshot.id, &bench.err),
		ERR_ABORTED, "deleted");
	assert_int_equal(core_snapshot_delete(bench.core, &bench.op, &snapshot.id, &bench.err), 0);
	assert_int_equal(core_snapshot_delete(bench.core, &bench.op, &snapshot.id, &bench.err), 0);
	assert_int_equal(core_snapshot_delete(bench.core, &bench.op, &junk, &bench.err), 0);
	/* A volume's id does not delete the volume here. */
	assert_int_equal(core_snapshot_delete(bench.core, &bench.op, &volume, &bench.err), 0);
	assert_non_null(tiny_volume(bench.a, volume.object));
	expect(&bench, core_snapshot_delete(bench.core, &bench.op, &elsewhere, &bench.err),
		ERR_UNAVAILABLE, "\"z\"");
	expect(&bench,
		core_snapshot_get(bench.core, &bench.op, &snapshot.id, &snapshot, &bench.err),
		ERR_NOT_FOUND, "snapshot a/");
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cutting),
		cmocka_unit_test(other_source),
		cmocka_unit_test(volume_gone),
		cmocka_unit_test(not_ready_yet),
		cmocka_unit_test(failures_are_passed_on),
		cmocka_unit_test(deleting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
