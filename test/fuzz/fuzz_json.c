/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of others: the strict reader, its twin that takes a long list apart, and the search for a
 * value's end in what comes in pieces over a socket. All three must be of one mind.
 */
#include "common/json/items.h"
#include "controller/backend/spdk/stream.h"
#include "test/fuzz/fuzz.h"

#define TEXT_MAX ((size_t)1 << 20)
#define KEY "result"

static char *print(struct js_at at)
{
	_cleanup_js_ struct js *copy = js_copy(&at);
	char *text = NULL;

	FUZZ_CHECK(copy);
	FUZZ_CHECK(js_print(copy, "text", 0, &text, NULL, NULL) == 0);
	return text;
}

/* What was read prints, and the print is read as the same. */
static void check_again(const struct js_doc *doc)
{
	_cleanup_js_doc_ struct js_doc *same = NULL;
	_cleanup_free_ char *first = print(js_root(doc));

	FUZZ_CHECK(js_parse("again", first, strlen(first), 8 * TEXT_MAX, &same, NULL) == 0);
	_cleanup_free_ char *second = print(js_root(same));

	FUZZ_CHECK(streq(first, second));
}

/* The elements one by one are those of the whole document, in number and in kind. */
static void check_items(const struct js_doc *whole, const char *text, size_t len)
{
	_cleanup_js_doc_ struct js_doc *rest = NULL;
	struct js_items items = {.name = "text", .key = KEY};
	struct js_at root = whole ? js_root(whole) : (struct js_at){0};
	struct js_at list = {0};
	struct js_at left = {0};
	struct err err = {0};
	bool wrong = false;
	size_t n = 0;

	if (js_split(&items, text, len, TEXT_MAX, &rest, &err) < 0) {
		fuzz_said(&err);
		FUZZ_CHECK(!whole);
		return;
	}
	for (;;) {
		_cleanup_js_doc_ struct js_doc *one = NULL;
		int rc = js_items_next(&items, &one, &err);

		if (rc <= 0) {
			wrong = rc < 0;
			break;
		}
		FUZZ_CHECK(one);
		n++;
	}
	if (!whole) {
		return;
	}
	/* A key that is spelled with escapes is not found, and then the list stays in the rest. */
	struct js_at top = js_root(rest);
	bool there = js_opt_array(&top, KEY, SIZE_MAX, &left, NULL) == 0 && left.value;

	n += there ? js_len(&left) : 0;
	if (js_opt_array(&root, KEY, SIZE_MAX, &list, NULL) == 0 && list.value) {
		FUZZ_CHECK(there);
		FUZZ_CHECK(wrong ? n < js_len(&list) : n == js_len(&list));
	} else {
		FUZZ_CHECK(n == 0 && !there);
	}
}

/* In pieces of one byte it ends where it ends in one piece. */
static void check_scan(const struct js_doc *whole, const char *text, size_t len)
{
	struct spdk_scan scan = {0};
	struct spdk_scan again = {0};
	size_t end = spdk_scan_end(&scan, text, len);
	size_t at = 0;

	while (at < len && !spdk_scan_end(&again, text + at, 1)) {
		at++;
	}
	FUZZ_CHECK(end == (at < len ? at + 1 : 0));
	if (whole) {
		FUZZ_CHECK(end > 0);
		FUZZ_CHECK(strspn(text + end, " \t\r\n") == len - end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	_cleanup_js_doc_ struct js_doc *lined = NULL;
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct err err = {0};
	int rc = js_parse("text", text, size, TEXT_MAX, &doc, &err);

	if (rc < 0) {
		fuzz_said(&err);
	} else {
		check_again(doc);
	}
	FUZZ_CHECK(js_parse_lines("text", text, size, TEXT_MAX, &lined, NULL) == rc);
	check_items(doc, text, size);
	check_scan(doc, text, size);
	return 0;
}
