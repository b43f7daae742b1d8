/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log. The sink is a datagram socket, so what arrives at once is what one write(2) wrote.
 */
#include "common/base/log.h"
#include "common/base/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

static int sink[2];
static char line[64 * 1024];

static int make_sink(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sink) < 0) {
		return -1;
	}
	log_set(LOG_LEVEL_INFO, sink[1]);
	return 0;
}

static int drop_sink(void **state)
{
	(void)state;
	log_set(LOG_LEVEL_INFO, 2);
	(void)close(sink[0]);
	(void)close(sink[1]);
	return 0;
}

/* The next line, without its newline; NULL when nothing was written. */
static const char *next(void)
{
	ssize_t n = recv(sink[0], line, sizeof(line) - 1, 0);

	if (n <= 0) {
		return NULL;
	}
	assert_int_equal(line[n - 1], '\n');
	line[n - 1] = '\0';
	assert_null(strchr(line, '\n'));
	assert_int_equal(strlen(line), (size_t)n - 1);
	assert_true(utf8_valid(line, strlen(line)));
	return line;
}

static void test_line(void **state)
{
	(void)state;
	LOG_INFO("volume staged", LOG_STR("volume_id", "a/b"), LOG_NUM("ms", -42));
	const char *got = next();
	assert_non_null(got);
	/* {"time":"2026-11-21T08:15:00.123Z", */
	assert_int_equal(strncmp(got, "{\"time\":\"2", 10), 0);
	assert_int_equal(got[19], 'T');
	assert_int_equal(got[28], '.');
	assert_int_equal(strncmp(got + 32, "Z\",", 3), 0);
	assert_string_equal(got + 35,
		"\"level\":\"info\",\"msg\":\"volume staged\",\"volume_id\":\"a/b\",\"ms\":-42}");
	assert_null(next());
}

static void test_without_fields(void **state)
{
	(void)state;
	LOG_ERROR("gone");
	const char *got = next();
	assert_non_null(got);
	assert_string_equal(got + 35, "\"level\":\"error\",\"msg\":\"gone\"}");
}

static void test_levels(void **state)
{
	(void)state;
	LOG_DEBUG("no");
	assert_null(next());
	LOG_WARNING("yes");
	assert_non_null(strstr(next(), "\"level\":\"warning\""));
	log_set(LOG_LEVEL_ERROR, sink[1]);
	LOG_WARNING("no");
	assert_null(next());
	log_set(LOG_LEVEL_DEBUG, sink[1]);
	LOG_DEBUG("yes");
	assert_non_null(strstr(next(), "\"level\":\"debug\""));
}

static void test_error_and_empty_fields(void **state)
{
	struct err err = {0};
	struct log_field none = {0};
	const char *absent = NULL;

	(void)state;
	(void)err_set(&err, ERR_NOT_FOUND, "x: not there");
	LOG_INFO("m", LOG_ERR(&err), none, LOG_STR("s", absent));
	assert_non_null(strstr(next(),
		"\"msg\":\"m\",\"err\":\"x: not there\",\"code\":\"NOT_FOUND\",\"s\":\"\"}"));
}

static void test_numbers(void **state)
{
	(void)state;
	LOG_INFO("m", LOG_NUM("low", INT64_MIN), LOG_NUM("high", INT64_MAX));
	assert_non_null(
		strstr(next(), "\"low\":-9223372036854775808,\"high\":9223372036854775807}"));
}

static void test_escapes(void **state)
{
	(void)state;
	LOG_INFO("a\"b\\c\nd\te\x01\x1f\x7f", LOG_STR("bad", "x\xFF\xC3y\xED\xA0\x80"),
		LOG_STR("good", "\xC3\xA4\xF0\x9F\x99\x82"));
	const char *got = next();
	assert_non_null(strstr(got, "\"msg\":\"a\\\"b\\\\c\\nd\\te\\u0001\\u001f\\u007f\""));
	assert_non_null(strstr(
		got, "\"bad\":\"x\xEF\xBF\xBD\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""));
	assert_non_null(strstr(got, "\"good\":\"\xC3\xA4\xF0\x9F\x99\x82\"}"));
}

/* A string of more than 4 KiB is cut, at a whole character. */
static void test_long_string(void **state)
{
	char text[8192];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 3) {
		memcpy(text + i, "\xE2\x82\xAC", 3);
		text[i + 3] = '\0';
	}
	LOG_INFO("m", LOG_STR("long", text), LOG_STR("after", "here"));
	const char *got = next();
	const char *from = strstr(got, "\"long\":\"");
	assert_non_null(from);
	from += strlen("\"long\":\"");
	size_t len = strcspn(from, "\"");
	assert_int_equal(len, 4096 / 3 * 3);
	assert_string_equal(from + len, "\",\"after\":\"here\"}");
}

/* More than a line can hold: still one line, whole members, closed. */
static void test_long_line(void **state)
{
	char text[4096];
	struct log_field fields[40];

	(void)state;
	memset(text, 0x01, sizeof(text) - 1); /* each becomes six bytes */
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = LOG_STR("key", text);
	}
	log_event(LOG_LEVEL_INFO, text, fields, ARRAY_SIZE(fields));
	const char *got = next();
	assert_non_null(got);
	size_t len = strlen(got);
	assert_true(len < 16 * 1024);
	assert_string_equal(got + len - 2, "\"}");
	/* An even number of quotes, none of them escaped here. */
	size_t quotes = 0;
	for (const char *p = got; *p; p++) {
		quotes += *p == '"';
	}
	assert_int_equal(quotes % 2, 0);
}

static void test_sink_that_fails(void **state)
{
	(void)state;
	log_set(LOG_LEVEL_INFO, -1);
	errno = EXDEV;
	LOG_INFO("lost");
	assert_int_equal(errno, EXDEV);
}

static void test_level_parse(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;
	struct err err = {0};

	(void)state;
	assert_int_equal(log_level_parse("--log-level", "debug", &level, &err), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("--log-level", "error", &level, &err), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("--log-level", "Error", &level, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "--log-level"));
	assert_non_null(strstr(err.msg, "\"warning\""));
	assert_int_equal(level, LOG_LEVEL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_without_fields, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_levels, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_error_and_empty_fields, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_numbers, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_escapes, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_long_string, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_long_line, make_sink, drop_sink),
		cmocka_unit_test_setup_teardown(test_sink_that_fails, make_sink, drop_sink),
		cmocka_unit_test(test_level_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
