/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's configuration: one JSON file, read once at the start. docs/target.md has the table
 * of its keys.
 */
#pragma once

#include "common/base/err.h"
#include "common/json/json.h"
#include "common/nvmf/portal.h"
#include "target/core/agent.h"

/** Largest configuration file. */
#define CONFIG_MAX ((size_t)256 * 1024)

struct config_pool {
	struct store_options store; /* all that the file can say */
	double ratio;
};

/** struct config - all strings live as long as it does. */
struct config {
	struct js_doc *doc;
	const char *listen;    /* "addr:port", NULL: see unix_path */
	const char *unix_path; /* NULL: see listen */
	const char *tls_cert;  /* both or none */
	const char *tls_key;
	const char *token_file; /* may be NULL */
	const char *state_dir;
	const char *configfs; /* NULL: the kernel's */
	bool gate;
	int64_t pool_wait_s;
	struct portals portals;
	struct config_pool pools[AGENT_POOLS_MAX];
	unsigned n_pools;
};

/** config_load - Return: 0, or -1 INVALID_ARGUMENT naming key and line. */
MUST_USE int config_load(const char *path, struct config *ret, struct err *err);
/** config_done - accepts one that was only zeroed. */
void config_done(struct config *config);
#define _cleanup_config_ _cleanup_(config_done)
