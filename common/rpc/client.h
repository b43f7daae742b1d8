/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC client for unary calls that waits for the answer; for tests and tools. Thread-safe: calls
 * of several threads share one connection.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"

#include <protobuf-c/protobuf-c.h>

struct rpc_client;

/** Largest answer taken. */
#define RPC_CLIENT_ANSWER_MAX ((size_t)(16 * MIB))

/**
 * rpc_client_new - a client of the server at @target, "unix:///path" or a path. It connects at the
 * first call. Return: 0, or -1 INVALID_ARGUMENT.
 */
MUST_USE int rpc_client_new(const char *target, struct rpc_client **ret_client, struct err *err);
/** rpc_client_free - after all calls returned; accepts NULL. */
void rpc_client_free(struct rpc_client *client);
/** rpc_client_wait - true: calls wait for a server that is not there yet instead of failing at
 * once. */
void rpc_client_wait(struct rpc_client *client, bool wait);

/**
 * rpc_client_call - call @method ("/csi.v1.Identity/Probe") with @request and wait for its answer,
 * a message of type @answer, which the caller frees with protobuf_c_message_free_unpacked(, NULL).
 * @dl goes to the server too; its cancel_fd cancels the call.
 * Return: 0, or -1 with the code and the message that the server sent, or DEADLINE_EXCEEDED,
 * CANCELLED, UNAVAILABLE of our own.
 */
MUST_USE int rpc_client_call(struct rpc_client *client, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *answer,
	const struct deadline *dl, ProtobufCMessage **ret_answer, struct err *err);

/** struct rpc_bytes - a message as it is on the wire; whoever gets one frees data. */
struct rpc_bytes {
	uint8_t *data;
	size_t len;
};

/** rpc_client_call_bytes - the same with the bytes given and taken as they are, well-formed or not.
 */
MUST_USE int rpc_client_call_bytes(struct rpc_client *client, const char *method,
	const struct rpc_bytes *request, const struct deadline *dl, struct rpc_bytes *ret_answer,
	struct err *err);
