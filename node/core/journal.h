/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: a line before and after each step that changes the world, appended to a file in the
 * state folder. It survives a killed process and tells, at the next start, what was under way;
 * what to do about it follows from the records and the kernel, so a journal that is lost with the
 * power loses no volume. Thread-safe.
 */
#pragma once

#include "common/base/step.h"

/** When the file is emptied: at the first moment without a step under way, or at all costs. */
#define JOURNAL_SOFT_MAX (256 * 1024)
#define JOURNAL_HARD_MAX (4 * 1024 * 1024)

struct journal;

/** A step that had begun and not ended when the file was written last. */
typedef void (*journal_told)(
	void *arg, const char *operation, const char *volume, const char *step);

/**
 * journal_open - read the file of an earlier process, tell of each step that it did not end, empty
 * it. Return: 0 and a journal for journal_free(), or -1.
 */
MUST_USE int journal_open(const char *path, journal_told told, void *arg,
	struct journal **ret_journal, struct err *err);
void journal_free(struct journal *journal);

/** struct journal_entry - one operation's view; journal_steps() makes the rest. Borrowed strings.
 */
struct journal_entry {
	struct journal *journal;
	const char *operation;
	const char *volume;
};
/** journal_steps - what struct steps wants, writing for @entry, which must outlive it. */
struct step_journal journal_steps(struct journal_entry *entry);
