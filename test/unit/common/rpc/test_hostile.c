/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client must not be able to do: requests that are too large, compressed, malformed or
 * never complete, and bytes that are not gRPC at all. After each the server answers others.
 */
#include "common/base/fileio.h"
#include "test/unit/common/rpc/raw.h"

#include <grpc/compression.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

static enum err_code send_bytes(struct setup *setup, const void *data, size_t len, struct err *err)
{
	struct rpc_bytes request = {.data = (uint8_t *)(uintptr_t)data, .len = len};
	struct deadline dl = deadline_in(LONG_MS);
	struct rpc_bytes answer = {0};

	*err = (struct err){0};
	if (rpc_client_call_bytes(setup->client, CREATE_VOLUME, &request, &dl, &answer, err) < 0) {
		return err->code;
	}
	free(answer.data);
	return ERR_OK;
}

static void still_serves(struct setup *setup)
{
	struct rpc_client *client = NULL;
	struct err err = {0};

	assert_int_equal(rpc_client_new(setup->socket_path, &client, &err), 0);
	assert_int_equal(ask_info(client, &err), ERR_OK);
	rpc_client_free(client);
}

static void test_malformed(void **state UNUSED)
{
	struct setup setup;
	struct err err;

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(send_bytes(&setup,
				 "\x0a\x05"
				 "ab\0cd",
				 7, &err),
		ERR_INVALID_ARGUMENT);
	assert_string_equal(
		err.msg, "name: has a NUL at byte 2 of 5; strings must be UTF-8 without NUL");
	assert_int_equal(send_bytes(&setup, "\x0a\x03\xff\xfe\xfd", 5, &err), ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "name: is not valid UTF-8");
	assert_int_equal(send_bytes(&setup, "\x0a", 1, &err), ERR_INVALID_ARGUMENT);
	assert_int_equal(setup.entered, 0);
	assert_int_equal(setup_seen(&setup).calls, 3);
	assert_false(setup_seen(&setup).had_request);
	assert_int_equal(send_bytes(&setup, "", 0, &err), ERR_OK);
	assert_int_equal(setup.entered, 1);
	setup_end(&setup);
}

/* A name of @len bytes, with its tag and its length of four bytes: @len + 5 in all. */
static void fill_request(uint8_t *bytes, size_t len)
{
	memset(bytes, 'x', len + 5);
	bytes[0] = 0x0a;
	bytes[1] = (uint8_t)(len | 0x80);
	bytes[2] = (uint8_t)((len >> 7) | 0x80);
	bytes[3] = (uint8_t)((len >> 14) | 0x80);
	bytes[4] = (uint8_t)(len >> 21);
}

/* The same in memory of its own, with room for one byte too many. */
static uint8_t *large_request(size_t len)
{
	uint8_t *bytes = calloc(1, len + 6);

	assert_non_null(bytes);
	fill_request(bytes, len);
	return bytes;
}

