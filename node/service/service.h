/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSI's Node service: requests checked and handed to node/core, answers made of what it says.
 * Handlers run on the server's workers; the closure's data is a struct op.
 */
#pragma once

#include "node/core/core.h"
#include "proto/csi.pb-c.h"

/** Largest and default number of volumes of a node; see node_service.max_volumes. */
#define NODE_VOLUMES_MAX 4096
#define NODE_VOLUMES_DEFAULT 128

/** struct node_service - register &service with the server; it must not move. Borrowed members. */
struct node_service {
	Csi__V1__Node_Service service;
	struct core *core;
	const char *node_id;
	/*
	 * What NodeGetInfo tells the scheduler. A volume is a subsystem of its own on most
	 * backends: with two paths of one admin and four I/O queues, ten TCP connections and some 2
	 * MiB of kernel memory. The kernel connects one path at a time, in 0.1 to 0.2 s; 128
	 * volumes that come at once, as after a reboot, are staged well within kubelet's two
	 * minutes.
	 */
	int64_t max_volumes;
	struct kv_list topology; /* where this node is; empty: nothing is told of that */
};

/** node_service_init - fill @service, which tells no topology then; what it points to is borrowed
 * for its life. */
void node_service_init(
	struct node_service *service, struct core *core, const char *node_id, int64_t max_volumes);
