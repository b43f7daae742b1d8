/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: a good one is read whole, and each thing that can be wrong is named with
 * its key and line.
 */
#include "common/http/client.h"
#include "controller/config.h"
#include "controller/registry.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Write @text to a file of its own. */
static void write_file(const char *text, char path[64])
{
	int fd;

	(void)snprintf(path, 64, "/tmp/nvmetcp-config-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static int read_text(const char *text, struct config *ret, struct err *err)
{
	char path[64];
	int result;

	write_file(text, path);
	result = config_read(path, "", ret, err);
	assert_int_equal(unlink(path), 0);
	return result;
}

static void refused(const char *text, const char *key, const char *line)
{
	struct config config = {0};
	struct err err = {0};

	if (read_text(text, &config, &err) == 0) {
		fail_msg("taken: %s", text);
	}
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, key) || !strstr(err.msg, line)) {
		fail_msg("neither \"%s\" nor \"%s\" in: %s", key, line, err.msg);
	}
}

#define BACKEND "{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///run/x.sock\"}"
#define TOP(rest) "{\"instance\":\"prod\",\n\"backends\":[\n" rest "]}"

static void a_whole_one(void **state UNUSED)
{
	_cleanup_config_ struct config config = {0};
	struct err err = {0};

	if (read_text(
		    "{\"instance\":\"prod\",\"driverName\":\"x.example.org\",\"backends\":["
		    "{\"name\":\"fast\",\"type\":\"linux\",\"url\":\"https://10.0.0.5:4480\","
		    "\"caFile\":\"/ca\",\"tokenFile\":\"/token\",\"pool\":\"ssd\",\"aliases\":[\"old\",\"older\"]},"
		    "{\"name\":\"slow\",\"type\":\"linux\",\"url\":\"unix:///run/x.sock\"}]}",
		    &config, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(config.instance, "prod");
	assert_string_equal(config.driver_name, "x.example.org");
	assert_int_equal(config.n_backends, 2);
	assert_string_equal(config.backends[0].type->type, "linux");
	assert_string_equal(config.backends[0].be.name, "fast");
	assert_string_equal(config.backends[0].be.instance, "prod");
	assert_string_equal(config.backends[0].be.url, "https://10.0.0.5:4480");
	assert_string_equal(config.backends[0].be.ca_file, "/ca");
	assert_string_equal(config.backends[0].be.token_file, "/token");
	assert_string_equal(config.backends[0].be.pool, "ssd");
	assert_int_equal(config.backends[0].n_aliases, 2);
	assert_string_equal(config.backends[0].aliases[1], "older");
	assert_string_equal(config.backends[1].be.pool, "");
	assert_string_equal(config.backends[1].be.ca_file, "");
	assert_int_equal(config.backends[1].n_aliases, 0);
}

static void wrong_at_the_top(void **state UNUSED)
{
	refused("", "empty", "");
	refused("[]", "object", "");
	refused("{\"instance\":\"a\"", "line", "1");
	refused("{\"backends\":[" BACKEND "]}", "instance", "");
	refused("{\"instance\":7,\n\"backends\":[" BACKEND "]}", "instance", "line 1");
	refused("{\n\"instance\":\"Prod\",\"backends\":[" BACKEND "]}", "instance", "line 2");
	refused("{\"instance\":\"seventeen-letters\",\"backends\":[" BACKEND "]}", "instance",
		"line 1");
	refused("{\"instance\":\"p\",\n\n\"driverName\":\"-x\",\"backends\":[" BACKEND "]}",
		"driverName", "line 3");
	refused("{\"instance\":\"p\",\n\"driverName\":\"\",\"backends\":[" BACKEND "]}",
		"driverName", "line 2");
	refused("{\"instance\":\"p\",\n\"instence\":\"p\",\"backends\":[" BACKEND "]}", "instence",
		"line 2");
	refused("{\"instance\":\"p\",\"instance\":\"q\",\"backends\":[" BACKEND "]}", "instance",
		"");
	refused("{\"instance\":\"p\"}", "backends", "");
	refused("{\"instance\":\"p\",\n\"backends\":[]}", "backends", "line 2");
	refused("{\"instance\":\"p\",\n\"backends\":{}}", "backends", "line 2");
}

static void wrong_in_a_backend(void **state UNUSED)
{
	refused(TOP("7"), "backends[0]", "line");
	refused(TOP("{\"type\":\"linux\",\"url\":\"unix:///x\"}"), "name", "line 3");
	refused(TOP("{\"name\":\"a\",\"url\":\"unix:///x\"}"), "type", "line 3");
	refused(TOP("{\"name\":\"a\",\n\"type\":\"windows\",\"url\":\"unix:///x\"}"), "type",
		"line 4");
	refused(TOP("{\"name\":\"A\",\"type\":\"linux\",\"url\":\"unix:///x\"}"),
		"backends[0].name", "line 3");
	refused(TOP("{\"name\":\"a-name-of-twenty-five-let\",\"type\":\"linux\",\"url\":\"unix:///x\"}"),
		"backends[0].name", "line 3");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\n\"url\":5}"), "backends[0].url",
		"line 4");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"cafile\":\"/x\"}"),
		"cafile", "line 4");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"aliases\":\"b\"}"),
		"aliases", "line 4");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"aliases\":[\"B\"]}"),
		"aliases", "line 4");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"aliases\":[7]}"),
		"aliases", "line 4");
	refused(TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"aliases\":[\"b\",\"c\",\"d\",\"e\","
		    "\"f\",\"g\",\"h\",\"i\",\"j\"]}"),
		"aliases", "line 4");
}

