/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection options: profiles, parameters with their ranges, and the kernel's string.
 */
#include "common/base/parse.h"
#include "common/nvmf/connect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NQN "nqn.2026-01.dev.csi.nvmetcp:demo:x"

static const struct host_identity host = {.nqn = "nqn.2026-01.dev.csi.nvmetcp:node.demo.n1",
	.id = "00112233-4455-6677-8899-aabbccddeeff"};
static const struct portal v4 = {.addr = "10.0.0.5", .port = 4420};
static const struct portal v6 = {.addr = "fd00::5", .port = 4421, .v6 = true};

/* Options from one parameter, or none when @key is NULL. */
static int parse_one(
	const char *key, const char *value, struct connect_options *ret, struct err *err)
{
	const struct kv items[] = {{key, value}};

	return connect_parse((struct kv_list){.items = items, .n = key ? 1 : 0}, ret, err);
}

static void test_profiles(void **state)
{
	static const struct {
		const char *name;
		int keep_alive;
		int reconnect;
		int ctrl_loss;
		int fast_io_fail;
	} rows[] = {
		{"balanced", 5, 2, CONNECT_NEVER, CONNECT_NEVER},
		{"fast-failover", 2, 1, CONNECT_NEVER, 10},
		{"patient", 15, 10, CONNECT_NEVER, CONNECT_NEVER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct connect_options o;
		assert_int_equal(connect_profile("profile", rows[i].name, &o, NULL), 0);
		assert_int_equal(o.keep_alive_tmo, rows[i].keep_alive);
		assert_int_equal(o.reconnect_delay, rows[i].reconnect);
		assert_int_equal(o.ctrl_loss_tmo, rows[i].ctrl_loss);
		assert_int_equal(o.fast_io_fail_tmo, rows[i].fast_io_fail);
		assert_int_equal(o.nr_io_queues, CONNECT_UNSET);
		assert_int_equal(o.nr_write_queues, CONNECT_UNSET);
		assert_int_equal(o.queue_size, CONNECT_UNSET);
		assert_int_equal(o.tos, CONNECT_UNSET);
		assert_false(o.hdr_digest || o.data_digest);
		assert_string_equal(o.io_policy, "");
		assert_int_equal(o.tls_key, 0);
		assert_int_equal(o.dhchap_key, 0);
		assert_int_equal(o.dhchap_ctrl_key, 0);
	}
}

static void test_profile_unknown(void **state)
{
	static const char *const bad[] = {"", "Balanced", "fast", "patient "};
	struct connect_options o = {.tos = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};
		assert_int_equal(connect_profile("profile", bad[i], &o, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "profile"));
		assert_non_null(strstr(err.msg, "fast-failover"));
		assert_int_equal(parse_one("profile", bad[i], &o, &err), -1);
	}
	assert_int_equal(o.tos, 77);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *key;
		size_t offset;
		int min;
		int max;
	} rows[] = {
		{"nrIoQueues", offsetof(struct connect_options, nr_io_queues), 1, 1024},
		{"nrWriteQueues", offsetof(struct connect_options, nr_write_queues), 1, 1024},
		{"queueSize", offsetof(struct connect_options, queue_size), 16, 1024},
		{"keepAliveTmo", offsetof(struct connect_options, keep_alive_tmo), 1, 3600},
		{"reconnectDelay", offsetof(struct connect_options, reconnect_delay), 1, 3600},
		{"ctrlLossTmo", offsetof(struct connect_options, ctrl_loss_tmo), -1, 604800},
		{"fastIoFailTmo", offsetof(struct connect_options, fast_io_fail_tmo), -1, 604800},
		{"tos", offsetof(struct connect_options, tos), 0, 255},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const int wanted[] = {rows[i].min, rows[i].max};
		const int refused[] = {rows[i].min - 1, rows[i].max + 1};
		char text[32];

		assert_true(connect_is_parameter(rows[i].key));
		for (size_t k = 0; k < 2; k++) {
			struct connect_options o;
			(void)snprintf(text, sizeof(text), "%d", wanted[k]);
			assert_int_equal(parse_one(rows[i].key, text, &o, NULL), 0);
			assert_int_equal(*(int *)((char *)&o + rows[i].offset), wanted[k]);
		}
		for (size_t k = 0; k < 2; k++) {
			struct connect_options o = {.tos = 4711};
			struct err err = {0};
			(void)snprintf(text, sizeof(text), "%d", refused[k]);
			assert_int_equal(parse_one(rows[i].key, text, &o, &err), -1);
			assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
			assert_non_null(strstr(err.msg, rows[i].key));
			assert_non_null(strstr(err.msg, text));
			assert_int_equal(o.tos, 4711);
		}
		struct connect_options o;
		assert_int_equal(parse_one(rows[i].key, "", &o, NULL), -1);
		assert_int_equal(parse_one(rows[i].key, "5s", &o, NULL), -1);
		assert_int_equal(parse_one(rows[i].key, "4294967301", &o, NULL), -1);
	}
}

