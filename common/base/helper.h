/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that may hang in the kernel (umount, statfs, delete_controller, connect), each in a child
 * process of its own. One small process is forked at the very start, before any thread exists;
 * it forks the children, so nothing is ever exec'd for them and a child stuck in the kernel blocks
 * neither the RPC, which answers at its deadline, nor the exit of the program.
 * Thread-safe after helper_start().
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/strbuf.h"

/** Most arguments of a call, its verb included, and bytes of all of them together. */
#define HELPER_ARGS_MAX 16
#define HELPER_ARGS_SIZE 8192
/** Most bytes a verb may answer with. */
#define HELPER_OUTPUT_MAX 4096
/** How long a killed child may take to be gone, in ms, before it is given up as stuck. */
#define HELPER_REAP_MS 1000

/**
 * struct helper_verb - what a child can do. @run gets the call's arguments (argv[0] is the verb)
 * and the descriptor passed (-1 for none); it answers 0, or -1 with @err, and may leave text in
 * @out. It runs in a process of its own and should touch nothing else.
 */
struct helper_verb {
	const char *name;
	int (*run)(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
};

struct helper;

/** struct helper_stuck - a child that could not be killed; it ends when the kernel lets it. */
struct helper_stuck;

/**
 * helper_start - fork the process that forks the others. Call it from main before any thread is
 * started; @verbs must live for ever. Return: 0, or -1.
 */
MUST_USE int helper_start(
	const struct helper_verb *verbs, size_t n, struct helper **ret_helper, struct err *err);
/** helper_pidfd - becomes readable when the process has ended, which leaves no way to make calls:
 * restart the program then. Borrowed. */
int helper_pidfd(const struct helper *helper);
/** helper_gone - has it ended? False for NULL. */
bool helper_gone(const struct helper *helper);
/** helper_stop - let the process end; children that are stuck stay behind. Accepts NULL. */
void helper_stop(struct helper *helper);

/**
 * helper_call - run @argv[0] with the arguments in a child; @fd (or -1) is passed along. Its
 * answer's text comes back in @ret_out (may be NULL; the caller frees). At the deadline or on
 * cancel the child is killed; when it cannot be killed, @ret_stuck (may be NULL) tells.
 * Return: 0, or -1: the verb's own error, DEADLINE_EXCEEDED, CANCELLED, or UNAVAILABLE when the
 * child ended without an answer (the outcome is unknown then).
 */
MUST_USE int helper_call(struct helper *helper, const char *const *argv, int fd,
	const struct deadline *dl, char **ret_out, struct helper_stuck **ret_stuck,
	struct err *err);

/** struct helper_lent - what a child gets along with its arguments; 0 or less: none. */
struct helper_lent {
	int fd;	   /* as of helper_call() */
	int hold;  /* kept open by the child to its end, or until it answers: a lock on a file, say
		    */
	bool take; /* our own copy of fd is closed before the child goes on, so that it is the child
		    * whose close is the last one. When no child could be started it stays open */
};

/** helper_run - helper_call() with more to lend. */
MUST_USE int helper_run(struct helper *helper, const char *const *argv,
	const struct helper_lent *lent, const struct deadline *dl, char **ret_out,
	struct helper_stuck **ret_stuck, struct err *err);

/** A verb that every helper has: it does nothing, and so closes what was lent. */
#define HELPER_CLOSE "close"

/** helper_stuck_gone - has it ended by now? Frees @stuck when it has. Return: true when gone. */
bool helper_stuck_gone(struct helper_stuck *stuck);
/** helper_stuck_forget - leave it alone for good; frees @stuck. */
void helper_stuck_forget(struct helper_stuck *stuck);
