/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateVolume's rules: sizes, sources, what is there already, and codes that never say "nothing
 * was done" when nobody knows.
 */
#include "controller/core/params.h"
#include "controller/core/snapshot.h"
#include "controller/core/volume.h"
#include "test/unit/controller/core/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int create(struct bench *bench, const struct core_create *create, struct core_volume *ret)
{
	bench->err = (struct err){0};
	return core_volume_create(bench->core, &bench->op, create, ret, &bench->err);
}

static void made(struct bench *bench, const struct core_create *what, struct core_volume *ret)
{
	if (create(bench, what, ret) < 0) {
		fail_msg("%s: %s", err_code_name(bench->err.code), bench->err.msg);
	}
}

static void refused(
	struct bench *bench, const struct core_create *what, enum err_code code, const char *text)
{
	struct core_volume volume;

	if (create(bench, what, &volume) == 0) {
		fail_msg("made, but %s was expected", err_code_name(code));
	}
	if (bench->err.code != code || !strstr(bench->err.msg, text)) {
		fail_msg("%s, not %s with \"%s\": %s", err_code_name(bench->err.code),
			err_code_name(code), text, bench->err.msg);
	}
}

static void blank(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {
		.name = "pvc-1", .range = {3 * GIB, 0}, .mount = true, .fs_type = ""};
	struct core_volume first;
	struct core_volume again;

	bench_start(&bench, false);
	made(&bench, &what, &first);
	assert_string_equal(first.id.backend, "a");
	assert_true(objname_is_of(first.id.object, BENCH_INSTANCE, BE_KIND_VOLUME));
	assert_int_equal(first.size, 3 * GIB);
	assert_string_equal(kv_get(first.context, PARAM_FS_KEY), "ext4");
	assert_int_equal(first.source.kind, CORE_BLANK);
	made(&bench, &what, &again);
	assert_string_equal(again.id.object, first.id.object);
	assert_int_equal(again.size, first.size);
	assert_non_null(tiny_volume(bench.a, first.id.object));
	assert_string_equal(tiny_volume(bench.a, first.id.object)->name, "pvc-1");
	bench_stop(&bench);
}

