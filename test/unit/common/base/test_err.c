/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: codes, texts, cutting at whole characters.
 */
#include "common/base/err.h"
#include "common/base/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_set(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_NOT_FOUND, "volume %s: not there", "v1"), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "volume v1: not there");
	assert_int_equal(err_set(NULL, ERR_INTERNAL, "nobody asks"), -1);
}

static void test_set_takes_its_own_message(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, ERR_INTERNAL, "inner");
	(void)err_set(&err, ERR_ABORTED, "outer (%s)", err.msg);
	assert_string_equal(err.msg, "outer (inner)");
}

static void test_wrap_keeps_the_code(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, ERR_DATA_LOSS, "bad block 7");
	assert_int_equal(err_wrap(&err, "format %s", "nvme0n1"), -1);
	assert_int_equal(err_wrap(&err, "stage"), -1);
	assert_int_equal(err.code, ERR_DATA_LOSS);
	assert_string_equal(err.msg, "stage: format nvme0n1: bad block 7");
	assert_int_equal(err_wrap(NULL, "nobody asks"), -1);
}

static void test_errno(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_errno(&err, ENOSPC, "write %s", "f"), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(err.msg, "write f: No space left on device");
	(void)err_errno(&err, 99999, "write");
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.msg, "write: errno 99999");
	assert_int_equal(err_errno(NULL, EIO, "nobody asks"), -1);
}

static void test_errno_is_left_alone(void **state)
{
	struct err err = {0};

	(void)state;
	errno = EXDEV;
	(void)err_set(&err, ERR_INTERNAL, "x");
	(void)err_wrap(&err, "y");
	(void)err_errno(&err, EIO, "z");
	assert_int_equal(errno, EXDEV);
}

/* However the text is cut, it ends at a whole character and within the buffer. */
static void test_long_text_is_cut_whole(void **state)
{
	/* One, two, three and four bytes. */
	static const char *const characters[] = {
		"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x99\x82"};
	char text[2 * ERR_MSG_MAX + 8];

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(characters); c++) {
		for (size_t shift = 0; shift < 4; shift++) {
			size_t size = strlen(characters[c]);
			size_t len = shift;
			struct err err = {0};

			memset(text, 'x', shift);
			while (len < ERR_MSG_MAX + 4) {
				memcpy(text + len, characters[c], size);
				len += size;
			}
			text[len] = '\0';
			(void)err_set(&err, ERR_INTERNAL, "%s", text);
			assert_true(strlen(err.msg) > ERR_MSG_MAX - 1 - size);
			assert_true(strlen(err.msg) < ERR_MSG_MAX);
			assert_true(utf8_valid(err.msg, strlen(err.msg)));
			(void)err_wrap(&err, "%s", "context");
			assert_true(utf8_valid(err.msg, strlen(err.msg)));
			assert_int_equal(strncmp(err.msg, "context: ", 9), 0);
			(void)err_errno(&err, EIO, "%s", text);
			assert_true(utf8_valid(err.msg, strlen(err.msg)));
		}
	}
}

static void test_text_that_just_fits(void **state)
{
	char text[ERR_MSG_MAX];
	struct err err = {0};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, ERR_INTERNAL, "%s", text);
	assert_string_equal(err.msg, text);
}

/* A text that was not UTF-8 in the first place is cut all the same. */
static void test_bad_utf8_is_cut(void **state)
{
	char text[2 * ERR_MSG_MAX];
	struct err err = {0};

	(void)state;
	memset(text, 0x80, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, ERR_INTERNAL, "%s", text);
	assert_in_range(strlen(err.msg), ERR_MSG_MAX - 8, ERR_MSG_MAX - 1);
}

/* What others wrote is no way to forge a line of a log, or to send what is no text. */
static void test_text_of_others_is_made_one_line(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_set(&err, ERR_INTERNAL, "it said: %s", "a\nb\tc\x1b[2J\xff");
	assert_string_equal(err.msg, "it said: a b c?[2J?");
	(void)err_wrap(&err, "%s", "x\r\ny\x7f");
	assert_string_equal(err.msg, "x  y?: it said: a b c?[2J?");
	(void)err_errno(&err, ENOENT, "%.3s", "gr\xc3\xbc");
	assert_string_equal(err.msg, "gr?: No such file or directory");
}

static void test_code_of_errno(void **state)
{
	static const struct {
		int errnum;
		enum err_code code;
	} rows[] = {
		{ENOSPC, ERR_RESOURCE_EXHAUSTED},
		{EDQUOT, ERR_RESOURCE_EXHAUSTED},
		{EBUSY, ERR_ABORTED},
		{ENOENT, ERR_NOT_FOUND},
		{EEXIST, ERR_ALREADY_EXISTS},
		{ETIMEDOUT, ERR_DEADLINE_EXCEEDED},
		{EACCES, ERR_PERMISSION_DENIED},
		{EPERM, ERR_PERMISSION_DENIED},
		{EINVAL, ERR_INVALID_ARGUMENT},
		{ECONNREFUSED, ERR_UNAVAILABLE},
		{ECONNRESET, ERR_UNAVAILABLE},
		{EHOSTUNREACH, ERR_UNAVAILABLE},
		{ENETUNREACH, ERR_UNAVAILABLE},
		{EPIPE, ERR_UNAVAILABLE},
		{ECANCELED, ERR_CANCELLED},
		{EIO, ERR_INTERNAL},
		{ENODEV, ERR_INTERNAL},
		{0, ERR_INTERNAL},
		{-1, ERR_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(err_code_of_errno(rows[i].errnum), rows[i].code);
	}
}

static void test_code_names(void **state)
{
	(void)state;
	assert_string_equal(err_code_name(ERR_OK), "OK");
	assert_string_equal(err_code_name(ERR_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(err_code_name(ERR_UNAUTHENTICATED), "UNAUTHENTICATED");
	/* Numbers that are none, as another program may send them. */
	for (int i = 0; i < 2; i++) {
		enum err_code code;
		memcpy(&code, i ? &(int){-1} : &(int){17}, sizeof(code));
		assert_string_equal(err_code_name(code), "UNKNOWN");
	}
	for (int code = ERR_OK; code <= ERR_UNAUTHENTICATED; code++) {
		assert_non_null(err_code_name((enum err_code)code));
	}
}

static void test_final(void **state)
{
	(void)state;
	for (int code = ERR_OK; code <= ERR_UNAUTHENTICATED; code++) {
		bool open = code == ERR_CANCELLED || code == ERR_DEADLINE_EXCEEDED ||
			    code == ERR_ABORTED || code == ERR_UNAVAILABLE;
		assert_int_equal(err_is_final((enum err_code)code), !open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_takes_its_own_message),
		cmocka_unit_test(test_wrap_keeps_the_code),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_errno_is_left_alone),
		cmocka_unit_test(test_long_text_is_cut_whole),
		cmocka_unit_test(test_text_that_just_fits),
		cmocka_unit_test(test_bad_utf8_is_cut),
		cmocka_unit_test(test_text_of_others_is_made_one_line),
		cmocka_unit_test(test_code_of_errno),
		cmocka_unit_test(test_code_names),
		cmocka_unit_test(test_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
