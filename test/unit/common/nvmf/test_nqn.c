/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NQNs: what is legal, and the names that we give. Names of nodes are written down: attachments in
 * a cluster refer to them.
 */
#include "common/nvmf/nqn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_check(void **state)
{
	static const char *const good[] = {"nqn.2014-08.org.nvmexpress:uuid:1",
		"nqn.2026-01.dev.csi.nvmetcp:demo:00112233-4455-6677-8899-aabbccddeeff",
		"nqn.1992-08.com.netapp:sn.d0:subsystem.a_b", "nqn.2010-06.com.example:\xC3\xA4"};
	static const char *const bad[] = {"", "nqn.", "iqn.2010-06.com.example:x",
		"NQN.2010-06.com.example:x", "nqn.2010-06.com.example:a,b",
		"nqn.2010-06.com.example:a,tls_key=1", "nqn.2010-06.com.example:a b",
		"nqn.2010-06.com.example:a\n", "nqn.2010-06.com.example:\x7f",
		"nqn.2010-06.com.example:\xFF", "nqn.2010-06.com.example/../../x", "x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(nqn_check("nqn", good[i], NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(nqn_check("hostnqn", bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "hostnqn"));
	}
}

static void test_check_length(void **state)
{
	char text[NQN_MAX + 2];

	(void)state;
	(void)snprintf(text, sizeof(text), "nqn.2010-06.com.example:");
	memset(text + strlen(text), 'x', sizeof(text) - strlen(text));
	text[NQN_MAX + 1] = '\0';
	assert_int_equal(nqn_check("nqn", text, NULL), -1);
	text[NQN_MAX] = '\0';
	assert_int_equal(nqn_check("nqn", text, NULL), 0);
}

static void test_instance(void **state)
{
	static const char *const good[] = {"a", "0", "demo", "a-b", "prod-1", "abcdefghijklmnop"};
	static const char *const bad[] = {"", "-", "-a", "a-", "A", "a_b", "a.b", "a b", "a:b",
		"abcdefghijklmnopq", "\xC3\xA4", "a\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(instance_check("instance", good[i], NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(instance_check("config.instance", bad[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "config.instance"));
		assert_non_null(strstr(err.msg, "16"));
	}
}

static void test_of_volume(void **state)
{
	static const uint8_t uuid[16] = {0x01, 0x23};
	char nqn[NQN_SIZE];

	(void)state;
	nqn_of_volume("demo", uuid, nqn);
	assert_string_equal(
		nqn, "nqn.2026-01.dev.csi.nvmetcp:demo:01230000-0000-0000-0000-000000000000");
	assert_int_equal(nqn_check("nqn", nqn, NULL), 0);
	nqn_of_volume("abcdefghijklmnop", uuid, nqn);
	assert_int_equal(nqn_check("nqn", nqn, NULL), 0);
}

static void test_host_identity(void **state)
{
	struct host_identity host;

	(void)state;
	assert_int_equal(host_identity_make("demo", "node-1", &host, NULL), 0);
	assert_string_equal(host.nqn, "nqn.2026-01.dev.csi.nvmetcp:node.demo.node-1");
	assert_string_equal(host.id, "ba8124f7-3c32-53d2-82b4-a5c465d9239c");
	assert_int_equal(host_identity_make("demo", "ip-10-0-0-1.eu-1.internal", &host, NULL), 0);
	assert_string_equal(
		host.nqn, "nqn.2026-01.dev.csi.nvmetcp:node.demo.ip-10-0-0-1.eu-1.internal");
}

/* Kubernetes allows names of 253 bytes; the longest that fits is kept, the next is hashed. */
static void test_host_identity_of_long_names(void **state)
{
	struct host_identity host;
	struct host_identity other;
	char name[254];
	size_t fits = NQN_MAX - strlen(NQN_PREFIX "node.demo.");

	(void)state;
	memset(name, 'n', sizeof(name));
	name[fits] = '\0';
	assert_int_equal(host_identity_make("demo", name, &host, NULL), 0);
	assert_int_equal(strlen(host.nqn), NQN_MAX);
	assert_non_null(strstr(host.nqn, name));
	/* One more is hashed, never cut: cut names of two nodes could be equal. */
	name[fits] = 'n';
	name[fits + 1] = '\0';
	assert_int_equal(host_identity_make("demo", name, &host, NULL), 0);
	assert_non_null(strstr(host.nqn, "node.demo.h-"));
	name[fits + 1] = 'n';
	name[200] = '\0';
	assert_int_equal(host_identity_make("demo", name, &host, NULL), 0);
	assert_string_equal(host.nqn,
		"nqn.2026-01.dev.csi.nvmetcp:node.demo.h-aae2adc23a9f5249ad018d5821d83b87");
	name[199] = 'm';
	assert_int_equal(host_identity_make("demo", name, &other, NULL), 0);
	assert_string_not_equal(host.nqn, other.nqn);
	assert_string_not_equal(host.id, other.id);
	memset(name, 'n', sizeof(name));
	name[253] = '\0';
	assert_int_equal(host_identity_make("abcdefghijklmnop", name, &host, NULL), 0);
	assert_int_equal(nqn_check("nqn", host.nqn, NULL), 0);
}

static void test_host_identity_refuses(void **state)
{
	static const char *const bad[] = {"", "a,b", "a b", "a/b", "a\nb", "\xFF"};
	struct host_identity host = {.nqn = "untouched"};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(host_identity_make("demo", bad[i], &host, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "node name"));
	}
	assert_int_equal(host_identity_make("demo", NULL, &host, &err), -1);
	assert_int_equal(host_identity_make("De mo", "node-1", &host, &err), -1);
	assert_non_null(strstr(err.msg, "instance"));
	assert_string_equal(host.nqn, "untouched");
}

static void test_is_node_of(void **state)
{
	struct host_identity host;

	(void)state;
	assert_int_equal(host_identity_make("demo", "node-1", &host, NULL), 0);
	assert_true(nqn_is_node_of(host.nqn, "demo"));
	assert_false(nqn_is_node_of(host.nqn, "dem"));
	assert_false(nqn_is_node_of(host.nqn, "demo2"));
	assert_false(nqn_is_node_of(host.nqn, ""));
	assert_false(nqn_is_node_of(NQN_PREFIX "node.demo.", "demo"));
	assert_false(nqn_is_node_of(NQN_PREFIX "demo:x", "demo"));
	assert_false(nqn_is_node_of("", "demo"));
	assert_false(nqn_is_node_of(NQN_PREFIX "node.demo.a,b", "demo"));
	assert_false(nqn_is_node_of("nqn.2014-08.org.nvmexpress:uuid:x", "demo"));
	/* An instance too long to be one, and so nobody's. */
	assert_false(nqn_is_node_of(host.nqn, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_length),
		cmocka_unit_test(test_instance),
		cmocka_unit_test(test_of_volume),
		cmocka_unit_test(test_host_identity),
		cmocka_unit_test(test_host_identity_of_long_names),
		cmocka_unit_test(test_host_identity_refuses),
		cmocka_unit_test(test_is_node_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