static void sizes(void **state UNUSED)
{
	static const struct {
		int64_t required, limit, size; /* size 0: OUT_OF_RANGE */
	} rows[] = {
		{0, 0, CORE_SIZE_DEFAULT},
		{1, 0, TINY_UNIT},
		{GIB + 1, 0, GIB + TINY_UNIT},
		{GIB, GIB, GIB},
		{GIB + 1, GIB + 1, 0},
		{GIB + 1, GIB + TINY_UNIT, GIB + TINY_UNIT},
		{0, 10 * MIB, 10 * MIB},
		{0, 10 * MIB + 1, 10 * MIB},
		{0, 1, 0},
		{0, 2 * GIB, CORE_SIZE_DEFAULT},
		{TIB, 0, TIB},
		{TIB + 1, 0, 0},
		{INT64_MAX, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bench bench;
		struct core_create what = {
			.name = "n", .range = {rows[i].required, rows[i].limit}, .fs_type = ""};
		struct core_volume volume;

		bench_start(&bench, false);
		if (rows[i].size) {
			made(&bench, &what, &volume);
			assert_int_equal(volume.size, rows[i].size);
		} else {
			refused(&bench, &what, ERR_OUT_OF_RANGE, "capacity_range");
			assert_int_equal(bench.a->calls[TINY_CREATE], 0);
		}
		bench_stop(&bench);
	}
}

static void xfs_needs_room(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {
		.name = "x", .range = {PARAM_XFS_MIN - 1, 0}, .mount = true, .fs_type = "xfs"};
	struct core_volume volume;

	bench_start(&bench, false);
	/* One byte short is rounded up to enough. */
	made(&bench, &what, &volume);
	what.name = "y";
	what.range.required = PARAM_XFS_MIN - TINY_UNIT;
	refused(&bench, &what, ERR_OUT_OF_RANGE, "xfs");
	what.fs_type = "ext4";
	made(&bench, &what, &volume);
	bench_stop(&bench);
}

static void mismatches(void **state UNUSED)
{
	struct kv tos8 = {"tos", "8"};
	struct kv tos9 = {"tos", "9"};
	struct bench bench;
	struct core_create what = {
		.name = "n", .range = {GIB, GIB}, .parameters = {&tos8, 1}, .fs_type = ""};
	struct core_create other;
	struct core_volume volume;

	bench_start(&bench, false);
	made(&bench, &what, &volume);
	other = what;
	other.range = (struct core_range){2 * GIB, 2 * GIB};
	refused(&bench, &other, ERR_ALREADY_EXISTS, "bytes");
	other = what;
	other.parameters.items = &tos9;
	refused(&bench, &other, ERR_ALREADY_EXISTS, "tos");
	other = what;
	other.parameters.n = 0;
	refused(&bench, &other, ERR_ALREADY_EXISTS, "tos");
	other = what;
	other.mount = true;
	refused(&bench, &other, ERR_ALREADY_EXISTS, "fsType");
	made(&bench, &what, &volume);

	/* What is not kept cannot be compared. */
	bench.a->features.metadata = BE_METADATA_NAME_ONLY;
	other = what;
	other.parameters.items = &tos9;
	made(&bench, &other, &volume);
	bench_stop(&bench);
}

static void strange_metadata_is_not_compared(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;
	struct tiny_volume *v;

	bench_start(&bench, false);
	made(&bench, &what, &volume);
	v = tiny_volume(bench.a, volume.id.object);
	v->metadata[v->n_metadata++] = (struct kv){"ofALaterVersion", "x"};
	made(&bench, &what, &volume);
	bench_stop(&bench);
}

/* The kernel would delete the paths before the volume is published again. */
static void paths_must_outlive_a_restart(void **state UNUSED)
{
	struct bench bench;
	struct kv loss = {"ctrlLossTmo", "299"};
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	what.parameters = (struct kv_list){&loss, 1};
	bench_start(&bench, false);
	made(&bench, &what, &volume);
	bench_stop(&bench);
	bench_start(&bench, false);
	bench.a->features.exports_persist = false;
	bench.a->features.metadata = BE_METADATA_NAME_ONLY; /* the same name with other timers */
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "parameters.ctrlLossTmo: 299 s");
	assert_int_equal(bench.a->calls[TINY_CREATE], 0);
	loss.value = "0";
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "parameters.ctrlLossTmo: 0 s");
	loss.value = "300";
	made(&bench, &what, &volume);
	loss.value = "-1";
	made(&bench, &what, &volume);
	what.parameters.n = 0;
	made(&bench, &what, &volume);
	bench_stop(&bench);
}

static void rates_go_where_they_are_kept(void **state UNUSED)
{
	struct bench bench;
	struct kv rates[] = {{"qosRwIops", "25000"}, {"qosWMbytes", "120"}};
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	what.parameters = (struct kv_list){rates, 2};
	bench_start(&bench, false);
	refused(&bench, &what, ERR_INVALID_ARGUMENT,
		"parameters.qosRwIops: backend a cannot limit the rates of its volumes");
	assert_int_equal(bench.a->calls[TINY_CREATE], 0);
	bench.a->features.rates = true;
	made(&bench, &what, &volume);
	assert_int_equal(bench.a->volumes[0].rates.of[BE_RATE_RW_IOPS], 25000);
	assert_int_equal(bench.a->volumes[0].rates.of[BE_RATE_RW_MBYTES], 0);
	assert_int_equal(bench.a->volumes[0].rates.of[BE_RATE_W_MBYTES], 120);
	/* The target keeps to them: they are nothing to the node. */
	assert_null(kv_get(volume.context, "qosRwIops"));
	made(&bench, &what, &volume);
	rates[1].value = "121";
	refused(&bench, &what, ERR_ALREADY_EXISTS, "qosWMbytes 120, not 121");
	what.parameters.n = 0;
	refused(&bench, &what, ERR_ALREADY_EXISTS, "qosRwIops 25000, not 0");
	what.name = "other";
	what.parameters.n = 2;
	rates[0].value = "0";
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "parameters.qosRwIops");
	rates[0].value = "many";
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "parameters.qosRwIops");
	bench_stop(&bench);
}

