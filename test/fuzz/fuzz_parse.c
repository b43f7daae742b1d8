/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to values: the first byte says which function, the rest is the text. What was taken must
 * print and be taken again as the same; what was not must leave a fit error.
 */
#include "common/base/parse.h"
#include "test/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>

static void check_error(const struct err *err)
{
	FUZZ_CHECK(err->code == ERR_INVALID_ARGUMENT);
	FUZZ_CHECK(strncmp(err->msg, "field ", 6) == 0);
	fuzz_said(err);
}

static void fuzz_i64(const char *text)
{
	struct err err = {0};
	char again[32];
	int64_t value;
	int64_t same;

	if (parse_i64("field", text, INT64_MIN, INT64_MAX, &value, &err) < 0) {
		check_error(&err);
		return;
	}
	(void)snprintf(again, sizeof(again), "%" PRId64, value);
	FUZZ_CHECK(parse_i64("field", again, value, value, &same, NULL) == 0 && same == value);
}

static void fuzz_u64(const char *text)
{
	struct err err = {0};
	char again[32];
	uint64_t value;
	uint64_t same;

	if (parse_u64("field", text, 0, UINT64_MAX, &value, &err) < 0) {
		check_error(&err);
		return;
	}
	(void)snprintf(again, sizeof(again), "%" PRIu64, value);
	FUZZ_CHECK(parse_u64("field", again, value, value, &same, NULL) == 0 && same == value);
}

static void fuzz_size(const char *text)
{
	struct err err = {0};
	int64_t bytes;

	if (parse_size("field", text, &bytes, &err) < 0) {
		check_error(&err);
		return;
	}
	FUZZ_CHECK(bytes >= 0);
}

static void fuzz_hex(const char *text)
{
	struct err err = {0};
	uint8_t bytes[16];
	uint8_t same[16];
	char again[33];

	if (parse_hex("field", text, bytes, sizeof(bytes), &err) < 0) {
		check_error(&err);
		return;
	}
	hex_print(bytes, sizeof(bytes), again);
	FUZZ_CHECK(parse_hex("field", again, same, sizeof(same), NULL) == 0);
	FUZZ_CHECK(memcmp(bytes, same, sizeof(bytes)) == 0);
}

static void fuzz_words(const char *text)
{
	static const char *const choices[] = {"numa", "round-robin", "queue-depth", NULL};
	struct err err = {0};
	bool truth;
	int index;

	if (parse_bool("field", text, &truth, &err) < 0) {
		check_error(&err);
	} else {
		FUZZ_CHECK(streq(text, truth ? "true" : "false"));
	}
	err = (struct err){0};
	if (parse_choice("field", text, choices, &index, &err) < 0) {
		check_error(&err);
	} else {
		FUZZ_CHECK(streq(text, choices[index]));
	}
}

static void fuzz_printable(const char *text, size_t size)
{
	char out[24];

	FUZZ_CHECK(printable(text, out, sizeof(out)) == out);
	FUZZ_CHECK(strlen(out) < sizeof(out));
	FUZZ_CHECK(utf8_valid(out, strlen(out)));
	(void)utf8_valid(text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	_cleanup_free_ char *text = fuzz_text(data + 1, size - 1);

	switch (data[0] % 6) {
	case 0:
		fuzz_i64(text);
		break;
	case 1:
		fuzz_u64(text);
		break;
	case 2:
		fuzz_size(text);
		break;
	case 3:
		fuzz_hex(text);
		break;
	case 4:
		fuzz_words(text);
		break;
	default:
		fuzz_printable(text, size - 1);
	}
	return 0;
}
