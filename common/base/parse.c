/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to values, by hand: the C library's number parsers take leading blanks, '+', other bases and
 * wrap silently, and each of these has let a wrong value through somewhere.
 */
#include "common/base/parse.h"

#include <inttypes.h>
#include <stdio.h>

/* How much of a wrong value an error shows, with its NUL. */
#define SHOWN 65

/* All of @n digits as a number. Return: false when one is no digit, there is none, or it is too
 * large. */
static bool digits(const char *text, size_t n, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (n == 0) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value)) {
			return false;
		}
	}
	*ret_value = value;
	return true;
}

int parse_i64(const char *field, const char *text, int64_t min, int64_t max, int64_t *ret_value,
	struct err *err)
{
	char shown[SHOWN];
	const char *number = text ? text : "";
	bool negative = number[0] == '-';
	uint64_t value;

	number += negative ? 1 : 0;
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	if (digits(number, strlen(number), &value) && value <= limit) {
		/* In unsigned arithmetic, since -INT64_MIN does not exist. */
		int64_t result = (int64_t)(negative ? 0 - value : value);
		if (result >= min && result <= max) {
			*ret_value = result;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s '%s': must be a whole number from %" PRId64 " to %" PRId64, field,
		printable(text, shown, sizeof(shown)), min, max);
}

int parse_u64(const char *field, const char *text, uint64_t min, uint64_t max, uint64_t *ret_value,
	struct err *err)
{
	char shown[SHOWN];
	uint64_t value;

	if (text && digits(text, strlen(text), &value) && value >= min && value <= max) {
		*ret_value = value;
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s '%s': must be a whole number from %" PRIu64 " to %" PRIu64, field,
		printable(text, shown, sizeof(shown)), min, max);
}

int parse_bool(const char *field, const char *text, bool *ret_value, struct err *err)
{
	char shown[SHOWN];

	if (text && (streq(text, "true") || streq(text, "false"))) {
		*ret_value = streq(text, "true");
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s '%s': must be \"true\" or \"false\"", field,
		printable(text, shown, sizeof(shown)));
}

int parse_size(const char *field, const char *text, int64_t *ret_bytes, struct err *err)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {{"Ki", KIB}, {"Mi", MIB}, {"Gi", GIB}, {"Ti", TIB}};
	char shown[SHOWN];
	uint64_t value;
	size_t len = text ? strlen(text) : 0;
	uint64_t factor = 1;

	for (size_t i = 0; i < ARRAY_SIZE(units) && len > 2; i++) {
		if (streq(text + len - 2, units[i].suffix)) {
			factor = units[i].factor;
			len -= 2;
			break;
		}
	}
	if (text && digits(text, len, &value) && !__builtin_mul_overflow(value, factor, &value) &&
		value <= INT64_MAX) {
		*ret_bytes = (int64_t)value;
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		"%s '%s': must be a number of bytes, or a number with Ki, Mi, Gi or Ti, below 8 EiB",
		field, printable(text, shown, sizeof(shown)));
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* One byte from two digits. Return: the byte, -1 when there are no two digits. */
static int hex_byte(const char *text)
{
	int high = nibble(text[0]);
	int low = high < 0 ? -1 : nibble(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

int parse_hex(const char *field, const char *text, uint8_t *ret_bytes, size_t n, struct err *err)
{
	char shown[SHOWN];
	size_t count = 0;
	const char *p = text ? text : "";

	/* Once to look, once to write: a wrong text leaves @ret_bytes alone. */
	while (hex_byte(p) >= 0) {
		count++;
		p += 2;
		if ((*p == '-' || *p == ':' || *p == ' ') && hex_byte(p + 1) >= 0) {
			p++;
		}
	}
	if (*p || count != n) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s '%s': must be %zu hexadecimal digits, with or without '-' or ':' between bytes",
			field, printable(text, shown, sizeof(shown)), 2 * n);
	}
	p = text;
	for (size_t i = 0; i < n; i++) {
		if (nibble(*p) < 0) {
			p++;
		}
		ret_bytes[i] = (uint8_t)hex_byte(p);
		p += 2;
	}
	return 0;
}

void hex_print(const uint8_t *bytes, size_t n, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit[bytes[i] >> 4];
		out[2 * i + 1] = digit[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

int parse_choice(const char *field, const char *text, const char *const *choices, int *ret_index,
	struct err *err)
{
	char shown[SHOWN];
	char list[256] = "";
	size_t len = 0;

	for (int i = 0; choices[i]; i++) {
		if (text && streq(text, choices[i])) {
			*ret_index = i;
			return 0;
		}
	}
	for (int i = 0; choices[i] && len < sizeof(list); i++) {
		int more = snprintf(
			list + len, sizeof(list) - len, "%s\"%s\"", i ? ", " : "", choices[i]);
		len += more > 0 ? (size_t)more : 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s '%s': must be one of %s", field,
		printable(text, shown, sizeof(shown)), list);
}

size_t utf8_char(const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	/* Second bytes allowed after a first one; they rule out long forms, surrogates and what is
	 * past U+10FFFF (Unicode 15, table 3-7). */
	unsigned char low = 0x80;
	unsigned char high = 0xBF;
	size_t len;

	if (n == 0) {
		return 0;
	}
	if (p[0] < 0x80) {
		return 1;
	}
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		len = 2;
	} else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		len = 3;
		low = p[0] == 0xE0 ? 0xA0 : low;
		high = p[0] == 0xED ? 0x9F : high;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		len = 4;
		low = p[0] == 0xF0 ? 0x90 : low;
		high = p[0] == 0xF4 ? 0x8F : high;
	} else {
		return 0;
	}
	if (n < len || p[1] < low || p[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if (p[i] < 0x80 || p[i] > 0xBF) {
			return 0;
		}
	}
	return len;
}

bool utf8_valid(const char *bytes, size_t n)
{
	while (n > 0) {
		size_t len = utf8_char(bytes, n);
		if (len == 0 || *bytes == '\0') {
			return false;
		}
		bytes += len;
		n -= len;
	}
	return true;
}

const char *printable(const char *text, char *out, size_t size)
{
	size_t left = text ? strlen(text) : 0;
	size_t used = 0;

	while (left > 0) {
		size_t len = utf8_char(text, left);
		unsigned char first = (unsigned char)text[0];
		/* U+0080 to U+009F are control characters too, as C2 80 to C2 9F. */
		bool control = first < 0x20 || first == 0x7F ||
			       (first == 0xC2 && len == 2 && (unsigned char)text[1] < 0xA0);
		const char *from = len == 0 || control ? "?" : text;
		size_t n = from == text ? len : 1;
		if (used + n >= size) {
			break;
		}
		memcpy(out + used, from, n);
		used += n;
		len = MAX(len, (size_t)1);
		text += len;
		left -= len;
	}
	out[used] = '\0';
	return out;
}
