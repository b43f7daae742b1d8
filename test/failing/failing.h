/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory, and on a disk that fails: a job is done again and again, and each time one more
 * allocation, or one more operation on files, succeeds before one fails, until the job had all that
 * it needed. A test program that CMake's nv_failing() names is linked so that these calls of our
 * code come here first.
 */
#pragma once

#include "common/base/err.h"

enum failing_what {
	FAILING_MEMORY,	   /* one allocation */
	FAILING_FILES,	   /* one operation on a file, with EIO */
	FAILING_FULL,	   /* one that takes space, and all such after it, with ENOSPC */
	FAILING_FILES_ALL, /* one operation on a file and all after it, with EIO */
};

/** struct failing_job - what is done. */
struct failing_job {
	/** Return: 0, or -1 with @err. */
	int (*run)(void *arg, struct err *err);
	/** How the world is before each run; may be NULL. Nothing fails in it. */
	void (*before)(void *arg);
	/** What must hold after a run that failed (@failed) or went well: what is on the disk is
	 * the old or the new, as a process that starts now finds it. May be NULL. */
	void (*after)(void *arg, bool failed);
	void *arg;
	/** It may do its work although something failed. */
	bool may_cope;
	/** The code that a failure has; ERR_OK: any. */
	enum err_code code;
};

/**
 * failing_each - do @job as said above. Each failure has a code and a message; after each the job
 * is done once more with nothing failing, which must go well. Return: how many runs failed, at
 * least 1.
 */
unsigned failing_each(enum failing_what which, const struct failing_job *job);

/** failing_pause - nothing fails in what follows, and failing_resume() ends that: for parts of a
 * test that stand in for others. */
void failing_pause(void);
void failing_resume(void);