static void test_too_large(void **state UNUSED)
{
	_cleanup_free_ uint8_t *bytes = large_request(8 * RPC_REQUEST_MAX);
	_cleanup_free_ uint8_t *largest = large_request(RPC_REQUEST_MAX - 5);
	struct setup setup;
	struct err err;

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(send_bytes(&setup, largest, RPC_REQUEST_MAX, &err), ERR_OK);
	assert_int_equal(
		send_bytes(&setup, largest, RPC_REQUEST_MAX + 1, &err), ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(
		send_bytes(&setup, bytes, 8 * RPC_REQUEST_MAX, &err), ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(setup.entered, 1);
	still_serves(&setup);
	setup_end(&setup);
}

static void test_amplification(void **state UNUSED)
{
	uint8_t bytes[20000];
	struct setup setup;
	struct err err;

	for (size_t i = 0; i < sizeof(bytes); i += 2) {
		bytes[i] = 0x1a; /* an empty capability */
		bytes[i + 1] = 0;
	}
	setup_prepare(&setup);
	setup.config.arena_max = 100000;
	setup_start(&setup);
	assert_int_equal(send_bytes(&setup, bytes, 200, &err), ERR_OK);
	assert_int_equal(send_bytes(&setup, bytes, sizeof(bytes), &err), ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(
		err.msg, "request: needs more than 100000 bytes of memory; send less in one call");
	assert_int_equal(setup.entered, 1);
	setup_end(&setup);
}

/* A call made by hand, to leave out or to change what a well-behaved client sends. */
struct odd {
	bool gzip;
	bool no_message; /* closes without one */
	bool no_close;	 /* sends neither message nor close */
};

static grpc_status_code call_oddly(struct setup *setup, const struct odd *odd)
{
	char target[128];
	grpc_arg arg = {.type = GRPC_ARG_INTEGER,
		.key = (char *)(uintptr_t)GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM,
		.value.integer = odd->gzip ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE};
	grpc_channel_args args = {1, &arg};
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
	grpc_slice body = grpc_slice_malloc(RPC_REQUEST_MAX / 2 + 5);
	grpc_byte_buffer *message;
	grpc_slice details = grpc_empty_slice();
	grpc_status_code status = GRPC_STATUS_OK;
	grpc_metadata_array trailing;
	grpc_channel *channel;
	grpc_call *call;
	grpc_byte_buffer *answer = NULL;
	grpc_metadata_array initial;
	grpc_op ops[6];
	size_t n = 0;

	fill_request(GRPC_SLICE_START_PTR(body), RPC_REQUEST_MAX / 2);
	message = grpc_raw_byte_buffer_create(&body, 1);
	(void)snprintf(target, sizeof(target), "unix:%s", setup->socket_path);
	channel = grpc_channel_create(target, credentials, &args);
	call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
		grpc_slice_from_static_string(CREATE_VOLUME), NULL,
		gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_metadata_array_init(&initial);
	grpc_metadata_array_init(&trailing);
	memset(ops, 0, sizeof(ops));
	ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
	if (!odd->no_message && !odd->no_close) {
		ops[n].op = GRPC_OP_SEND_MESSAGE;
		ops[n++].data.send_message.send_message = message;
	}
	if (!odd->no_close) {
		ops[n++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	}
	ops[n].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[n++].data.recv_initial_metadata.recv_initial_metadata = &initial;
	ops[n].op = GRPC_OP_RECV_MESSAGE;
	ops[n++].data.recv_message.recv_message = &answer;
	ops[n].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[n].data.recv_status_on_client.trailing_metadata = &trailing;
	ops[n].data.recv_status_on_client.status = &status;
	ops[n++].data.recv_status_on_client.status_details = &details;
	assert_int_equal(grpc_call_start_batch(call, ops, n, ops, NULL), GRPC_CALL_OK);
	(void)grpc_completion_queue_pluck(queue, ops, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_call_unref(call);
	grpc_metadata_array_destroy(&initial);
	grpc_metadata_array_destroy(&trailing);
	grpc_byte_buffer_destroy(answer);
	grpc_slice_unref(details);
	grpc_byte_buffer_destroy(message);
	grpc_slice_unref(body);
	grpc_channel_destroy(channel);
	grpc_channel_credentials_release(credentials);
	grpc_completion_queue_shutdown(queue);
	grpc_completion_queue_destroy(queue);
	return status;
}

/* gRPC would inflate a bomb before it looks at its size, so nothing compressed is taken. */
static void test_compressed(void **state UNUSED)
{
	struct setup setup;

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(
		call_oddly(&setup, &(struct odd){.gzip = true}), GRPC_STATUS_UNIMPLEMENTED);
	assert_int_equal(setup.entered, 0);
	assert_int_equal(call_oddly(&setup, &(struct odd){.gzip = false}), GRPC_STATUS_OK);
	setup_end(&setup);
}

static void test_no_message(void **state UNUSED)
{
	struct setup setup;

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(call_oddly(&setup, &(struct odd){.no_message = true}),
		GRPC_STATUS_INVALID_ARGUMENT);
	assert_int_equal(setup.entered, 0);
	assert_string_equal(setup_seen(&setup).message, "request: no message came");
	setup_end(&setup);
}

/* A call that is begun and left alone does not stay for ever. */
static void test_message_never_comes(void **state UNUSED)
{
	struct setup setup;

	setup_prepare(&setup);
	setup.config.receive_ms = 30;
	setup_start(&setup);
	assert_int_not_equal(call_oddly(&setup, &(struct odd){.no_close = true}), GRPC_STATUS_OK);
	wait_for_calls(&setup, 0);
	assert_int_equal(setup.entered, 0);
	still_serves(&setup);
	setup_end(&setup);
}

/* ---- bytes on the socket ---- */

static int count_one(const char *name UNUSED, void *arg)
{
	(*(unsigned *)arg)++;
	return 0;
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	struct err err;

	assert_int_equal(dir_each(AT_FDCWD, "/proc/self/fd", count_one, &n, &err), 0);
	return n;
}

static void test_garbage(void **state UNUSED)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct setup setup;
	uint8_t bytes[256];
	uint32_t random = 88172645;
	unsigned before;
	int fds[100];

	setup_prepare(&setup);
	setup_start(&setup);
	still_serves(&setup);
	before = open_fds();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		for (size_t j = 0; j < sizeof(bytes); j++) {
			random ^= random << 13;
			random ^= random >> 17;
			random ^= random << 5;
			bytes[j] = (uint8_t)(random >> 11);
		}
		fds[i] = connect_raw(&setup);
		if (i % 3 == 0) {
			send_raw(fds[i], PREFACE, i % (sizeof(PREFACE) - 1) + 1);
		} else if (i % 3 == 1) {
			send_raw(fds[i], PREFACE, sizeof(PREFACE) - 1);
			send_raw(fds[i], settings, sizeof(settings));
			send_raw(fds[i], bytes, sizeof(bytes));
		} else {
			send_raw(fds[i], bytes, sizeof(bytes));
		}
	}
	still_serves(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		(void)close(fds[i]);
	}
	while (open_fds() > before) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 5, "the test", NULL), 0);
	}
	still_serves(&setup);
	setup_end(&setup);
}

