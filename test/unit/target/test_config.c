/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: its defaults, and every wrong key named with what is allowed. */
#include "target/config.h"
#include "test/unit/target/support.h"

static struct place place;
static struct err err;

static int setup(void **state UNUSED)
{
	err = (struct err){0};
	place_make(&place);
	return 0;
}

static int teardown(void **state UNUSED)
{
	place_remove(&place);
	return 0;
}

static int load(const char *text, struct config *ret)
{
	put_file(at(&place, "config.json"), text);
	return config_load(at(&place, "config.json"), ret, &err);
}

#define PORTALS "\"portals\":[\"10.0.0.5:4420\"]"
#define POOLS "\"pools\":[{\"name\":\"fast\",\"path\":\"/srv/fast\"}]"

static void test_least(void **state UNUSED)
{
	_cleanup_config_ struct config config = {0};

	assert_ok(load("{\"listen\":\"127.0.0.1:8787\"," PORTALS "," POOLS "}", &config), err);
	assert_string_equal(config.listen, "127.0.0.1:8787");
	assert_null(config.unix_path);
	assert_string_equal(config.state_dir, "/var/lib/nvmetcp-target");
	assert_null(config.configfs);
	assert_true(config.gate);
	assert_int_equal(config.pool_wait_s, 120);
	assert_int_equal(config.n_pools, 1);
	assert_string_equal(config.pools[0].store.type, "file");
	assert_true(config.pools[0].ratio > 0.99 && config.pools[0].ratio < 1.01);
	assert_int_equal(config.pools[0].store.clone_extents, 0);
}

static void test_full(void **state UNUSED)
{
	_cleanup_config_ struct config config = {0};

	assert_ok(
		load("{\"listen\":\"[fd00::5]:8443\",\"tlsCert\":\"/c\",\"tlsKey\":\"/k\","
		     "\"tokenFile\":\"/t\",\"stateDir\":\"/s\",\"configfs\":\"/f\",\"gate\":\"none\","
		     "\"poolWaitSeconds\":0,\"portals\":[\"10.0.0.5:4420\",\"[fd00::5]:4420\"],"
		     "\"pools\":[{\"name\":\"a\",\"type\":\"file\",\"path\":\"/a\",\"ratio\":2.5,"
		     "\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"cloneExtents\":10},"
		     "{\"name\":\"b\",\"path\":\"/b\"}]}",
			&config),
		err);
	assert_false(config.gate);
	assert_int_equal(config.portals.n, 2);
	assert_int_equal(config.n_pools, 2);
	assert_int_equal(config.pools[0].store.clone_extents, 10);
	assert_true(config.pools[0].ratio > 2.4 && config.pools[0].ratio < 2.6);
	config_done(&config);
	assert_ok(load("{\"listen\":\"unix:/run/x.sock\"," PORTALS "," POOLS "}", &config), err);
	assert_string_equal(config.unix_path, "/run/x.sock");
	assert_null(config.listen);
}

#define THIN "\"name\":\"a\",\"path\":\"/a\",\"type\":\"lvmthin\",\"vg\":\"v\",\"thinPool\":\"t\""

static void test_thin(void **state UNUSED)
{
	_cleanup_config_ struct config config = {0};

	assert_ok(
		load("{\"listen\":\"127.0.0.1:8787\"," PORTALS ",\"pools\":[{" THIN "}]}", &config),
		err);
	assert_string_equal(config.pools[0].store.type, "lvmthin");
	assert_string_equal(config.pools[0].store.vg, "v");
	assert_string_equal(config.pools[0].store.thin_pool, "t");
}

