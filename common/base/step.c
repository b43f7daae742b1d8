/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: journal, fault points, undo.
 */
#include "common/base/step.h"

#include "common/base/fault.h"

#include <stdio.h>

struct step {
	const char *operation;
	const char *name;
};

int step_run(struct steps *steps, const char *name, step_fn fn, void *arg, struct err *err)
{
	const struct step_journal *journal = steps->journal;
	struct step step = {.operation = steps->operation, .name = name};

	if (journal && journal->before && journal->before(journal->self, name, err) < 0) {
		return err_wrap(err, "journal of step %s", name);
	}
	int result = fault_point(steps->operation, name, "", err);
	if (result == 0) {
		result = fn(&step, arg, err);
	}
	/* Before the journal learns of it: what a crash right after the change must survive. */
	if (result == 0) {
		result = fault_point(steps->operation, name, ".done", err);
	}
	if (journal && journal->after) {
		journal->after(journal->self, name, result);
	}
	return result;
}

int step_changed(const struct step *in, const char *change, struct err *err)
{
	char suffix[64];

	if (!in) {
		return 0;
	}
	(void)snprintf(suffix, sizeof(suffix), ".%s", change);
	return fault_point(in->operation, in->name, suffix, err);
}

const char *step_name(const struct step *in)
{
	return in->name;
}

void steps_on_failure(struct steps *steps, const char *name, step_fn fn, void *arg)
{
	if (steps->undos == STEPS_UNDO_MAX) {
		/* An operation with more undos than its author counted: a bug, seen in tests. */
		abort();
	}
	steps->undo[steps->undos].name = name;
	steps->undo[steps->undos].fn = fn;
	steps->undo[steps->undos].arg = arg;
	steps->undos++;
}

int steps_undo(struct steps *steps, struct err *err)
{
	int result = 0;

	while (steps->undos > 0 && result == 0) {
		unsigned i = --steps->undos;
		result = step_run(
			steps, steps->undo[i].name, steps->undo[i].fn, steps->undo[i].arg, err);
	}
	steps->undos = 0;
	return result;
}

void steps_keep(struct steps *steps)
{
	steps->undos = 0;
}
