/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where this node is: its segment of the topology, from the command line and from a file that says
 * it of many nodes. The plugin has no right to ask Kubernetes.
 *
 *   # pattern of node names, segment
 *   rack1-*   zone=a
 *   *-gpu     fabric=blue,pod=2
 *
 * All lines that fit the node's name count.
 */
#pragma once

#include "common/csi/topology.h"
#include "node/flags.h"

/** Largest file: what fits in a ConfigMap. */
#define TOPOLOGY_FILE_MAX ((size_t)1024 * 1024)
/** Memory for one node's segment, with that for reading it. */
#define TOPOLOGY_ARENA_MAX ((size_t)64 * 1024)

/**
 * topology_read - the segment of @flags' node into @ret, whose arena is set; none when the flags
 * say nothing of it.
 * Return: 0, or -1: INVALID_ARGUMENT naming flag, or file and line; NOT_FOUND.
 */
MUST_USE int topology_read(
	const struct node_flags *flags, struct csi_segment *ret, struct err *err);
/** topology_is_on - do @flags say that there are segments? */
bool topology_is_on(const struct node_flags *flags);
