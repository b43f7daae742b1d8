/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls from a client's side: answers, errors, deadlines, cancel, lanes, limits; and what the
 * observer sees of them.
 */
#include "common/base/parse.h"
#include "test/unit/common/rpc/support.h"

static enum err_code create_now(struct setup *setup, const char *name, char *id, struct err *err)
{
	struct deadline dl = deadline_in(LONG_MS);

	*err = (struct err){0};
	return create(setup->client, name, &dl, id, err);
}

static void test_answer(void **state UNUSED)
{
	struct setup setup;
	struct err err;
	char id[64];

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(create_now(&setup, "pvc-1", id, &err), ERR_OK);
	assert_string_equal(id, "pvc-1");
	assert_int_equal(setup_seen(&setup).calls, 1);
	assert_string_equal(setup_seen(&setup).method, CREATE_VOLUME);
	assert_int_equal(setup_seen(&setup).code, ERR_OK);
	assert_string_equal(setup_seen(&setup).message, "");
	assert_false(setup_seen(&setup).cancelled);
	assert_true(setup_seen(&setup).had_request);
	assert_true(setup_seen(&setup).seconds >= 0 && setup_seen(&setup).seconds < LONG_MS);
	assert_int_equal(setup_seen(&setup).id, 1);
	assert_int_equal(create_now(&setup, "", id, &err), ERR_OK);
	assert_string_equal(id, "");
	assert_int_equal(setup_seen(&setup).id, 2);
	setup_end(&setup);
}

static void test_registration_is_served(void **state UNUSED)
{
	Pluginregistration__InfoRequest request = PLUGINREGISTRATION__INFO_REQUEST__INIT;
	struct deadline dl = deadline_in(LONG_MS);
	ProtobufCMessage *answer = NULL;
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup_start(&setup);
	assert_int_equal(rpc_client_call(setup.client, "/pluginregistration.Registration/GetInfo",
				 &request.base, &pluginregistration__plugin_info__descriptor, &dl,
				 &answer, &err),
		0);
	assert_string_equal(((Pluginregistration__PluginInfo *)answer)->type, "CSIPlugin");
	protobuf_c_message_free_unpacked(answer, NULL);
	setup_end(&setup);
}

/* The error is what the name of the volume says: "14 text". */
static void create_fail(struct setup *setup UNUSED, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	(void)err_set(&op->err, (enum err_code)(request->name[0] - 'a'), "%s", request->name + 1);
	closure(NULL, op);
}

static void test_every_code(void **state UNUSED)
{
	struct setup setup;
	struct err err;
	char id[64];

	setup_prepare(&setup);
	setup.create = create_fail;
	setup_start(&setup);
	for (int code = ERR_CANCELLED; code <= ERR_UNAUTHENTICATED; code++) {
		char name[64];

		(void)snprintf(
			name, sizeof(name), "%cvolume \xc3\xa4 of \"%d\"%%", 'a' + code, code);
		assert_int_equal(create_now(&setup, name, id, &err), code);
		assert_string_equal(err.msg, name + 1);
		assert_int_equal(setup_seen(&setup).code, code);
		assert_string_equal(setup_seen(&setup).message, name + 1);
	}
	setup_end(&setup);
}

static void test_long_message(void **state UNUSED)
{
	char name[ERR_MSG_MAX + 100];
	struct setup setup;
	struct err err;
	char id[64];

	setup_prepare(&setup);
	setup.create = create_fail;
	setup_start(&setup);
	memset(name, 'x', sizeof(name) - 1);
	name[0] = 'a' + ERR_NOT_FOUND;
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(create_now(&setup, name, id, &err), ERR_NOT_FOUND);
	assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
	setup_end(&setup);
}

static void create_silent(struct setup *setup UNUSED, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	Csi__V1__CreateVolumeResponse answer = CSI__V1__CREATE_VOLUME_RESPONSE__INIT;
	Csi__V1__Volume volume = CSI__V1__VOLUME__INIT;
	char bad[] = "\xff\xfe";
	char *large;

	answer.volume = &volume;
	if (streq(request->name, "null")) {
		closure(NULL, op);
	} else if (streq(request->name, "twice")) {
		create_echo(setup, op, request, closure);
		closure(NULL, op);
	} else if (streq(request->name, "with-err")) {
		(void)err_set(&op->err, ERR_INTERNAL, "left over");
		create_echo(setup, op, request, closure);
	} else if (streq(request->name, "bad")) {
		volume.volume_id = bad;
		closure(&answer, op);
	} else if (streq(request->name, "large")) {
		large = arena_alloc(op->arena, RPC_ANSWER_MAX + 1);
		assert_non_null(large);
		memset(large, 'x', RPC_ANSWER_MAX);
		volume.volume_id = large;
		closure(&answer, op);
	}
}

