/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C of protobuf-c does not know which fields are csi_secret, so printers go by the name. This
 * reads csi.proto and fails when that is no longer right: a csi_secret field that is not
 * `map<string, string> secrets`, or a field named secrets that is not csi_secret.
 */
#include "common/base/fileio.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Comments become spaces. */
static void strip(char *text)
{
	for (char *comment = text; (comment = strstr(comment, "//"));) {
		while (*comment && *comment != '\n') {
			*comment++ = ' ';
		}
	}
}

/* One statement, without its ';'. Return: false when it breaks the rule. */
static bool statement_is_right(char *statement, unsigned *secrets)
{
	char *option = strstr(statement, "csi_secret");
	bool named;

	while (strchr(" \t\n", *statement) && *statement) {
		statement++;
	}
	named = strncmp(statement, "map<string, string> secrets = ", 30) == 0;
	if (!option) {
		return !strstr(statement, " secrets ");
	}
	if (strncmp(statement, "bool csi_secret = ", 18) == 0) {
		return true; /* the option's own definition */
	}
	*secrets += named;
	return named && strstr(option, "(csi_secret)") == NULL &&
	       strstr(statement, "(csi_secret) = true");
}

static bool all_right(char *text, unsigned *secrets)
{
	bool right = true;
	char *rest = text;
	char *statement;

	strip(text);
	/* Fields end at ';', and so does what stands before them at a brace. */
	while ((statement = strsep(&rest, ";{}"))) {
		right = statement_is_right(statement, secrets) && right;
	}
	return right;
}

static void test_csi(void **state UNUSED)
{
	_cleanup_free_ char *text = NULL;
	unsigned secrets = 0;
	struct err err = {0};
	size_t n;

	assert_int_equal(
		file_read(AT_FDCWD, NV_SOURCE_DIR "/proto/csi.proto", MIB, &text, &n, &err), 0);
	assert_true(all_right(text, &secrets));
	/* None was overlooked: so many are in version 1.13.0. */
	assert_int_equal(secrets, 22);
}

static bool right(const char *text)
{
	unsigned secrets = 0;
	char copy[256];

	assert_true(strlen(text) < sizeof(copy));
	memcpy(copy, text, strnlen(text, sizeof(copy) - 1) + 1);
	return all_right(copy, &secrets);
}

static void test_finds_what_is_wrong(void **state UNUSED)
{
	assert_true(right("message A { map<string, string> secrets = 1 [(csi_secret) = true]; }"));
	assert_true(
		right("message A {\n  map<string, string> secrets = 1\n    [(csi_secret) = true, "
		      "(alpha_field) = true];\n}"));
	assert_true(right("message A { string b = 1; // csi_secret\n }"));
	assert_false(right("message A { string password = 1 [(csi_secret) = true]; }"));
	assert_false(right("message A { string secrets = 1 [(csi_secret) = true]; }"));
	assert_false(right("message A { map<string, string> keys = 1 [(csi_secret) = true]; }"));
	assert_false(right("message A { map<string, string> secrets = 1; }"));
	assert_false(
		right("message A { map<string, string> secrets = 1 [(csi_secret) = false]; }"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csi),
		cmocka_unit_test(test_finds_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
