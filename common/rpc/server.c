/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's life: configuration, start, the poller thread, the end. What happens to a call is
 * in call.c.
 */
#include "common/rpc/server.h"

#include "common/base/log.h"
#include "common/rpc/internal.h"
#include "common/rpc/socket.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include <grpc/compression.h>
#include <grpc/grpc_security.h>

/* Call objects that wait for calls to come; one is replaced as soon as it is taken. */
#define ARMED 8
/* How soon arming is tried again when there was no memory for it. */
#define ARM_RETRY_MS 1000
/* Streams of one connection; a sidecar may have 100 calls at once. */
#define STREAMS_MAX 256
/* Sum of a request's headers. */
#define HEADERS_MAX 16384
#define WORKERS_MAX 256
#define QUEUE_MAX 65536
/* What a server without any call needs at most to end. */
#define IDLE_STOP_MS 10000

/* ---- configuration ---- */

static int check_socket(const struct rpc_socket *socket, size_t i, struct err *err)
{
	if (str_empty(socket->path) || socket->path[0] != '/') {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"sockets[%zu]: \"%s\" is not an absolute path", i,
			socket->path ? socket->path : "");
	}
	if (strlen(socket->path) > RPC_PATH_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"sockets[%zu]: %s has %zu bytes, the path of a Unix socket at most %d", i,
			socket->path, strlen(socket->path), RPC_PATH_MAX);
	}
	if (socket->mode == 0 || (socket->mode & ~(mode_t)0777) != 0) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"sockets[%zu]: %04o is no mode; 0600 and 0660 are usual", i,
			(unsigned)socket->mode);
	}
	return 0;
}

static int check_lane(const struct rpc_config *config, size_t i, struct err *err)
{
	const struct rpc_lane *lane = &config->lanes[i];

	if (str_empty(lane->name)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "lanes[%zu]: has no name", i);
	}
	if (lane->workers < 1 || lane->workers > WORKERS_MAX || lane->queue < 1 ||
		lane->queue > QUEUE_MAX) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"lane %s: %u workers and room for %zu calls; 1 to %d and 1 to %d are "
			"allowed",
			lane->name, lane->workers, lane->queue, WORKERS_MAX, QUEUE_MAX);
	}
	for (size_t other = 0; other < i; other++) {
		if (streq(config->lanes[other].name, lane->name)) {
			return err_set(
				err, ERR_INVALID_ARGUMENT, "lane %s: is there twice", lane->name);
		}
	}
	return 0;
}

static int check_count(const char *what, size_t n, size_t max, struct err *err)
{
	if (n < 1 || n > max) {
		return err_set(err, ERR_INVALID_ARGUMENT, "%s: there are %zu, 1 to %zu are allowed",
			what, n, max);
	}
	return 0;
}

static int check_config(const struct rpc_config *config, struct err *err)
{
	if (check_count("sockets", config->n_sockets, RPC_SOCKETS_MAX, err) < 0 ||
		check_count("lanes", config->n_lanes, RPC_LANES_MAX, err) < 0 ||
		check_count("services", config->n_services, RPC_SERVICES_MAX, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < config->n_sockets; i++) {
		if (check_socket(&config->sockets[i], i, err) < 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < config->n_lanes; i++) {
		if (check_lane(config, i, err) < 0) {
			return -1;
		}
	}
	if (str_empty(config->lock_path)) {
		return err_set(err, ERR_INVALID_ARGUMENT, "lock_path: is missing");
	}
	if (config->call_max_ms < 1) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"call_max_ms: %lld is not a time for a call",
			(long long)config->call_max_ms);
	}
	return 0;
}

static void fill_defaults(struct rpc_config *config)
{
	config->request_max = config->request_max ? config->request_max : RPC_REQUEST_MAX;
	config->arena_max = config->arena_max ? config->arena_max : RPC_ARENA_MAX;
	config->calls_max = config->calls_max ? config->calls_max : RPC_CALLS_MAX;
	config->receive_ms = config->receive_ms ? config->receive_ms : RPC_RECEIVE_MS;
}

/* ---- the poller ---- */

/* Return: how long the queue may be waited for, -1 for as long as it takes. */
static int64_t before_wait(struct rpc_server *server)
{
	int64_t wait_ms = rpc_call_expire(server);
	size_t missing;

	(void)pthread_mutex_lock(&server->lock);
	missing = server->stopping || server->armed >= ARMED ? 0 : ARMED - server->armed;
	(void)pthread_mutex_unlock(&server->lock);
	while (missing > 0 && rpc_call_arm(server)) {
		missing--;
	}
	if (missing > 0 && (wait_ms < 0 || wait_ms > ARM_RETRY_MS)) {
		wait_ms = ARM_RETRY_MS;
	}
	return wait_ms;
}

