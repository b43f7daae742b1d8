/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nvmetcp-node: defaults, both spellings, and each wrong value by its name.
 */
#include "node/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *no_environment(const char *name)
{
	(void)name;
	return NULL;
}

static const char *full_environment(const char *name)
{
	return streq(name, "CSI_ENDPOINT") ? "unix:///env/csi.sock"
	       : streq(name, "NODE_NAME")  ? "node-from-env"
					   : NULL;
}

/* The required ones, then @more (NULL-terminated). */
static int parse(const char *const *more, struct node_flags *ret, struct err *err)
{
	const char *argv[32] = {"nvmetcp-node", "--endpoint=unix:///csi/csi.sock", "--instance",
		"test", "--node-name", "node1", "--state-dir", "/csi/state"};
	int argc = 8;

	while (*more) {
		argv[argc++] = *more++;
	}
	*err = (struct err){0};
	return node_flags_parse(argc, (char *const *)argv, no_environment, ret, err);
}

static void defaults(void **state)
{
	static const char *const none[] = {NULL};
	struct node_flags flags;
	struct err err;

	(void)state;
	assert_int_equal(parse(none, &flags, &err), 0);
	assert_string_equal(flags.socket, "/csi/csi.sock");
	assert_string_equal(flags.kubelet_endpoint, "/csi/csi.sock");
	assert_string_equal(flags.driver_name, "nvmetcp.csi.dev");
	assert_string_equal(flags.registration_dir, "");
	assert_string_equal(flags.http_address, "");
	assert_int_equal(flags.log_level, LOG_LEVEL_INFO);
	assert_int_equal(flags.max_volumes, 128);
	assert_string_equal(flags.topology, "");
	assert_string_equal(flags.topology_file, "");
	assert_string_equal(flags.udev_rules, "");
	assert_false(flags.help || flags.version);
}

static void all_of_them_in_both_spellings(void **state)
{
	static const char *const more[] = {"--driver-name=other.dev", "--kubelet-registration-dir",
		"/reg", "--kubelet-endpoint-path=/host/csi.sock", "--http-address", "[::]:9811",
		"--log-level=debug", "--max-volumes", "7", "--topology=zone=a", "--topology-file",
		"/t", "--instance=last", "--udev-rules-dir=/run/udev/rules.d", NULL};
	struct node_flags flags;
	struct err err;

	(void)state;
	assert_int_equal(parse(more, &flags, &err), 0);
	assert_string_equal(flags.driver_name, "other.dev");
	assert_string_equal(flags.registration_dir, "/reg");
	assert_string_equal(flags.kubelet_endpoint, "/host/csi.sock");
	assert_string_equal(flags.http_address, "[::]:9811");
	assert_int_equal(flags.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(flags.max_volumes, 7);
	assert_string_equal(flags.topology, "zone=a");
	assert_string_equal(flags.topology_file, "/t");
	assert_string_equal(flags.udev_rules, "/run/udev/rules.d");
	assert_string_equal(flags.instance, "last");
}

static void from_the_environment(void **state)
{
	static const char *const argv[] = {
		"nvmetcp-node", "--instance", "test", "--state-dir", "/s", NULL};
	struct node_flags flags;
	struct err err = {0};

	(void)state;
	assert_int_equal(
		node_flags_parse(5, (char *const *)argv, full_environment, &flags, &err), 0);
	assert_string_equal(flags.socket, "/env/csi.sock");
	assert_string_equal(flags.node_name, "node-from-env");
	/* Without it the error says that there is a variable. */
	assert_int_equal(
		node_flags_parse(5, (char *const *)argv, no_environment, &flags, &err), -1);
	assert_non_null(strstr(err.msg, "CSI_ENDPOINT"));
}

static void help_and_version_need_nothing_else(void **state)
{
	static const char *const help[] = {"nvmetcp-node", "--help", NULL};
	static const char *const version[] = {"nvmetcp-node", "--version", "--bogus", NULL};
	struct node_flags flags;
	struct err err = {0};

	(void)state;
	assert_int_equal(node_flags_parse(2, (char *const *)help, no_environment, &flags, &err), 0);
	assert_true(flags.help);
	assert_int_equal(
		node_flags_parse(3, (char *const *)version, no_environment, &flags, &err), 0);
	assert_true(flags.version);
	/* Every flag and exit code is in the text. */
	static const char *const words[] = {"--endpoint", "--driver-name", "--instance",
		"--node-name", "--kubelet-registration-dir", "--kubelet-endpoint-path",
		"--state-dir", "--http-address", "--log-level", "--max-volumes", "--topology",
		"--topology-file", "--udev-rules-dir", "Exit codes: 0"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		assert_non_null(strstr(node_flags_help(), words[i]));
	}
}

static void each_wrong_value_is_named(void **state)
{
	static const struct {
		const char *word;
		const char *named;
	} cases[] = {
		{"--bogus", "--bogus"},
		{"stray", "stray"},
		{"--endpointx=unix:///a", "--endpointx"},
		{"--endpoint=tcp://1.2.3.4:5", "--endpoint"},
		{"--endpoint=unix://relative", "--endpoint"},
		{"--endpoint=", "--endpoint"},
		{"--endpoint=unix:///"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"--endpoint"},
		{"--driver-name=under_score", "--driver-name"},
		{"--instance=Upper", "--instance"},
		{"--instance=seventeen-letters", "--instance"},
		{"--instance=", "--instance"},
		{"--node-name=", "--node-name"},
		{"--state-dir=relative", "--state-dir"},
		{"--kubelet-registration-dir=relative", "--kubelet-registration-dir"},
		{"--kubelet-endpoint-path=relative", "--kubelet-endpoint-path"},
		{"--udev-rules-dir=relative", "--udev-rules-dir"},
		{"--log-level=loud", "--log-level"},
		{"--max-volumes=0", "--max-volumes"},
		{"--max-volumes=4097", "--max-volumes"},
		{"--max-volumes=many", "--max-volumes"},
		{"--max-volumes", "--max-volumes"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const more[] = {cases[i].word, NULL};
		struct node_flags flags;
		struct err err;
		assert_int_equal(parse(more, &flags, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, cases[i].named));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_of_them_in_both_spellings),
		cmocka_unit_test(from_the_environment),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(each_wrong_value_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
