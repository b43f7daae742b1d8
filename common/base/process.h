/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every plugin sets for itself as a process before it does anything.
 */
#pragma once

#include <signal.h>

/**
 * process_prepare - block SIGTERM and SIGINT, for main() to wait for, and ignore SIGPIPE; see to it
 * that nothing of our memory gets into a core file or to another process of the same user, as it
 * holds tokens and keys; keep the memory small that threads hold on to. Call it before any thread
 * or child is started: they inherit it, programs that are executed but for the last part.
 */
void process_prepare(sigset_t *ret_signals);
