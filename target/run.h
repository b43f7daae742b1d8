/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a process: built from its configuration, served, looked after, ended.
 */
#pragma once

#include "target/config.h"

/**
 * run_agent - run until SIGTERM or SIGINT, which the caller has blocked in all threads. Exports
 * stay when it ends. Return: 0, or -1 with what kept it from starting (or from ending whole).
 */
MUST_USE int run_agent(const struct config *config, struct err *err);

/** run_init_pool - make @path a pool named @name, of files or for the volumes in @thin_pool
 * ("vg/pool", NULL: of files), and print its identity on stdout. */
MUST_USE int run_init_pool(
	const char *path, const char *name, const char *thin_pool, struct err *err);

/** run_notify - tell the service manager, if there is one, e.g. "READY=1". */
void run_notify(const char *state);