/* A handler that did its work but cannot say so must not look as if nothing was done. */
static void test_handlers_gone_wrong(void **state UNUSED)
{
	struct setup setup;
	struct err err;
	char id[64];

	setup_prepare(&setup);
	setup.create = create_silent;
	setup_start(&setup);
	assert_int_equal(create_now(&setup, "null", id, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "without saying why"));
	assert_int_equal(create_now(&setup, "never", id, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "without an answer"));
	assert_int_equal(create_now(&setup, "twice", id, &err), ERR_OK);
	assert_string_equal(id, "twice");
	assert_int_equal(create_now(&setup, "with-err", id, &err), ERR_OK);
	assert_int_equal(create_now(&setup, "bad", id, &err), ERR_UNAVAILABLE);
	assert_string_equal(err.msg, "answer: volume.volume_id: is not valid UTF-8");
	assert_int_equal(create_now(&setup, "large", id, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "ask for fewer entries"));
	setup_end(&setup);
}

static void unimplemented(struct setup *setup, const char *method)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct rpc_bytes none = {0};
	struct rpc_bytes answer = {0};
	struct err err = {0};

	assert_int_equal(
		rpc_client_call_bytes(setup->client, method, &none, &dl, &answer, &err), -1);
	assert_int_equal(err.code, ERR_UNIMPLEMENTED);
	assert_non_null(strstr(err.msg, method));
}

static void test_what_is_not_served(void **state UNUSED)
{
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup_start(&setup);
	unimplemented(&setup, "/csi.v1.Identity/Probe"); /* an empty slot */
	assert_string_equal(setup_seen(&setup).method, "/csi.v1.Identity/Probe");
	unimplemented(&setup, "/csi.v1.Identity/Prob");
	unimplemented(&setup, "/csi.v1.Node/NodeGetInfo");
	unimplemented(&setup, "/");
	/* One label for all of them, or a stranger fills the metrics. */
	assert_string_equal(setup_seen(&setup).method, RPC_METHOD_UNKNOWN);
	assert_false(setup_seen(&setup).had_request);
	assert_int_equal(setup_seen(&setup).calls, 4);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup_end(&setup);
}

/* Refuses with what is left of its deadline. */
static void create_tell_deadline(struct setup *setup UNUSED, struct op *op,
	const Csi__V1__CreateVolumeRequest *request UNUSED,
	Csi__V1__CreateVolumeResponse_Closure closure)
{
	(void)err_set(&op->err, ERR_ABORTED, "%lld", (long long)deadline_left_ms(&op->deadline));
	closure(NULL, op);
}

static void test_deadline_is_the_sooner(void **state UNUSED)
{
	struct deadline long_dl = deadline_in(100 * LONG_MS);
	struct deadline short_dl = deadline_in(LONG_MS);
	struct setup setup;
	struct err err = {0};
	char id[64];
	int64_t left;

	setup_prepare(&setup);
	setup.create = create_tell_deadline;
	setup_start(&setup);
	assert_int_equal(create(setup.client, "x", &long_dl, id, &err), ERR_ABORTED);
	assert_int_equal(parse_i64("left", err.msg, 1, setup.config.call_max_ms, &left, NULL), 0);
	assert_int_equal(create(setup.client, "x", &short_dl, id, &err), ERR_ABORTED);
	assert_int_equal(parse_i64("left", err.msg, 1, LONG_MS, &left, NULL), 0);
	setup_end(&setup);
}

static void test_deadline_wakes_the_handler(void **state UNUSED)
{
	struct setup setup;
	char id[64];

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	/* On a busy machine a short deadline is over before the handler begins: then a longer one.
	 */
	for (int64_t ms = 50; setup.entered == 0; ms *= 2) {
		struct deadline dl = deadline_in(ms);
		struct err err = {0};

		assert_true(ms < LONG_MS);
		assert_int_equal(create(setup.client, "x", &dl, id, &err), ERR_DEADLINE_EXCEEDED);
		wait_for_calls(&setup, 0);
	}
	assert_int_equal(setup.cancelled, setup.entered);
	assert_false(err_is_final(setup_seen(&setup).code));
	setup_end(&setup);
}

