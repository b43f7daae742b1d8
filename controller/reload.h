/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of a running controller: a thread looks at it and takes over what changed.
 * A file that is wrong changes nothing, and is tried again as long as it is there: what it names,
 * as a token's file, may come later.
 */
#pragma once

#include "controller/config.h"
#include "controller/core/current.h"
#include "controller/core/health.h"

/** How often the file is looked at, in ms: kubelet takes a minute to bring a changed Secret. */
#define RELOAD_EVERY_MS 5000

struct reload;

/** struct reload_config - borrowed for its life, but for the configuration, which is taken over. */
struct reload_config {
	const char *path;
	const char *driver; /* as for config_read() */
	struct current *current;
	struct core_watch watch; /* who is told of the backends; it is started with each core */
	/** Told of each attempt that is news: @why is NULL when @change is in force. */
	void (*told)(void *arg, const struct config_change *change, const struct err *why);
	/** Told of the name of a backend that is there no more. */
	void (*gone)(void *arg, const char *backend);
	void *arg;
	int64_t every_ms; /* 0: RELOAD_EVERY_MS */
};

/**
 * reload_start - watch the backends of the core in force, and the file that it was made of,
 * @take_config, from now on. It is taken over, also on failure.
 * Return: 0 and a reload for reload_stop(), or -1 RESOURCE_EXHAUSTED.
 */
MUST_USE int reload_start(const struct reload_config *config, struct config *take_config,
	struct reload **ret_reload, struct err *err);
/** reload_stop - look no more, at file and backends, and free it; accepts NULL. */
void reload_stop(struct reload *reload);
