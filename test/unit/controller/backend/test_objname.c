/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object names: stable for ever, ours alone, and read back as they were stored.
 */
#include "common/nvmf/nqn.h"
#include "controller/backend/objname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Ids are kept by the cluster for years: these must never change. sha256("pvc-1"), first half. */
#define PVC1 "prod-v-f2868e1aa7cab669517cd9f5ab1b7957"

static void a_name_is_the_same_for_ever(void **state)
{
	char object[BE_OBJECT_SIZE];

	(void)state;
	objname_make("prod", BE_KIND_VOLUME, "pvc-1", object);
	assert_string_equal(object, PVC1);
	objname_make("prod", BE_KIND_SNAPSHOT, "pvc-1", object);
	assert_string_equal(object + 6, &PVC1[6]);
	assert_int_equal(object[5], 's');
}

static void names_fit_and_differ(void **state)
{
	char a[BE_OBJECT_SIZE];
	char b[BE_OBJECT_SIZE];

	(void)state;
	objname_make("sixteen-bytes-ok", BE_KIND_VOLUME, "\xc3\xa4 very / odd\tname", a);
	objname_make("sixteen-bytes-ok", BE_KIND_VOLUME, "\xc3\xa4 very / odd name", b);
	assert_true(strlen(a) <= BE_OBJECT_MAX);
	assert_string_not_equal(a, b);
	assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(a));
}

static void only_ours_are_ours(void **state)
{
	static const char *const not[] = {"", "prod", "prod-v-", "prod-v-f2868e1a",
		"prod-v-f2868e1aa7cab669517cd9f5ab1b79570",
		"prod-v-F2868E1AA7CAB669517CD9F5AB1B7957",
		"prod-s-f2868e1aa7cab669517cd9f5ab1b7957",
		"prod-x-f2868e1aa7cab669517cd9f5ab1b7957",
		"prod2-v-f2868e1aa7cab669517cd9f5ab1b7957",
		"rod-v-f2868e1aa7cab669517cd9f5ab1b7957", "prod-v-f2868e1aa7cab669517cd9f5ab1b795/",
		"prod-v f2868e1aa7cab669517cd9f5ab1b7957",
		"prodv--f2868e1aa7cab669517cd9f5ab1b7957"};

	(void)state;
	assert_true(objname_is_of(PVC1, "prod", BE_KIND_VOLUME));
	for (size_t i = 0; i < ARRAY_SIZE(not); i++) {
		assert_false(objname_is_of(not[i], "prod", BE_KIND_VOLUME));
	}
	/* An instance that ends like a kind does not mix with the one without. */
	assert_false(objname_is_of("a-v-v-f2868e1aa7cab669517cd9f5ab1b7957", "a", BE_KIND_VOLUME));
	assert_true(objname_is_of("a-v-v-f2868e1aa7cab669517cd9f5ab1b7957", "a-v", BE_KIND_VOLUME));
}

static void round_trip(
	const char *instance, enum be_kind kind, const struct be_source *source, int64_t created_ms)
{
	char object[BE_OBJECT_SIZE];
	char prefix[BE_OBJECT_SIZE];
	char stored[BE_OBJECT_SIZE];
	struct objname_stored got;
	struct err err = {0};

	objname_make(instance, kind, "a name", object);
	assert_int_equal(objname_store(object, source, created_ms, stored, &err), 0);
	assert_true(strlen(stored) <= BE_OBJECT_MAX);
	assert_int_equal(objname_stored_prefix(object, prefix, &err), 0);
	assert_memory_equal(stored, prefix, strlen(prefix));
	assert_true(objname_read(stored, instance, &got));
	assert_string_equal(got.object, object);
	assert_int_equal(got.kind, kind);
	assert_int_equal(got.source_hash, objname_source_hash(source));
	assert_int_equal(got.has_source, source->kind != BE_BLANK);
	assert_int_equal(got.created_ms, created_ms / 1000 * 1000);
}

static void stored_names_read_back(void **state)
{
	const struct be_source blank = {.kind = BE_BLANK, .object = ""};
	const struct be_source volume = {.kind = BE_FROM_VOLUME, .object = PVC1};

	(void)state;
	round_trip("p", BE_KIND_VOLUME, &blank, 0);
	round_trip("sixteen-bytes-ok", BE_KIND_VOLUME, &volume, 1763712000123);
	round_trip("a-v", BE_KIND_SNAPSHOT, &volume, 1763712000123);
	round_trip("a-s", BE_KIND_SNAPSHOT, &volume, 34359738367999);
}

