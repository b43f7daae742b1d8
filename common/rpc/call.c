/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call from its arrival to its end: found, received, checked, unpacked, handled, answered.
 */
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/rpc/internal.h"
#include "common/rpc/wirecheck.h"

#include <sys/eventfd.h>
#include <time.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/status.h>

static void call_free(struct rpc_call *call)
{
	if (call->payload) {
		rpc_bytes_wipe(call->payload);
	}
	grpc_byte_buffer_destroy(call->payload);
	grpc_byte_buffer_destroy(call->answer);
	grpc_metadata_array_destroy(&call->metadata);
	grpc_call_details_destroy(&call->details);
	if (call->grpc) {
		grpc_call_unref(call->grpc);
	}
	(void)pthread_mutex_destroy(&call->lock);
	free(call);
}

static void call_unref(struct rpc_call *call)
{
	struct rpc_server *server = call->server;

	if (atomic_fetch_sub(&call->refs, 1) > 1) {
		return;
	}
	call_free(call);
	(void)pthread_mutex_lock(&server->lock);
	server->calls--;
	(void)pthread_cond_broadcast(&server->changed);
	(void)pthread_mutex_unlock(&server->lock);
}

/* Return: false when gRPC refuses the batch; @tag does not come out of the queue then. */
static bool start(struct rpc_call *call, const grpc_op *ops, size_t n, struct rpc_event *tag)
{
	grpc_call *grpc = call->grpc; /* the call may be gone as soon as the tag is given */
	grpc_call_error failed;

	RPC_TAG_GIVEN(tag);
	failed = grpc_call_start_batch(grpc, ops, n, tag, NULL);
	if (failed != GRPC_CALL_OK) {
		LOG_ERROR("gRPC refused a batch", LOG_STR("rpc", call->op.method),
			LOG_STR("reason", grpc_call_error_to_string(failed)));
	}
	return failed == GRPC_CALL_OK;
}

