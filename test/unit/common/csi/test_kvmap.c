/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps: duplicates, limits, there and back.
 */
#include "common/csi/kvmap.h"
#include "proto/csi.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef Csi__V1__CreateVolumeRequest__ParametersEntry entry;

#define ENTRY(k, v)                                                                                \
	{.base = PROTOBUF_C_MESSAGE_INIT(                                                          \
		 &csi__v1__create_volume_request__parameters_entry__descriptor),                   \
		.key = (k),                                                                        \
		.value = (v)}

static int setup(void **state)
{
	*state = arena_new(64 * 1024);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void last_duplicate_wins(void **state)
{
	entry a = ENTRY("k", "first");
	entry b = ENTRY("other", "x");
	entry c = ENTRY("k", "last");
	entry *all[] = {&a, &b, &c};
	Csi__V1__CreateVolumeRequest msg = CSI__V1__CREATE_VOLUME_REQUEST__INIT;
	struct kv_list list;
	struct err err = {0};

	msg.n_parameters = ARRAY_SIZE(all);
	msg.parameters = all;
	assert_int_equal(CSI_MAP(*state, &msg, parameters, &list, &err), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].key, "k");
	assert_string_equal(list.items[0].value, "last");
	assert_string_equal(list.items[1].value, "x");
}

static void empty_map(void **state)
{
	Csi__V1__CreateVolumeRequest msg = CSI__V1__CREATE_VOLUME_REQUEST__INIT;
	struct kv_list list = {.n = 7};
	struct err err = {0};

	assert_int_equal(CSI_MAP(*state, &msg, parameters, &list, &err), 0);
	assert_int_equal(list.n, 0);
}

static void too_many_bytes(void **state)
{
	static char big[CSI_MAP_BYTES_MAX + 1];
	entry a = ENTRY("k", big);
	entry *all[] = {&a};
	struct kv_list list;
	struct err err = {0};

	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(csi_map_read(*state, "secrets", 1, all, &list, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "secrets"));
	assert_null(strstr(err.msg, "xx"));
	big[sizeof(big) - 2] = '\0';
	assert_int_equal(csi_map_read(*state, "secrets", 1, all, &list, &err), 0);
}

static void too_many_entries(void **state)
{
	static entry entries[CSI_MAP_ENTRIES_MAX + 1];
	static entry *all[CSI_MAP_ENTRIES_MAX + 1];
	entry empty = ENTRY("", "");
	struct kv_list list;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		entries[i] = empty;
		all[i] = &entries[i];
	}
	assert_int_equal(csi_map_read(*state, "parameters", ARRAY_SIZE(all), all, &list, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(
		csi_map_read(*state, "parameters", ARRAY_SIZE(all) - 1, all, &list, &err), 0);
	assert_int_equal(list.n, 1);
}

static void full_arena(void **state UNUSED)
{
	struct arena *small = arena_new(8);
	entry a = ENTRY("k", "v");
	entry *all[] = {&a};
	struct kv kv = {"k", "v"};
	struct kv_list list;
	size_t n = 9;
	struct err err = {0};

	assert_non_null(small);
	assert_int_equal(csi_map_read(small, "parameters", 1, all, &list, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_null(csi_map_make(small, &csi__v1__volume__volume_context_entry__descriptor,
		(struct kv_list){&kv, 1}, &n, &err));
	assert_int_equal(n, 0);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	arena_free(small);
}

static void made_map_packs(void **state)
{
	struct kv kv[] = {{"fsType", "xfs"}, {"tos", "8"}};
	Csi__V1__Volume volume = CSI__V1__VOLUME__INIT;
	Csi__V1__Volume *back;
	struct kv_list list;
	struct err err = {0};
	uint8_t packed[256];
	size_t len;

	volume.volume_context =
		csi_map_make(*state, &csi__v1__volume__volume_context_entry__descriptor,
			(struct kv_list){kv, 2}, &volume.n_volume_context, &err);
	assert_non_null(volume.volume_context);
	len = csi__v1__volume__pack(&volume, packed);
	back = csi__v1__volume__unpack(NULL, len, packed);
	assert_non_null(back);
	assert_int_equal(CSI_MAP(*state, back, volume_context, &list, &err), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(kv_get(list, "fsType"), "xfs");
	assert_string_equal(kv_get(list, "tos"), "8");
	csi__v1__volume__free_unpacked(back, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(last_duplicate_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_map, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_entries, setup, teardown),
		cmocka_unit_test(full_arena),
		cmocka_unit_test_setup_teardown(made_map_packs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