static void test_switches_and_policy(void **state)
{
	struct connect_options o;
	struct err err = {0};

	(void)state;
	assert_int_equal(parse_one("hdrDigest", "true", &o, NULL), 0);
	assert_true(o.hdr_digest && !o.data_digest);
	assert_int_equal(parse_one("dataDigest", "true", &o, NULL), 0);
	assert_true(!o.hdr_digest && o.data_digest);
	assert_int_equal(parse_one("dataDigest", "yes", &o, &err), -1);
	assert_non_null(strstr(err.msg, "dataDigest"));
	assert_int_equal(parse_one("ioPolicy", "numa", &o, NULL), 0);
	assert_string_equal(o.io_policy, "numa");
	assert_int_equal(parse_one("ioPolicy", "queue-depth", &o, NULL), 0);
	assert_string_equal(o.io_policy, "queue-depth");
	assert_int_equal(parse_one("ioPolicy", "", &o, NULL), -1);
	assert_int_equal(parse_one("ioPolicy", "random", &o, &err), -1);
	assert_non_null(strstr(err.msg, "round-robin"));
}

static void test_defaults_and_others(void **state)
{
	static const struct kv items[] = {{"backend", "linux"},
		{"csi.storage.k8s.io/fstype", "xfs"}, {"ctrllosstmo", "nonsense"}};
	struct connect_options plain;
	struct connect_options o;

	(void)state;
	assert_int_equal(connect_profile("profile", "balanced", &plain, NULL), 0);
	assert_int_equal(parse_one(NULL, NULL, &o, NULL), 0);
	assert_memory_equal(&o, &plain, sizeof(o));
	assert_int_equal(
		connect_parse((struct kv_list){.items = items, .n = ARRAY_SIZE(items)}, &o, NULL),
		0);
	assert_memory_equal(&o, &plain, sizeof(o));
	assert_false(connect_is_parameter("backend"));
	assert_false(connect_is_parameter("ctrllosstmo"));
	assert_false(connect_is_parameter(""));
	assert_true(connect_is_parameter("profile"));
	assert_true(connect_is_parameter("ioPolicy"));
	assert_true(connect_is_parameter("hdrDigest"));
	assert_true(connect_is_parameter("dataDigest"));
}

/* A key changes what the profile says, wherever the profile stands in the map. */
static void test_profile_first(void **state)
{
	static const struct kv items[] = {
		{"keepAliveTmo", "7"}, {"profile", "patient"}, {"keepAliveTmo", "8"}};
	struct connect_options o;

	(void)state;
	assert_int_equal(
		connect_parse((struct kv_list){.items = items, .n = ARRAY_SIZE(items)}, &o, NULL),
		0);
	assert_int_equal(o.keep_alive_tmo, 8);
	assert_int_equal(o.reconnect_delay, 10);
}

static void test_fast_io_fail_below_ctrl_loss(void **state)
{
	static const struct {
		const char *fast;
		const char *loss;
		int result;
	} rows[] = {
		{"10", "11", 0},
		{"10", "10", -1},
		{"11", "10", -1},
		{"0", "0", -1},
		{"0", "1", 0},
		{"-1", "0", 0},
		{"600", "-1", 0},
		{"-1", "-1", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kv items[] = {
			{"fastIoFailTmo", rows[i].fast}, {"ctrlLossTmo", rows[i].loss}};
		struct connect_options o;
		struct err err = {0};
		assert_int_equal(connect_parse((struct kv_list){.items = items, .n = 2}, &o, &err),
			rows[i].result);
		if (rows[i].result < 0) {
			assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
			assert_non_null(strstr(err.msg, "fastIoFailTmo"));
			assert_non_null(strstr(err.msg, "ctrlLossTmo"));
		}
	}
	/* Also against what the profile brings along. */
	static const struct kv both[] = {{"profile", "fast-failover"}, {"ctrlLossTmo", "10"}};
	struct connect_options o;
	assert_int_equal(connect_parse((struct kv_list){.items = both, .n = 2}, &o, NULL), -1);
}

static void test_string_of_the_default(void **state)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(1024);
	struct connect_options o;

	(void)state;
	assert_int_equal(connect_profile("profile", "balanced", &o, NULL), 0);
	assert_int_equal(connect_string(&o, NQN, &host, &v4, &out, NULL), 0);
	assert_string_equal(sb_str(&out),
		"nqn=nqn.2026-01.dev.csi.nvmetcp:demo:x,transport=tcp,traddr=10.0.0.5,trsvcid=4420,"
		"hostnqn=nqn.2026-01.dev.csi.nvmetcp:node.demo.n1,"
		"hostid=00112233-4455-6677-8899-aabbccddeeff,"
		"keep_alive_tmo=5,reconnect_delay=2,ctrl_loss_tmo=-1");
}

