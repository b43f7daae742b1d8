/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration without memory and from a disk that fails: taken whole, or not at all.
 */
#include "target/config.h"
#include "test/failing/failing.h"
#include "test/unit/target/support.h"

static const char text[] =
	"{\"listen\":\"127.0.0.1:8787\",\"portals\":[\"10.0.0.5:4420\"],\"pools\":[{\"name\":\"a\","
	"\"path\":\"/srv/a\"},{\"name\":\"b\",\"type\":\"lvmthin\",\"path\":\"/srv/b\",\"vg\":\"vg0\","
	"\"thinPool\":\"tp\"}]}";

static int load(void *arg, struct err *err)
{
	_cleanup_config_ struct config config = {0};

	if (config_load(arg, &config, err) < 0) {
		return -1;
	}
	assert_int_equal(config.n_pools, 2);
	assert_string_equal(config.pools[1].store.thin_pool, "tp");
	assert_int_equal(config.portals.n, 1);
	return 0;
}

static void whole_or_not_at_all(void **state)
{
	struct place place;
	struct failing_job job = {.run = load, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	place_make(&place);
	put_file(at(&place, "config.json"), text);
	job.arg = (void *)at(&place, "config.json");
	assert_true(failing_each(FAILING_MEMORY, &job) >= 5);
	job.code = ERR_INTERNAL;
	assert_true(failing_each(FAILING_FILES, &job) >= 3);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_not_at_all)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
