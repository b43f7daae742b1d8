/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes against the description, and what holds for every request. */
#include "test/unit/target/api/apifix.h"

#define SPEC NV_SOURCE_DIR "/target/api/openapi.yaml"
#define ROUTES_MAX 64

struct spec {
	char method[8];
	char path[128];
	bool open;
};

static size_t indent_of(const char *line)
{
	return strspn(line, " ");
}

static void upper(const char *text, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		out[i] = (char)(text[i] - 'a' + 'A');
	}
	out[n] = '\0';
}

/* The paths and methods of the description, read by their indentation. */
static size_t read_spec(struct spec ret[ROUTES_MAX])
{
	static const char *const methods[] = {"get:", "put:", "post:", "delete:", "patch:"};
	FILE *file = fopen(SPEC, "re");
	char line[1024];
	char path[128] = "";
	bool inside = false;
	size_t n = 0;

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		const char *text = line + indent_of(line);

		if (indent_of(line) == 0) {
			inside = streq(line, "paths:");
		} else if (inside && indent_of(line) == 2) {
			(void)snprintf(path, sizeof(path), "%.*s", (int)(strlen(text) - 1), text);
		} else if (inside && indent_of(line) == 4) {
			for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
				if (streq(text, methods[i])) {
					assert_true(n < ROUTES_MAX);
					upper(text, strlen(text) - 1, ret[n].method);
					(void)snprintf(
						ret[n].path, sizeof(ret[n].path), "%s", path);
					ret[n].open = false;
					n++;
				}
			}
		} else if (inside && indent_of(line) == 6 && streq(text, "security: []")) {
			ret[n - 1].open = true;
		}
	}
	if (file) {
		(void)fclose(file);
	}
	return n;
}

static void test_routes_are_the_description(void **state UNUSED)
{
	struct spec spec[ROUTES_MAX];
	size_t n_spec = read_spec(spec);
	size_t n_routes;
	const struct http_route *routes = api_routes(&n_routes);

	assert_true(n_spec > 10);
	for (size_t i = 0; i < n_spec; i++) {
		bool found = false;

		for (size_t j = 0; j < n_routes && !found; j++) {
			found = streq(spec[i].method, routes[j].method) &&
				streq(spec[i].path, routes[j].pattern) &&
				spec[i].open == routes[j].open;
		}
		if (!found) {
			fail_msg("described but not served: %s %s", spec[i].method, spec[i].path);
		}
	}
	for (size_t j = 0; j < n_routes; j++) {
		bool found = false;

		for (size_t i = 0; i < n_spec && !found; i++) {
			found = streq(spec[i].method, routes[j].method) &&
				streq(spec[i].path, routes[j].pattern);
		}
		if (!found) {
			fail_msg("served but not described: %s %s", routes[j].method,
				routes[j].pattern);
		}
	}
}

/* Limits that the description gives as numbers are those of the code. */
static void test_limits_are_the_description(void **state UNUSED)
{
	FILE *file = fopen(SPEC, "re");
	char *text = calloc(1, 256 * 1024);
	char wanted[128];

	assert_true(file && fread(text, 1, 256 * 1024 - 1, file) > 0);
	if (file) {
		(void)fclose(file);
	}
	(void)snprintf(wanted, sizeof(wanted), "minimum: %lld\n", (long long)STORE_VOLUME_MIN);
	assert_non_null(strstr(text, wanted));
	(void)snprintf(wanted, sizeof(wanted), "maximum: %lld\n", (long long)STORE_VOLUME_MAX);
	assert_non_null(strstr(text, wanted));
	(void)snprintf(wanted, sizeof(wanted), "multipleOf: %lld\n", (long long)STORE_GRANULARITY);
	assert_non_null(strstr(text, wanted));
	(void)snprintf(
		wanted, sizeof(wanted), "maximum: %d, default: %d", API_PAGE_MAX, API_PAGE_DEFAULT);
	assert_non_null(strstr(text, wanted));
	(void)snprintf(wanted, sizeof(wanted), "At most %d members; keys of 1 to %d bytes",
		METADATA_ITEMS_MAX, METADATA_KEY_MAX);
	assert_non_null(strstr(text, wanted));
	free(text);
}

static void test_bodies(void **state UNUSED)
{
	char *huge = calloc(1, API_BODY_MAX + 2);

	assert_answer(400, "PUT", V1, NULL, "must be a JSON object, not empty");
	assert_answer(400, "PUT", V1, "[]", "INVALID_ARGUMENT");
	assert_answer(400, "PUT", V1, "{", "body");
	assert_answer(400, "PUT", V1, "{\"pool\":\"one\",\"pool\":\"two\"}", "body");
	assert_answer(400, "PUT", V1, GOOD_BODY "x", "body");
	memset(huge, ' ', API_BODY_MAX + 1);
	assert_answer(413, "PUT", V1, huge, "error");
	free(huge);
	assert_answer(400, "PUT", V1, "{\"pool\":\"\xff\"}", "body");
}

static void test_ids(void **state UNUSED)
{
	assert_answer(400, "PUT", "/v1/volumes/V1", GOOD_BODY, "id: \\\"V1\\\"");
	assert_answer(400, "GET", "/v1/volumes/-x", NULL, "id: ");
	assert_answer(400, "GET", "/v1/snapshots/a_b", NULL, "id: ");
	assert_answer(400, "DELETE", "/v1/snapshots/%2e%2e", NULL, "error");
	assert_answer(400, "DELETE",
		"/v1/volumes/0123456789012345678901234567890123456789012345678901234567890123",
		NULL, "1 to 63");
}

static void test_unknown_paths(void **state UNUSED)
{
	/* Never an answer that a client could take for "the volume is gone". */
	assert_answer(404, "GET", "/v2/volumes/v1", NULL, "URL: ");
	assert_answer(404, "DELETE", "/v1/volume/v1", NULL, "URL: ");
	assert_answer(405, "POST", V1, "{}", "UNIMPLEMENTED");
	assert_answer(405, "PUT", "/v1/pools", "{}", "UNIMPLEMENTED");
}

static void test_status_of_codes(void **state UNUSED)
{
	assert_answer(404, "GET", V1, NULL, "\"code\":\"NOT_FOUND\"");
	pool_away(1);
	assert_answer(503, "GET", V1, NULL, "\"code\":\"UNAVAILABLE\"");
	pool_back(1);
	agent_tick(world.agent);
	assert_answer(404, "GET", V1, NULL, "volume v1: does not exist");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_are_the_description),
		cmocka_unit_test(test_limits_are_the_description),
		cmocka_unit_test_setup_teardown(test_bodies, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_ids, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_unknown_paths, api_setup, api_teardown),
		cmocka_unit_test_setup_teardown(test_status_of_codes, api_setup, api_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
