/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_context: what is written is read back, what is missing or wrong is named, and what an
 * older release wrote is read for ever.
 */
#include "common/nvmf/attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NQN "nqn.2026-01.dev.csi.nvmetcp:demo:00112233-4455-6677-8899-aabbccddeeff"

/* A context as version 1 writes it. This text must not be changed: attachments made by any release
 * of version 1 look like it, and every later node plugin has to read them. */
static const struct kv golden_v1[] = {
	{"v", "1"},
	{"nqn", NQN},
	{"shared", "false"},
	{"nsid", "1"},
	{"nguid", "00112233445566778899aabbccddeeff"},
	{"uuid", "00112233-4455-6677-8899-aabbccddeeff"},
	{"eui64", "0011223344556677"},
	{"minSize", "1073741824"},
	{"portals", "10.0.0.5:4420,[fd00::5]:4420"},
	{"discovery", "10.0.0.5:8009"},
	{"written", "yes"},
	{"auth", "none"},
	{"tls", "none"},
};

static const uint8_t golden_id[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
	0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static struct kv_list list_of(const struct kv *items, size_t n)
{
	return (struct kv_list){.items = items, .n = n};
}

static void test_golden_v1_is_read_for_ever(void **state)
{
	struct attach_info info;
	char portals[PORTALS_TEXT_SIZE];

	(void)state;
	assert_int_equal(attach_parse(list_of(golden_v1, ARRAY_SIZE(golden_v1)), &info, NULL), 0);
	assert_string_equal(info.nqn, NQN);
	assert_false(info.shared);
	assert_int_equal(info.ident.nsid, 1);
	assert_memory_equal(info.ident.nguid, golden_id, 16);
	assert_memory_equal(info.ident.uuid, golden_id, 16);
	assert_memory_equal(info.ident.eui64, golden_id, 8);
	assert_true(info.min_size == GIB);
	portals_print(&info.portals, portals);
	assert_string_equal(portals, "10.0.0.5:4420,[fd00::5]:4420");
	assert_string_equal(info.discovery, "10.0.0.5:8009");
	assert_true(info.written);
	assert_string_equal(info.auth, "none");
	assert_string_equal(info.tls, "none");
}

/* What we write today is what is written down above, key by key. */
static void test_golden_v1_is_what_is_printed(void **state)
{
	struct attach_info info;
	struct attach_text text;

	(void)state;
	assert_int_equal(attach_parse(list_of(golden_v1, ARRAY_SIZE(golden_v1)), &info, NULL), 0);
	assert_int_equal(attach_print(&info, &text, NULL), 0);
	assert_int_equal(text.n, ARRAY_SIZE(golden_v1));
	for (size_t i = 0; i < text.n; i++) {
		const char *want =
			kv_get(list_of(golden_v1, ARRAY_SIZE(golden_v1)), text.items[i].key);
		assert_non_null(want);
		assert_string_equal(text.items[i].value, want);
	}
}

/* The least that a context may hold. */
static struct attach_info small(void)
{
	struct attach_info info = {.nqn = NQN, .min_size = 4096};

	info.ident.nguid[0] = 0xab;
	assert_int_equal(portals_parse("p", "10.0.0.5:4420", &info.portals, NULL), 0);
	return info;
}

static void test_optional_keys_are_left_out(void **state)
{
	struct attach_info info = small();
	struct attach_info again;
	struct attach_text text;

	(void)state;
	assert_int_equal(attach_print(&info, &text, NULL), 0);
	struct kv_list list = list_of(text.items, text.n);
	assert_null(kv_get(list, "nsid"));
	assert_null(kv_get(list, "uuid"));
	assert_null(kv_get(list, "eui64"));
	assert_null(kv_get(list, "discovery"));
	assert_string_equal(kv_get(list, "nguid"), "ab000000000000000000000000000000");
	assert_string_equal(kv_get(list, "written"), "no");
	assert_int_equal(attach_parse(list, &again, NULL), 0);
	assert_int_equal(again.ident.nsid, 0);
	assert_false(again.shared);
	assert_false(again.written);
	assert_string_equal(again.discovery, "");
}

static void test_round_trip_of_a_full_context(void **state)
{
	struct attach_info info = small();
	struct attach_info again;
	struct attach_text text;
	struct attach_text second;

	(void)state;
	memset(info.nqn + strlen("nqn.2026-01."), 'x', NQN_MAX - strlen("nqn.2026-01."));
	info.nqn[NQN_MAX] = '\0';
	memset(info.ident.uuid, 0xff, 16);
	memset(info.ident.eui64, 0xff, 8);
	info.ident.nsid = UINT32_MAX - 1;
	info.min_size = INT64_MAX;
	info.shared = true;
	info.written = true;
	for (unsigned i = 0; i < PORTALS_MAX; i++) {
		char one[PORTAL_TEXT_SIZE];
		(void)snprintf(one, sizeof(one),
			"[1111:2222:3333:4444:5555:6666:7777:88%02x]:65535", i + 16);
		assert_int_equal(portal_parse("p", one, &info.portals.list[i], NULL), 0);
	}
	info.portals.n = PORTALS_MAX;
	(void)snprintf(info.discovery, sizeof(info.discovery), "[fd00::1]:8009");
	assert_int_equal(attach_print(&info, &text, NULL), 0);
	assert_true(text.n <= ATTACH_KEYS_MAX);
	assert_int_equal(attach_parse(list_of(text.items, text.n), &again, NULL), 0);
	assert_true(again.shared && again.written);
	assert_int_equal(attach_print(&again, &second, NULL), 0);
	assert_int_equal(second.n, text.n);
	for (size_t i = 0; i < text.n; i++) {
		assert_string_equal(second.items[i].key, text.items[i].key);
		assert_string_equal(second.items[i].value, text.items[i].value);
	}
}

static void test_print_refuses(void **state)
{
	struct attach_info info = small();
	struct attach_text text;
	struct err err = {0};

	(void)state;
	info.portals.n = 0;
	assert_int_equal(attach_print(&info, &text, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_non_null(strstr(err.msg, "portal"));
	info = small();
	info.ident = (struct ns_ident){.nsid = 1};
	assert_int_equal(attach_print(&info, &text, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_non_null(strstr(err.msg, "NGUID"));
}

/* A later controller of version 1 may add keys. */
static void test_unknown_keys_are_ignored(void **state)
{
	struct kv items[ARRAY_SIZE(golden_v1) + 2];
	struct attach_info info;

	(void)state;
	memcpy(items, golden_v1, sizeof(golden_v1));
	items[ARRAY_SIZE(golden_v1)] = (struct kv){"futureKey", "anything"};
	items[ARRAY_SIZE(golden_v1) + 1] = (struct kv){"", ""};
	assert_int_equal(attach_parse(list_of(items, ARRAY_SIZE(items)), &info, NULL), 0);
}

/* The golden context with one value replaced, or left out when @value is NULL. */
static int parse_with(const char *key, const char *value, struct err *err)
{
	struct kv items[ARRAY_SIZE(golden_v1)];
	struct attach_info info = {.min_size = 4711};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(golden_v1); i++) {
		items[n] = golden_v1[i];
		if (!streq(items[n].key, key)) {
			n++;
		} else if (value) {
			items[n++].value = value;
		}
	}
	*err = (struct err){0};
	int result = attach_parse(list_of(items, n), &info, err);
	if (result < 0) {
		char name[64];
		(void)snprintf(name, sizeof(name), "publish_context.%s", key);
		assert_int_equal(err->code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err->msg, name));
		assert_true(info.min_size == 4711);
	}
	return result;
}

static void test_missing_keys(void **state)
{
	static const char *const needed[] = {"v", "nqn", "portals", "minSize"};
	static const char *const optional[] = {
		"shared", "nsid", "nguid", "uuid", "eui64", "discovery", "written", "auth", "tls"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		assert_int_equal(parse_with(needed[i], NULL, &err), -1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++) {
		assert_int_equal(parse_with(optional[i], NULL, &err), 0);
	}
}

static void test_without_identity(void **state)
{
	static const struct kv items[] = {{"v", "1"}, {"nqn", NQN}, {"nsid", "1"},
		{"minSize", "4096"}, {"portals", "10.0.0.5:4420"}};
	static const struct kv zero[] = {{"v", "1"}, {"nqn", NQN}, {"minSize", "4096"},
		{"portals", "10.0.0.5:4420"}, {"nguid", "00000000000000000000000000000000"}};
	struct attach_info info;
	struct err err = {0};

	(void)state;
	assert_int_equal(attach_parse(list_of(items, ARRAY_SIZE(items)), &info, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "nguid"));
	/* An identity of zeroes is none. */
	assert_int_equal(attach_parse(list_of(zero, ARRAY_SIZE(zero)), &info, &err), -1);
	assert_int_equal(attach_parse(list_of(NULL, 0), &info, &err), -1);
}

static void test_a_newer_controller(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(parse_with("v", "2", &err), -1);
	assert_non_null(strstr(err.msg, "newer"));
	assert_non_null(strstr(err.msg, "upgrade"));
	assert_int_equal(parse_with("v", "", &err), -1);
	assert_int_equal(parse_with("v", "1.0", &err), -1);
	assert_int_equal(parse_with("v", " 1", &err), -1);
	/* What it would have to do and cannot: never by leaving it away. */
	assert_int_equal(parse_with("auth", "dhchap", &err), -1);
	assert_non_null(strstr(err.msg, "upgrade"));
	assert_int_equal(parse_with("tls", "psk", &err), -1);
	assert_int_equal(parse_with("tls", "", &err), -1);
}

static void test_wrong_values(void **state)
{
	static const struct kv rows[] = {
		{"nqn", ""},
		{"nqn", "nqn.2010-06.com.example:a,tls"},
		{"nqn", "nqn.2010-06.com.example:\xFF"},
		{"shared", "yes"},
		{"shared", ""},
		{"shared", "TRUE"},
		{"nsid", "0"},
		{"nsid", "4294967295"},
		{"nsid", "-1"},
		{"nsid", ""},
		{"nguid", "00112233445566778899aabbccddee"},
		{"nguid", ""},
		{"uuid", "not-a-uuid"},
		{"eui64", "00112233445566778899aabbccddeeff"},
		{"minSize", "0"},
		{"minSize", "-4096"},
		{"minSize", "1Gi"},
		{"minSize", "9223372036854775808"},
		{"portals", ""},
		{"portals", "storage.example:4420"},
		{"portals", "10.0.0.5"},
		{"portals", "10.0.0.5:4420,"},
		{"discovery", ""},
		{"discovery", "10.0.0.5:8009,10.0.0.6:8009"},
		{"written", "true"},
		{"written", ""},
		{"written", "YES"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;
		assert_int_equal(parse_with(rows[i].key, rows[i].value, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_v1_is_read_for_ever),
		cmocka_unit_test(test_golden_v1_is_what_is_printed),
		cmocka_unit_test(test_optional_keys_are_left_out),
		cmocka_unit_test(test_round_trip_of_a_full_context),
		cmocka_unit_test(test_print_refuses),
		cmocka_unit_test(test_unknown_keys_are_ignored),
		cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_without_identity),
		cmocka_unit_test(test_a_newer_controller),
		cmocka_unit_test(test_wrong_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
