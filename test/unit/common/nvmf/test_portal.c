/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Portals: one spelling out of many, and no names.
 */
#include "common/nvmf/portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		const char *addr;
		uint16_t port;
		bool v6;
		const char *printed;
	} rows[] = {
		{"10.0.0.5:4420", "10.0.0.5", 4420, false, "10.0.0.5:4420"},
		{"127.0.0.1:1", "127.0.0.1", 1, false, "127.0.0.1:1"},
		{"255.255.255.255:65535", "255.255.255.255", 65535, false, "255.255.255.255:65535"},
		{"[fd00::5]:4420", "fd00::5", 4420, true, "[fd00::5]:4420"},
		{"[FD00:0:0:0:0:0:0:5]:4420", "fd00::5", 4420, true, "[fd00::5]:4420"},
		{"[::1]:8009", "::1", 8009, true, "[::1]:8009"},
		{"[::ffff:10.0.0.5]:4420", "::ffff:10.0.0.5", 4420, true, "[::ffff:10.0.0.5]:4420"},
		{"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
			"1111:2222:3333:4444:5555:6666:7777:8888", 65535, true,
			"[1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
	};
	char text[PORTAL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct portal portal;
		assert_int_equal(portal_parse("p", rows[i].text, &portal, NULL), 0);
		assert_string_equal(portal.addr, rows[i].addr);
		assert_int_equal(portal.port, rows[i].port);
		assert_int_equal(portal.v6, rows[i].v6);
		portal_print(&portal, text);
		assert_string_equal(text, rows[i].printed);
	}
}

static const char *const bad_portals[] = {"", ":", ":4420", "10.0.0.5", "10.0.0.5:", "10.0.0.5:0",
	"10.0.0.5:65536", "10.0.0.5:-1", "10.0.0.5:+1", "10.0.0.5: 4420", "10.0.0.5:4420 ",
	"10.0.0.5:4420x", " 10.0.0.5:4420", "10.0.0:4420", "10.0.0.256:4420", "010.0.0.5:4420",
	"10.0.0.5:4420:1", "storage.example:4420", "localhost:4420", "[", "[]:4420", "[fd00::5]",
	"[fd00::5]4420", "[fd00::5]:", "[fd00::5:4420", "fd00::5:4420", "[10.0.0.5]:4420",
	"[fe80::1%eth0]:4420", "[fd00::5]:4420]", "[[fd00::5]]:4420", "10.0.0.5:4420\n",
	"10.0.0.5:99999999999999999999", "10.0.0.5:4420;tls"};

static void test_parse_refuses(void **state)
{
	struct portal portal = {.addr = "untouched"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_portals); i++) {
		struct err err = {0};
		assert_int_equal(portal_parse("--portal", bad_portals[i], &portal, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "--portal"));
		assert_non_null(strstr(err.msg, "[fd00::5]:4420"));
	}
	assert_string_equal(portal.addr, "untouched");
}

static void test_parse_refuses_long_text(void **state)
{
	char text[5000];
	struct portal portal;
	struct portals portals;

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(portal_parse("p", text, &portal, NULL), -1);
	assert_int_equal(portals_parse("p", text, &portals, NULL), -1);
	text[0] = '[';
	text[4000] = ']';
	text[4001] = ':';
	assert_int_equal(portal_parse("p", text, &portal, NULL), -1);
	assert_int_equal(portals_parse("p", text, &portals, NULL), -1);
}

static void test_equal(void **state)
{
	struct portal a;
	struct portal b;

	(void)state;
	assert_int_equal(portal_parse("p", "[fd00::5]:4420", &a, NULL), 0);
	assert_int_equal(portal_parse("p", "[fd00:0::0005]:4420", &b, NULL), 0);
	assert_true(portal_equal(&a, &b));
	b.port = 4421;
	assert_false(portal_equal(&a, &b));
	assert_int_equal(portal_parse("p", "10.0.0.5:4420", &b, NULL), 0);
	assert_false(portal_equal(&a, &b));
}

static void test_list(void **state)
{
	struct portals portals;
	char text[PORTALS_TEXT_SIZE];

	(void)state;
	assert_int_equal(portals_parse("p",
				 "10.0.0.5:4420,[fd00::5]:4420,10.0.0.5:4420,10.0.0.6:4420,"
				 "[FD00::0005]:4420",
				 &portals, NULL),
		0);
	assert_int_equal(portals.n, 3);
	portals_print(&portals, text);
	assert_string_equal(text, "10.0.0.5:4420,[fd00::5]:4420,10.0.0.6:4420");
	portals.n = 0;
	portals_print(&portals, text);
	assert_string_equal(text, "");
}

static void test_list_refuses(void **state)
{
	static const char *const bad[] = {",", "10.0.0.5:4420,", ",10.0.0.5:4420",
		"10.0.0.5:4420,,10.0.0.6:4420", "10.0.0.5:4420, 10.0.0.6:4420",
		"10.0.0.5:4420;10.0.0.6:4420"};
	struct portals portals = {.n = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(portals_parse("portals", bad[i], &portals, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "portals"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_portals); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "10.0.0.5:4420,%s", bad_portals[i]);
		assert_int_equal(portals_parse("portals", text, &portals, NULL), -1);
	}
	assert_int_equal(portals.n, 77);
}

/* As many as allowed, each in its longest form, print whole and read back. */
static void test_list_limit(void **state)
{
	struct portals portals = {0};
	struct portals again;
	char text[PORTALS_TEXT_SIZE];
	char more[PORTALS_TEXT_SIZE + PORTAL_TEXT_SIZE];
	struct err err = {0};

	(void)state;
	for (unsigned i = 0; i < PORTALS_MAX; i++) {
		char one[PORTAL_TEXT_SIZE];
		(void)snprintf(one, sizeof(one),
			"[1111:2222:3333:4444:5555:6666:7777:88%02x]:65535", i + 16);
		assert_int_equal(portal_parse("p", one, &portals.list[i], NULL), 0);
	}
	portals.n = PORTALS_MAX;
	portals_print(&portals, text);
	assert_int_equal(portals_parse("p", text, &again, NULL), 0);
	assert_int_equal(again.n, PORTALS_MAX);
	for (unsigned i = 0; i < PORTALS_MAX; i++) {
		assert_true(portal_equal(&portals.list[i], &again.list[i]));
	}
	(void)snprintf(more, sizeof(more), "%s,10.0.0.1:4420", text);
	assert_int_equal(portals_parse("p", more, &again, &err), -1);
	assert_non_null(strstr(err.msg, "16"));
	/* One that is there already is none too many. */
	(void)snprintf(
		more, sizeof(more), "%s,[1111:2222:3333:4444:5555:6666:7777:8810]:65535", text);
	assert_int_equal(portals_parse("p", more, &again, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_refuses_long_text),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_refuses),
		cmocka_unit_test(test_list_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
