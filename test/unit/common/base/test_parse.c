/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to values: what is taken, and all that must not be.
 */
#include "common/base/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"7", 7},
		{"-1", -1},
		{"007", 7},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
	};
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1\n", "0x10", "1e3", "1.0",
		"--1", "1-", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
		"99999999999999999999999999", "one", "\xD9\xA1"};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(
			parse_i64("f", good[i].text, INT64_MIN, INT64_MAX, &value, NULL), 0);
		assert_true(value == good[i].value);
	}
	value = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(parse_i64("f", bad[i], INT64_MIN, INT64_MAX, &value, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
	assert_int_equal(parse_i64("f", NULL, 0, 1, &value, NULL), -1);
	assert_int_equal(value, 42);
}

static void test_i64_range(void **state)
{
	struct err err = {0};
	int64_t value = 0;

	(void)state;
	assert_int_equal(parse_i64("tos", "0", 0, 255, &value, &err), 0);
	assert_int_equal(parse_i64("tos", "255", 0, 255, &value, &err), 0);
	assert_int_equal(parse_i64("tos", "-1", 0, 255, &value, &err), -1);
	assert_int_equal(parse_i64("tos", "256", 0, 255, &value, &err), -1);
	assert_string_equal(err.msg, "tos '256': must be a whole number from 0 to 255");
}

static void test_u64(void **state)
{
	static const char *const bad[] = {"", "-1", "-0", "+1", " 1", "1 ", "18446744073709551616",
		"184467440737095516150", "0x1"};
	struct err err = {0};
	uint64_t value = 0;

	(void)state;
	assert_int_equal(parse_u64("f", "18446744073709551615", 0, UINT64_MAX, &value, &err), 0);
	assert_true(value == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_u64("f", bad[i], 0, UINT64_MAX, &value, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
	assert_int_equal(parse_u64("port", NULL, 1, 65535, &value, &err), -1);
	assert_string_equal(err.msg, "port '': must be a whole number from 1 to 65535");
	assert_int_equal(parse_u64("port", "0", 1, 65535, &value, &err), -1);
	assert_int_equal(parse_u64("port", "65536", 1, 65535, &value, &err), -1);
}

static void test_error_shows_a_safe_part(void **state)
{
	char text[300];
	struct err err = {0};
	int64_t value;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[0] = '\n';
	text[1] = '\x1b';
	assert_int_equal(parse_i64("f", text, 0, 1, &value, &err), -1);
	assert_int_equal(strncmp(err.msg, "f '??yyy", 8), 0);
	assert_int_equal(strcspn(err.msg + 3, "'"), 64);
}

static void test_bool(void **state)
{
	static const char *const bad[] = {
		"", "True", "TRUE", "yes", "no", "1", "0", "true ", " false"};
	struct err err = {0};
	bool value = false;

	(void)state;
	assert_int_equal(parse_bool("f", "true", &value, &err), 0);
	assert_true(value);
	assert_int_equal(parse_bool("f", "false", &value, &err), 0);
	assert_false(value);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_bool("hdrDigest", bad[i], &value, &err), -1);
		assert_non_null(strstr(err.msg, "hdrDigest"));
	}
	assert_int_equal(parse_bool("f", NULL, &value, &err), -1);
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"1Ki", KIB},
		{"3Mi", 3 * MIB},
		{"10Gi", 10 * GIB},
		{"2Ti", 2 * TIB},
		{"9223372036854775807", INT64_MAX},
		{"8388607Ti", INT64_C(8388607) * TIB},
	};
	static const char *const bad[] = {"", "Gi", "1G", "1gi", "1 Gi", "-1", "1.5Gi", "+1Gi",
		"1GiB", "9223372036854775808", "8388608Ti", "18014398509481984Ki", "1KiKi", "1K"};
	int64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse_size("f", good[i].text, &bytes, NULL), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(parse_size("f", bad[i], &bytes, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "Gi"));
	}
	assert_int_equal(parse_size("f", NULL, &bytes, NULL), -1);
}

