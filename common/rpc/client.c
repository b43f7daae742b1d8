/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocking client: a completion queue for each call, so that threads do not meet in one.
 */
#include "common/rpc/client.h"

#include "common/base/strbuf.h"
#include "common/rpc/core.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/status.h>

/* How often the cancel descriptor is looked at while gRPC waits. */
#define CANCEL_LOOK_MS 20
#define TARGET_MAX 1024

struct rpc_client {
	grpc_channel *channel;
	bool wait;
};

/* One call under way. */
struct exchange {
	grpc_completion_queue *queue;
	grpc_call *call;
	grpc_byte_buffer *request;
	grpc_byte_buffer *answer;
	grpc_metadata_array initial;
	grpc_metadata_array trailing;
	grpc_status_code status;
	grpc_slice details;
};

/* The target is a URI, so what has a meaning there is escaped. */
static int target_of(const char *text, struct strbuf *target, struct err *err)
{
	const char *path = strncmp(text, "unix:", 5) == 0 ? text + 5 : text;

	while (path[0] == '/' && path[1] == '/') {
		path++;
	}
	if (path[0] != '/' || path[1] == '\0') {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"target: \"%s\" is not the absolute path of a Unix socket", text);
	}
	sb_add(target, "unix:");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (isalnum(c) || strchr("/-._~", c)) {
			sb_addc(target, *path);
		} else {
			sb_addf(target, "%%%02X", c);
		}
	}
	if (target->failed) {
		return err_set(err, ERR_INVALID_ARGUMENT, "target: is longer than a path can be");
	}
	return 0;
}

int rpc_client_new(const char *target, struct rpc_client **ret_client, struct err *err)
{
	_cleanup_strbuf_ struct strbuf uri = sb_init(TARGET_MAX);
	grpc_channel_credentials *credentials;
	struct rpc_client *client;
	sigset_t before;
	grpc_arg args[] = {
		{.type = GRPC_ARG_INTEGER,
			.key = (char *)(uintptr_t)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
			.value.integer = (int)RPC_CLIENT_ANSWER_MAX},
		{.type = GRPC_ARG_INTEGER,
			.key = (char *)(uintptr_t)GRPC_ARG_ENABLE_RETRIES,
			.value.integer = 0},
		/* A connection of its own. */
		{.type = GRPC_ARG_INTEGER,
			.key = (char *)(uintptr_t)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
			.value.integer = 1},
	};
	grpc_channel_args all = {.num_args = ARRAY_SIZE(args), .args = args};

	if (target_of(target, &uri, err) < 0) {
		return -1;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "client: no memory");
	}
	rpc_core_begin();
	rpc_signals_block(&before);
	credentials = grpc_insecure_credentials_create();
	client->channel = grpc_channel_create(sb_str(&uri), credentials, &all);
	grpc_channel_credentials_release(credentials);
	rpc_signals_restore(&before);
	*ret_client = client;
	return 0;
}

void rpc_client_free(struct rpc_client *client)
{
	if (!client) {
		return;
	}
	grpc_channel_destroy(client->channel);
	rpc_core_end();
	free(client);
}

void rpc_client_wait(struct rpc_client *client, bool wait)
{
	client->wait = wait;
}

static void exchange_begin(struct exchange *ex, const struct rpc_client *client, const char *method,
	const struct rpc_bytes *request, const struct deadline *dl)
{
	grpc_slice path = grpc_slice_from_copied_string(method);
	grpc_slice body = grpc_slice_from_copied_buffer(
		request->len > 0 ? (const char *)request->data : "", request->len);

	*ex = (struct exchange){.status = GRPC_STATUS_UNKNOWN, .details = grpc_empty_slice()};
	grpc_metadata_array_init(&ex->initial);
	grpc_metadata_array_init(&ex->trailing);
	ex->queue = grpc_completion_queue_create_for_pluck(NULL);
	ex->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
		ex->queue, path, NULL, rpc_time(dl), NULL);
	ex->request = grpc_raw_byte_buffer_create(&body, 1);
	grpc_slice_unref(body);
	grpc_slice_unref(path);
}

static void exchange_end(struct exchange *ex)
{
	grpc_call_unref(ex->call);
	grpc_byte_buffer_destroy(ex->request);
	grpc_byte_buffer_destroy(ex->answer);
	grpc_metadata_array_destroy(&ex->initial);
	grpc_metadata_array_destroy(&ex->trailing);
	grpc_slice_unref(ex->details);
	grpc_completion_queue_shutdown(ex->queue);
	grpc_completion_queue_destroy(ex->queue);
}

