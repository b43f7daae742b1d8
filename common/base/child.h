/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that may hang in the kernel (connect, delete_controller, open of a disk, fsync, umount)
 * run in a forked copy of this process, so that the caller answers at its deadline and a task in D
 * state holds neither a worker nor this process's end. No program is executed.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

#include <sys/types.h>

/** Most bytes of an answer. */
#define CHILD_REPLY_MAX 4096
/** Most descriptors that a child keeps. */
#define CHILD_FDS_MAX 8
/** How long a killed child may take to be gone, in ms, before it is given up as stuck. */
#define CHILD_REAP_MS 200

/**
 * child_fn - runs in the child. It may use memory and system calls, but takes no lock of ours and
 * writes no log; what it changes in memory is lost. It leaves its answer in @reply (zeroed,
 * reply_size bytes of plain data) and may leave a descriptor for the parent in @ret_fd.
 * Return: 0, or -1 with @err; both reach the parent.
 */
typedef int (*child_fn)(void *arg, void *reply, int *ret_fd, struct err *err);

struct child_call {
	const char *what; /* names the work in errors: "connect to 10.0.0.5:4420" */
	child_fn fn;
	void *arg;		     /* the child sees a copy of everything that the parent sees */
	int keep_fds[CHILD_FDS_MAX]; /* descriptors that fn uses; all others but 0-2 are closed */
	unsigned n_keep;
	size_t reply_size; /* at most CHILD_REPLY_MAX */
};

/**
 * child_run - fork, run, wait for the answer or the deadline. A child that is still at work then
 * is killed; one in the kernel that cannot be reaped within CHILD_REAP_MS is left, and its pid
 * given in @ret_stuck: what it works on must stay locked until spawn_gone(pid) says so.
 * The child is killed as well when the thread that called ends.
 *
 * @reply: call->reply_size bytes, filled whenever an answer came; NULL when reply_size is 0.
 * @ret_fd: a descriptor that fn left, close-on-exec, -1 when none; may be NULL.
 * @ret_stuck: 0 unless stuck.
 * Return: what fn returned, or -1 with DEADLINE_EXCEEDED, CANCELLED, or RESOURCE_EXHAUSTED (no
 * process could be made). Thread-safe.
 */
MUST_USE int child_run(const struct child_call *call, const struct deadline *dl, void *reply,
	int *ret_fd, pid_t *ret_stuck, struct err *err);
