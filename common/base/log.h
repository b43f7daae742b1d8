/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of JSON per event: time, level, msg, then the fields given. Only service/ and main log
 * above debug; everything else returns errors. Never pass a secret.
 * Thread-safe: a line is one write(2). Level and sink are process-wide (one of three such states).
 */
#pragma once

#include "common/base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/** One field of a line; str is used when it is not NULL, else num. A field with NULL key is left
 * out. */
struct log_field {
	const char *key;
	const char *str;
	int64_t num;
};

/** log_text - @str, "" for NULL; a function, so that an array may be given where NULL is asked for.
 */
static inline const char *log_text(const char *str)
{
	return str ? str : "";
}

#define LOG_STR(k, v) ((struct log_field){.key = (k), .str = log_text(v)})
#define LOG_NUM(k, v) ((struct log_field){.key = (k), .num = (int64_t)(v)})
#define LOG_ERR(e) LOG_STR("err", (e)->msg), LOG_STR("code", err_code_name((e)->code))

/** log_event - write one line when @level is at or above the set one; strings are JSON-escaped, cut
 * at 4 KiB. */
void log_event(enum log_level level, const char *msg, const struct log_field *fields, size_t n);

#define LOG_EVENT(level, msg, ...)                                                                 \
	log_event((level), (msg), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}},       \
		sizeof((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}) /                \
				sizeof(struct log_field) -                                         \
			1)
#define LOG_DEBUG(msg, ...) LOG_EVENT(LOG_LEVEL_DEBUG, msg, __VA_ARGS__)
#define LOG_INFO(msg, ...) LOG_EVENT(LOG_LEVEL_INFO, msg, __VA_ARGS__)
#define LOG_WARNING(msg, ...) LOG_EVENT(LOG_LEVEL_WARNING, msg, __VA_ARGS__)
#define LOG_ERROR(msg, ...) LOG_EVENT(LOG_LEVEL_ERROR, msg, __VA_ARGS__)

/** log_set - lines below @level are dropped, the others go to @fd (2 at start). Call before threads
 * start. */
void log_set(enum log_level level, int fd);
/** log_level_parse - "debug", "info", "warning", "error". Return: 0, or -1 with INVALID_ARGUMENT
 * naming @field. */
MUST_USE int log_level_parse(
	const char *field, const char *text, enum log_level *ret_level, struct err *err);
