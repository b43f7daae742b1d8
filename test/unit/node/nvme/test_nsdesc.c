/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list from the target: well-formed, cut, lying about its lengths.
 */
#include "node/nvme/nsdesc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static size_t put(uint8_t *list, size_t at, uint8_t type, uint8_t length, uint8_t fill)
{
	list[at] = type;
	list[at + 1] = length;
	memset(list + at + 4, fill, length);
	return at + 4 + length;
}

static const char *print(const uint8_t *list)
{
	static char text[512];
	_cleanup_strbuf_ struct strbuf out = sb_init(sizeof(text) - 1);

	nsdesc_print(list, &out);
	(void)snprintf(text, sizeof(text), "%s", sb_str(&out));
	return text;
}

static void test_round_trip(void **state)
{
	uint8_t list[NSDESC_SIZE] = {0};
	struct ns_ident ident;
	struct err err = {0};
	size_t at;

	(void)state;
	at = put(list, 0, 3, 16, 0xab);
	at = put(list, at, 4, 1, 0);
	at = put(list, at, 2, 16, 0xcd);
	(void)put(list, at, 1, 8, 0xef);
	assert_string_equal(print(list),
		"uuid=abababababababababababababababab "
		"nguid=cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd eui64=efefefefefefefef");
	assert_int_equal(nsdesc_parse(print(list), &ident, &err), 0);
	assert_int_equal(ident.uuid[15], 0xab);
	assert_int_equal(ident.nguid[0], 0xcd);
	assert_int_equal(ident.eui64[7], 0xef);
	assert_int_equal(nsdesc_parse("", &ident, &err), 0);
	assert_false(ns_ident_known(&ident));
}

static void test_hostile(void **state)
{
	uint8_t list[NSDESC_SIZE];

	(void)state;
	/* A length that is not the type's, an unknown type, one that runs over the end. */
	memset(list, 0, sizeof(list));
	size_t at = put(list, 0, 3, 15, 1);
	at = put(list, at, 9, 3, 1);
	(void)put(list, at, 2, 16, 2);
	assert_string_equal(print(list), "nguid=02020202020202020202020202020202");
	memset(list, 0xff, sizeof(list));
	assert_string_equal(print(list), "");
	memset(list, 0, sizeof(list));
	for (size_t i = 0; i + 2 < sizeof(list); i += 5) {
		list[i] = 4;
		list[i + 1] = 1;
	}
	assert_string_equal(print(list), "");
	/* The last bytes hold half a descriptor. */
	memset(list, 0, sizeof(list));
	for (at = 0; at + 4 + 251 <= sizeof(list) - 8;) {
		at = put(list, at, 9, 251, 7);
	}
	list[at] = 3;
	list[at + 1] = 255;
	assert_string_equal(print(list), "");
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = {"uuid=12", "uuid", "wwid=12", "uuid=zz", "nguid=", "=",
		"uuid=abababababababababababababababab nguid=1"};
	struct ns_ident ident;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(nsdesc_parse(bad[i], &ident, &err), -1);
		assert_true(err.msg[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bad_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
