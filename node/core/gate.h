/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bulkhead for each target (P7): how many operations may be at work on one at the same time, so
 * that a target known not to answer holds a few workers and never all of them. One that answered
 * last time, or was never asked, is not limited: its operations are short, and many volumes come at
 * once after a reboot. Connects and take-downs have a gate each: to connect, one portal probe finds
 * out; what is taken down may hang in the kernel. Thread-safe; never waits.
 */
#pragma once

#include "common/base/err.h"
#include "common/nvmf/portal.h"

/** Most targets that are remembered. */
#define GATE_TARGETS_MAX 256
/** Operations at once on a target that did not answer last time. */
#define GATE_BAD 4

struct gate;

/** gate_new - nothing is known yet. Return: NULL without memory. */
struct gate *gate_new(void);
/** gate_free - nobody may be inside; accepts NULL. */
void gate_free(struct gate *gate);
/**
 * gate_enter - begin to work on the target at @portal (of several portals the first one stands for
 * all). Each success is followed by gate_leave(). Return: 0, or -1 UNAVAILABLE when enough others
 * are at it.
 */
MUST_USE int gate_enter(struct gate *gate, const struct portal *portal, struct err *err);
/** gate_leave - the work has ended; @answered: the target was there. */
void gate_leave(struct gate *gate, const struct portal *portal, bool answered);
