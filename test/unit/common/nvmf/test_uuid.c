/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs. The values of names are written down here: they must never change, since the identities of
 * nodes and volumes come from them.
 */
#include "common/nvmf/uuid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_name(const char *name, const char *want)
{
	uint8_t uuid[16];
	char text[UUID_TEXT_SIZE];

	uuid_of_name(name, uuid);
	uuid_print(uuid, text);
	assert_string_equal(text, want);
}

static void test_names_are_for_ever(void **state)
{
	(void)state;
	/* From Python: uuid.uuid5(UUID("5d1f8b3a-0c6e-4f27-9ad4-71e83b52c096"), name). */
	assert_name("", "69cd9c49-1b3e-5308-b30a-4eea2a2b0364");
	assert_name("node-1", "50fe167c-587d-57ba-b8e4-acfc1dcd7e18");
	assert_name("nqn.2026-01.dev.csi.nvmetcp:node.demo.node-1",
		"ba8124f7-3c32-53d2-82b4-a5c465d9239c");
}

static void test_version_and_variant(void **state)
{
	uint8_t uuid[16];

	(void)state;
	uuid_of_name("x", uuid);
	assert_int_equal(uuid[6] >> 4, 5);
	assert_int_equal(uuid[8] >> 6, 2);
	uuid_random(uuid);
	assert_int_equal(uuid[6] >> 4, 4);
	assert_int_equal(uuid[8] >> 6, 2);
}

static void test_random_differs(void **state)
{
	uint8_t a[16];
	uint8_t b[16];

	(void)state;
	uuid_random(a);
	uuid_random(b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_print(void **state)
{
	static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
		0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
	char text[UUID_TEXT_SIZE];

	(void)state;
	uuid_print(uuid, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
}

static void test_bytes_zero(void **state)
{
	uint8_t bytes[16] = {0};

	(void)state;
	assert_true(bytes_zero(bytes, sizeof(bytes)));
	assert_true(bytes_zero(bytes, 0));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 0x80;
		assert_false(bytes_zero(bytes, sizeof(bytes)));
		assert_true(bytes_zero(bytes, i));
		bytes[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_for_ever),
		cmocka_unit_test(test_version_and_variant),
		cmocka_unit_test(test_random_differs),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_bytes_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