/* A look at what is there may cost a backend as much as the creation. */
static void no_look_that_changes_nothing(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "origin", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;
	struct core_snapshot snapshot;

	bench_start(&bench, false);
	made(&bench, &what, &volume);
	made(&bench, &what, &volume);
	assert_int_equal(bench.a->calls[TINY_GET], 0);
	bench.a->features.metadata = BE_METADATA_NAME_ONLY;
	assert_int_equal(core_snapshot_create(
				 bench.core, &bench.op, "snap", &volume.id, &snapshot, &bench.err),
		0);
	assert_int_equal(bench.a->calls[TINY_GET], 0);
	assert_int_equal(bench.a->calls[TINY_SNAP_GET], 0);
	what.name = "copy";
	what.source = (struct core_source){CORE_FROM_SNAPSHOT, snapshot.id};
	made(&bench, &what, &volume);
	assert_int_equal(bench.a->calls[TINY_GET], 0);
	assert_int_equal(bench.a->calls[TINY_SNAP_GET], 0);
	/* Without a size, the source's is the least. */
	what.name = "sized";
	what.range.required = 0;
	made(&bench, &what, &volume);
	assert_int_equal(volume.size, GIB);
	assert_int_equal(bench.a->calls[TINY_SNAP_GET], 1);
	bench_stop(&bench);
}

static void choice_of_backend(void **state UNUSED)
{
	struct kv a = {"backend", "old-a"};
	struct kv b = {"backend", "b"};
	struct kv c = {"backend", "c"};
	struct bench bench;
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	bench_start(&bench, true);
	refused(&bench, &what, ERR_INVALID_ARGUMENT,
		"parameters.backend: missing, and there are 2 backends; name one in the StorageClass: a, b");
	what.parameters = (struct kv_list){&c, 1};
	refused(&bench, &what, ERR_INVALID_ARGUMENT,
		"parameters.backend: \"c\" is not in the controller's configuration; correct the "
		"StorageClass (delete it and make it anew) or add the backend; there are a, b");
	what.parameters = (struct kv_list){&b, 1};
	made(&bench, &what, &volume);
	assert_string_equal(volume.id.backend, "b");
	/* An alias leads to the backend, and ids have its name. */
	what.parameters = (struct kv_list){&a, 1};
	made(&bench, &what, &volume);
	assert_string_equal(volume.id.backend, "a");
	bench_stop(&bench);
}

static void from_sources(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {
		.name = "origin", .range = {GIB, 0}, .mount = true, .fs_type = "ext4"};
	struct core_volume origin;
	struct core_volume copy;
	struct core_snapshot snapshot;

	bench_start(&bench, false);
	made(&bench, &what, &origin);
	assert_int_equal(core_snapshot_create(
				 bench.core, &bench.op, "snap", &origin.id, &snapshot, &bench.err),
		0);

	what.name = "restored";
	what.source = (struct core_source){CORE_FROM_SNAPSHOT, snapshot.id};
	what.range.required = 0;
	made(&bench, &what, &copy);
	assert_int_equal(copy.size, GIB);
	assert_int_equal(copy.source.kind, CORE_FROM_SNAPSHOT);
	assert_string_equal(copy.source.id.object, snapshot.id.object);

	what.name = "larger";
	what.range.required = 2 * GIB;
	made(&bench, &what, &copy);
	assert_int_equal(copy.size, 2 * GIB);

	what.name = "smaller";
	what.range.required = GIB - TINY_UNIT;
	refused(&bench, &what, ERR_OUT_OF_RANGE, "source");
	what.range = (struct core_range){0, GIB / 2};
	refused(&bench, &what, ERR_OUT_OF_RANGE, "limit");

	what.name = "cloned";
	what.range = (struct core_range){GIB, 0};
	what.source = (struct core_source){CORE_FROM_VOLUME, origin.id};
	made(&bench, &what, &copy);
	assert_int_equal(copy.source.kind, CORE_FROM_VOLUME);

	/* Same name, other source. */
	what.source = (struct core_source){CORE_FROM_SNAPSHOT, snapshot.id};
	refused(&bench, &what, ERR_ALREADY_EXISTS, "made from");

	/* The copy holds ext4, whatever the StorageClass says. */
	what.name = "other-fs";
	what.fs_type = "xfs";
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "ext4");
	bench_stop(&bench);
}

