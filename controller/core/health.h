/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backends work? Each is asked now and then, whether there are calls or not, so that a wrong
 * URL or token is told at the start and not when the first volume is made.
 * Thread-safe.
 */
#pragma once

#include "controller/core/core.h"

/** How often each backend is asked, and how long it may take, in ms. */
#define CORE_WATCH_MS 30000
#define CORE_WATCH_CALL_MS 5000

/** struct core_health - of one backend. */
struct core_health {
	bool known; /* it was asked at least once */
	bool up;
	struct err why;		   /* why it does not work */
	unsigned busy;		   /* calls at work on it now */
	struct breaker_state link; /* all zero where the backend cannot tell */
};

/** Told when a backend is found working or not, at first and at each change; @why is NULL when it
 * works. On any thread, for one backend after the other. */
typedef void (*core_watch_told)(void *arg, const char *backend, const struct err *why);

/** struct core_watch - who is told of the backends, and how often they are asked. */
struct core_watch {
	core_watch_told told;
	void *arg;
	int64_t every_ms; /* 0: CORE_WATCH_MS */
};

/** core_watch_start - ask all backends from now on, at once, in a thread of its own, which
 * core_free() ends. Return: 0, or -1 RESOURCE_EXHAUSTED. */
MUST_USE int core_watch_start(struct core *core, const struct core_watch *watch, struct err *err);
/** core_watch_end - ask no more; right also when nobody did. */
void core_watch_end(struct core *core);

/** core_backend_health - of backend @i. Return: its name, borrowed from the core. */
const char *core_backend_health(struct core *core, size_t i, struct core_health *ret);