static void notes_are_kept(void **state)
{
	static const uint64_t notes[] = {0, 1, (UINT64_C(1) << OBJNAME_NOTE_BITS) - 1};
	const struct be_source volume = {.kind = BE_FROM_VOLUME, .object = PVC1};
	char stored[BE_OBJECT_SIZE];
	struct objname_stored got;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		assert_int_equal(objname_store_note(PVC1, &volume, notes[i], stored, &err), 0);
		assert_true(objname_read(stored, "prod", &got));
		assert_string_equal(got.object, PVC1);
		assert_true(got.note == notes[i]);
		assert_int_equal(got.source_hash, objname_source_hash(&volume));
	}
	assert_int_equal(
		objname_store_note(PVC1, &volume, UINT64_C(1) << OBJNAME_NOTE_BITS, stored, &err),
		-1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void every_hash_is_stored_whole(void **state)
{
	const struct be_source blank = {.kind = BE_BLANK, .object = ""};

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char object[BE_OBJECT_SIZE];
		char stored[BE_OBJECT_SIZE];
		struct objname_stored got;

		(void)snprintf(object, sizeof(object), "p-v-%02x%02x%02x%02x%02x%02x%02x%02x%s", i,
			255 - i, i, i, 255 - i, i, i, 255 - i, "00ff7f80ff0001fe");
		assert_int_equal(objname_store(object, &blank, 0, stored, NULL), 0);
		assert_true(objname_read(stored, "p", &got));
		assert_string_equal(got.object, object);
	}
}

static void sources_are_told_apart(void **state)
{
	const struct be_source a = {.kind = BE_FROM_VOLUME, .object = PVC1};
	const struct be_source b = {
		.kind = BE_FROM_SNAPSHOT, .object = "prod-s-f2868e1aa7cab669517cd9f5ab1b7957"};
	const struct be_source none = {.kind = BE_BLANK, .object = ""};

	(void)state;
	assert_int_equal(objname_source_hash(&none), 0);
	assert_int_not_equal(objname_source_hash(&a), 0);
	assert_int_not_equal(objname_source_hash(&a), objname_source_hash(&b));
	assert_true(objname_source_hash(&a) < UINT64_C(1) << OBJNAME_SOURCE_BITS);
}

/* An instance that no name of 63 bytes can hold. */
#define LONG                                                                                       \
	("pppppppppppppppppppppppppppppppppppppppp"                                                \
	 "-v-f2868e1aa7cab669517cd9f5ab1b7957")

static void what_does_not_fit_is_refused(void **state)
{
	static const char *const bad[] = {"", "x", "-v-f2868e1aa7cab669517cd9f5ab1b7957",
		"p-w-f2868e1aa7cab669517cd9f5ab1b7957", "p-v-f2868e1aa7cab669517cd9f5ab1b79X7",
		"seventeen-bytes-x-v-f2868e1aa7cab669517cd9f5ab1b7957", LONG};
	const struct be_source blank = {.kind = BE_BLANK, .object = ""};
	char out[BE_OBJECT_SIZE];
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(objname_stored_prefix(bad[i], out, &err), -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_int_equal(objname_store(bad[i], &blank, 0, out, &err), -1);
		assert_int_equal(err.code, ERR_INTERNAL);
	}
	assert_int_equal(objname_store(PVC1, &blank, -1, out, &err), -1);
	assert_int_equal(objname_store(PVC1, &blank, INT64_MAX, out, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void foreign_stored_names_are_left_alone(void **state)
{
	const struct be_source blank = {.kind = BE_BLANK, .object = ""};
	char good[BE_OBJECT_SIZE];
	struct objname_stored got;

	(void)state;
	assert_int_equal(objname_store(PVC1, &blank, 1000, good, NULL), 0);
	assert_true(objname_read(good, "prod", &got));
	assert_false(objname_read(good, "pro", &got));
	assert_false(objname_read(good, "prod-v", &got));
	for (size_t i = 0; i < strlen(good); i++) {
		char bad[BE_OBJECT_SIZE];

		memcpy(bad, good, sizeof(bad));
		bad[i] = '!';
		assert_false(objname_read(bad, "prod", &got));
		bad[i] = '\0';
		assert_false(objname_read(bad, "prod", &got));
	}
	assert_false(objname_read("", "prod", &got));
	/* The first digits hold eight bits in ten: what is beyond is no name of ours. */
	good[6] = '7';
	assert_false(objname_read(good, "prod", &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_the_same_for_ever),
		cmocka_unit_test(names_fit_and_differ),
		cmocka_unit_test(only_ours_are_ours),
		cmocka_unit_test(stored_names_read_back),
		cmocka_unit_test(notes_are_kept),
		cmocka_unit_test(every_hash_is_stored_whole),
		cmocka_unit_test(sources_are_told_apart),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(foreign_stored_names_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
