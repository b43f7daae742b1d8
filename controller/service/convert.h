/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the core's values and CSI's messages. Everything made here lives in the request's arena.
 */
#pragma once

#include "common/base/op.h"
#include "common/csi/access.h"
#include "common/csi/ids.h"
#include "controller/core/snapshot.h"
#include "controller/core/volume.h"
#include "proto/csi.pb-c.h"

/** Most segments of one request: one for each node of the largest cluster. */
#define CONVERT_SEGMENTS_MAX 8192

/** struct wanted_access - what a list of capabilities asks for, taken together. */
struct wanted_access {
	bool block;
	bool mount;
	const char *fs_type; /* "" : no capability names one */
};

/**
 * convert_text - a writable copy of @text, as the generated structs want it. Return: NULL with
 * op->err set when the arena is full.
 */
char *convert_text(struct op *op, const char *text);
/** convert_id - "<backend>/<object>" of @id. Return: NULL with op->err set. */
char *convert_id(struct op *op, const struct core_id *id);
/** convert_core_id - borrow a parsed id. */
struct core_id convert_core_id(const struct csi_id *id);
/** convert_segment - borrow the keys and values of a topology, none for NULL. Return: 0, or -1 with
 * op->err set. */
MUST_USE int convert_segment(
	struct op *op, const char *field, const Csi__V1__Topology *topology, struct kv_list *ret);
/** convert_requisite - the segments that a request asks for, none for NULL. Return: 0, or -1 with
 * op->err set. */
MUST_USE int convert_requisite(
	struct op *op, const Csi__V1__TopologyRequirement *requirement, struct topology *ret);
/** convert_volume - fill an initialised message. Return: 0, or -1 with op->err set. */
MUST_USE int convert_volume(struct op *op, const struct core_volume *volume, Csi__V1__Volume *ret);
/** convert_snapshot - a message for @snapshot. Return: NULL with op->err set. */
Csi__V1__Snapshot *convert_snapshot(struct op *op, const struct core_snapshot *snapshot);
/** convert_nodes - the array for published_node_ids, NULL for none or with op->err set. */
char **convert_nodes(struct op *op, const struct core_volume *volume, size_t *ret_n);
/**
 * convert_capabilities - check a list (at least one) and sum it up.
 * Return: 0, or -1 with op->err INVALID_ARGUMENT naming the element. *ret_malformed (may be NULL)
 * tells a broken list from one that asks for what this driver cannot do.
 */
MUST_USE int convert_capabilities(struct op *op, size_t n,
	Csi__V1__VolumeCapability *const *capabilities, struct wanted_access *ret,
	bool *ret_malformed);