static void names_that_mean_two_things(void **state UNUSED)
{
	refused(TOP(BACKEND ",\n" BACKEND), "backends[1].name", "line 4");
	refused(TOP(BACKEND
			",\n{\"name\":\"b\",\"type\":\"linux\",\"url\":\"unix:///x\",\"aliases\":[\"a\"]}"),
		"backends[1].aliases", "line 4");
	refused(TOP("{\"name\":\"b\",\"type\":\"linux\",\"url\":\"unix:///x\",\"aliases\":[\"a\"]},\n" BACKEND),
		"backends[1].name", "line 4");
	refused(TOP("{\"name\":\"b\",\"type\":\"linux\",\"url\":\"unix:///x\",\"aliases\":[\"b\"]}"),
		"backends[0].aliases", "line 3");
	refused(TOP("{\"name\":\"b\",\"type\":\"linux\",\"url\":\"unix:///x\",\"aliases\":[\"c\",\"c\"]}"),
		"backends[0].aliases", "line 3");
}

#define PLACED(topology)                                                                           \
	TOP("{\"name\":\"a\",\"type\":\"linux\",\"url\":\"unix:///x\",\n\"topology\":" topology "}")

static void topology(void **state UNUSED)
{
	static const char *const drivers[] = {"", NULL, "other.example.org"};
	char path[64];

	write_file(
		PLACED("[{\"zone\":\"a\",\"topology.kubernetes.io/region\":\"eu\"},{\"zone\":\"b\"}]"),
		path);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		_cleanup_config_ struct config config = {0};
		const struct config_backend *b;
		struct core *core = NULL;
		char key[64];
		struct err err = {0};

		if (config_read(path, drivers[i], &config, &err) < 0) {
			fail_msg("%s", err.msg);
		}
		b = &config.backends[0];
		(void)snprintf(key, sizeof(key), "%s/zone",
			str_empty(drivers[i]) ? "nvmetcp.csi.dev" : drivers[i]);
		assert_int_equal(b->n_segments, 2);
		assert_int_equal(b->segments[0].n, 2);
		assert_string_equal(kv_get(b->segments[0], key), "a");
		assert_string_equal(kv_get(b->segments[0], "topology.kubernetes.io/region"), "eu");
		assert_int_equal(b->segments[1].n, 1);
		assert_string_equal(kv_get(b->segments[1], key), "b");
		assert_int_equal(http_global_init(&err), 0);
		assert_int_equal(config_open(&config, &core, &err), 0);
		assert_true(core_has_topology(core));
		core_free(core);
		http_global_cleanup();
	}
	assert_int_equal(unlink(path), 0);
}

static void wrong_topology(void **state UNUSED)
{
	refused(PLACED("{\"zone\":\"a\"}"), "backends[0].topology", "line 4");
	refused(PLACED("[\"zone\"]"), "backends[0].topology[0]", "line 4");
	refused(PLACED("[{}]"), "backends[0].topology[0]", "line 4");
	refused(PLACED("[{\"zone\":7}]"), "topology[0].zone", "line 4");
	refused(PLACED("[{\"zone\":\"a\"},\n{\"zone\":\"\"}]"), "topology[1].zone", "line 5");
	refused(PLACED("[{\"zone\":\"a b\"}]"), "topology value", "line 4");
	refused(PLACED("[{\"zo ne\":\"a\"}]"), "topology key", "line 4");
	refused(PLACED("[{\"zone\":\"a\",\n\"nvmetcp.csi.dev/zone\":\"a\"}]"), "given twice",
		"line");
}

static void no_file(void **state UNUSED)
{
	struct config config = {0};
	struct err err = {0};

	assert_int_equal(config_read("/nonexistent/config.json", NULL, &config, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/nonexistent/config.json"));
}

static void opening(void **state UNUSED)
{
	_cleanup_config_ struct config good = {0};
	_cleanup_config_ struct config bad = {0};
	struct core *core = NULL;
	struct err err = {0};

	assert_int_equal(http_global_init(&err), 0);
	assert_int_equal(read_text(TOP(BACKEND), &good, &err), 0);
	if (config_open(&good, &core, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	core_free(core);
	/* The second backend is refused, and the first one closed again. */
	assert_int_equal(
		read_text(
			TOP(BACKEND ",\n{\"name\":\"b\",\"type\":\"linux\",\n\"url\":\"ftp://x\"}"),
			&bad, &err),
		0);
	assert_int_equal(config_open(&bad, &core, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, "backends[1].url") || !strstr(err.msg, "line 5")) {
		fail_msg("%s", err.msg);
	}
	http_global_cleanup();
}

static void the_registry(void **state UNUSED)
{
	const char *const *types = registry_types();

	assert_non_null(types[0]);
	for (size_t i = 0; types[i]; i++) {
		assert_string_equal(registry_find(types[i])->type, types[i]);
		assert_non_null(registry_find(types[i])->open);
	}
	assert_null(registry_find("windows"));
	assert_null(registry_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_one),
		cmocka_unit_test(wrong_at_the_top),
		cmocka_unit_test(wrong_in_a_backend),
		cmocka_unit_test(names_that_mean_two_things),
		cmocka_unit_test(topology),
		cmocka_unit_test(wrong_topology),
		cmocka_unit_test(no_file),
		cmocka_unit_test(opening),
		cmocka_unit_test(the_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