static void source_gone_after_creation(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "origin", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume origin;
	struct core_volume copy;

	bench_start(&bench, false);
	made(&bench, &what, &origin);
	what.name = "copy";
	what.source = (struct core_source){CORE_FROM_VOLUME, origin.id};
	made(&bench, &what, &copy);
	tiny_volume(bench.a, origin.id.object)->used = false;
	/* The answer was lost and the call is repeated: it is the same volume still. */
	made(&bench, &what, &copy);
	what.range.required = 0;
	made(&bench, &what, &copy);
	assert_int_equal(copy.size, GIB);
	what.name = "another";
	refused(&bench, &what, ERR_NOT_FOUND, "source");
	bench_stop(&bench);
}

static void retry_grows_what_a_crash_left_small(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "origin", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume origin;
	struct core_volume copy;

	bench_start(&bench, false);
	made(&bench, &what, &origin);
	what.name = "copy";
	what.range.required = 2 * GIB;
	what.source = (struct core_source){CORE_FROM_VOLUME, origin.id};
	made(&bench, &what, &copy);
	/* As if the controller had died between the clone and the growing. */
	tiny_volume(bench.a, copy.id.object)->size = GIB;
	made(&bench, &what, &copy);
	assert_int_equal(copy.size, 2 * GIB);
	bench_stop(&bench);
}

static void sources_elsewhere(void **state UNUSED)
{
	struct kv to_b = {"backend", "b"};
	struct kv to_a = {"backend", "a"};
	struct bench bench;
	struct core_create what = {
		.name = "origin", .range = {GIB, 0}, .parameters = {&to_a, 1}, .fs_type = ""};
	struct core_volume origin;
	struct core_volume copy;

	bench_start(&bench, true);
	made(&bench, &what, &origin);
	what.name = "copy";
	what.source = (struct core_source){CORE_FROM_VOLUME, origin.id};
	what.parameters.items = &to_b;
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "backend a");
	/* Without a backend named, the source says where. */
	what.parameters.n = 0;
	made(&bench, &what, &copy);
	assert_string_equal(copy.id.backend, "a");
	what.name = "copy2";
	what.source.id.object = "other-v-00112233445566778899aabbccddeeff";
	refused(&bench, &what, ERR_NOT_FOUND, "instance");
	bench_stop(&bench);
}

static void unready_sources(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "origin", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume origin;
	struct core_snapshot snapshot;

	bench_start(&bench, false);
	made(&bench, &what, &origin);
	assert_int_equal(core_snapshot_create(
				 bench.core, &bench.op, "snap", &origin.id, &snapshot, &bench.err),
		0);
	tiny_snapshot(bench.a, snapshot.id.object)->unready = true;
	tiny_volume(bench.a, origin.id.object)->unready = true;
	what.name = "copy";
	what.source = (struct core_source){CORE_FROM_SNAPSHOT, snapshot.id};
	refused(&bench, &what, ERR_UNAVAILABLE, "not ready");
	what.source = (struct core_source){CORE_FROM_VOLUME, origin.id};
	refused(&bench, &what, ERR_UNAVAILABLE, "not ready");
	bench_stop(&bench);
}

