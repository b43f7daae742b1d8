/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_context: lines of key=value. What was taken has all that the node relies on, prints, and
 * is read back as the same.
 */
#include "common/base/parse.h"
#include "common/nvmf/attach.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines lines;
	static struct attach_text text;
	static struct attach_text again;
	struct attach_info info;
	struct attach_info same;
	struct err err = {0};

	lines_split(data, size, &lines);
	if (attach_parse(lines_list(&lines), &info, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INVALID_ARGUMENT);
		FUZZ_CHECK(strncmp(err.msg, "publish_context", 15) == 0);
		FUZZ_CHECK(utf8_valid(err.msg, strlen(err.msg)));
		return 0;
	}
	FUZZ_CHECK(ns_ident_known(&info.ident));
	FUZZ_CHECK(info.portals.n >= 1);
	FUZZ_CHECK(info.min_size > 0);
	FUZZ_CHECK(nqn_check("nqn", info.nqn, NULL) == 0);
	FUZZ_CHECK(attach_print(&info, &text, NULL) == 0);
	FUZZ_CHECK(text.n <= ATTACH_KEYS_MAX);
	FUZZ_CHECK(
		attach_parse((struct kv_list){.items = text.items, .n = text.n}, &same, NULL) == 0);
	FUZZ_CHECK(attach_print(&same, &again, NULL) == 0);
	FUZZ_CHECK(again.n == text.n);
	for (size_t i = 0; i < text.n; i++) {
		FUZZ_CHECK(streq(text.items[i].key, again.items[i].key));
		FUZZ_CHECK(streq(text.items[i].value, again.items[i].value));
	}
	return 0;
}
