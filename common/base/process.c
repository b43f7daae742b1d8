/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals and core files.
 */
#include "common/base/process.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void process_prepare(sigset_t *ret_signals)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	/* The limit does not hold where core_pattern is a pipe, as with systemd-coredump. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(ret_signals);
	(void)sigaddset(ret_signals, SIGTERM);
	(void)sigaddset(ret_signals, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
}
