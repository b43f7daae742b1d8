/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a mounted filesystem, which may hang with its device. One that hangs holds the
 * questions to this volume and nothing else of it, also over a restart of the plugin: no second
 * child is sent after the first. Used inside node/core only; any thread.
 */
#pragma once

#include "node/core/work.h"

/** struct question - what is asked: @ask is called with @arg at most once. */
struct question {
	const char *volume;
	const char *rpc;  /* "NodeGetVolumeStats" */
	const char *what; /* for messages: "statfs" */
	int (*ask)(struct core *core, struct guard *guard, void *arg, struct err *err);
	void *arg;
};

/** question_ask - Return: what @ask says, or -1 ABORTED when an earlier question still hangs. */
MUST_USE int question_ask(
	struct core *core, const struct question *question, struct guard *guard, struct err *err);
/** question_hangs - does one to @volume hang now? Return: true and who does. */
bool question_hangs(struct core *core, const char *volume, struct busy_one *ret);