static void test_cancel_wakes_the_handler(void **state UNUSED)
{
	int cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct caller caller;
	struct setup setup;

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	caller_start_cancellable(&caller, setup.client, "x", cancel_fd);
	wait_for(&setup.entered, 1);
	(void)eventfd_write(cancel_fd, 1);
	assert_int_equal(caller_join(&caller), ERR_CANCELLED);
	wait_for(&setup.cancelled, 1);
	wait_for_calls(&setup, 0);
	assert_true(setup_seen(&setup).cancelled);
	assert_int_equal(setup_seen(&setup).code, ERR_CANCELLED);
	(void)close(cancel_fd);
	setup_end(&setup);
}

/* A call that was cancelled while it waited in the queue does not begin. */
static void test_cancelled_in_the_queue(void **state UNUSED)
{
	int cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct caller callers[2];
	struct caller late;
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	for (int i = 0; i < 2; i++) {
		caller_start(&callers[i], setup.client, "busy");
	}
	wait_for(&setup.entered, 2);
	caller_start_cancellable(&late, setup.client, "late", cancel_fd);
	wait_for_calls(&setup, 3);
	(void)eventfd_write(cancel_fd, 1);
	assert_int_equal(caller_join(&late), ERR_CANCELLED);
	/* Behind the cancel on the same connection: once it is answered, the cancel has arrived. */
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup_release(&setup);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(caller_join(&callers[i]), ERR_OK);
	}
	wait_for_calls(&setup, 0);
	assert_int_equal(setup.entered, 2);
	assert_int_equal(setup_seen(&setup).calls, 4);
	(void)close(cancel_fd);
	setup_end(&setup);
}

static void test_lanes_and_full_queue(void **state UNUSED)
{
	struct caller callers[9];
	struct setup setup;
	struct err err = {0};
	unsigned refused = 0;

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup_start(&setup);
	/* Two workers, then a queue of four; which of the others finds it full is chance. */
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		caller_start(&callers[i], setup.client, "busy");
		if (i < 2) {
			wait_for(&setup.entered, (int)i + 1);
		}
	}
	while (setup_seen(&setup).calls < 3) {
		struct deadline dl = deadline_in(LONG_MS);

		assert_int_equal(deadline_poll(&dl, -1, 0, 2, "the test", NULL), 0);
	}
	wait_for_calls(&setup, 6);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	assert_int_equal(setup.entered, 2);
	setup_release(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		if (caller_join(&callers[i]) != ERR_OK) {
			assert_int_equal(callers[i].code, ERR_UNAVAILABLE);
			assert_non_null(strstr(callers[i].err.msg,
				"volume: 2 calls are at work and 4 wait for their turn"));
			refused++;
		}
	}
	assert_int_equal(refused, 3);
	setup_end(&setup);
}

enum { LANE_READERS, LANE_SLOW, LANE_QUICK };

/* By the request's name, in the lane that every CreateVolume comes to first. */
static size_t pick_by_name(void *arg, const char *method, const ProtobufCMessage *request)
{
	const char *name = ((const Csi__V1__CreateVolumeRequest *)request)->name;

	assert_ptr_equal(arg, &pick_by_name);
	if (!streq(method, CREATE_VOLUME)) {
		return RPC_LANE_SAME;
	}
	return streq(name, "busy") ? (size_t)LANE_SLOW : (size_t)LANE_QUICK;
}

static void create_by_name(struct setup *setup, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	(streq(request->name, "busy") ? create_blocked : create_echo)(setup, op, request, closure);
}

/* All requests are read in the first lane and picked by name for the others. */
static void start_picking(struct setup *setup, const struct rpc_lane lanes[3])
{
	setup_prepare(setup);
	setup->create = create_by_name;
	setup->config.lanes = lanes;
	setup->config.n_lanes = 3;
	for (size_t i = 0; i < ARRAY_SIZE(setup->services); i++) {
		setup->services[i].lane = "readers";
	}
	setup->routes[0].lane = "readers";
	setup->config.pick = pick_by_name;
	setup->config.pick_arg = &pick_by_name;
	setup_start(setup);
}

