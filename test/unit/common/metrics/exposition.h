/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What promtool would say of a text for Prometheus: each sample stands below the HELP and TYPE of
 * its metric, no series is there twice, names say what they are, and histograms add up.
 */
#pragma once

#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define EXPOSITION_LINE 2048

struct exposition {
	char name[128]; /* of the metric whose lines come */
	char type[16];
	char series[EXPOSITION_LINE]; /* of the histogram whose buckets come: its labels but le */
	double last_le;
	double last_count;
};

static inline bool exposition_ends(const char *text, const char *end)
{
	size_t n = strlen(text);
	size_t m = strlen(end);

	return n > m && streq(text + n - m, end);
}

static inline double exposition_number(const char *text)
{
	char *end = NULL;
	double value = strtod(text, &end);

	if (end == text || *end) {
		fail_msg("\"%s\" is no number", text);
	}
	return value;
}

/* "# HELP name text" and then "# TYPE name type", each name once in the whole text. */
static inline void exposition_head(struct exposition *ex, const char *whole, const char *line)
{
	char head[192];
	char type[16];

	if (strncmp(line, "# HELP ", 7) == 0) {
		size_t n = strcspn(line + 7, " ");
		assert_in_range(n, 1, sizeof(ex->name) - 1);
		(void)snprintf(ex->name, sizeof(ex->name), "%.*s", (int)n, line + 7);
		(void)snprintf(head, sizeof(head), "# HELP %s ", ex->name);
		assert_null(strstr(strstr(whole, head) + 1, head));
		/* A sentence. */
		if (!exposition_ends(line, ".") || strlen(line + 7 + n) < 8) {
			fail_msg("%s", line);
		}
		ex->type[0] = '\0';
		return;
	}
	(void)snprintf(head, sizeof(head), "# TYPE %s ", ex->name);
	if (strncmp(line, head, strlen(head)) != 0) {
		fail_msg("after the HELP of %s: %s", ex->name, line);
	}
	(void)snprintf(type, sizeof(type), "%s", line + strlen(head));
	assert_true(streq(type, "counter") || streq(type, "gauge") || streq(type, "histogram"));
	if (streq(type, "counter") != exposition_ends(ex->name, "_total") ||
		(streq(type, "histogram") && !exposition_ends(ex->name, "_seconds"))) {
		fail_msg("%s is no name for a %s", ex->name, type);
	}
	(void)snprintf(ex->type, sizeof(ex->type), "%s", type);
	ex->series[0] = '\0';
}

/* Buckets rise to +Inf, which is the count. */
static inline void exposition_histogram(
	struct exposition *ex, const char *rest, char *labels, double value)
{
	char *le = strstr(labels, "le=\"");

	if (streq(rest, "_bucket")) {
		assert_non_null(le);
		double bound = strncmp(le + 4, "+Inf", 4) == 0 ? INFINITY : strtod(le + 4, NULL);
		*le = '\0';
		if (!streq(labels, ex->series)) {
			(void)snprintf(ex->series, sizeof(ex->series), "%s", labels);
			ex->last_le = -INFINITY;
			ex->last_count = 0;
		}
		assert_true(bound > ex->last_le);
		assert_true(value >= ex->last_count);
		ex->last_le = bound;
		ex->last_count = value;
	} else if (streq(rest, "_count")) {
		assert_true(isinf(ex->last_le));
		assert_true(value == ex->last_count);
	} else {
		assert_string_equal(rest, "_sum");
		assert_true(value >= 0);
	}
}

static inline void exposition_sample(struct exposition *ex, const char *whole, char *line)
{
	char *space = strrchr(line, ' ');
	char start[EXPOSITION_LINE + 1];

	assert_non_null(space);
	double value = exposition_number(space + 1);
	space[1] = '\0';
	/* No series twice. */
	(void)snprintf(start, sizeof(start), "\n%s", line);
	const char *at = strstr(whole, start);
	assert_non_null(at);
	if (strstr(at + 1, start)) {
		fail_msg("twice: %s", line);
	}
	*space = '\0';
	char *labels = strchr(line, '{');
	if (labels) {
		assert_true(exposition_ends(labels, "\"}"));
		*labels++ = '\0';
	}
	if (strncmp(line, ex->name, strlen(ex->name)) != 0) {
		fail_msg("%s stands below %s", line, ex->name);
	}
	if (streq(ex->type, "histogram")) {
		char none[] = "";
		exposition_histogram(ex, line + strlen(ex->name), labels ? labels : none, value);
		return;
	}
	assert_string_equal(line, ex->name);
	assert_true(*ex->type);
	assert_true(streq(ex->type, "gauge") || value >= 0);
}

/** exposition_check - fails the test at the first thing that is wrong with @text. */
static inline void exposition_check(const char *text)
{
	const char *whole = text;
	struct exposition ex = {0};
	char line[EXPOSITION_LINE];

	assert_true(exposition_ends(text, "\n"));
	while (*text) {
		size_t n = strcspn(text, "\n");

		assert_in_range(n, 1, sizeof(line) - 1);
		(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (line[0] == '#') {
			exposition_head(&ex, whole, line);
		} else {
			exposition_sample(&ex, whole, line);
		}
		text += n + 1;
	}
}
