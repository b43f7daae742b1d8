/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to values. The only place that turns strings into numbers; every failure names the field,
 * the value (cut to 64 bytes, made printable) and what is allowed.
 */
#pragma once

#include "common/base/err.h"

/** parse_i64 - decimal, optional '-', nothing around it, within [@min, @max]. Return: 0, or -1
 * INVALID_ARGUMENT. */
MUST_USE int parse_i64(const char *field, const char *text, int64_t min, int64_t max,
	int64_t *ret_value, struct err *err);
/** parse_u64 - decimal, no sign, within [@min, @max]. Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int parse_u64(const char *field, const char *text, uint64_t min, uint64_t max,
	uint64_t *ret_value, struct err *err);
/** parse_bool - "true" or "false" and nothing else. Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int parse_bool(const char *field, const char *text, bool *ret_value, struct err *err);
/** parse_size - bytes, or a number with Ki, Mi, Gi, Ti (as Kubernetes writes it). Return: 0, or -1
 * INVALID_ARGUMENT. */
MUST_USE int parse_size(const char *field, const char *text, int64_t *ret_bytes, struct err *err);
/**
 * parse_hex - exactly @n bytes from 2 * @n hex digits; one '-', ':' or ' ' between bytes is
 * skipped, so it reads UUID, NGUID and EUI-64 in every spelling of sysfs and configfs. Return: 0,
 * or -1 INVALID_ARGUMENT; @ret_bytes is written only on success.
 */
MUST_USE int parse_hex(
	const char *field, const char *text, uint8_t *ret_bytes, size_t n, struct err *err);
/** hex_print - 2 * @n lower-case digits and a NUL into @out (at least 2 * @n + 1 bytes). */
void hex_print(const uint8_t *bytes, size_t n, char *out);
/** parse_choice - index of @text in @choices (NULL-terminated). Return: 0, or -1 INVALID_ARGUMENT
 * listing them. */
MUST_USE int parse_choice(const char *field, const char *text, const char *const *choices,
	int *ret_index, struct err *err);
/** utf8_char - length of the well-formed UTF-8 character that starts @bytes (NUL counts as one); 0
 * when there is none. */
size_t utf8_char(const char *bytes, size_t n);
/** utf8_valid - true when @n bytes are well-formed UTF-8 without NUL. */
bool utf8_valid(const char *bytes, size_t n);
/** printable - @text made safe for a message: control characters and bad UTF-8 become '?', cut at
 * @size. Return: @out. */
const char *printable(const char *text, char *out, size_t size);
