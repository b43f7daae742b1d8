/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's configuration: one JSON file, read at the start and when it changes. Everything
 * in it is checked before anything is done; what is wrong is named with its key and line.
 *
 *   {"instance": "prod", "driverName": "nvmetcp.csi.dev",
 *    "backends": [{"name": "fast", "type": "linux", "url": "https://10.0.0.5:4480",
 *                  "caFile": "/etc/nvmetcp/ca.pem", "tokenFile": "/etc/nvmetcp/token",
 *                  "pool": "ssd", "aliases": ["old-name"], "topology": [{"zone": "a"}]}]}
 */
#pragma once

#include "common/json/json.h"
#include "controller/backend/backend.h"
#include "controller/core/core.h"

/** Largest configuration file, most aliases of one backend, longest value, most keys of a type. */
#define CONFIG_FILE_MAX (256 * 1024)
#define CONFIG_ALIASES_MAX 8
#define CONFIG_VALUE_MAX 1024
#define CONFIG_EXTRA_MAX 16
/** Memory for what is made of the file's texts. */
#define CONFIG_MADE_MAX (8 * MIB)

/** struct config_backend - one entry; strings live as long as the config. */
struct config_backend {
	struct js_at at; /* where it stands, for errors */
	const struct backend_type *type;
	struct be_config be;
	struct kv extra[CONFIG_EXTRA_MAX];
	const char *aliases[CONFIG_ALIASES_MAX];
	size_t n_aliases;
	struct kv_list segments[CORE_SEGMENTS_MAX];
	size_t n_segments;
};

struct config {
	struct js_doc *doc;  /* owned; strings point into it, or into the arena */
	struct arena *arena; /* owned */
	char *text;	     /* owned: the whole file */
	const char *instance;
	const char *driver_name;	 /* points into it, too, or is what the caller gave */
	struct config_backend *backends; /* owned */
	size_t n_backends;
};

/**
 * config_read - read and check @path. @driver is the driver's name, where it was given otherwise;
 * "" or NULL: the file says it, or it is the common one. Return: 0 and a config for config_done(),
 * or -1: INVALID_ARGUMENT naming file, key and line; NOT_FOUND, PERMISSION_DENIED.
 */
MUST_USE int config_read(const char *path, const char *driver, struct config *ret, struct err *err);
/** config_parse - the same of @text, which was read from @path. */
MUST_USE int config_parse(const char *path, const char *text, size_t len, const char *driver,
	struct config *ret, struct err *err);
/** config_done - free what it holds; accepts one that was only zeroed. */
void config_done(struct config *config);
#define _cleanup_config_ _cleanup_(config_done)

/** struct config_change - what a new configuration changed. */
struct config_change {
	size_t kept; /* backends that go on as they are */
	size_t opened;
};

/**
 * config_follow - the core of @config, which is to follow @core that was made of @before. A backend
 * whose entry is the same goes on; calls under way are not disturbed, and nothing is in force yet.
 * Return: 0 and *ret_core for current_replace(), or -1: what cannot be changed in a running
 * controller, or as config_open().
 */
MUST_USE int config_follow(const struct config *config, const struct config *before,
	const struct core *core, struct core **ret_core, struct config_change *ret,
	struct err *err);

/**
 * config_open - open all backends, which connects nothing yet.
 * Return: 0 and *ret_core for core_free(), or -1 with the key and line of what a backend refuses.
 */
MUST_USE int config_open(const struct config *config, struct core **ret_core, struct err *err);
