/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void wants(struct http_token *token, const char *text)
{
	struct secret *now = http_token_now(token);

	assert_non_null(now);
	assert_string_equal(secret_bytes(now), text);
	secret_unref(now);
}

static void a_new_token_is_taken_over(void **state)
{
	char path[] = "/tmp/token-XXXXXX";
	struct http_client_options options = {.url = "https://h"};
	struct http_client *client = NULL;
	struct http_token *token = NULL;
	struct secret *sent;
	struct err err = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	put(path, "old\n");
	assert_int_equal(http_client_new(&options, &client, &err), 0);
	assert_int_equal(http_token_open(path, &token, &err), 0);
	wants(token, "old");
	sent = http_token_now(token);
	assert_false(http_token_changed(token, client, sent)); /* the file says the same */
	put(path, "new\n");
	assert_true(http_token_changed(token, client, sent));
	wants(token, "new");
	/* Another call that had sent the old one: there is a newer one, whatever the file says. */
	put(path, "old\n");
	assert_true(http_token_changed(token, client, sent));
	wants(token, "new");
	/* What cannot be read or used changes nothing. */
	put(path, "two words\n");
	secret_unref(sent);
	sent = http_token_now(token);
	assert_false(http_token_changed(token, client, sent));
	assert_int_equal(unlink(path), 0);
	assert_false(http_token_changed(token, client, sent));
	wants(token, "new");
	secret_unref(sent);
	http_token_free(token);
	http_client_free(client);
}

static void no_file_is_no_token(void **state)
{
	struct http_token *token = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(http_token_open("", &token, &err), 0);
	assert_null(http_token_now(token));
	assert_false(http_token_changed(token, NULL, NULL));
	http_token_free(token);
	http_token_free(NULL);
	assert_int_equal(http_token_open("/nonexistent/token", &token, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(strncmp(err.msg, "tokenFile: /nonexistent/token: ", 31), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token_is_taken_over),
		cmocka_unit_test(no_file_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