static void tell_done(struct rpc_call *call, enum err_code code, const char *message)
{
	const struct rpc_config *config = &call->server->config;
	struct rpc_done done = {
		.method = call->op.method,
		.id = call->op.id,
		.code = code,
		.message = message,
		.request = call->request,
	};
	struct timespec now;

	if (!config->done) {
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	done.seconds = (double)(now.tv_sec - call->began.tv_sec) +
		       (double)(now.tv_nsec - call->began.tv_nsec) / 1e9;
	(void)pthread_mutex_lock(&call->lock);
	done.cancelled = call->gone;
	(void)pthread_mutex_unlock(&call->lock);
	config->done(config->done_arg, &done);
}

/*
 * Send the answer, or the status alone when there is none. Exactly once for each call, and the call
 * may be gone when it returns.
 */
static void answer(struct rpc_call *call, const struct err *failure)
{
	const char *message = failure ? failure->msg : "";
	enum err_code code = failure ? failure->code : ERR_OK;
	grpc_slice details =
		grpc_slice_from_copied_buffer(message, strnlen(message, ERR_MSG_MAX - 1));
	grpc_op ops[3];
	size_t n = 0;

	memset(ops, 0, sizeof(ops));
	ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
	if (!failure) {
		ops[n].op = GRPC_OP_SEND_MESSAGE;
		ops[n++].data.send_message.send_message = call->answer;
	}
	ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	ops[n].data.send_status_from_server.status = (grpc_status_code)code;
	ops[n++].data.send_status_from_server.status_details = &details;
	tell_done(call, code, message);
	if (!start(call, ops, n, &call->sent)) {
		call_unref(call);
	}
	grpc_slice_unref(details);
}

static void refuse(struct rpc_call *call, enum err_code code, const char *message)
{
	struct err err = {0};

	(void)err_set(&err, code, "%s", message);
	answer(call, &err);
}

/* ---- in a worker ---- */

struct limited {
	struct arena *arena;
	bool exhausted;
};

static void *limited_alloc(void *data, size_t size)
{
	struct limited *limited = data;
	void *memory = arena_alloc(limited->arena, size);

	limited->exhausted = limited->exhausted || !memory;
	return memory;
}

/* The arena goes as a whole. */
static void limited_free(void *data UNUSED, void *memory UNUSED) {}

static int unpack(struct rpc_call *call, const uint8_t *bytes, size_t n)
{
	const ProtobufCMessageDescriptor *type =
		call->method->service->descriptor->methods[call->method->index].input;
	struct limited limited = {.arena = call->op.arena};
	ProtobufCAllocator allocator = {
		.alloc = limited_alloc, .free = limited_free, .allocator_data = &limited};

	if (rpc_wire_check(type, bytes, n, RPC_WIRE_ELEMENTS_MAX, &call->op.err) < 0) {
		return -1;
	}
	call->request = protobuf_c_message_unpack(type, &allocator, n, bytes);
	if (call->request) {
		return 0;
	}
	if (limited.exhausted) {
		return err_set(&call->op.err, ERR_RESOURCE_EXHAUSTED,
			"request: needs more than %zu bytes of memory; send less in one call",
			call->server->config.arena_max);
	}
	return err_set(&call->op.err, ERR_INVALID_ARGUMENT,
		"request: is not a well-formed protobuf message");
}

/* Take the bytes of the request apart and wipe them: what a handler may read is in the arena. */
static int take_request(struct rpc_call *call)
{
	grpc_byte_buffer_reader reader;
	grpc_slice slice;
	int result;

	if (!grpc_byte_buffer_reader_init(&reader, call->payload)) {
		return err_set(&call->op.err, ERR_INVALID_ARGUMENT, "request: cannot be read");
	}
	slice = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	result = unpack(call, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
	explicit_bzero(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
	grpc_slice_unref(slice);
	rpc_bytes_wipe(call->payload);
	grpc_byte_buffer_destroy(TAKE_PTR(call->payload));
	return result;
}

/*
 * The handler has done its work, so the client must not take it for undone: whatever is wrong with
 * the answer is told with a code that is not final (P6).
 */
static int pack_answer(struct rpc_call *call, const ProtobufCMessage *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	struct err why = {0};
	grpc_slice slice;
	int result = 0;

	if (n > RPC_ANSWER_MAX) {
		return err_set(&call->op.err, ERR_UNAVAILABLE,
			"answer: has %zu bytes, %zu is the most a client takes; ask for fewer "
			"entries",
			n, RPC_ANSWER_MAX);
	}
	slice = grpc_slice_malloc(n);
	(void)protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	if (rpc_wire_check(message->descriptor, GRPC_SLICE_START_PTR(slice), n, RPC_ANSWER_MAX,
		    &why) < 0) {
		result = err_set(&call->op.err, ERR_UNAVAILABLE, "answer: %s", why.msg);
	} else {
		call->answer = grpc_raw_byte_buffer_create(&slice, 1);
	}
	grpc_slice_unref(slice);
	return result;
}

static void take_answer(const ProtobufCMessage *message, void *closure_data)
{
	struct rpc_call *call = container_of((struct op *)closure_data, struct rpc_call, op);

	if (call->handled) {
		LOG_ERROR("a handler answered twice", LOG_STR("rpc", call->op.method));
		return;
	}
	call->handled = true;
	if (message) {
		(void)pack_answer(call, message);
	} else if (call->op.err.code == ERR_OK) {
		(void)err_set(&call->op.err, ERR_UNAVAILABLE,
			"%s: failed without saying why; try again", call->op.method);
	}
}

/* Open the descriptor that tells the handler of a cancel. Return: 0, or -1 when there is no need to
 * begin. */
static int begin_handling(struct rpc_call *call)
{
	int fd;

	if (atomic_load(&call->server->cancelling)) {
		return err_set(&call->op.err, ERR_UNAVAILABLE,
			"%s: the plugin is stopping; try again", call->op.method);
	}
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0) {
		return err_set(&call->op.err, ERR_UNAVAILABLE,
			"%s: no descriptor is left in this process; try again", call->op.method);
	}
	(void)pthread_mutex_lock(&call->lock);
	call->cancel_fd = fd;
	if (call->gone) {
		(void)eventfd_write(fd, 1);
	}
	(void)pthread_mutex_unlock(&call->lock);
	call->op.deadline.cancel_fd = fd;
	return deadline_check(&call->op.deadline, call->op.method, &call->op.err);
}

static void end_handling(struct rpc_call *call)
{
	(void)pthread_mutex_lock(&call->lock);
	call->op.deadline.cancel_fd = -1;
	if (call->cancel_fd >= 0) {
		(void)close(call->cancel_fd);
	}
	call->cancel_fd = -1;
	(void)pthread_mutex_unlock(&call->lock);
}

static void handle(struct rpc_call *call)
{
	ProtobufCService *service = call->method->service;

	call->op.err = (struct err){0};
	service->invoke(service, call->method->index, call->request, take_answer, &call->op);
	if (!call->handled) {
		(void)err_set(&call->op.err, ERR_UNAVAILABLE,
			"%s: ended without an answer; try again", call->op.method);
	}
}

/* A fault point: the work is done, and the client does not learn it. */
static void lose_answer(struct rpc_call *call)
{
	const char *name = strrchr(call->op.method, '/');

	if (fault_answer(name ? name + 1 : call->op.method)) {
		(void)grpc_call_cancel_with_status(call->grpc, GRPC_STATUS_UNAVAILABLE,
			"fault point: the answer is lost", NULL);
	}
}

/* The end of a call that has an arena. */
static void end(struct rpc_call *call)
{
	struct arena *arena = call->op.arena;

	answer(call, call->answer ? NULL : &call->op.err);
	/* The call may be gone, what it borrowed is not. */
	arena_free(arena);
}

static void run(void *arg)
{
	struct rpc_call *call = arg;

	if (begin_handling(call) == 0) {
		handle(call);
		lose_answer(call);
	}
	end_handling(call);
	end(call);
}

/* Queue @job for @call in the lane @i. Return: 0, or -1: nobody has taken the call. */
static int submit(struct rpc_call *call, size_t i, void (*job)(void *arg), struct err *err)
{
	struct rpc_server *server = call->server;
	const struct rpc_lane *lane = &server->config.lanes[i];
	struct err why = {0};

	if (pool_submit(server->lanes[i], job, call, &why) == 0) {
		return 0;
	}
	if (why.code != ERR_RESOURCE_EXHAUSTED) {
		return err_set(err, why.code, "%s", why.msg);
	}
	/* Not RESOURCE_EXHAUSTED: nothing is known about the outcome of an earlier try. */
	return err_set(err, ERR_UNAVAILABLE,
		"%s: %u calls are at work and %zu wait for their turn, as many as are allowed, so this one "
		"was not begun; it is retried by itself; when it lasts, look at why they are slow",
		lane->name, lane->workers, lane->queue);
}

/* Read the request, and handle it here or in the lane that it asks for. */
static void read_and_run(void *arg)
{
	struct rpc_call *call = arg;
	const struct rpc_config *config = &call->server->config;
	size_t lane = RPC_LANE_SAME;

	call->op.arena = arena_new(config->arena_max);
	if (!call->op.arena) {
		refuse(call, ERR_UNAVAILABLE, "no memory for the call; try again");
		return;
	}
	if (take_request(call) < 0) {
		end(call);
		return;
	}
	if (config->pick) {
		lane = config->pick(config->pick_arg, call->op.method, call->request);
	}
	if (lane >= config->n_lanes || lane == call->method->lane) {
		run(call);
	} else if (submit(call, lane, run, &call->op.err) < 0) {
		end(call);
	}
}

/* ---- in the poller ---- */

static void list_add(struct rpc_call *call)
{
	struct rpc_server *server = call->server;

	call->receiving = true;
	call->older = server->newest;
	*(server->newest ? &server->newest->newer : &server->oldest) = call;
	server->newest = call;
}

static void list_remove(struct rpc_call *call)
{
	struct rpc_server *server = call->server;

	if (!call->receiving) {
		return;
	}
	call->receiving = false;
	*(call->older ? &call->older->newer : &server->oldest) = call->newer;
	*(call->newer ? &call->newer->older : &server->newest) = call->older;
	call->older = NULL;
	call->newer = NULL;
}

int64_t rpc_call_expire(struct rpc_server *server)
{
	int64_t now = clock_ms();
	struct rpc_call *call;

	while ((call = server->oldest)) {
		if (call->receive_until_ms > now) {
			return call->receive_until_ms - now;
		}
		list_remove(call);
		/* Its message event comes now, without a message. */
		(void)grpc_call_cancel_with_status(call->grpc, GRPC_STATUS_DEADLINE_EXCEEDED,
			"the request's message did not come", NULL);
	}
	return -1;
}

static void set_deadline(struct rpc_call *call)
{
	int64_t max = call->server->config.call_max_ms;
	gpr_timespec at = gpr_convert_clock_type(call->details.deadline, GPR_CLOCK_MONOTONIC);
	int64_t left = max;

	if (gpr_time_cmp(at, gpr_inf_future(GPR_CLOCK_MONOTONIC)) != 0) {
		left = gpr_time_to_millis(gpr_time_sub(at, gpr_now(GPR_CLOCK_MONOTONIC)));
	}
	call->op.deadline = deadline_in(MAX(0, MIN(left, max)));
}

static void refuse_unknown(struct rpc_call *call)
{
	char path[128];
	char shown[128];
	struct err err = {0};
	size_t n = MIN(GRPC_SLICE_LENGTH(call->details.method), sizeof(path) - 1);

	memcpy(path, GRPC_SLICE_START_PTR(call->details.method), n);
	path[n] = '\0';
	(void)err_set(&err, ERR_UNIMPLEMENTED, "method %s: this plugin does not serve it",
		printable(path, shown, sizeof(shown)));
	answer(call, &err);
}

static void receive_message(struct rpc_call *call)
{
	grpc_op op;

	memset(&op, 0, sizeof(op));
	op.op = GRPC_OP_RECV_MESSAGE;
	op.data.recv_message.recv_message = &call->payload;
	call->receive_until_ms = clock_ms() + call->server->config.receive_ms;
	list_add(call);
	if (!start(call, &op, 1, &call->message)) {
		list_remove(call);
		refuse(call, ERR_UNAVAILABLE, "the request could not be received; try again");
	}
}

static void arrived(struct rpc_call *call, bool ok)
{
	struct rpc_server *server = call->server;
	size_t calls;
	grpc_op op;

	(void)pthread_mutex_lock(&server->lock);
	server->armed--;
	server->calls += ok;
	calls = server->calls;
	(void)pthread_cond_broadcast(&server->changed);
	(void)pthread_mutex_unlock(&server->lock);
	if (!ok) { /* the server stops */
		call_free(call);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &call->began);
	call->op.id = atomic_fetch_add(&server->next_id, 1);
	call->method = rpc_routes_find(&server->routes, GRPC_SLICE_START_PTR(call->details.method),
		GRPC_SLICE_LENGTH(call->details.method));
	call->op.method = call->method ? call->method->path : RPC_METHOD_UNKNOWN;
	set_deadline(call);
	memset(&op, 0, sizeof(op));
	op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
	op.data.recv_close_on_server.cancelled = &call->closed_early;
	if (!start(call, &op, 1, &call->closed)) {
		(void)atomic_fetch_sub(&call->refs, 1); /* the answer still has its share */
	}
	if (!call->method || !call->method->there) {
		refuse_unknown(call);
	} else if (calls > server->config.calls_max) {
		refuse(call, ERR_UNAVAILABLE, "too many calls at once; try again");
	} else {
		receive_message(call);
	}
}

static void received(struct rpc_call *call, bool ok)
{
	struct err err = {0};

	list_remove(call);
	if (!ok || !call->payload) {
		/* Too large, cancelled or late: the client was told already. Or it sent nothing. */
		refuse(call, ERR_INVALID_ARGUMENT, "request: no message came");
		return;
	}
	if (submit(call, call->method->lane, read_and_run, &err) < 0) {
		answer(call, &err);
	}
}

static void closed(struct rpc_call *call)
{
	(void)pthread_mutex_lock(&call->lock);
	call->gone = call->closed_early != 0;
	if (call->gone && call->cancel_fd >= 0) {
		(void)eventfd_write(call->cancel_fd, 1);
	}
	(void)pthread_mutex_unlock(&call->lock);
	call_unref(call);
}

void rpc_call_event(struct rpc_event *event, bool ok)
{
	switch (event->kind) {
	case RPC_EVENT_ARRIVED:
		arrived(event->call, ok);
		break;
	case RPC_EVENT_MESSAGE:
		received(event->call, ok);
		break;
	case RPC_EVENT_CLOSED:
		closed(event->call);
		break;
	case RPC_EVENT_SENT:
		call_unref(event->call);
		break;
	}
}

bool rpc_call_arm(struct rpc_server *server)
{
	struct rpc_call *call = calloc(1, sizeof(*call));
	bool armed;

	if (!call) {
		return false;
	}
	call->server = server;
	call->arrived = (struct rpc_event){call, RPC_EVENT_ARRIVED};
	call->message = (struct rpc_event){call, RPC_EVENT_MESSAGE};
	call->closed = (struct rpc_event){call, RPC_EVENT_CLOSED};
	call->sent = (struct rpc_event){call, RPC_EVENT_SENT};
	atomic_init(&call->refs, 2);
	grpc_call_details_init(&call->details);
	grpc_metadata_array_init(&call->metadata);
	(void)pthread_mutex_init(&call->lock, NULL);
	call->cancel_fd = -1;
	call->op.deadline.cancel_fd = -1;

	/* Counted before it is given away, so that the end waits for it. */
	(void)pthread_mutex_lock(&server->lock);
	armed = !server->stopping;
	server->armed += armed;
	(void)pthread_mutex_unlock(&server->lock);
	if (!armed) {
		call_free(call);
		return false;
	}
	RPC_TAG_GIVEN(&call->arrived);
	if (grpc_server_request_call(server->grpc, &call->grpc, &call->details, &call->metadata,
		    server->queue, server->queue, &call->arrived) == GRPC_CALL_OK) {
		return true;
	}
	(void)pthread_mutex_lock(&server->lock);
	server->armed--;
	(void)pthread_cond_broadcast(&server->changed);
	(void)pthread_mutex_unlock(&server->lock);
	call_free(call);
	return false;
}
