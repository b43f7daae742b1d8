/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server on Unix sockets for services that protobuf-c generated. It takes the bytes of a
 * request, checks and unpacks them, hands them to a worker of the method's lane and sends back what
 * the handler says. Unary methods only.
 *
 * A handler is a slot of the generated service struct and runs on a worker thread. Its closure_data
 * is a `struct op *` (common/base/op.h): allocate from op->arena, keep to op->deadline, whose
 * cancel_fd becomes readable when the client gave up. It calls its closure exactly once, before it
 * returns: with the answer (which may stand on its stack and in the arena: it is packed at once),
 * or with NULL after filling op->err.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/op.h"

#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

/** Largest request, and what all memory of one request may be. */
#define RPC_REQUEST_MAX ((size_t)(1 * MIB))
#define RPC_ARENA_MAX ((size_t)(16 * MIB))
/** Largest answer: what grpc-go clients take. */
#define RPC_ANSWER_MAX ((size_t)(4 * MIB))
/** Most calls at once, those that wait included; more are answered UNAVAILABLE. */
#define RPC_CALLS_MAX 1024
/** How long the message of a call that has begun may take to arrive. */
#define RPC_RECEIVE_MS 10000
/** Most lanes, services and sockets of one server. */
#define RPC_LANES_MAX 40
#define RPC_SERVICES_MAX 16
#define RPC_SOCKETS_MAX 4
/** Longest path of a Unix socket that Linux takes, without its NUL. */
#define RPC_PATH_MAX 107
/** The method in struct rpc_done of a call whose method no service has. */
#define RPC_METHOD_UNKNOWN "unknown"

struct rpc_server;

/**
 * struct rpc_lane - workers of their own with a queue of their own, so that what is slow delays
 * only its like. A call that finds the queue full is answered UNAVAILABLE at once, with @name
 * ("backend fast") and how many are at work.
 */
struct rpc_lane {
	const char *_Atomic name; /* may be changed while it serves; the old text must stay */
	unsigned workers;
	size_t queue;
};

/** struct rpc_route - the lane of one method ("Probe", without the service). */
struct rpc_route {
	const char *method;
	const char *lane;
};

/**
 * struct rpc_service - one generated service. Slots that are NULL are answered UNIMPLEMENTED.
 * Methods that no route names go to @lane.
 */
struct rpc_service {
	ProtobufCService *service;
	const char *lane;
	const struct rpc_route *routes;
	size_t n_routes;
};

/** struct rpc_socket - where to listen. @path is absolute; @gid is (gid_t)-1 for the process's own.
 */
struct rpc_socket {
	const char *path;
	mode_t mode;
	gid_t gid;
};

/**
 * struct rpc_done - how a call went, for the log and the metrics. All pointers are borrowed for the
 * callback. @request is NULL when it never got as far as being unpacked; it may hold secrets, so
 * only a redacting printer may see it.
 */
struct rpc_done {
	const char *method; /* "/csi.v1.Node/NodeStageVolume", or RPC_METHOD_UNKNOWN */
	uint64_t id;	    /* op->id of the call */
	enum err_code code;
	const char *message; /* "" when it went well */
	double seconds;	     /* since the call arrived, time in the queue included */
	bool cancelled;	     /* the client was gone or its deadline over: it saw another code */
	const ProtobufCMessage *request;
};

/** Called once for each call, just before its answer is sent, on any thread. It must not wait. */
typedef void (*rpc_done_fn)(void *arg, const struct rpc_done *done);

/** What an rpc_pick_fn says of a call that stays where it is. */
#define RPC_LANE_SAME SIZE_MAX

/**
 * Which lane a call goes to, now that its request is known: an index in the config's lanes, or
 * RPC_LANE_SAME. On a worker of the method's own lane; it must not wait.
 */
typedef size_t (*rpc_pick_fn)(void *arg, const char *method, const ProtobufCMessage *request);

/** struct rpc_config - everything is borrowed until rpc_server_free(). */
struct rpc_config {
	const struct rpc_socket *sockets;
	size_t n_sockets;
	/*
	 * A file that is locked as long as the server lives, so that of two processes with the same
	 * sockets one serves and the other neither steals nor removes them. It stays when we end.
	 */
	const char *lock_path;
	const struct rpc_lane *lanes;
	size_t n_lanes;
	const struct rpc_service *services;
	size_t n_services;
	int64_t call_max_ms; /* no call has a later deadline than this, whatever the client says */
	size_t request_max;  /* 0: RPC_REQUEST_MAX */
	size_t arena_max;    /* 0: RPC_ARENA_MAX */
	size_t calls_max;    /* 0: RPC_CALLS_MAX */
	int64_t receive_ms;  /* 0: RPC_RECEIVE_MS */
	rpc_done_fn done;    /* may be NULL */
	void *done_arg;
	rpc_pick_fn pick; /* NULL: calls are handled in their method's lane */
	void *pick_arg;
};

/**
 * rpc_server_new - check @config and start gRPC's threads and the workers. Nothing listens yet.
 * Signals are blocked in every thread that it starts; block SIGTERM in the caller's own threads
 * before, to sigwait() for it.
 * Return: 0, or -1 with INVALID_ARGUMENT naming what is wrong in @config, RESOURCE_EXHAUSTED
 * without memory or threads.
 */
MUST_USE int rpc_server_new(
	const struct rpc_config *config, struct rpc_server **ret_server, struct err *err);

/**
 * rpc_server_start - take the lock, make the sockets and serve. Stale sockets are replaced. The
 * umask of the process is changed for a moment: call it before other threads create files.
 * @lock_wait says how long another process may still hold the lock.
 * Return: 0, or -1: UNAVAILABLE when another process holds the lock or answers on the socket, else
 * what the system said. After a failure only rpc_server_free() is allowed.
 */
MUST_USE int rpc_server_start(
	struct rpc_server *server, const struct deadline *lock_wait, struct err *err);

/**
 * rpc_server_stop - listen no more and end all calls: those under way get @grace_ms to finish, then
 * they are cancelled, and @dl is the end of waiting. Also right for a server that never started.
 * Return: 0 when nothing runs any more, or -1 DEADLINE_EXCEEDED when a handler did not heed its
 * cancel_fd. In that case the server must not be freed: end the process with _exit().
 */
MUST_USE int rpc_server_stop(
	struct rpc_server *server, int64_t grace_ms, const struct deadline *dl, struct err *err);

/**
 * rpc_server_free - after rpc_server_stop() returned 0, or when rpc_server_start() failed; accepts
 * NULL. The sockets are removed first and the lock is released last.
 */
void rpc_server_free(struct rpc_server *server);

/** rpc_server_calls - calls under way at this moment, those that wait included. Thread-safe. */
size_t rpc_server_calls(const struct rpc_server *server);
