/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node finds in its state folder after a crash or a disk's fault: the first byte says
 * whether the rest is a record or a journal. A record that is taken can be written and read again,
 * for one that cannot would keep its volume from ever being taken down.
 */
#include "common/base/parse.h"
#include "node/core/journal.h"
#include "node/core/record.h"
#include "test/fuzz/fuzz.h"

static void take_record(const char *text)
{
	_cleanup_record_ struct record *record = NULL;
	_cleanup_record_ struct record *same = NULL;
	_cleanup_record_ struct record *copy = NULL;
	_cleanup_strbuf_ struct strbuf first = sb_init(RECORD_TEXT_MAX);
	_cleanup_strbuf_ struct strbuf second = sb_init(RECORD_TEXT_MAX);
	struct err err = {0};

	if (record_parse("v1", text, &record, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_DATA_LOSS || err.code == ERR_FAILED_PRECONDITION);
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(*record->volume && *record->nqn && record->staging);
	FUZZ_CHECK(ns_ident_known(&record->ident));
	copy = record_copy(record);
	FUZZ_CHECK(copy);
	record_print(copy, &first);
	FUZZ_CHECK(!first.failed);
	FUZZ_CHECK(record_parse("v1", sb_str(&first), &same, NULL) == 0);
	record_print(same, &second);
	FUZZ_CHECK(streq(sb_str(&first), sb_str(&second)));
	record_end_boot(copy);
	FUZZ_CHECK(copy->n_targets == 0 && copy->dev == 0);
}

static void told(void *arg, const char *operation, const char *volume, const char *step)
{
	size_t *n = arg;

	FUZZ_CHECK(operation && volume && step);
	(*n)++;
}

static void take_journal(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	_cleanup_close_ int fd = fuzz_file(data, size, path);
	struct journal *journal = NULL;
	struct err err = {0};
	size_t n = 0;

	if (journal_open(path, told, &n, &journal, &err) < 0) {
		fuzz_said(&err);
		return;
	}
	FUZZ_CHECK(n <= size);
	/* All has been told: it begins anew. */
	FUZZ_CHECK(lseek(fd, 0, SEEK_END) == 0);
	journal_free(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	if (data[0] % 2 == 0) {
		_cleanup_free_ char *text = fuzz_text(data + 1, size - 1);

		take_record(text);
	} else {
		take_journal(data + 1, size - 1);
	}
	return 0;
}