static void unknown_outcomes_are_not_final(void **state UNUSED)
{
	static const enum err_code codes[] = {
		ERR_UNAVAILABLE, ERR_DEADLINE_EXCEEDED, ERR_CANCELLED, ERR_ABORTED};
	static const enum tiny_call calls[] = {TINY_LIMITS, TINY_GET, TINY_CREATE};
	struct core_create origin = {.name = "origin", .range = {GIB, 0}, .fs_type = ""};
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
		for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
			struct bench bench;

			bench_start(&bench, false);
			made(&bench, &origin, &volume);
			what.source = (struct core_source){CORE_FROM_VOLUME, volume.id};
			bench.a->fail[calls[c]] = codes[i];
			refused(&bench, &what, codes[i], "scripted");
			assert_false(err_is_final(bench.err.code));
			made(&bench, &what, &volume);
			bench_stop(&bench);
		}
	}
}

static void in_progress(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct core_volume volume;

	bench_start(&bench, false);
	bench.a->in_progress[TINY_CREATE] = 2;
	refused(&bench, &what, ERR_ABORTED, "still working");
	refused(&bench, &what, ERR_ABORTED, "still working");
	made(&bench, &what, &volume);
	tiny_volume(bench.a, volume.id.object)->unready = true;
	refused(&bench, &what, ERR_ABORTED, "still working");
	bench_stop(&bench);
}

struct overlap {
	struct bench *bench;
	const struct core_create *what;
	unsigned tried;
};

/* Called while the first creation is inside the backend. */
static void second_caller(struct tiny *tiny)
{
	struct overlap *overlap = tiny->arg;
	struct op op = {.arena = arena_new(MIB), .deadline = deadline_in(60000)};
	struct core_volume volume;
	struct err err = {0};

	tiny->during_create = NULL;
	overlap->tried++;
	assert_int_equal(
		core_volume_create(overlap->bench->core, &op, overlap->what, &volume, &err), -1);
	assert_int_equal(err.code, ERR_ABORTED);
	arena_free(op.arena);
}

static void second_caller_is_aborted(void **state UNUSED)
{
	struct bench bench;
	struct core_create what = {.name = "n", .range = {GIB, 0}, .fs_type = ""};
	struct overlap overlap = {.bench = &bench, .what = &what};
	struct core_volume volume;

	bench_start(&bench, false);
	bench.a->during_create = second_caller;
	bench.a->arg = &overlap;
	made(&bench, &what, &volume);
	assert_int_equal(overlap.tried, 1);
	made(&bench, &what, &volume);
	bench_stop(&bench);
}

static void filesystems_must_agree(void **state UNUSED)
{
	struct kv xfs = {"csi.storage.k8s.io/fstype", "xfs"};
	struct bench bench;
	struct core_create what = {.name = "n",
		.range = {GIB, 0},
		.parameters = {&xfs, 1},
		.mount = true,
		.fs_type = "ext4"};
	struct core_volume volume;

	bench_start(&bench, false);
	refused(&bench, &what, ERR_INVALID_ARGUMENT, "fstype");
	what.fs_type = "";
	made(&bench, &what, &volume);
	assert_string_equal(kv_get(volume.context, PARAM_FS_KEY), "xfs");
	/* Block access: no filesystem of ours. */
	what.name = "raw";
	what.mount = false;
	made(&bench, &what, &volume);
	assert_null(kv_get(volume.context, PARAM_FS_KEY));
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank),
		cmocka_unit_test(sizes),
		cmocka_unit_test(xfs_needs_room),
		cmocka_unit_test(mismatches),
		cmocka_unit_test(strange_metadata_is_not_compared),
		cmocka_unit_test(paths_must_outlive_a_restart),
		cmocka_unit_test(rates_go_where_they_are_kept),
		cmocka_unit_test(no_look_that_changes_nothing),
		cmocka_unit_test(choice_of_backend),
		cmocka_unit_test(from_sources),
		cmocka_unit_test(source_gone_after_creation),
		cmocka_unit_test(retry_grows_what_a_crash_left_small),
		cmocka_unit_test(sources_elsewhere),
		cmocka_unit_test(unready_sources),
		cmocka_unit_test(unknown_outcomes_are_not_final),
		cmocka_unit_test(in_progress),
		cmocka_unit_test(second_caller_is_aborted),
		cmocka_unit_test(filesystems_must_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
