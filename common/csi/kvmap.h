/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of strings, from protobuf's arrays of entries to key/value lists and back. Every map of CSI
 * has an entry type of its own with the same two fields; they are reached through the descriptor.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/nvmf/kv.h"

#include <protobuf-c/protobuf-c.h>

/** Most bytes of keys and values in one map (the CSI limit for a map). */
#define CSI_MAP_BYTES_MAX 4096
/** Most entries of one map, before duplicates are dropped. */
#define CSI_MAP_ENTRIES_MAX 256

/**
 * CSI_MAP - the map @field of message @msg as a kv_list; the compiler checks that the field exists.
 * Return: see csi_map_read().
 */
#define CSI_MAP(arena, msg, field, ret_list, err)                                                  \
	csi_map_read((arena), #field, (msg)->n_##field, (msg)->field, (ret_list), (err))

/**
 * csi_map_read - @n entries (a pointer to an array of pointers to generated entry structs) as a
 * list in @arena; of duplicate keys the last one wins, as protobuf says. Keys and values point into
 * the message.
 * Return: 0, or -1 INVALID_ARGUMENT naming @field when the map passes its limits,
 * RESOURCE_EXHAUSTED when the arena is full.
 */
MUST_USE int csi_map_read(struct arena *arena, const char *field, size_t n, const void *entries,
	struct kv_list *ret_list, struct err *err);

/**
 * csi_map_make - entries of type @descriptor for @list, in @arena; the strings are borrowed.
 * Return: what to store in the message's field (its count is list.n), NULL for an empty list or
 * when the arena is full (then *@ret_n is 0 and @err UNAVAILABLE: what the answer tells of is
 * done).
 */
void *csi_map_make(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
	struct kv_list list, size_t *ret_n, struct err *err);