static void test_many_idle_connections(void **state UNUSED)
{
	struct setup setup;
	int fds[200];

	setup_prepare(&setup);
	setup_start(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = connect_raw(&setup);
	}
	still_serves(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		(void)close(fds[i]);
	}
	setup_end(&setup);
}

/* Pings on an idle connection, far more often than gRPC's default tolerates: none is punished. */
static void test_pings_on_an_idle_connection(void **state UNUSED)
{
	static const uint8_t ping[17] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 'p'};
	struct setup setup;
	uint8_t head[9];
	uint8_t body[65536];
	int answered = 0;
	int fd;

	setup_prepare(&setup);
	setup_start(&setup);
	fd = connect_raw(&setup);
	send_raw(fd, PREFACE, sizeof(PREFACE) - 1);
	send_raw(fd, settings, sizeof(settings));
	for (int i = 0; i < 100; i++) {
		send_raw(fd, ping, sizeof(ping));
	}
	while (answered < 100) {
		size_t n;

		assert_true(read_raw(fd, head, sizeof(head)));
		n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		assert_true(n <= sizeof(body));
		assert_true(read_raw(fd, body, n));
		assert_int_not_equal(head[3], 7); /* GOAWAY */
		answered += head[3] == 6 && head[4] == 1;
	}
	(void)close(fd);
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_amplification),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_no_message),
		cmocka_unit_test(test_message_never_comes),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_many_idle_connections),
		cmocka_unit_test(test_pings_on_an_idle_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