static void test_string_with_everything(void **state)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(1024);
	const struct connect_options o = {
		.nr_io_queues = 4,
		.nr_write_queues = 2,
		.queue_size = 64,
		.keep_alive_tmo = 3,
		.reconnect_delay = 1,
		.ctrl_loss_tmo = 600,
		.fast_io_fail_tmo = 0,
		.tos = 184,
		.hdr_digest = true,
		.data_digest = true,
		.io_policy = "numa", /* is set through sysfs, not here */
		.tls_key = 305419896,
	};

	(void)state;
	sb_add(&out, "what was there before");
	assert_int_equal(connect_string(&o, NQN, &host, &v6, &out, NULL), 0);
	assert_string_equal(sb_str(&out),
		"nqn=nqn.2026-01.dev.csi.nvmetcp:demo:x,transport=tcp,traddr=fd00::5,trsvcid=4421,"
		"hostnqn=nqn.2026-01.dev.csi.nvmetcp:node.demo.n1,"
		"hostid=00112233-4455-6677-8899-aabbccddeeff,"
		"nr_io_queues=4,nr_write_queues=2,queue_size=64,keep_alive_tmo=3,reconnect_delay=1,"
		"ctrl_loss_tmo=600,fast_io_fail_tmo=0,tos=184,hdr_digest,data_digest,"
		"tls_key=305419896,tls");
}

static void test_string_of_nothing_set(void **state)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(1024);
	const struct connect_options o = {
		.nr_io_queues = CONNECT_UNSET,
		.nr_write_queues = CONNECT_UNSET,
		.queue_size = CONNECT_UNSET,
		.keep_alive_tmo = CONNECT_UNSET,
		.reconnect_delay = CONNECT_UNSET,
		.ctrl_loss_tmo = CONNECT_UNSET,
		.fast_io_fail_tmo = CONNECT_UNSET,
		.tos = CONNECT_UNSET,
	};

	(void)state;
	assert_int_equal(connect_string(&o, NQN, &host, &v4, &out, NULL), 0);
	assert_non_null(strstr(sb_str(&out), "hostid=00112233-4455-6677-8899-aabbccddeeff"));
	const char *end = strstr(sb_str(&out), "hostid=");
	assert_null(strchr(end, ','));
}

static void test_string_refuses(void **state)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(1024);
	_cleanup_strbuf_ struct strbuf small = sb_init(100);
	const struct host_identity bad_host = {.nqn = "nqn.x:a,tls_key=1", .id = "0"};
	const struct portal bad_portal = {.addr = "10.0.0.5,tos=1", .port = 4420};
	struct connect_options o;
	struct err err = {0};

	(void)state;
	assert_int_equal(connect_profile("profile", "balanced", &o, NULL), 0);
	assert_int_equal(connect_string(&o, NQN ",tls", &host, &v4, &out, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_int_equal(connect_string(&o, NQN, &bad_host, &v4, &out, &err), -1);
	assert_int_equal(connect_string(&o, NQN, &host, &bad_portal, &out, &err), -1);
	assert_int_equal(connect_string(&o, NQN, &host, &v4, &small, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(sb_str(&small), "");
	/* Asked for authentication that would not happen. */
	o.dhchap_key = 5;
	assert_int_equal(connect_string(&o, NQN, &host, &v4, &out, &err), -1);
	assert_int_equal(err.code, ERR_UNIMPLEMENTED);
	o.dhchap_key = 0;
	o.dhchap_ctrl_key = 5;
	assert_int_equal(connect_string(&o, NQN, &host, &v4, &out, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_profile_unknown),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_switches_and_policy),
		cmocka_unit_test(test_defaults_and_others),
		cmocka_unit_test(test_profile_first),
		cmocka_unit_test(test_fast_io_fail_below_ctrl_loss),
		cmocka_unit_test(test_string_of_the_default),
		cmocka_unit_test(test_string_with_everything),
		cmocka_unit_test(test_string_of_nothing_set),
		cmocka_unit_test(test_string_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
