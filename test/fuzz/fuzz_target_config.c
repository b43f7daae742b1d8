/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of nvmetcp-target. What was taken has all that the agent relies on.
 */
#include "target/config.h"
#include "test/fuzz/fuzz.h"

static void check_pool(const struct config_pool *pool)
{
	FUZZ_CHECK(object_id_check("name", pool->store.name, NULL) == 0);
	FUZZ_CHECK(pool->store.path[0] == '/');
	FUZZ_CHECK(pool->store.type);
	FUZZ_CHECK(pool->ratio >= 0.01 && pool->ratio <= 100);
	FUZZ_CHECK(!pool->store.vg == !pool->store.thin_pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	_cleanup_close_ int fd = fuzz_file(data, size, path);
	_cleanup_config_ struct config config = {0};
	struct err err = {0};

	if (config_load(path, &config, &err) < 0) {
		FUZZ_CHECK(fd >= 0);
		fuzz_said(&err);
		return 0;
	}
	FUZZ_CHECK(!config.listen != !config.unix_path);
	FUZZ_CHECK(!config.unix_path || config.unix_path[0] == '/');
	FUZZ_CHECK(!config.tls_cert == !config.tls_key);
	FUZZ_CHECK(config.state_dir && config.state_dir[0] == '/');
	FUZZ_CHECK(config.portals.n >= 1 && config.pool_wait_s >= 0);
	FUZZ_CHECK(config.n_pools >= 1 && config.n_pools <= AGENT_POOLS_MAX);
	for (unsigned i = 0; i < config.n_pools; i++) {
		check_pool(&config.pools[i]);
	}
	return 0;
}