static bool is_cancelled(const struct deadline *dl)
{
	struct pollfd fd = {.fd = dl->cancel_fd, .events = POLLIN};

	return dl->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* gRPC ends the call at its deadline itself, so this ends. */
static void exchange_wait(struct exchange *ex, const struct deadline *dl)
{
	grpc_event event;

	do {
		gpr_timespec until = gpr_inf_future(GPR_CLOCK_MONOTONIC);

		if (is_cancelled(dl)) {
			(void)grpc_call_cancel(ex->call, NULL);
		} else if (dl->cancel_fd >= 0) {
			until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
				gpr_time_from_millis(CANCEL_LOOK_MS, GPR_TIMESPAN));
		}
		event = grpc_completion_queue_pluck(ex->queue, ex, until, NULL);
	} while (event.type == GRPC_QUEUE_TIMEOUT);
	RPC_TAG_TAKEN(ex);
}

static int exchange_run(
	struct exchange *ex, const struct rpc_client *client, const struct deadline *dl)
{
	grpc_op ops[6];

	memset(ops, 0, sizeof(ops));
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[0].flags = client->wait ? GRPC_INITIAL_METADATA_WAIT_FOR_READY |
					      GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
				    : 0;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = ex->request;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &ex->initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &ex->answer;
	ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[5].data.recv_status_on_client.trailing_metadata = &ex->trailing;
	ops[5].data.recv_status_on_client.status = &ex->status;
	ops[5].data.recv_status_on_client.status_details = &ex->details;
	RPC_TAG_GIVEN(ex);
	if (grpc_call_start_batch(ex->call, ops, ARRAY_SIZE(ops), ex, NULL) != GRPC_CALL_OK) {
		return -1;
	}
	exchange_wait(ex, dl);
	return 0;
}

static int copy_answer(grpc_byte_buffer *answer, struct rpc_bytes *ret_answer, struct err *err)
{
	grpc_byte_buffer_reader reader;
	grpc_slice slice;
	int result = 0;

	if (!answer || !grpc_byte_buffer_reader_init(&reader, answer)) {
		return err_set(err, ERR_INTERNAL, "the server said OK without a message");
	}
	slice = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	ret_answer->len = GRPC_SLICE_LENGTH(slice);
	ret_answer->data = malloc(ret_answer->len + 1);
	if (ret_answer->data) {
		memcpy(ret_answer->data, GRPC_SLICE_START_PTR(slice), ret_answer->len);
	} else {
		result = err_set(err, ERR_RESOURCE_EXHAUSTED, "client: no memory");
	}
	grpc_slice_unref(slice);
	return result;
}

int rpc_client_call_bytes(struct rpc_client *client, const char *method,
	const struct rpc_bytes *request, const struct deadline *dl, struct rpc_bytes *ret_answer,
	struct err *err)
{
	struct exchange ex;
	int result;

	exchange_begin(&ex, client, method, request, dl);
	if (exchange_run(&ex, client, dl) < 0) {
		result = err_set(err, ERR_INTERNAL, "client: gRPC refused the call");
	} else if (ex.status != GRPC_STATUS_OK) {
		result = err_set(err, (enum err_code)ex.status, "%.*s",
			(int)MIN(GRPC_SLICE_LENGTH(ex.details), ERR_MSG_MAX),
			(const char *)GRPC_SLICE_START_PTR(ex.details));
	} else {
		result = copy_answer(ex.answer, ret_answer, err);
	}
	exchange_end(&ex);
	return result;
}

int rpc_client_call(struct rpc_client *client, const char *method, const ProtobufCMessage *request,
	const ProtobufCMessageDescriptor *answer, const struct deadline *dl,
	ProtobufCMessage **ret_answer, struct err *err)
{
	struct rpc_bytes out = {.len = protobuf_c_message_get_packed_size(request)};
	struct rpc_bytes in = {0};
	int result;

	out.data = malloc(out.len + 1);
	if (!out.data) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "client: no memory");
	}
	(void)protobuf_c_message_pack(request, out.data);
	result = rpc_client_call_bytes(client, method, &out, dl, &in, err);
	explicit_bzero(out.data, out.len);
	free(out.data);
	if (result < 0) {
		return -1;
	}
	*ret_answer = protobuf_c_message_unpack(answer, NULL, in.len, in.data);
	free(in.data);
	if (!*ret_answer) {
		return err_set(err, ERR_INTERNAL, "the answer is no well-formed %s", answer->name);
	}
	return 0;
}
