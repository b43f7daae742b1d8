/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: a line is built in a buffer on the stack, so that logging works without memory, and is
 * written whole. What does not fit is cut inside its quotes, so the line stays valid JSON.
 */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Longest line, and the part of a string that is logged. */
#define LINE_MAX_BYTES (16 * 1024)
#define STRING_MAX_BYTES (4 * 1024)
/* What ends a line: "}\n". */
#define END_BYTES 2

static const char *const level_names[] = {"debug", "info", "warning", "error", NULL};

/* One of the process-wide states that c-style allows: set once, before threads start. */
static struct {
	enum log_level level;
	int fd;
} sink = {.level = LOG_LEVEL_INFO, .fd = 2};

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static size_t room(const struct line *line)
{
	return sizeof(line->text) - END_BYTES - line->len;
}

static bool put(struct line *line, const char *bytes, size_t n)
{
	if (n > room(line)) {
		return false;
	}
	memcpy(line->text + line->len, bytes, n);
	line->len += n;
	return true;
}

/* The JSON spelling of the character at @p into @out. Return: its length; bytes read in @ret_used.
 */
static size_t escape(const char *p, size_t left, char out[8], size_t *ret_used)
{
	unsigned char c = (unsigned char)*p;
	size_t len = utf8_char(p, left);

	*ret_used = MAX(len, (size_t)1);
	if (len == 0) {
		/* U+FFFD */
		out[0] = '\xEF';
		out[1] = '\xBF';
		out[2] = '\xBD';
		return 3;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c == '\n' || c == '\t') {
		out[0] = '\\';
		out[1] = c == '\n' ? 'n' : 't';
		return 2;
	}
	if (c < 0x20 || c == 0x7F) {
		return (size_t)snprintf(out, 8, "\\u%04x", c);
	}
	memcpy(out, p, len);
	return len;
}

/* A quoted string, cut at STRING_MAX_BYTES or at the room left, always closed. */
static bool put_string(struct line *line, const char *str)
{
	size_t left = strlen(str);
	size_t read = 0;

	if (room(line) < 2) {
		return false;
	}
	(void)put(line, "\"", 1);
	while (left > 0 && read < STRING_MAX_BYTES) {
		char out[8];
		size_t used;
		size_t n = escape(str, left, out, &used);
		if (read + used > STRING_MAX_BYTES || n + 1 > room(line)) {
			break;
		}
		(void)put(line, out, n);
		str += used;
		left -= used;
		read += used;
	}
	return put(line, "\"", 1);
}

/* One member; left out whole when not even its name fits. */
static void put_field(struct line *line, const struct log_field *field)
{
	size_t before = line->len;
	char number[24];
	bool fits = (before == 1 || put(line, ",", 1)) && put_string(line, field->key) &&
		    put(line, ":", 1);

	if (fits && field->str) {
		fits = put_string(line, field->str);
	} else if (fits) {
		int n = snprintf(number, sizeof(number), "%" PRId64, field->num);
		fits = put(line, number, (size_t)n);
	}
	if (!fits) {
		line->len = before;
	}
}

/* RFC 3339, UTC, with milliseconds. */
static void print_time(char *out, size_t size)
{
	int64_t ms = clock_unix_ms();
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm = {0};

	(void)gmtime_r(&seconds, &tm);
	(void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

void log_event(enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
	struct line line;
	char now[64];
	ssize_t written;
	int saved = errno;

	if (level < sink.level) {
		return;
	}
	line.len = 0;
	print_time(now, sizeof(now));
	(void)put(&line, "{", 1);
	put_field(&line, &LOG_STR("time", now));
	put_field(&line, &LOG_STR("level", level_names[level]));
	put_field(&line, &LOG_STR("msg", msg));
	for (size_t i = 0; i < n; i++) {
		if (fields[i].key) {
			put_field(&line, &fields[i]);
		}
	}
	memcpy(line.text + line.len, "}\n", END_BYTES);
	line.len += END_BYTES;
	do {
		written = write(sink.fd, line.text, line.len);
	} while (written < 0 && errno == EINTR);
	/* A log that cannot be written has no place to say so. */
	errno = saved;
}

void log_set(enum log_level level, int fd)
{
	sink.level = level;
	sink.fd = fd;
}

int log_level_parse(const char *field, const char *text, enum log_level *ret_level, struct err *err)
{
	int index;

	if (parse_choice(field, text, level_names, &index, err) < 0) {
		return -1;
	}
	*ret_level = (enum log_level)index;
	return 0;
}
