/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which method there is, whether anything is behind it and which lane it runs in: one sorted table
 * made from the service descriptors at start, read-only afterwards.
 */
#pragma once

#include "common/rpc/server.h"

struct rpc_method {
	char *path; /* "/csi.v1.Identity/Probe" */
	ProtobufCService *service;
	unsigned index; /* in its service */
	size_t lane;	/* index in the config */
	bool there;	/* a handler is in the slot */
};

struct rpc_routes {
	struct rpc_method *methods; /* sorted by path */
	size_t n;
};

/**
 * rpc_routes_make - the table for @config's services and lanes; rpc_routes_done() frees it.
 * Return: 0, or -1 INVALID_ARGUMENT naming the service, method or lane that is wrong.
 */
MUST_USE int rpc_routes_make(
	const struct rpc_config *config, struct rpc_routes *ret_routes, struct err *err);
void rpc_routes_done(struct rpc_routes *routes);
/** rpc_routes_find - the method at @path (@n bytes, no NUL needed), NULL when there is none. */
const struct rpc_method *rpc_routes_find(
	const struct rpc_routes *routes, const void *path, size_t n);
