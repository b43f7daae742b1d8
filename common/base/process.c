/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals and core files.
 */
#include "common/base/process.h"

#include <malloc.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/** Heaps of malloc's: threads share them. */
#define HEAPS 2
/** Blocks from this size on are mapped by themselves, and so go back when they are freed. */
#define MAPPED_MIN (128 * 1024)

void process_prepare(sigset_t *ret_signals)
{
	const struct rlimit none = {0, 0};

	/* Else each of our threads keeps a heap as large as the largest list that it ever read. No
	 * thread exists yet. */
	(void)mallopt(M_ARENA_MAX, HEAPS);	     // NOLINT(concurrency-mt-unsafe)
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_MIN); // NOLINT(concurrency-mt-unsafe)
	(void)setrlimit(RLIMIT_CORE, &none);
	/* The limit does not hold where core_pattern is a pipe, as with systemd-coredump. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(ret_signals);
	(void)sigaddset(ret_signals, SIGTERM);
	(void)sigaddset(ret_signals, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
}
