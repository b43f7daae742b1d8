/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server binds, and what it refuses to bind to. */
#include "common/http/listen.h"
#include "test/unit/common/http/support.h"

static char dir[] = "/tmp/nvmetcp-listen-XXXXXX";

static int open_at(
	const char *address, const char *path, struct http_listener *ret, struct err *err)
{
	const struct http_server_options options = {
		.address = address, .unix_path = path, .unix_mode = 0640};

	*err = (struct err){0};
	return listener_open(&options, ret, err);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {"", "127.0.0.1", ":80", "localhost:80",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "[::1]", "::1:80",
		"[::1:80", "[]:80", "1.2.3:80", "[127.0.0.1]:80",
		"0123456789012345678901234567890123456789012345678901234567890:80"};
	struct http_listener l;
	struct err err;

	(void)state;
	assert_int_equal(open_at("127.0.0.1:0", NULL, &l, &err), 0);
	assert_true(l.port > 0);
	assert_true(l.loopback);
	(void)close(l.fd);
	assert_int_equal(open_at("0.0.0.0:0", NULL, &l, &err), 0);
	assert_false(l.loopback);
	(void)close(l.fd);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(open_at(bad[i], NULL, &l, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "address"));
	}
}

static void test_one_of_two(void **state)
{
	struct http_listener l;
	struct err err;

	(void)state;
	assert_int_equal(open_at(NULL, NULL, &l, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(open_at("127.0.0.1:0", "/tmp/x", &l, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static void test_port_taken(void **state)
{
	struct http_listener l;
	struct err err;
	uint16_t port;
	int fd = tcp_bound(true, &port);
	char address[32];

	(void)state;
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_int_equal(open_at(address, NULL, &l, &err), -1);
	assert_non_null(strstr(err.msg, address));
	(void)close(fd);
}

static void test_unix(void **state)
{
	char path[64];
	struct http_listener first;
	struct http_listener second;
	struct stat st;
	struct err err;
	mode_t mask = umask(0077);

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(open_at(NULL, path, &first, &err), 0);
	(void)umask(mask);
	assert_int_equal(first.port, 0);
	assert_true(first.loopback);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* In use: refused. Left behind: replaced. */
	assert_int_equal(open_at(NULL, path, &second, &err), -1);
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	(void)close(first.fd);
	assert_int_equal(open_at(NULL, path, &second, &err), 0);
	(void)close(second.fd);
	(void)unlink(path);
}

static void test_unix_refused(void **state)
{
	char path[64];
	char longest[200];
	struct http_listener l;
	struct err err;
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	file = fopen(path, "we");
	must(file != NULL);
	(void)fclose(file);
	assert_int_equal(open_at(NULL, path, &l, &err), -1);
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	assert_int_equal(access(path, F_OK), 0);
	(void)unlink(path);
	assert_int_equal(open_at(NULL, "relative", &l, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	memset(longest, '/', sizeof(longest));
	longest[108] = '\0';
	assert_int_equal(open_at(NULL, longest, &l, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	(void)snprintf(path, sizeof(path), "%s/absent/s", dir);
	assert_int_equal(open_at(NULL, path, &l, &err), -1);
	assert_non_null(strstr(err.msg, path));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_one_of_two),
		cmocka_unit_test(test_port_taken),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_unix_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
