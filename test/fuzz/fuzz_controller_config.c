/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of the controller and its command line: the first byte says which, the
 * words of a command line are lines. What was taken has all that the controller relies on.
 */
#include "common/csi/identity.h"
#include "common/csi/ids.h"
#include "controller/config.h"
#include "controller/flags.h"
#include "test/fuzz/fuzz.h"

static const char *no_variable(const char *name)
{
	(void)name;
	return NULL;
}

static void take_flags(const uint8_t *data, size_t size)
{
	static struct lines lines;
	char *argv[LINES_MAX + 2] = {(char *)"nvmetcp-controller"};
	struct controller_flags flags;
	struct err err = {0};
	int n = lines_words(data, size, &lines, argv + 1) + 1;

	if (controller_flags_parse(n, argv, no_variable, &flags, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	if (!flags.help && !flags.version) {
		FUZZ_CHECK(flags.config && flags.socket && flags.socket[0] == '/');
	}
}

static void check_backend(const struct config *config, size_t i)
{
	const struct config_backend *backend = &config->backends[i];

	FUZZ_CHECK(csi_backend_check("name", backend->be.name, NULL) == 0);
	FUZZ_CHECK(backend->type && backend->n_aliases <= CONFIG_ALIASES_MAX);
	FUZZ_CHECK(streq(backend->be.instance, config->instance));
	for (size_t j = 0; j < i; j++) {
		FUZZ_CHECK(!streq(backend->be.name, config->backends[j].be.name));
	}
	for (size_t j = 0; j < backend->n_segments; j++) {
		FUZZ_CHECK(backend->segments[j].n > 0);
	}
}

static void take_file(const uint8_t *data, size_t size)
{
	_cleanup_config_ struct config config = {0};
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct err err = {0};

	if (config_parse("/etc/config.json", text, size, "", &config, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(instance_check("instance", config.instance, NULL) == 0);
	FUZZ_CHECK(csi_plugin_name_check("driverName", config.driver_name, NULL) == 0);
	for (size_t i = 0; i < config.n_backends; i++) {
		check_backend(&config, i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0) {
		(data[0] % 2 == 0 ? take_file : take_flags)(data + 1, size - 1);
	}
	return 0;
}
