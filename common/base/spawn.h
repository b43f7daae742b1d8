/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run another program (mkfs, fsck, our own helper mode) with a deadline and a cap on its output.
 * posix_spawn with a clean signal mask and default handlers; stdin is /dev/null; no descriptor of
 * ours but those named is inherited; the environment is PATH and LANG=C only.
 * Thread-safe.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

#include <sys/types.h>

/** Most of a child's output that is kept, in bytes, unless the caller says more; the rest is read
 * and dropped. */
#define SPAWN_OUTPUT_MAX (64 * 1024)
/** Most of what a child says on stderr, where that is kept apart. */
#define SPAWN_ERRORS_MAX 4096
/** How long a killed child may take to be gone, in ms, before it is given up as stuck. */
#define SPAWN_REAP_MS 1000

struct spawn {
	const char *const *argv; /* argv[0] is looked up in PATH; NULL-terminated */
	int pass_fd;		 /* a descriptor the child gets as fd 3, or -1 (use SPAWN_NO_FD) */
	size_t output_max;	 /* 0: SPAWN_OUTPUT_MAX */
	bool apart;		 /* stderr is no part of the output, see errors below */
	/* At the deadline or on cancel it is not killed but left to go on, as stuck_pid. It may
	 * write output_max bytes; what is more fails. */
	bool goes_on;
	int hold_fd; /* open in the child to its end, as a lock on a file; 0: none */
};

#define SPAWN_NO_FD (-1)

struct spawn_result {
	int exit_code;	 /* 0..255, or 128 + signal; -1 when it never ended */
	char *output;	 /* stdout and stderr together, NUL-terminated, caller frees
			    (spawn_result_done) */
	char *errors;	 /* with apart: stderr, as output; else NULL */
	bool stuck;	 /* killed at the deadline and still not gone, or left to go on */
	pid_t stuck_pid; /* then: who; ask spawn_gone() */
};

/**
 * spawn_run - start it, wait for its end or the deadline. At the deadline or on cancel it is
 * killed, unless it is to go on; one that cannot be reaped within SPAWN_REAP_MS is left and
 * reported as stuck.
 * Return: 0 when it ended by itself (look at exit_code), -1 otherwise (NOT_FOUND program missing,
 * DEADLINE_EXCEEDED, CANCELLED); ret is always filled.
 */
MUST_USE int spawn_run(const struct spawn *what, const struct deadline *dl,
	struct spawn_result *ret, struct err *err);
/** spawn_gone - reap a stuck child if it has ended. Return: true when it is gone. */
bool spawn_gone(pid_t pid);
void spawn_result_done(struct spawn_result *result);
