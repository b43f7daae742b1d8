/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What protobuf-c does not look at before it unpacks: strings with NUL inside (they would be cut
 * there, so two names become one), bad UTF-8, millions of elements, deep nesting, wrong types, a
 * message given twice.
 * Walks the bytes by the message's descriptor; allocates nothing.
 */
#pragma once

#include "common/base/err.h"

#include <protobuf-c/protobuf-c.h>

/** Deepest nesting of messages, the outermost being 1. */
#define RPC_WIRE_DEPTH_MAX 16
/** Most fields and elements in one request, those of nested messages included. */
#define RPC_WIRE_ELEMENTS_MAX 65536

/**
 * rpc_wire_check - may these bytes be unpacked as @type? @elements_max is the most fields and
 * elements of repeated fields, RPC_WIRE_ELEMENTS_MAX for a request.
 * Return: 0, or -1 INVALID_ARGUMENT with a message that starts with the field's path
 * ("volume_capabilities[3].mount.fs_type: ...").
 */
MUST_USE int rpc_wire_check(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t n,
	size_t elements_max, struct err *err);
