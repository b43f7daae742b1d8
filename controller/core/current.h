/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which core is in force. A request takes it once and works with it to its end, whatever comes
 * into force meanwhile.
 * Thread-safe.
 */
#pragma once

#include "controller/core/core.h"

struct current;

/** current_new - with @take_core in force, which is taken over, also on failure. Return: NULL
 * without memory. */
struct current *current_new(struct core *take_core);
/** current_free - no request may be under way; accepts NULL. */
void current_free(struct current *current);
/** current_core - the core in force, held for the caller: core_free() it. */
struct core *current_core(struct current *current);
/** current_replace - let @take_core, made by core_next() of the one in force, be in force. Calls
 * under way go on with the old one, which is let go. */
void current_replace(struct current *current, struct core *take_core);
