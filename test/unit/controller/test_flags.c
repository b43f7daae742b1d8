/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: both spellings, the environment, and every wrong value by its flag.
 */
#include "controller/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *no_environment(const char *name UNUSED)
{
	return NULL;
}

static const char *with_endpoint(const char *name)
{
	return streq(name, "CSI_ENDPOINT") ? "unix:///csi/env.sock" : NULL;
}

static const char *in_a_pod(const char *name)
{
	return streq(name, "KUBERNETES_SERVICE_HOST")	? "10.96.0.1"
	       : streq(name, "KUBERNETES_SERVICE_PORT") ? "443"
							: with_endpoint(name);
}

static int parse(const char *const *words, const char *(*environment)(const char *),
	struct controller_flags *ret, struct err *err)
{
	char *argv[16] = {(char[]){"nvmetcp-controller"}};
	char text[16][160];
	int argc = 1;

	for (; words[argc - 1]; argc++) {
		(void)snprintf(text[argc], sizeof(text[argc]), "%s", words[argc - 1]);
		argv[argc] = text[argc];
	}
	return controller_flags_parse(argc, argv, environment, ret, err);
}

static void both_spellings(void **state UNUSED)
{
	static const char *const words[] = {"--config", "/c.json",
		"--endpoint=unix:///csi/csi.sock", "--log-level", "debug", "--driver-name=x.org",
		"--http-address", "[::]:8080", "--socket-gid=1000", "--audit-minutes=0", NULL};
	struct controller_flags flags;
	struct err err = {0};
	char *argv[] = {(char[]){"x"}, (char[]){"--config"}, (char[]){"/c.json"},
		(char[]){"--endpoint=unix:///csi/csi.sock"}, (char[]){"--log-level"},
		(char[]){"debug"}, (char[]){"--driver-name=x.org"}, (char[]){"--http-address"},
		(char[]){"[::]:8080"}, (char[]){"--socket-gid=1000"}, NULL};

	assert_int_equal(parse(words, no_environment, &flags, &err), 0);
	/* The strings are borrowed: look at ones that are still there. */
	assert_int_equal(controller_flags_parse(10, argv, no_environment, &flags, &err), 0);
	assert_string_equal(flags.config, "/c.json");
	assert_string_equal(flags.socket, "/csi/csi.sock");
	assert_int_equal(flags.log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(flags.driver_name, "x.org");
	assert_string_equal(flags.http_address, "[::]:8080");
	assert_int_equal(flags.socket_gid, 1000);
	assert_false(flags.help);
}

static void defaults_and_environment(void **state UNUSED)
{
	static const char *const words[] = {"--config=x", NULL};
	struct controller_flags flags;
	struct err err = {0};

	assert_int_equal(parse(words, with_endpoint, &flags, &err), 0);
	assert_string_equal(flags.socket, "/csi/env.sock");
	assert_string_equal(flags.driver_name, "");
	assert_string_equal(flags.http_address, "");
	assert_int_equal(flags.audit_minutes, 0);
	assert_int_equal(flags.log_level, LOG_LEVEL_INFO);
	assert_true(flags.socket_gid == (gid_t)-1);
	assert_int_equal(parse(words, no_environment, &flags, &err), -1);
	assert_non_null(strstr(err.msg, "CSI_ENDPOINT"));
}

static void wrong_ones(void **state UNUSED)
{
	static const char *const bad[][2] = {
		{"--nonsense", "--nonsense"},
		{"extra", "extra"},
		{"--config", "--config"},
		{"--config=", "--config"},
		{"--endpoint=", "--endpoint"},
		{"--endpoint=/csi/csi.sock", "--endpoint"},
		{"--endpoint=tcp://127.0.0.1:1", "--endpoint"},
		{"--endpoint=unix://csi.sock", "--endpoint"},
		{"--endpoint=unix:///csi.sock", "--endpoint"},
		{"--endpoint=unix:///a-folder-of-a-name/that-is-too-long-for-a-unix-socket/because-sun_path-takes-only-"
		 "one-hundred-and-seven-bytes/csi.sock",
			"--endpoint"},
		{"--log-level=loud", "--log-level"},
		{"--audit-minutes=-1", "--audit-minutes"},
		{"--audit-minutes=10081", "--audit-minutes"},
		{"--audit-minutes=60", "$KUBERNETES_SERVICE_HOST"},
		{"--driver-name=-", "--driver-name"},
		{"--socket-gid=-1", "--socket-gid"},
		{"--socket-gid=staff", "--socket-gid"},
		{"--socket-gid=4294967295", "--socket-gid"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *words[] = {"--config=/c", bad[i][0], NULL};
		struct controller_flags flags;
		struct err err = {0};

		if (parse(words, with_endpoint, &flags, &err) == 0) {
			fail_msg("taken: %s", bad[i][0]);
		}
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		if (!strstr(err.msg, bad[i][1])) {
			fail_msg("no \"%s\" in: %s", bad[i][1], err.msg);
		}
	}
}

static void audits_in_a_pod(void **state UNUSED)
{
	static const char *const words[] = {"--config=x", "--audit-minutes", "60", NULL};
	struct controller_flags flags;
	struct err err = {0};

	assert_int_equal(parse(words, in_a_pod, &flags, &err), 0);
	assert_int_equal(flags.audit_minutes, 60);
	assert_string_equal(flags.api_host, "10.96.0.1");
	assert_string_equal(flags.api_port, "443");
}

static void help_and_version_ask_nothing_else(void **state UNUSED)
{
	static const char *const help[] = {"--help", NULL};
	static const char *const version[] = {"--version", "--nonsense", NULL};
	struct controller_flags flags;
	struct err err = {0};

	assert_int_equal(parse(help, no_environment, &flags, &err), 0);
	assert_true(flags.help);
	assert_int_equal(parse(version, no_environment, &flags, &err), 0);
	assert_true(flags.version);
	assert_non_null(strstr(controller_flags_help(), "--config"));
	assert_non_null(strstr(controller_flags_help(), "Exit codes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_spellings),
		cmocka_unit_test(defaults_and_environment),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(audits_in_a_pod),
		cmocka_unit_test(help_and_version_ask_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