static void test_calls_go_to_the_lane_that_is_picked(void **state UNUSED)
{
	const struct rpc_lane lanes[] = {{"readers", 1, 16}, {"slow", 2, 4}, {"quick", 1, 16}};
	struct deadline dl = deadline_in(LONG_MS);
	struct caller callers[9];
	struct setup setup;
	struct err err = {0};
	unsigned refused = 0;
	char id[64];

	start_picking(&setup, lanes);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		caller_start(&callers[i], setup.client, "busy");
		if (i < 2) {
			wait_for(&setup.entered, (int)i + 1);
		}
	}
	/* Two at work, four wait, three were told so; one alone reads all requests, and is free. */
	wait_for_calls(&setup, 6);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(create(setup.client, "v", &dl, id, &err), ERR_OK);
	}
	assert_int_equal(setup.entered, 22);
	setup_release(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		if (caller_join(&callers[i]) != ERR_OK) {
			assert_int_equal(callers[i].code, ERR_UNAVAILABLE);
			assert_non_null(strstr(callers[i].err.msg,
				"slow: 2 calls are at work and 4 wait for their turn"));
			refused++;
		}
	}
	assert_int_equal(refused, 3);
	setup_end(&setup);
}

/* Calls that wait in a lane that was picked end with the server, unbegun. */
static void test_the_end_with_calls_that_wait(void **state UNUSED)
{
	const struct rpc_lane lanes[] = {{"readers", 1, 16}, {"slow", 1, 16}, {"quick", 1, 16}};
	struct deadline dl = deadline_in(LONG_MS);
	struct caller callers[4];
	struct setup setup;
	struct err err = {0};

	start_picking(&setup, lanes);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		caller_start(&callers[i], setup.client, "busy");
	}
	wait_for(&setup.entered, 1);
	wait_for_calls(&setup, ARRAY_SIZE(callers));
	assert_int_equal(rpc_server_stop(setup.server, 0, &dl, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
		assert_int_not_equal(caller_join(&callers[i]), ERR_OK);
	}
	assert_int_equal(setup.entered, 1);
	setup_end(&setup);
}

static void test_too_many_calls(void **state UNUSED)
{
	struct caller callers[2];
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup.create = create_blocked;
	setup.config.calls_max = 2;
	setup_start(&setup);
	for (int i = 0; i < 2; i++) {
		caller_start(&callers[i], setup.client, "busy");
	}
	wait_for(&setup.entered, 2);
	assert_int_equal(ask_info(setup.client, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "too many calls"));
	setup_release(&setup);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(caller_join(&callers[i]), ERR_OK);
	}
	wait_for_calls(&setup, 0);
	assert_int_equal(ask_info(setup.client, &err), ERR_OK);
	setup_end(&setup);
}

static void test_many_calls_on_many_connections(void **state UNUSED)
{
	struct caller callers[24];
	struct rpc_client *clients[4];
	struct setup setup;
	struct err err = {0};

	setup_prepare(&setup);
	setup.lanes[1].queue = 64;
	setup_start(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		assert_int_equal(rpc_client_new(setup.socket_path, &clients[i], &err), 0);
	}
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
			caller_start(&callers[i], clients[i % ARRAY_SIZE(clients)],
				i % 2 ? "odd" : "even");
		}
		for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
			assert_int_equal(caller_join(&callers[i]), ERR_OK);
			assert_string_equal(callers[i].id, i % 2 ? "odd" : "even");
		}
	}
	assert_int_equal(setup_seen(&setup).calls, 5 * ARRAY_SIZE(callers));
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		rpc_client_free(clients[i]);
	}
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_registration_is_served),
		cmocka_unit_test(test_every_code),
		cmocka_unit_test(test_long_message),
		cmocka_unit_test(test_handlers_gone_wrong),
		cmocka_unit_test(test_what_is_not_served),
		cmocka_unit_test(test_deadline_is_the_sooner),
		cmocka_unit_test(test_deadline_wakes_the_handler),
		cmocka_unit_test(test_cancel_wakes_the_handler),
		cmocka_unit_test(test_cancelled_in_the_queue),
		cmocka_unit_test(test_lanes_and_full_queue),
		cmocka_unit_test(test_calls_go_to_the_lane_that_is_picked),
		cmocka_unit_test(test_the_end_with_calls_that_wait),
		cmocka_unit_test(test_too_many_calls),
		cmocka_unit_test(test_many_calls_on_many_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
