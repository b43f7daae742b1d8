/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: what is read from them, and what is wrong with those that are refused. */
#include "common/http/cert.h"
#include "test/unit/common/http/support.h"

#include <fcntl.h>

static char dir[64];
static char cert[128];
static char key[128];
static struct http_cert seen;
static struct err err;

static int setup(void **state UNUSED)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/nv-cert-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(cert, sizeof(cert), "%s/a.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/a.key", dir);
	seen = (struct http_cert){0};
	err = (struct err){0};
	return 0;
}

static int teardown(void **state UNUSED)
{
	remove_dir(dir);
	return 0;
}

static void refused(const char *text)
{
	err = (struct err){0};
	assert_int_equal(http_cert_read(cert, key, "10.0.0.5", &seen, &err), -1);
	if (!strstr(err.msg, text)) {
		fail_msg("\"%s\" does not hold \"%s\"", err.msg, text);
	}
}

static void test_facts(void **state UNUSED)
{
	make_cert_between(dir, "a", "subjectAltName=DNS:storage.example,IP:10.0.0.5,IP:fd00::5",
		"20250102030405Z", "20260102030405Z");
	if (http_cert_read(cert, key, "10.0.0.5", &seen, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(seen.names, "storage.example, 10.0.0.5, fd00::5");
	assert_int_equal(seen.from_s, 1735787045);
	assert_int_equal(seen.until_s, 1767323045);
	assert_true(seen.covers);
	assert_int_equal(http_cert_read(cert, key, "fd00::5", &seen, &err), 0);
	assert_true(seen.covers);
	assert_int_equal(http_cert_read(cert, key, "storage.example", &seen, &err), 0);
	assert_true(seen.covers);
	assert_int_equal(http_cert_read(cert, key, "10.0.0.6", &seen, &err), 0);
	assert_false(seen.covers);
}

static void test_chain_ends_with_its_first(void **state UNUSED)
{
	const char *argv[] = {"sh", "-c", "cd \"$0\" && cat b.pem >>a.pem", dir, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct spawn_result result = {0};

	make_cert_between(
		dir, "a", "subjectAltName=IP:10.0.0.5", "20200101000000Z", "20990101000000Z");
	make_cert_between(dir, "b", "subjectAltName=DNS:ca", "20250102030405Z", "20260102030405Z");
	assert_int_equal(spawn_run(&what, &dl, &result, &err), 0);
	assert_int_equal(result.exit_code, 0);
	spawn_result_done(&result);
	assert_int_equal(http_cert_read(cert, key, "10.0.0.5", &seen, &err), 0);
	assert_int_equal(seen.from_s, 1735787045);
	assert_int_equal(seen.until_s, 1767323045);
	assert_string_equal(seen.names, "10.0.0.5");
}

static void test_no_names(void **state UNUSED)
{
	make_cert_between(
		dir, "a", "basicConstraints=CA:FALSE", "20200101000000Z", "20990101000000Z");
	assert_int_equal(http_cert_read(cert, key, "10.0.0.5", &seen, &err), 0);
	assert_string_equal(seen.names, "");
	assert_false(seen.covers);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static void test_refused(void **state UNUSED)
{
	refused("a.pem: open: No such file");
	write_text(cert, "this is no certificate\n");
	refused("a.pem: no certificate in PEM");
	make_cert(dir, "b", "IP:10.0.0.5");
	make_cert(dir, "a", "IP:10.0.0.5");
	assert_int_equal(chmod(key, 0644), 0);
	refused("mode 0644 lets others at the secret");
	assert_int_equal(unlink(key), 0);
	refused("a.key: open: No such file");
	write_text(key, "this is no key\n");
	refused("a.key: no usable private key");
	(void)snprintf(key, sizeof(key), "%s/b.key", dir);
	refused("b.key: is not the key of");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain_ends_with_its_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
