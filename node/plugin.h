/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node plugin put together: from flags to a server that serves, and back.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/helper.h"
#include "node/flags.h"

struct plugin;

/** How long another plugin (the old one of a rolling update) may keep the state folder. */
#define PLUGIN_LOCK_MS 60000
/** How long calls under way may take when the plugin stops, and everything together. */
#define PLUGIN_GRACE_MS 20000
#define PLUGIN_STOP_MS 25000

/** plugin_helper - start the process that runs what may hang; before any thread. Return: 0, or -1.
 */
MUST_USE int plugin_helper(struct helper **ret_helper, struct err *err);

/**
 * plugin_start - take the state folder, look at what is there, serve. SIGTERM must be blocked.
 * @stop_fd becomes readable when the start is to be given up. @flags, @helper and @stop_fd are
 * borrowed until plugin_stop(). Return: 0, or -1 (CANCELLED when it was given up).
 */
MUST_USE int plugin_start(const struct node_flags *flags, struct helper *helper, int stop_fd,
	struct plugin **ret_plugin, struct err *err);
/**
 * plugin_stop - finish the calls under way, end the threads, free. Volumes stay as they are.
 * Return: true; false when something did not end: then nothing may be freed, call _exit().
 */
bool plugin_stop(struct plugin *plugin);