static void test_hex(void **state)
{
	static const char *const same[] = {"00112233445566778899aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-AABBCCDDEEFF",
		"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
		"00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff"};
	static const char *const bad[] = {"", "00", "00112233445566778899aabbccddeef",
		"00112233445566778899aabbccddeeff0", "00112233445566778899aabbccddeeff00",
		"-00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff-",
		"00--112233445566778899aabbccddeeff", "0-0112233445566778899aabbccddeeff",
		"0x112233445566778899aabbccddeeff", "0g112233445566778899aabbccddeeff",
		"00112233445566778899aabbccddeeff\n", "{00112233-4455-6677-8899-aabbccddeeff}"};
	static const uint8_t want[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
		0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		memset(bytes, 0x5a, sizeof(bytes));
		assert_int_equal(parse_hex("nguid", same[i], bytes, sizeof(bytes), NULL), 0);
		assert_memory_equal(bytes, want, sizeof(want));
	}
	memset(bytes, 0x5a, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(parse_hex("nguid", bad[i], bytes, sizeof(bytes), &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "nguid"));
		assert_non_null(strstr(err.msg, "32"));
		assert_int_equal(bytes[0], 0x5a);
	}
	assert_int_equal(parse_hex("nguid", NULL, bytes, sizeof(bytes), NULL), -1);
}

static void test_hex_print(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xab};
	char out[9];

	(void)state;
	hex_print(bytes, sizeof(bytes), out);
	assert_string_equal(out, "000ff0ab");
	hex_print(bytes, 0, out);
	assert_string_equal(out, "");
}

static void test_choice(void **state)
{
	static const char *const choices[] = {"numa", "round-robin", NULL};
	struct err err = {0};
	int index = -1;

	(void)state;
	assert_int_equal(parse_choice("ioPolicy", "round-robin", choices, &index, &err), 0);
	assert_int_equal(index, 1);
	assert_int_equal(parse_choice("ioPolicy", "Numa", choices, &index, &err), -1);
	assert_string_equal(err.msg, "ioPolicy 'Numa': must be one of \"numa\", \"round-robin\"");
	assert_int_equal(parse_choice("ioPolicy", NULL, choices, &index, &err), -1);
	assert_int_equal(parse_choice("ioPolicy", "", choices, &index, &err), -1);
	assert_int_equal(index, 1);
}

static void test_choice_with_a_long_list(void **state)
{
	static char word[100];
	const char *const choices[] = {word, word, word, word, word, NULL};
	struct err err = {0};
	int index;

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	assert_int_equal(parse_choice("f", "x", choices, &index, &err), -1);
	assert_true(strlen(err.msg) < 400);
}

static void test_utf8(void **state)
{
	static const char *const good[] = {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
		"\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
		"\xF4\x8F\xBF\xBF"};
	/* Stray and missing continuation, long forms, surrogates, past U+10FFFF, never bytes. */
	static const char *const bad[] = {"\x80", "\xBF", "\xC2", "a\302a", "\xC0\x80", "\xC1\xBF",
		"\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82",
		"\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
		"\xF0\x9F\x99", "\xFE", "\xFF", "\xE2\x28\xA1", "\xE2\x82\x28"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(utf8_valid(good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	}
	assert_false(utf8_valid("a\0b", 3));
	assert_int_equal(utf8_char("\0", 1), 1);
	assert_int_equal(utf8_char("", 0), 0);
	assert_int_equal(utf8_char("\xE2\x82\xAC", 3), 3);
	assert_int_equal(utf8_char("\xE2\x82\xAC", 2), 0);
}

static void test_printable(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(printable("abc", out, sizeof(out)), "abc");
	assert_string_equal(printable(NULL, out, sizeof(out)), "");
	assert_string_equal(printable("a\nb\x7f", out, sizeof(out)), "a?b?");
	assert_string_equal(printable("\xC2\x85\xC2\xA0", out, sizeof(out)), "?\xC2\xA0");
	assert_string_equal(printable("\xFFx\xE2\x82", out, sizeof(out)), "?x??");
	assert_string_equal(printable("123456789", out, sizeof(out)), "1234567");
	/* Cut before a character that does not fit whole. */
	assert_string_equal(printable("12345\xE2\x82\xAC", out, sizeof(out)), "12345");
	assert_string_equal(printable("x", out, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_i64_range),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_error_shows_a_safe_part),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_hex_print),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_choice_with_a_long_list),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
