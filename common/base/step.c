/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: journal, fault points, undo.
 */
#include "common/base/step.h"

#include "common/base/parse.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

struct step {
	const char *operation;
	const char *name;
};

#ifdef NV_FAULTS

#define FAULTS_MAX 16
#define FAULT_NAME_MAX 128

enum fault_action { FAULT_KILL, FAULT_FAIL, FAULT_HANG };

struct fault {
	char point[FAULT_NAME_MAX];
	enum fault_action action;
	uint64_t passage; /* 0: every one */
};

/* One entry of NVMETCP_FAULTS: "point=action" or "point=action@N". */
static int parse_fault(const char *text, size_t len, struct fault *ret, struct err *err)
{
	static const char *const actions[] = {"kill", "fail", "hang", NULL};
	char entry[FAULT_NAME_MAX + 32];
	int action;

	if (len >= sizeof(entry)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "NVMETCP_FAULTS: an entry is too long");
	}
	memcpy(entry, text, len);
	entry[len] = '\0';
	char *equals = strchr(entry, '=');
	if (!equals || equals - entry >= FAULT_NAME_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"NVMETCP_FAULTS: '%s' is not point=action", entry);
	}
	*equals = '\0';
	char *at = strchr(equals + 1, '@');
	ret->passage = 0;
	if (at) {
		*at = '\0';
		if (parse_u64("NVMETCP_FAULTS", at + 1, 1, 1000000, &ret->passage, err) < 0) {
			return -1;
		}
	}
	if (parse_choice("NVMETCP_FAULTS", equals + 1, actions, &action, err) < 0) {
		return -1;
	}
	ret->action = (enum fault_action)action;
	memcpy(ret->point, entry, (size_t)(equals - entry) + 1);
	return 0;
}

static int parse_faults(struct fault *faults, size_t *ret_n, struct err *err)
{
	/* Set before the program starts and never changed: safe to read from any thread. */
	const char *text = getenv("NVMETCP_FAULTS"); // NOLINT(concurrency-mt-unsafe)

	*ret_n = 0;
	while (!str_empty(text)) {
		size_t len = strcspn(text, ",");
		if (*ret_n == FAULTS_MAX) {
			return err_set(err, ERR_INVALID_ARGUMENT,
				"NVMETCP_FAULTS: more than %d entries", FAULTS_MAX);
		}
		if (parse_fault(text, len, &faults[*ret_n], err) < 0) {
			return -1;
		}
		(*ret_n)++;
		text += len + (text[len] == ',');
	}
	return 0;
}

static bool fault_is_at(const struct fault *fault, const char *point)
{
	size_t len = strlen(fault->point);

	if (len > 0 && fault->point[len - 1] == '*') {
		return strncmp(fault->point, point, len - 1) == 0;
	}
	return streq(fault->point, point);
}

static int fault_point(const char *operation, const char *name, const char *suffix, struct err *err)
{
	static _Atomic uint64_t passages[FAULTS_MAX];
	struct fault faults[FAULTS_MAX] = {0};
	char point[FAULT_NAME_MAX];
	size_t n;

	if (parse_faults(faults, &n, err) < 0) {
		return -1;
	}
	(void)snprintf(point, sizeof(point), "%s.%s%s", operation, name, suffix);
	for (size_t i = 0; i < n; i++) {
		if (!fault_is_at(&faults[i], point) ||
			(atomic_fetch_add(&passages[i], 1) + 1 != faults[i].passage &&
				faults[i].passage)) {
			continue;
		}
		switch (faults[i].action) {
		case FAULT_KILL:
			(void)raise(SIGKILL);
			break;
		case FAULT_FAIL:
			return err_set(err, ERR_UNAVAILABLE, "fault point %s", point);
		case FAULT_HANG:
			for (;;) {
				(void)pause();
			}
		}
	}
	return 0;
}

int steps_faults_check(struct err *err)
{
	struct fault faults[FAULTS_MAX];
	size_t n;

	return parse_faults(faults, &n, err);
}

#else

static int fault_point(const char *operation, const char *name, const char *suffix, struct err *err)
{
	(void)operation;
	(void)name;
	(void)suffix;
	(void)err;
	return 0;
}

int steps_faults_check(struct err *err)
{
	if (getenv("NVMETCP_FAULTS")) { // NOLINT(concurrency-mt-unsafe): read once, at the start
		return err_set(err, ERR_INVALID_ARGUMENT,
			"NVMETCP_FAULTS is set, but this build has no fault points");
	}
	return 0;
}

#endif

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

	while (steps->undos > 0) {
		unsigned i = --steps->undos;
		if (step_run(steps, steps->undo[i].name, steps->undo[i].fn, steps->undo[i].arg,
			    result == 0 ? err : NULL) < 0) {
			result = -1;
		}
	}
	return result;
}

void steps_keep(struct steps *steps)
{
	steps->undos = 0;
}
