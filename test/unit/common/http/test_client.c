/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a client: what is refused before anything is sent. */
#include "common/http/client.h"
#include "test/unit/common/http/support.h"

static int make(const char *url, const char *token, const char *ca_file, struct err *err)
{
	struct secret *secret = token ? secret_new(token, strlen(token)) : NULL;
	const struct http_client_options options = {
		.url = url, .token = secret, .ca_file = ca_file};
	struct http_client *client = NULL;
	int rc;

	*err = (struct err){0};
	rc = http_client_new(&options, &client, err);
	assert_true((rc == 0) == (client != NULL));
	http_client_free(client);
	secret_unref(secret);
	return rc;
}

static void test_urls(void **state)
{
	static const char *const good[] = {"https://array.example", "https://10.0.0.5:4480/",
		"http://127.0.0.1:1", "http://[::1]:80/prefix/", "https://[fd00::5]:443",
		"unix:///run/x.sock", "http://10.0.0.5"};
	static const char *const bad[] = {NULL, "", "ftp://host", "host:80", "://", "https://",
		"https:///path", "https://host:99999", "https://host/?q=1", "https://host/#f",
		"https://ho st", "https://host\r\nX: y", "unix://relative", "unix:/x",
		"file:///etc/passwd", "javascript:x"};
	char longest[2000];
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (make(good[i], NULL, NULL, &err) < 0) {
			fail_msg("%s: %s", good[i], err.msg);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (make(bad[i], NULL, NULL, &err) == 0) {
			fail_msg("taken: %s", bad[i]);
		}
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_int_equal(strncmp(err.msg, "url: ", 5), 0);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "unix:///", 8);
	longest[200] = '\0';
	assert_int_equal(make(longest, NULL, NULL, &err), -1);
	longest[200] = 'x';
	longest[1999] = '\0';
	assert_int_equal(make(longest, NULL, NULL, &err), -1);
}

static void test_password_in_url(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(make("https://admin:hunter2@host", NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_null(strstr(err.msg, "hunter2"));
}

static void test_token_in_the_clear(void **state)
{
	static const char *const safe[] = {"https://10.0.0.5", "http://127.0.0.1:80",
		"http://127.9.9.9", "http://[::1]", "http://localhost:80", "http://LOCALHOST",
		"unix:///run/x"};
	static const char *const open[] = {"http://10.0.0.5", "http://localhost.example",
		"http://127.0.0.1.example", "http://[::2]", "http://[::ffff:10.0.0.1]",
		"http://0.0.0.0", "HTTP://10.0.0.5"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(safe); i++) {
		assert_int_equal(make(safe[i], "s3cret", NULL, &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		assert_int_equal(make(open[i], NULL, NULL, &err), 0);
		assert_int_equal(make(open[i], "s3cret", NULL, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "in the clear"));
		assert_null(strstr(err.msg, "s3cret"));
	}
}

static void test_tokens(void **state)
{
	static const char *const bad[] = {
		"", "two words", "line\n", "a\r\nX: y", "\x7f", "\xc3\xa9"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(make("https://h", bad[i], NULL, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_int_equal(strncmp(err.msg, "token: ", 7), 0);
	}
}

static void test_basic_wants_a_user(void **state)
{
	static const char *const bad[] = {"", "hunter2", ":hunter2", "admin:hunter2\n"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad) + 1; i++) {
		const char *text = i < ARRAY_SIZE(bad) ? bad[i] : "admin:hunter 2";
		struct http_client_options options = {
			.url = "https://h", .token = secret_new(text, strlen(text)), .basic = true};
		struct http_client *client = NULL;

		assert_int_equal(
			http_client_new(&options, &client, &err), i < ARRAY_SIZE(bad) ? -1 : 0);
		if (i < ARRAY_SIZE(bad)) {
			assert_int_equal(strncmp(err.msg, "token: ", 7), 0);
			assert_null(strstr(err.msg, "hunter2"));
		}
		http_client_free(client);
		secret_unref(options.token);
	}
}

static void test_other_options(void **state)
{
	struct http_client *client = NULL;
	struct http_client_options options = {.url = "https://h", .max_calls = 257};
	struct err err;

	(void)state;
	assert_int_equal(make("https://h", NULL, "/nonexistent/ca.pem", &err), -1);
	assert_string_equal(
		err.msg, "CA file /nonexistent/ca.pem: cannot be read: No such file or directory");
	assert_int_equal(http_client_new(&options, &client, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	options.max_calls = 256;
	assert_int_equal(http_client_new(&options, &client, &err), 0);
	http_client_free(client);
	http_client_free(NULL);
}

static void escapes(const char *text, const char *want)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(256);

	http_path_escape(&sb, text);
	assert_string_equal(sb_str(&sb), want);
}

static void test_escape(void **state)
{
	(void)state;
	escapes("pvc-1_a~b.c", "pvc-1_a~b.c");
	escapes("nqn.2014-08.org:uuid:a/b?c#d e%", "nqn.2014-08.org%3Auuid%3Aa%2Fb%3Fc%23d%20e%25");
	escapes("..", "%2E%2E");
	escapes(".", "%2E");
	escapes("...", "...");
	escapes("\xc3\xa9\n", "%C3%A9%0A");
	escapes("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_password_in_url),
		cmocka_unit_test(test_token_in_the_clear),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_basic_wants_a_user),
		cmocka_unit_test(test_other_options),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
