/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running controller: configuration, core, services and servers, started in the order of need
 * and stopped in the reverse one.
 */
#pragma once

#include "controller/flags.h"

/** How long another controller may still hold the socket when we start, in ms. */
#define PLUGIN_LOCK_MS 20000
/** How long calls under way may go on after SIGTERM, and when waiting ends, in ms. */
#define PLUGIN_GRACE_MS 20000
#define PLUGIN_STOP_MS 25000
/** No call takes longer, whatever the caller says, in ms. */
#define PLUGIN_CALL_MAX_MS (5 * 60 * 1000)

struct plugin;

/**
 * plugin_start - read the configuration and serve. Signals must be blocked already.
 * Return: 0 and a plugin for plugin_stop(), or -1; *ret_exit is the exit code for that.
 */
MUST_USE int plugin_start(const struct controller_flags *flags, struct plugin **ret_plugin,
	enum controller_exit *ret_exit, struct err *err);
/** plugin_stop - answer what is under way and free everything. Return: false when a call is stuck:
 * end the process with _exit(). */
bool plugin_stop(struct plugin *plugin);
