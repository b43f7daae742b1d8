/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all backends share: comparing what is there with what is asked for, limits, error codes.
 */
#include "controller/backend/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct be_volume have = {.object = "p-v-1",
	.name = "pvc-1",
	.pool = "fast",
	.size = 8 * MIB,
	.source = {.kind = BE_FROM_SNAPSHOT, .object = "p-s-1"},
	.source_known = true};
static const struct be_volume_args want = {.object = "p-v-1",
	.name = "pvc-1",
	.pool = "fast",
	.size = 8 * MIB,
	.source = {.kind = BE_FROM_SNAPSHOT, .object = "p-s-1"}};

/* @other does not fit, and the message has @says. */
static void misfit(const struct be_volume_args *other, const char *says)
{
	struct err err = {0};

	assert_int_equal(be_volume_fits(&have, other, &err), -1);
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	if (!strstr(err.msg, says)) {
		fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
	}
}

static void volumes_are_compared(void **state)
{
	struct be_volume_args other;
	struct be_volume less = have;

	(void)state;
	assert_int_equal(be_volume_fits(&have, &want, NULL), 0);
	other = want;
	other.name = "pvc-2\n";
	misfit(&other, "\"pvc-2?\"");
	other = want;
	other.source.object = "p-s-2";
	misfit(&other, "from snapshot p-s-1, not from snapshot p-s-2");
	other.source = (struct be_source){.kind = BE_BLANK, .object = ""};
	misfit(&other, "not from nothing");
	other = want;
	other.pool = "slow";
	misfit(&other, "pool fast, not in pool slow");
	other = want;
	other.size = 8 * MIB + 1;
	misfit(&other, "less than the 8388609");
	other = want;
	other.size = MIB;
	other.limit = 8 * MIB - 1;
	misfit(&other, "more than the limit");
	other.limit = 8 * MIB;
	other.pool = "";
	assert_int_equal(be_volume_fits(&have, &other, NULL), 0);
	/* What is not kept is not compared. */
	less.name = "";
	less.source_known = false;
	other = want;
	other.name = "any";
	other.source = (struct be_source){.kind = BE_BLANK, .object = ""};
	assert_int_equal(be_volume_fits(&less, &other, NULL), 0);
}

static void snapshots_are_compared(void **state)
{
	const struct be_snapshot there = {.object = "p-s-1", .name = "s", .volume = "p-v-1"};
	const struct be_snapshot nameless = {.object = "p-s-1", .name = "", .volume = ""};
	struct be_snapshot_args args = {.object = "p-s-1", .name = "s", .volume = "p-v-1"};
	struct err err = {0};

	(void)state;
	assert_int_equal(be_snapshot_fits(&there, &args, NULL), 0);
	args.volume = "p-v-2";
	assert_int_equal(be_snapshot_fits(&there, &args, &err), -1);
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	assert_non_null(strstr(err.msg, "p-v-1"));
	assert_int_equal(be_snapshot_fits(&nameless, &args, NULL), 0);
	args = (struct be_snapshot_args){.object = "p-s-1", .name = "t", .volume = "p-v-1"};
	assert_int_equal(be_snapshot_fits(&there, &args, &err), -1);
}

static void sizes_are_checked(void **state)
{
	const struct be_limits limits = {.granularity = 4096, .min_size = MIB, .max_size = GIB};
	struct err err = {0};

	(void)state;
	assert_int_equal(be_size_check(&limits, MIB, NULL), 0);
	assert_int_equal(be_size_check(&limits, GIB, NULL), 0);
	assert_int_equal(be_size_check(&limits, MIB - 4096, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	assert_int_equal(be_size_check(&limits, GIB + 4096, &err), -1);
	assert_int_equal(be_size_check(&limits, MIB + 1, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	assert_int_equal(be_size_check(&limits, -1, &err), -1);
	assert_int_equal(be_size_check(&limits, INT64_MAX, &err), -1);
}

static void metadata_is_checked(void **state)
{
	struct kv twice[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
	struct kv empty[] = {{"", "1"}};
	struct kv own[] = {{BE_KEY_NAME, "1"}};
	struct err err = {0};

	(void)state;
	assert_int_equal(be_metadata_check((struct kv_list){0}, NULL), 0);
	assert_int_equal(be_metadata_check((struct kv_list){twice, 2}, NULL), 0);
	assert_int_equal(be_metadata_check((struct kv_list){twice, 3}, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(be_metadata_check((struct kv_list){empty, 1}, &err), -1);
	assert_int_equal(be_metadata_check((struct kv_list){own, 1}, &err), -1);
	assert_non_null(strstr(err.msg, BE_KEY_NAME));
}

static void copies_live_in_the_arena(void **state)
{
	char value[8] = "one";
	struct kv items[] = {{"key", value}};
	struct arena *arena = arena_new(4096);
	struct arena *tiny = arena_new(8);
	struct kv_list copy;
	struct err err = {0};

	(void)state;
	assert_int_equal(be_metadata_copy(arena, (struct kv_list){items, 1}, &copy, NULL), 0);
	value[0] = 'X';
	assert_string_equal(kv_get(copy, "key"), "one");
	assert_int_equal(be_metadata_copy(tiny, (struct kv_list){items, 1}, &copy, &err), -1);
	assert_false(err_is_final(err.code)); /* what it was read for may have happened */
	assert_int_equal(copy.n, 0);
	arena_free(arena);
	arena_free(tiny);
}

static void unknown_is_never_final(void **state)
{
	(void)state;
	for (int code = ERR_CANCELLED; code <= ERR_UNAUTHENTICATED; code++) {
		struct err err = {.code = (enum err_code)code};
		bool final = err_is_final(err.code);

		assert_int_equal(be_not_final(&err), -1);
		assert_false(err_is_final(err.code));
		assert_int_equal(err.code, final ? ERR_UNAVAILABLE : code);
	}
	assert_int_equal(be_not_final(NULL), -1);
	be_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes_are_compared),
		cmocka_unit_test(snapshots_are_compared),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(metadata_is_checked),
		cmocka_unit_test(copies_live_in_the_arena),
		cmocka_unit_test(unknown_is_never_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
