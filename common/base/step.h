/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door to the world. Every function that changes something outside this process (mount,
 * connect, format, delete, write to a target) takes a `const struct step *` as its first argument,
 * and only step_run() makes one. So each change has a name, a line in the journal before it
 * happens, fault points (fault.h) where a test can kill or fail it, and a place for its undo.
 *
 * A struct steps belongs to one operation and one thread.
 */
#pragma once

#include "common/base/err.h"

/** Proof that a named step is under way. */
struct step;

/** Most undos that one operation may register. */
#define STEPS_UNDO_MAX 16

typedef int (*step_fn)(const struct step *in, void *arg, struct err *err);

/** Where the journal is; both may be NULL. Called in order, before and after the work. */
struct step_journal {
	/** Called before the step: what fails here stops the step before it begins. */
	int (*before)(void *self, const char *step, struct err *err);
	/** Called after the step with its result (0 or -1). */
	void (*after)(void *self, const char *step, int result);
	void *self;
};

struct steps {
	const char *operation;		    /* "NodeStageVolume": the prefix of the fault points */
	const struct step_journal *journal; /* may be NULL */
	struct {
		const char *name;
		step_fn fn;
		void *arg;
	} undo[STEPS_UNDO_MAX];
	unsigned undos;
};

/**
 * step_run - journal, fault point "<operation>.<name>", @fn, fault point "<operation>.<name>.done".
 * Return: what @fn returned, or -1 when the journal or a fault point failed.
 */
MUST_USE int step_run(
	struct steps *steps, const char *name, step_fn fn, void *arg, struct err *err);
/**
 * step_changed - fault point "<operation>.<name>.<change>", for a step of several changes: called
 * after each of them by what made it, @in NULL (a leaf's own test): nothing. Return: 0, or -1.
 */
MUST_USE int step_changed(const struct step *in, const char *change, struct err *err);
/** step_name - for messages. */
const char *step_name(const struct step *in);
/** steps_on_failure - register how to take back what was just done; @arg must outlive the
 * operation. */
void steps_on_failure(struct steps *steps, const char *name, step_fn fn, void *arg);
/**
 * steps_undo - run the undos, newest first, each as a step of its own. The first that fails is the
 * last: what was done before may be needed by what is still there, and a record of it must stay.
 * Return: 0 when all succeeded, else -1 and @err of the one that failed (so that the caller knows
 * something is left and must not return a final code, P6).
 */
MUST_USE int steps_undo(struct steps *steps, struct err *err);
/** steps_keep - forget the undos: the operation succeeded, or a retry is to go on from here. */
void steps_keep(struct steps *steps);
