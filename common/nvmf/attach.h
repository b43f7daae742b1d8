/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_context, version 1: all that a node needs to reach a volume. Written by the controller,
 * read by the node, which may be of another version: unknown keys are ignored, a key never changes
 * its meaning. Frozen at attach time, at most 4 KiB, no secrets.
 */
#pragma once

#include "common/base/err.h"
#include "common/nvmf/kv.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/nsident.h"
#include "common/nvmf/portal.h"

struct attach_info {
	char nqn[NQN_SIZE]; /* of the subsystem */
	bool shared;	    /* other volumes may be in this subsystem */
	struct ns_ident ident;
	int64_t min_size; /* bytes, a lower bound: the volume may have grown since */
	struct portals portals;
	char discovery[PORTAL_TEXT_SIZE]; /* "" when there is none */
	bool written;  /* restored, cloned or allocated: never format (P1); false proves nothing */
	char auth[16]; /* "none" */
	char tls[16];  /* "none" */
};

/** Keys that attach_print() may give. */
#define ATTACH_KEYS_MAX 16

/** struct attach_text - the printed form: items point into data. */
struct attach_text {
	struct kv items[ATTACH_KEYS_MAX];
	size_t n;
	char data[4096];
};

/** attach_print - the context of @info. Return: 0, or -1 INTERNAL when it would pass 4 KiB or @info
 * has no identity or portal. */
MUST_USE int attach_print(const struct attach_info *info, struct attach_text *ret, struct err *err);
/** attach_parse - read a context; unknown keys are ignored. Return: 0, or -1 INVALID_ARGUMENT
 * naming "publish_context.<key>". */
MUST_USE int attach_parse(struct kv_list context, struct attach_info *ret, struct err *err);
/** attach_parse_attributes - read what a person wrote into a PersistentVolume's volumeAttributes
 * (CSI: volume_context): the keys of a context from "nqn" to "tls", of which nqn, portals and one
 * of nguid, uuid and eui64 are needed; others are ignored. Return: 0, or -1 INVALID_ARGUMENT naming
 * "volume_context.<key>". */
MUST_USE int attach_parse_attributes(
	struct kv_list attributes, struct attach_info *ret, struct err *err);
