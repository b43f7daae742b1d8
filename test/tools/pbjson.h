/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any protobuf-c message as JSON and back, by its descriptor, in the form of proto3's JSON with the
 * names of the .proto file: maps are objects, enums are names, the wrapper types are their bare
 * values, fields that have their default are left out. int64 are numbers and a Timestamp is a
 * plain message. Of the types that CSI does not use, float, double and bytes are refused.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/**
 * pbjson_read - the message of @type that @json describes; it lives in @arena. null counts as not
 * there.
 * Return: 0, or -1: INVALID_ARGUMENT naming the path of what is wrong and what is allowed,
 * RESOURCE_EXHAUSTED when the arena is full.
 */
MUST_USE int pbjson_read(const json_t *json, const ProtobufCMessageDescriptor *type,
	struct arena *arena, ProtobufCMessage **ret_message, struct err *err);

/** pbjson_print - @message as JSON, which the caller json_decref()s. Return: NULL without memory or
 * for bytes that are not UTF-8. */
json_t *pbjson_print(const ProtobufCMessage *message);
