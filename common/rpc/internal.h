/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server and one call in it, as server.c and call.c share them.
 *
 * Threads: the poller turns events of the completion queue into changes of state, workers run
 * handlers. A call passes from the poller to one worker and is answered exactly once, by whoever
 * has it then; it is freed when both its last events came out of the queue.
 */
#pragma once

#include "common/base/pool.h"
#include "common/rpc/core.h"
#include "common/rpc/routes.h"
#include "common/rpc/server.h"

#include <pthread.h>
#include <stdatomic.h>

enum rpc_event_kind { RPC_EVENT_ARRIVED, RPC_EVENT_MESSAGE, RPC_EVENT_CLOSED, RPC_EVENT_SENT };

/* What gRPC carries as a tag. */
struct rpc_event {
	struct rpc_call *call;
	enum rpc_event_kind kind;
};

struct rpc_call {
	struct rpc_server *server;
	struct rpc_event arrived;
	struct rpc_event message;
	struct rpc_event closed;
	struct rpc_event sent;
	atomic_uint refs; /* one for `closed`, one for the answer until `sent` */

	grpc_call *grpc;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload;
	int closed_early; /* written by gRPC before `closed` comes */

	const struct rpc_method *method; /* NULL: unknown */
	struct op op;			 /* what the handler gets */
	ProtobufCMessage *request;	 /* in the arena, NULL until it is unpacked */
	grpc_byte_buffer *answer;
	bool handled; /* the handler called its closure */
	struct timespec began;

	pthread_mutex_t lock; /* for the two below */
	bool gone;	      /* cancelled, or the client's deadline is over */
	int cancel_fd;	      /* -1 but while the handler runs */

	/* Calls whose message has not come, oldest first; the poller's own. */
	struct rpc_call *older;
	struct rpc_call *newer;
	bool receiving;
	int64_t receive_until_ms;
};

struct rpc_server {
	struct rpc_config config; /* with the defaults filled in */
	struct rpc_routes routes;
	struct pool *lanes[RPC_LANES_MAX];
	grpc_server *grpc;
	grpc_completion_queue *queue;
	pthread_t poller;
	bool polling;  /* the poller was started */
	bool finished; /* stop has come to its end */
	int lock_fd;
	atomic_uint_least64_t next_id;
	atomic_bool cancelling; /* calls that wait are not begun any more */

	/* The poller's own. */
	struct rpc_call *oldest;
	struct rpc_call *newest;

	pthread_mutex_t lock; /* for the rest */
	pthread_cond_t changed;
	size_t calls;	   /* arrived and not freed */
	size_t armed;	   /* given to gRPC for calls to come */
	bool stopping;	   /* arm no more */
	bool grpc_is_down; /* gRPC's own shutdown is complete */
};

/** rpc_call_arm - give gRPC a call object for the next call that comes. Return: false without
 * memory or when stopping. */
bool rpc_call_arm(struct rpc_server *server);
/** rpc_call_event - the poller's: @event came out of the queue, @ok as gRPC says. */
void rpc_call_event(struct rpc_event *event, bool ok);
/** rpc_call_expire - the poller's: end calls whose message does not come. Return: ms until the
 * next, -1 for none. */
int64_t rpc_call_expire(struct rpc_server *server);
