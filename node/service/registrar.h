/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registration with kubelet, kept up. kubelet watches its plugins_registry folder: a socket
 * that appears there is asked (registration.h) and registered, one that disappears is
 * deregistered, and at its start it takes what is there. So all that is needed is that our socket
 * is there as long as we serve, whoever cleans the folder or makes it anew meanwhile; what kubelet
 * could not register it tries again by itself, after half a second at first and two minutes at
 * last (k8s.io/kubernetes/pkg/kubelet/pluginmanager).
 * Thread-safe.
 */
#pragma once

#include "common/rpc/server.h"

struct registrar;

/** How often the socket is looked at when no event came, and least time between two that are made,
 * in ms. */
#define REGISTRAR_LOOK_MS 30000
#define REGISTRAR_RETRY_MS 300

/** struct registrar_config - all borrowed for the registrar's life. */
struct registrar_config {
	const char *driver;
	const char *endpoint;  /* the path of csi.sock as kubelet sees it */
	const char *folder;    /* kubelet's plugins_registry */
	const char *lock_path; /* see struct rpc_config */
	rpc_done_fn done;      /* told of kubelet's calls; may be NULL */
	void *done_arg;
};

/** registrar_new - nothing happens yet. Return: 0, or -1. */
MUST_USE int registrar_new(
	const struct registrar_config *config, struct registrar **ret_registrar, struct err *err);
/** registrar_start - make the socket and keep it, in a thread of its own; call it once csi.sock
 * serves. Return: 0, or -1 without memory or threads; that the socket cannot be made is tried again
 * and told by registrar_check(). */
MUST_USE int registrar_start(struct registrar *registrar, struct err *err);
/** registrar_stop - remove the socket: kubelet deregisters us. Also right when it never started.
 * Return: true; false when it did not end until @dl, then it must not be freed. */
bool registrar_stop(struct registrar *registrar, const struct deadline *dl);
/** registrar_free - after registrar_stop() returned true, or when it never started; accepts NULL.
 */
void registrar_free(struct registrar *registrar);

/** registrar_check - has kubelet registered us? Return: 0, or -1 saying why not and what to do. */
MUST_USE int registrar_check(struct registrar *registrar, struct err *err);

/** struct registrar_counts - for the metrics. */
struct registrar_counts {
	bool registered;
	uint64_t taken;	  /* times that kubelet registered us */
	uint64_t refused; /* times that it could not */
};
void registrar_read_counts(struct registrar *registrar, struct registrar_counts *ret);