static const struct {
	const char *text;
	const char *part;
} bad[] = {
	{"", "config.json"},
	{"[]", "object"},
	{"{" PORTALS "," POOLS "}", "listen"},
	{"{\"listen\":1," PORTALS "," POOLS "}", "listen"},
	{"{\"listen\":\"target:8787\"," PORTALS "," POOLS "}", "listen"},
	{"{\"listen\":\"unix:run\"," PORTALS "," POOLS "}", "absolute"},
	{"{\"listen\":\"10.0.0.5:8787\"," PORTALS "," POOLS "}", "tlsCert, tlsKey and tokenFile"},
	{"{\"listen\":\"0.0.0.0:8787\",\"tokenFile\":\"/t\"," PORTALS "," POOLS "}", "tlsCert"},
	{"{\"listen\":\"[::]:1\",\"tlsCert\":\"/c\",\"tlsKey\":\"/k\"," PORTALS "," POOLS "}",
		"tokenFile"},
	{"{\"listen\":\"127.0.0.1:1\",\"tlsCert\":\"/c\"," PORTALS "," POOLS "}", "go together"},
	{"{\"listen\":\"127.0.0.1:1\",\"tlsKey\":\"/k\"," PORTALS "," POOLS "}", "go together"},
	{"{\"listen\":\"127.0.0.1:1\",\"tokenFile\":\"t\"," PORTALS "," POOLS "}", "tokenFile"},
	{"{\"listen\":\"127.0.0.1:1\",\"stateDir\":\"s\"," PORTALS "," POOLS "}", "stateDir"},
	{"{\"listen\":\"127.0.0.1:1\",\"gate\":\"iptables\"," PORTALS "," POOLS "}", "gate"},
	{"{\"listen\":\"127.0.0.1:1\",\"poolWaitSeconds\":3601," PORTALS "," POOLS "}",
		"poolWaitSeconds"},
	{"{\"listen\":\"127.0.0.1:1\",\"portal\":[]," PORTALS "," POOLS "}", "portal"},
	{"{\"listen\":\"127.0.0.1:1\"," POOLS "}", "portals"},
	{"{\"listen\":\"127.0.0.1:1\",\"portals\":[]," POOLS "}", "at least one portal"},
	{"{\"listen\":\"127.0.0.1:1\",\"portals\":[\"10.0.0.5\"]," POOLS "}", "10.0.0.5"},
	{"{\"listen\":\"127.0.0.1:1\",\"portals\":[4420]," POOLS "}", "portals[0]"},
	{"{\"listen\":\"127.0.0.1:1\",\"portals\":[\"0.0.0.0:4420\"]," POOLS "}",
		"no address that a host can connect to"},
	{"{\"listen\":\"127.0.0.1:1\",\"portals\":[\"10.0.0.5:1\",\"10.0.0.5:1\"]," POOLS "}",
		"twice"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS "}", "pools"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[]}", "at least one pool"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[{\"path\":\"/a\"}]}", "name"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[{\"name\":\"A\",\"path\":\"/a\"}]}",
		"pools[0].name"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[{\"name\":\"a\",\"path\":\"a\"}]}",
		"pools[0].path"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"type\":\"zfs\"}]}",
		"type"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"ratio\":0}]}",
		"ratio"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"cloneExtents\":0}]}",
		"cloneExtents"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"uuid\":\"x\"}]}",
		"as --init-pool printed it"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"size\":1}]}",
		"size"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"vg\":\"v\"}]}",
		"pools[0].vg (line 1): is not for pools of the type \"file\""},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[{" THIN ",\"cloneExtents\":1}]}",
		"pools[0].cloneExtents (line 1): is not for pools of the type \"lvmthin\""},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"type\":\"lvmthin\",\"vg\":\"v\"}]}",
		"thinPool"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\",\"type\":\"lvmthin\",\"vg\":\"v/w\",\"thinPool\":\"t\"}]}",
		"pools[0].vg (line 1): must be a name"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS ",\"pools\":[{" THIN
	 "},{\"name\":\"b\",\"path\":\"/b\",\"type\":\"lvmthin\",\"vg\":\"v\",\"thinPool\":\"t\"}]}",
		"\"t\" of \"v\" is there twice"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\"},{\"name\":\"a\",\"path\":\"/b\"}]}",
		"twice"},
	{"{\"listen\":\"127.0.0.1:1\"," PORTALS
	 ",\"pools\":[{\"name\":\"a\",\"path\":\"/a\"},{\"name\":\"b\",\"path\":\"/a\"}]}",
		"twice"},
};

static void test_wrong(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config config;

		if (load(bad[i].text, &config) == 0) {
			fail_msg("taken: %s", bad[i].text);
		}
		assert_null(config.doc);
		assert_err(err, ERR_INVALID_ARGUMENT, bad[i].part);
	}
}

/* The line is named, and nothing of the file's text but the key. */
static void test_line(void **state UNUSED)
{
	struct config config;

	assert_int_equal(load("{\n\"listen\": \"127.0.0.1:1\",\n\"gaet\": \"none\",\n" PORTALS
			      ",\n" POOLS "}",
				 &config),
		-1);
	assert_err(err, ERR_INVALID_ARGUMENT, "line 3");
}

static void test_missing_file(void **state UNUSED)
{
	struct config config;

	assert_int_equal(config_load("/nowhere/config.json", &config, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "/nowhere/config.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_least, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