static gpr_timespec wait_until(int64_t wait_ms)
{
	if (wait_ms < 0) {
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	}
	return gpr_time_add(
		gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms, GPR_TIMESPAN));
}

static void *poll_events(void *arg)
{
	struct rpc_server *server = arg;
	grpc_event event;

	(void)pthread_setname_np(pthread_self(), "rpc-poller");
	for (;;) {
		event = grpc_completion_queue_next(
			server->queue, wait_until(before_wait(server)), NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN) {
			return NULL;
		}
		if (event.type == GRPC_QUEUE_TIMEOUT) {
			continue;
		}
		RPC_TAG_TAKEN(event.tag);
		if (event.tag == &server->stopping) {
			(void)pthread_mutex_lock(&server->lock);
			server->grpc_is_down = true;
			(void)pthread_cond_broadcast(&server->changed);
			(void)pthread_mutex_unlock(&server->lock);
		} else {
			rpc_call_event(event.tag, event.success != 0);
		}
	}
}

/* ---- making ---- */

static grpc_arg int_arg(const char *key, size_t value)
{
	return (grpc_arg){
		.type = GRPC_ARG_INTEGER,
		.key = (char *)(uintptr_t)key,
		.value.integer = (int)value,
	};
}

static int make_grpc(struct rpc_server *server, struct err *err)
{
	grpc_arg args[] = {
		int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, server->config.request_max),
		/* Identity only: a compressed message is inflated before its size is looked at. */
		int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
			1U << GRPC_COMPRESS_NONE),
		int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, STREAMS_MAX),
		int_arg(GRPC_ARG_MAX_METADATA_SIZE, HEADERS_MAX),
		/* Sidecars ping idle connections for hours; that is no offence. */
		int_arg(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0),
		int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 0),
		int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
	};
	grpc_channel_args all = {.num_args = ARRAY_SIZE(args), .args = args};

	server->queue = grpc_completion_queue_create_for_next(NULL);
	server->grpc = grpc_server_create(&all, NULL);
	if (!server->queue || !server->grpc) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "server: gRPC could not make it");
	}
	grpc_server_register_completion_queue(server->grpc, server->queue, NULL);
	return 0;
}

static int make_lanes(struct rpc_server *server, struct err *err)
{
	for (size_t i = 0; i < server->config.n_lanes; i++) {
		const struct rpc_lane *lane = &server->config.lanes[i];

		server->lanes[i] = pool_new(lane->name, lane->workers, lane->queue);
		if (!server->lanes[i]) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED,
				"lane %s: no memory or threads for its %u workers", lane->name,
				lane->workers);
		}
	}
	return 0;
}

static int make_poller(struct rpc_server *server, struct err *err)
{
	int failed = pthread_create(&server->poller, NULL, poll_events, server);

	if (failed) {
		return err_errno(err, failed, "server: thread");
	}
	server->polling = true;
	return 0;
}

static struct rpc_server *server_alloc(const struct rpc_config *config)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	pthread_condattr_t attr;

	if (!server) {
		return NULL;
	}
	server->config = *config;
	fill_defaults(&server->config);
	server->lock_fd = -1;
	server->stopping = true; /* nothing is armed before rpc_server_start() */
	atomic_init(&server->next_id, 1);
	(void)pthread_mutex_init(&server->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&server->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	rpc_core_begin();
	return server;
}

static int make_parts(struct rpc_server *server, struct err *err)
{
	sigset_t before;
	int result = -1;

	/* gRPC starts threads when it likes, and they inherit the mask. */
	rpc_signals_block(&before);
	if (make_grpc(server, err) == 0 && make_lanes(server, err) == 0) {
		result = make_poller(server, err);
	}
	rpc_signals_restore(&before);
	return result;
}

int rpc_server_new(const struct rpc_config *config, struct rpc_server **ret_server, struct err *err)
{
	struct rpc_server *server;

	if (check_config(config, err) < 0) {
		return -1;
	}
	server = server_alloc(config);
	if (!server) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "server: no memory");
	}
	if (rpc_routes_make(&server->config, &server->routes, err) < 0 ||
		make_parts(server, err) < 0) {
		rpc_server_free(server);
		return -1;
	}
	*ret_server = server;
	return 0;
}

static int bind_socket(struct rpc_server *server, const struct rpc_socket *socket, struct err *err)
{
	char address[RPC_PATH_MAX + sizeof("unix:")];
	grpc_server_credentials *credentials;
	mode_t before;
	int bound;

	if (rpc_socket_prepare(socket, err) < 0) {
		return -1;
	}
	(void)snprintf(address, sizeof(address), "unix:%s", socket->path);
	credentials = grpc_insecure_server_credentials_create();
	before = umask(RPC_SOCKET_UMASK);
	bound = grpc_server_add_http2_port(server->grpc, address, credentials);
	(void)umask(before);
	grpc_server_credentials_release(credentials);
	if (!bound) {
		return err_set(err, ERR_UNAVAILABLE,
			"socket %s: cannot be made; the log has the reason", socket->path);
	}
	return rpc_socket_own(socket, err);
}

