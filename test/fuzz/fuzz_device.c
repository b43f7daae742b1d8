/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device, and the child that looks at one, may say: the first byte says whether the rest is
 * an Identify descriptor list, a line of identities, an inspection's answer or an intent block.
 * Only a whole answer may ever let a device be formatted (P1).
 */
#include "node/block/disk_child.h"
#include "node/nvme/nsdesc.h"
#include "test/fuzz/fuzz.h"

#define LIST_TEXT_MAX (NSDESC_SIZE * 4)

static void take_list(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(LIST_TEXT_MAX);
	_cleanup_free_ uint8_t *list = calloc(1, NSDESC_SIZE);
	struct ns_ident ident;

	FUZZ_CHECK(list);
	memcpy(list, data, MIN(size, (size_t)NSDESC_SIZE));
	nsdesc_print(list, &out);
	FUZZ_CHECK(!out.failed);
	FUZZ_CHECK(nsdesc_parse(sb_str(&out), &ident, NULL) == 0);
}

static void take_line(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct ns_ident ident;
	struct err err = {0};

	if (nsdesc_parse(text, &ident, &err) < 0) {
		fuzz_said(&err);
	}
}

static void take_state(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf out = sb_init(LIST_TEXT_MAX);
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct disk_state state;
	struct disk_state same;
	struct err err = {0};

	if (disk_state_parse(text, &state, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK((unsigned)state.verdict <= DISK_FORMAT);
	FUZZ_CHECK((unsigned)state.probe.kind <= PROBE_AMBIVALENT);
	disk_state_print(&state, &out);
	FUZZ_CHECK(disk_state_parse(sb_str(&out), &same, NULL) == 0);
	FUZZ_CHECK(same.verdict == state.verdict && same.redo == state.redo);
	FUZZ_CHECK(same.geometry.size == state.geometry.size);
}

static void take_intent(const uint8_t *data, size_t size)
{
	_cleanup_free_ uint8_t *block = calloc(1, INTENT_BLOCK);
	_cleanup_free_ uint8_t *again = calloc(1, INTENT_BLOCK);
	struct intent intent = {0};
	struct err err = {0};
	uint64_t end = 0;

	FUZZ_CHECK(block && again);
	memcpy(block, data, MIN(size, (size_t)INTENT_BLOCK));
	int rc = intent_decode(block, &intent, &err);

	if (rc < 0) {
		fuzz_said(&err);
		return;
	}
	if (rc == 0) {
		return;
	}
	FUZZ_CHECK(intent.n_extents <= INTENT_EXTENTS_MAX);
	for (size_t i = 0; i < intent.n_extents; i++) {
		FUZZ_CHECK(intent.extents[i].offset >= end && intent.extents[i].length > 0);
		end = intent.extents[i].offset + intent.extents[i].length;
		FUZZ_CHECK(end > intent.extents[i].offset);
	}
	FUZZ_CHECK(intent_encode(&intent, again, NULL) == 0);
	intent_done(&intent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const takes[])(const uint8_t *data, size_t size) = {
		take_list, take_line, take_state, take_intent};

	if (size > 0) {
		takes[data[0] % ARRAY_SIZE(takes)](data + 1, size - 1);
	}
	return 0;
}
