/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/backend/spdk/config.h"
#include "controller/backend/spdk/spdk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static int open_with(const char *url, const char *token_file, struct kv_list extra, struct err *err)
{
	const struct be_config config = {.name = "lab",
		.instance = "prod",
		.url = url,
		.ca_file = "",
		.token_file = token_file,
		.pool = "",
		.extra = extra};
	struct backend *be = NULL;
	int rc;

	*err = (struct err){0};
	rc = backend_spdk.open(&config, &be, err);
	be_close(be);
	return rc;
}

#define URL "unix:///run/spdk.sock"

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *portals;
		const char *pools;
		const char *ratio;
		const char *begins; /* NULL: right */
	} rows[] = {
		{"10.0.0.5:4420", "lvs0", "1.0", NULL},
		{"10.0.0.5:4420,[fd00::5]:4420", "lvs0,lvs1=a9959197-b5e2-4f2d-8095-251ffb6985a5",
			"100", NULL},
		{"", "lvs0", "1.0", "portals: is missing"},
		{"host:4420", "lvs0", "1.0", "portals: 'host:4420' is no portal"},
		{"10.0.0.5", "lvs0", "1.0", "portals: "},
		{"10.0.0.5:4420", "", "1.0", "pools: is missing"},
		{"10.0.0.5:4420", "lvs0,", "1.0", "pools: \"\" must be the name"},
		{"10.0.0.5:4420", "lvs0, lvs1", "1.0", "pools: \" lvs1\" must be"},
		{"10.0.0.5:4420", "lvs0/x", "1.0", "pools: \"lvs0/x\" must be"},
		{"10.0.0.5:4420", "lvs0,lvs0", "1.0", "pools: \"lvs0\" is there twice"},
		{"10.0.0.5:4420", "lvs0=xyz", "1.0", "pools: \"lvs0=xyz\" must have the uuid"},
		{"10.0.0.5:4420", "lvs0=g9959197-b5e2-4f2d-8095-251ffb6985a5", "1.0", "pools: "},
		{"10.0.0.5:4420", "lvs0", "", "ratio: \"\" must be a number"},
		{"10.0.0.5:4420", "lvs0", "0", "ratio: \"0\" must be a number"},
		{"10.0.0.5:4420", "lvs0", "1.", "ratio: "},
		{"10.0.0.5:4420", "lvs0", "-1", "ratio: "},
		{"10.0.0.5:4420", "lvs0", "1e3", "ratio: "},
		{"10.0.0.5:4420", "lvs0", "100.1", "ratio: "},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kv items[] = {{"portals", rows[i].portals}, {"pools", rows[i].pools},
			{"ratio", rows[i].ratio}};
		int rc = open_with(URL, "", (struct kv_list){items, ARRAY_SIZE(items)}, &err);

		if ((rc == 0) != !rows[i].begins ||
			(rc < 0 && (err.code != ERR_INVALID_ARGUMENT ||
					   strncmp(err.msg, rows[i].begins,
						   strlen(rows[i].begins)) != 0))) {
			fail_msg("%zu: %d: %s", i, rc, err.msg);
		}
	}
}

static void the_way_there_is_checked(void **state)
{
	static const struct kv items[] = {{"portals", "10.0.0.5:4420"}, {"pools", "lvs0"}};
	static const struct kv_list extra = {items, ARRAY_SIZE(items)};
	char path[] = "/tmp/basic-XXXXXX";
	int fd = mkstemp(path);
	struct err err;

	(void)state;
	if (fd < 0) {
		abort();
	}
	assert_int_equal(write(fd, "admin:hunter2\n", 14), 14);
	assert_int_equal(open_with("", "", extra, &err), -1);
	assert_int_equal(strncmp(err.msg, "url: is missing", 15), 0);
	assert_int_equal(open_with("unix://relative", "", extra, &err), -1);
	assert_int_equal(open_with("ftp://h", "", extra, &err), -1);
	assert_int_equal(open_with("https://h:8000", path, extra, &err), 0);
	assert_int_equal(open_with("http://127.0.0.1:8000", path, extra, &err), 0);
	/* The password never goes over a network in the clear, nor into a message. */
	assert_int_equal(open_with("http://192.0.2.1:8000", path, extra, &err), -1);
	assert_non_null(strstr(err.msg, "in the clear"));
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(open_with(URL, path, extra, &err), -1);
	assert_int_equal(strncmp(err.msg, "tokenFile: has no use", 21), 0);
	assert_int_equal(open_with("https://h", "/nonexistent/x", extra, &err), -1);
	assert_int_equal(strncmp(err.msg, "tokenFile: ", 11), 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(open_with("https://h", path, extra, &err), -1);
	assert_non_null(strstr(err.msg, "lets others at the secret"));
	(void)close(fd);
	(void)unlink(path);
}

static void one_pool_is_enough(void **state)
{
	struct spdk_backend sb = {0};
	struct be_config config = {.name = "lab", .instance = "prod", .url = URL, .pool = "lvs1"};
	struct kv items[] = {{"portals", "10.0.0.5:4420"}, {"pools", "lvs0,lvs1"}};
	struct err err = {0};

	(void)state;
	config.extra = (struct kv_list){items, 1};
	assert_int_equal(spdk_config_read(&config, &sb, &err), 0);
	assert_int_equal(sb.n_pools, 1);
	assert_string_equal(sb.pools[0].name, "lvs1");
	assert_true(sb.ratio > 0.99 && sb.ratio < 1.01);
	sb = (struct spdk_backend){0};
	config.extra.n = 2;
	assert_int_equal(spdk_config_read(&config, &sb, &err), 0);
	assert_int_equal(sb.n_pools, 2);
	sb = (struct spdk_backend){0};
	config.pool = "lvs2";
	assert_int_equal(spdk_config_read(&config, &sb, &err), -1);
	assert_string_equal(err.msg, "pool: \"lvs2\" is none of pools, \"lvs0,lvs1\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(the_way_there_is_checked),
		cmocka_unit_test(one_pool_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