static int bind_and_serve(struct rpc_server *server, struct err *err)
{
	for (size_t i = 0; i < server->config.n_sockets; i++) {
		if (bind_socket(server, &server->config.sockets[i], err) < 0) {
			return -1;
		}
	}
	grpc_server_start(server->grpc);
	(void)pthread_mutex_lock(&server->lock);
	server->stopping = false;
	(void)pthread_mutex_unlock(&server->lock);
	/* The poller sleeps; these wake it for every call to come. */
	for (int i = 0; i < ARMED; i++) {
		if (!rpc_call_arm(server) && i == 0) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "server: no memory");
		}
	}
	return 0;
}

int rpc_server_start(struct rpc_server *server, const struct deadline *lock_wait, struct err *err)
{
	sigset_t before;
	int result;

	if (rpc_socket_lock(server->config.lock_path, lock_wait, &server->lock_fd, err) < 0) {
		return -1;
	}
	rpc_signals_block(&before);
	result = bind_and_serve(server, err);
	rpc_signals_restore(&before);
	return result;
}

/* ---- ending ---- */

/* Return: true when gRPC is down and every call is freed, false at @until_ms. */
static bool wait_for_end(struct rpc_server *server, int64_t until_ms)
{
	struct timespec until = {
		.tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000,
	};
	bool ended;
	int failed = 0;

	(void)pthread_mutex_lock(&server->lock);
	for (;;) {
		ended = server->grpc_is_down && server->calls == 0 && server->armed == 0;
		if (ended || failed) {
			break;
		}
		failed = pthread_cond_timedwait(&server->changed, &server->lock, &until);
	}
	(void)pthread_mutex_unlock(&server->lock);
	return ended;
}

static int end_calls(
	struct rpc_server *server, int64_t grace_ms, const struct deadline *dl, struct err *err)
{
	(void)pthread_mutex_lock(&server->lock);
	server->stopping = true;
	(void)pthread_mutex_unlock(&server->lock);
	RPC_TAG_GIVEN(&server->stopping);
	grpc_server_shutdown_and_notify(server->grpc, server->queue, &server->stopping);
	if (wait_for_end(server, MIN(clock_ms() + grace_ms, dl->at_ms))) {
		return 0;
	}
	atomic_store(&server->cancelling, true);
	grpc_server_cancel_all_calls(server->grpc);
	if (wait_for_end(server, dl->at_ms)) {
		return 0;
	}
	return err_set(err, ERR_DEADLINE_EXCEEDED,
		"server: %zu calls did not end though they were cancelled",
		rpc_server_calls(server));
}

int rpc_server_stop(
	struct rpc_server *server, int64_t grace_ms, const struct deadline *dl, struct err *err)
{
	if (server->finished) {
		return 0;
	}
	if (server->polling && end_calls(server, grace_ms, dl, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < server->config.n_lanes; i++) {
		if (server->lanes[i] && !pool_stop(server->lanes[i], dl)) {
			return err_set(err, ERR_DEADLINE_EXCEEDED, "lane %s: a worker did not end",
				server->config.lanes[i].name);
		}
	}
	server->finished = true;
	return 0;
}

void rpc_server_free(struct rpc_server *server)
{
	struct deadline dl = deadline_in(IDLE_STOP_MS);
	struct err err = {0};

	if (!server) {
		return;
	}
	if (rpc_server_stop(server, 0, &dl, &err) < 0) {
		/* Threads still use it, so it stays. */
		LOG_ERROR("the server could not be freed", LOG_ERR(&err));
		return;
	}
	for (size_t i = 0; i < server->config.n_lanes; i++) {
		pool_free(server->lanes[i]);
	}
	if (server->grpc) {
		grpc_server_destroy(server->grpc);
	}
	if (server->queue) {
		grpc_completion_queue_shutdown(server->queue);
		if (server->polling) {
			(void)pthread_join(server->poller, NULL);
		} else {
			(void)grpc_completion_queue_next(
				server->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		}
		grpc_completion_queue_destroy(server->queue);
	}
	rpc_routes_done(&server->routes);
	rpc_core_end();
	/* Last: gRPC removed the sockets, so nobody else's can be hit. */
	if (server->lock_fd >= 0) {
		(void)close(server->lock_fd);
	}
	(void)pthread_cond_destroy(&server->changed);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}

size_t rpc_server_calls(const struct rpc_server *server)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&server->lock;
	size_t calls;

	(void)pthread_mutex_lock(lock);
	calls = server->calls;
	(void)pthread_mutex_unlock(lock);
	return calls;
}
