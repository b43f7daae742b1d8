/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Identity service, the same in the controller and in the node plugin of one version. It asks
 * no backend and takes no lock, so it answers whatever else is stuck.
 */
#pragma once

#include "common/base/err.h"
#include "proto/csi.pb-c.h"

/** Longest plugin name (CSI). */
#define CSI_PLUGIN_NAME_MAX 63
#define CSI_PLUGIN_NAME_DEFAULT "nvmetcp.csi.dev"

/**
 * How far the plugin is. Called from any lane's thread, must not wait.
 * Return: 0 and *ret_ready (false while starting), or -1 FAILED_PRECONDITION when it is broken for
 * good: sidecars then exit and kubelet restarts the pod.
 */
typedef int (*csi_ready_fn)(void *arg, bool *ret_ready, struct err *err);

/** struct csi_identity - the service and what it tells; all strings are borrowed for its life. */
struct csi_identity {
	Csi__V1__Identity_Service service;
	const char *name;
	const char *version;
	csi_ready_fn ready; /* NULL: always ready */
	void *ready_arg;
	_Atomic bool topology; /* not every volume is reached from every node; false after init */
};

/** csi_identity_init - fill @identity; register &identity->service with the server. It must not
 * move afterwards. */
void csi_identity_init(struct csi_identity *identity, const char *name, const char *version,
	csi_ready_fn ready, void *ready_arg);

/**
 * csi_plugin_name_check - 1 to 63 bytes of [a-zA-Z0-9.-], alphanumeric at both ends and around
 * each '.'. Return: 0, or -1 INVALID_ARGUMENT naming @field.
 */
MUST_USE int csi_plugin_name_check(const char *field, const char *text, struct err *err);
