/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration without memory and from a disk that fails: taken whole, or not at all.
 */
#include "common/base/fileio.h"
#include "common/http/client.h"
#include "controller/config.h"
#include "test/failing/failing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char text[] =
	"{\"instance\":\"prod\",\"backends\":[{\"name\":\"fast\",\"type\":\"linux\",\"url\":"
	"\"unix:///run/x.sock\",\"aliases\":[\"old\"],\"topology\":[{\"zone\":\"a\"}]},{\"name\":"
	"\"lab\",\"type\":\"spdk\",\"url\":\"unix:///run/y.sock\",\"portals\":\"10.0.0.5:4420\","
	"\"pools\":\"lvs0\"},{\"name\":\"hand\",\"type\":\"static\"}]}";

static int read_file(void *arg, struct err *err)
{
	_cleanup_config_ struct config config = {0};

	if (config_read(arg, "", &config, err) < 0) {
		return -1;
	}
	assert_int_equal(config.n_backends, 3);
	assert_string_equal(config.backends[0].aliases[0], "old");
	assert_int_equal(config.backends[0].segments[0].n, 1);
	return 0;
}

static int open_all(void *arg, struct err *err)
{
	struct core *core = NULL;
	int rc = config_open(arg, &core, err);

	core_free(core);
	return rc;
}

static void whole_or_not_at_all(void **state)
{
	char path[] = "/tmp/nv-failing-XXXXXX";
	int fd = mkstemp(path);
	struct failing_job job = {.run = read_file, .arg = path, .code = ERR_RESOURCE_EXHAUSTED};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
	assert_true(failing_each(FAILING_MEMORY, &job) >= 5);
	job.code = ERR_INTERNAL;
	assert_true(failing_each(FAILING_FILES, &job) >= 3);
	assert_int_equal(unlink(path), 0);
}

static void backends_open_or_leave_nothing(void **state)
{
	struct config config = {0};
	/* Libraries beneath may do without something. */
	const struct failing_job job = {.run = open_all, .arg = &config, .may_cope = true};

	(void)state;
	assert_int_equal(config_parse("f", text, strlen(text), "", &config, NULL), 0);
	assert_true(failing_each(FAILING_MEMORY, &job) > 10);
	config_done(&config);
}

static int group(void **state)
{
	(void)state;
	return http_global_init(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_or_not_at_all),
		cmocka_unit_test(backends_open_or_leave_nothing),
	};

	return cmocka_run_group_tests(tests, group, NULL);
}
