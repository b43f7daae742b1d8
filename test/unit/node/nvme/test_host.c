/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roots of all look-ups, and the real calls on what is no disk.
 */
#include "node/nvme/host.h"
#include "test/unit/node/nvme/fixture.h"

static void test_open(void **state)
{
	struct host_paths host = {.sysfs = -1, .dev = -1, .nodes = -1};
	struct err err = {0};
	int before = dup(0);

	(void)state;
	assert_int_equal(host_open("/tmp", "/tmp/nv-none", NULL, &host, &err), -1);
	assert_non_null(strstr(err.msg, "/tmp/nv-none"));
	assert_int_equal(host_open("/tmp", "/tmp", "/tmp/nv-none", &host, &err), -1);
	assert_int_equal(host.sysfs, -1);
	assert_int_equal(host_open("/tmp", "/dev", "/tmp", &host, &err), 0);
	assert_true(host.sysfs >= 0 && host.dev >= 0 && host.nodes >= 0);
	host_close(&host);
	host_close(&host);
	/* Nothing leaked. */
	int after = dup(0);
	assert_int_equal(after, before + 1);
	(void)close(before);
	(void)close(after);
}

static void test_calls(void **state)
{
	struct host_paths host;
	struct err err = {0};
	dev_t dev;
	uint64_t size;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(host_open("/tmp", "/dev", NULL, &host, &err), 0);
	assert_int_equal(host.calls->disk_number(fd, &dev), -1);
	assert_int_equal(errno, ENOTBLK);
	assert_int_equal(host.calls->disk_size(fd, &size), -1);
	assert_int_equal(host.calls->disk_number(-1, &dev), -1);
	(void)close(fd);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
