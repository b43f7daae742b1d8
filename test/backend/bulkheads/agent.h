/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double of nvmetcp-target that answers reads as it does, or takes every request and says
 * nothing, as one does whose machine hangs. HTTP on loopback, a thread a connection.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct agent;

/** agent_start - on a port of its own; @hangs: say nothing. Ends the program when it cannot. */
struct agent *agent_start(bool hangs);
uint16_t agent_port(const struct agent *agent);
/** agent_hang - from now on answer, or say nothing; connections that were kept waiting are closed.
 */
void agent_hang(struct agent *agent, bool hangs);
/** agent_waiting - requests that were read and not answered, now. */
unsigned agent_waiting(const struct agent *agent);
/** agent_requests - requests that were read, ever. */
unsigned agent_requests(const struct agent *agent);
/** agent_stop - close all, free. */
void agent_stop(struct agent *agent);
