/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may reach a volume: grant it to a node, and take it back behind a fence (P4).
 */
#pragma once

#include "common/nvmf/attach.h"
#include "controller/core/core.h"

struct core_publish {
	struct core_id id;
	const char *node;	   /* node id = host NQN */
	bool single_node;	   /* the access mode allows one node at a time */
	const char *mode;	   /* its name, for messages */
	bool read_only;		   /* asked of the target, which no backend enforces */
	struct kv_list attributes; /* volumeAttributes of the PersistentVolume */
};

/**
 * core_publish - grant the volume to the node.
 * Return: 0 and the publish context, or -1: NOT_FOUND (volume, or a node id that is none of this
 * instance), FAILED_PRECONDITION (single-node mode and another node has it; it is named),
 * ALREADY_EXISTS (it is published there otherwise), ABORTED, and what the backend says.
 */
MUST_USE int core_publish(struct core *core, struct op *op, const struct core_publish *publish,
	struct attach_text *ret, struct err *err);
/**
 * core_unpublish - revoke it, and say so only when that node can no longer write. @node "" or NULL:
 * from all nodes. A volume or node that is not there is fine.
 */
MUST_USE int core_unpublish(struct core *core, struct op *op, const struct core_id *id,
	const char *node, struct err *err);
