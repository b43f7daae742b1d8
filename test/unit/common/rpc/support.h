/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server in a folder of its own, with a Controller whose CreateVolume a test fills in, an
 * Identity and the plugin registration; a client of it; calls in threads of their own.
 */
#pragma once

#include "common/base/op.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "proto/csi.pb-c.h"
#include "proto/pluginregistration.pb-c.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CREATE_VOLUME "/csi.v1.Controller/CreateVolume"
#define GET_PLUGIN_INFO "/csi.v1.Identity/GetPluginInfo"
#define LONG_MS 20000

struct setup;
typedef void (*create_fn)(struct setup *setup, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure);

/* What the observer saw: how many calls, and the last of them. */
struct seen {
	unsigned calls;
	char method[64];
	char message[ERR_MSG_MAX];
	enum err_code code;
	bool cancelled;
	bool had_request;
	double seconds;
	uint64_t id;
};

struct setup {
	char dir[64];
	char socket_path[96];
	char lock_path[96];
	struct rpc_socket socket;
	struct rpc_lane lanes[2];
	struct rpc_route routes[1];
	struct rpc_service services[3];
	struct rpc_config config;
	Csi__V1__Identity_Service identity;
	Csi__V1__Controller_Service controller;
	Pluginregistration__Registration_Service registration;
	struct rpc_server *server;
	struct rpc_client *client;

	create_fn create;
	int release_fd;	      /* readable: blocked handlers go on */
	atomic_int entered;   /* handlers of CreateVolume that began */
	atomic_int cancelled; /* those whose cancel_fd woke them */

	pthread_mutex_t lock; /* for the rest */
	struct seen seen;
};

static inline void setup_create(Csi__V1__Controller_Service *service,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure,
	void *closure_data)
{
	struct setup *setup = container_of(service, struct setup, controller);

	atomic_fetch_add(&setup->entered, 1);
	setup->create(setup, closure_data, request, closure);
}

static inline void setup_info(Csi__V1__Identity_Service *service UNUSED,
	const Csi__V1__GetPluginInfoRequest *request UNUSED,
	Csi__V1__GetPluginInfoResponse_Closure closure, void *closure_data)
{
	Csi__V1__GetPluginInfoResponse answer = CSI__V1__GET_PLUGIN_INFO_RESPONSE__INIT;
	char name[] = "plugin.under.test";

	answer.name = name;
	closure(&answer, closure_data);
}

static inline void setup_registration(Pluginregistration__Registration_Service *service UNUSED,
	const Pluginregistration__InfoRequest *request UNUSED,
	Pluginregistration__PluginInfo_Closure closure, void *closure_data)
{
	Pluginregistration__PluginInfo answer = PLUGINREGISTRATION__PLUGIN_INFO__INIT;
	char type[] = "CSIPlugin";

	answer.type = type;
	closure(&answer, closure_data);
}

/* Answers with a volume that is named like the request. */
static inline void create_echo(struct setup *setup UNUSED, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	Csi__V1__CreateVolumeResponse answer = CSI__V1__CREATE_VOLUME_RESPONSE__INIT;
	Csi__V1__Volume volume = CSI__V1__VOLUME__INIT;

	volume.volume_id = request->name;
	answer.volume = &volume;
	closure(&answer, op);
}

/* Waits for the setup's release or for cancel, then answers. */
static inline void create_blocked(struct setup *setup, struct op *op,
	const Csi__V1__CreateVolumeRequest *request, Csi__V1__CreateVolumeResponse_Closure closure)
{
	if (deadline_poll(&op->deadline, setup->release_fd, POLLIN, -1, "waiting", &op->err) < 0) {
		atomic_fetch_add(&setup->cancelled, 1);
		closure(NULL, op);
		return;
	}
	create_echo(setup, op, request, closure);
}

static inline void setup_done(void *arg, const struct rpc_done *done)
{
	struct setup *setup = arg;
	struct seen *seen = &setup->seen;

	(void)pthread_mutex_lock(&setup->lock);
	seen->calls++;
	(void)snprintf(seen->method, sizeof(seen->method), "%s", done->method);
	(void)snprintf(seen->message, sizeof(seen->message), "%s", done->message);
	seen->code = done->code;
	seen->cancelled = done->cancelled;
	seen->had_request = done->request != NULL;
	seen->seconds = done->seconds;
	seen->id = done->id;
	(void)pthread_mutex_unlock(&setup->lock);
}

static inline struct seen setup_seen(struct setup *setup)
{
	struct seen seen;

	(void)pthread_mutex_lock(&setup->lock);
	seen = setup->seen;
	(void)pthread_mutex_unlock(&setup->lock);
	return seen;
}

/* Everything but the server, which a test may want to configure first. */
static inline void setup_prepare(struct setup *setup)
{
	*setup = (struct setup){.dir = "/tmp/nv-rpc-XXXXXX", .create = create_echo};
	assert_non_null(mkdtemp(setup->dir));
	(void)snprintf(setup->socket_path, sizeof(setup->socket_path), "%s/csi.sock", setup->dir);
	(void)snprintf(setup->lock_path, sizeof(setup->lock_path), "%s/lock", setup->dir);
	csi__v1__identity__init(&setup->identity, NULL);
	csi__v1__controller__init(&setup->controller, NULL);
	pluginregistration__registration__init(&setup->registration, NULL);
	setup->identity.get_plugin_info = setup_info;
	setup->controller.create_volume = setup_create;
	setup->registration.get_info = setup_registration;
	setup->socket = (struct rpc_socket){setup->socket_path, 0600, (gid_t)-1};
	setup->lanes[0] = (struct rpc_lane){"identity", 1, 16};
	setup->lanes[1] = (struct rpc_lane){"volume", 2, 4};
	setup->routes[0] = (struct rpc_route){"ControllerGetCapabilities", "identity"};
	setup->services[0] = (struct rpc_service){&setup->identity.base, "identity", NULL, 0};
	setup->services[1] = (struct rpc_service){
		&setup->controller.base, "volume", setup->routes, ARRAY_SIZE(setup->routes)};
	setup->services[2] = (struct rpc_service){&setup->registration.base, "identity", NULL, 0};
	setup->config = (struct rpc_config){
		.sockets = &setup->socket,
		.n_sockets = 1,
		.lock_path = setup->lock_path,
		.lanes = setup->lanes,
		.n_lanes = ARRAY_SIZE(setup->lanes),
		.services = setup->services,
		.n_services = ARRAY_SIZE(setup->services),
		.call_max_ms = 60000,
		.done = setup_done,
		.done_arg = setup,
	};
	setup->release_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(setup->release_fd >= 0);
	(void)pthread_mutex_init(&setup->lock, NULL);
}

static inline void setup_start(struct setup *setup)
{
	struct deadline now = deadline_in(0);
	struct err err = {0};

	if (rpc_server_new(&setup->config, &setup->server, &err) < 0 ||
		rpc_server_start(setup->server, &now, &err) < 0 ||
		rpc_client_new(setup->socket_path, &setup->client, &err) < 0) {
		fail_msg("start: %s", err.msg);
	}
}

static inline void setup_end(struct setup *setup)
{
	struct deadline dl = deadline_in(LONG_MS);
	struct err err = {0};
	char path[128];

	rpc_client_free(setup->client);
	if (setup->server && rpc_server_stop(setup->server, LONG_MS / 2, &dl, &err) < 0) {
		fail_msg("stop: %s", err.msg);
	}
	rpc_server_free(setup->server);
	(void)close(setup->release_fd);
	(void)pthread_mutex_destroy(&setup->lock);
	(void)unlink(setup->lock_path);
	(void)snprintf(path, sizeof(path), "%s/second.lock", setup->dir);
	(void)unlink(path);
	/* Fails when a socket was left behind. */
	assert_int_equal(rmdir(setup->dir), 0);
}

static inline void setup_release(struct setup *setup)
{
	(void)eventfd_write(setup->release_fd, 1);
}

/* Wait until *@counter is at least @least; the test fails when that takes far too long. */
static inline void wait_for(atomic_int *counter, int least)
{
	struct deadline dl = deadline_in(LONG_MS);

	while (atomic_load(counter) < least) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 2, "the test", NULL), 0);
	}
}

/* Wait until @calls calls are under way in the server. */
static inline void wait_for_calls(struct setup *setup, size_t calls)
{
	struct deadline dl = deadline_in(LONG_MS);

	while (rpc_server_calls(setup->server) != calls) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 2, "the test", NULL), 0);
	}
}

/* CreateVolume(@name). Return: the code, the answer's volume id in @id (64 bytes) when OK. */
static inline enum err_code create(struct rpc_client *client, const char *name,
	const struct deadline *dl, char *id, struct err *err)
{
	Csi__V1__CreateVolumeRequest request = CSI__V1__CREATE_VOLUME_REQUEST__INIT;
	ProtobufCMessage *answer = NULL;

	request.name = (char *)(uintptr_t)name;
	if (rpc_client_call(client, CREATE_VOLUME, &request.base,
		    &csi__v1__create_volume_response__descriptor, dl, &answer, err) < 0) {
		return err->code;
	}
	(void)snprintf(id, 64, "%s", ((Csi__V1__CreateVolumeResponse *)answer)->volume->volume_id);
	protobuf_c_message_free_unpacked(answer, NULL);
	return ERR_OK;
}

/* GetPluginInfo. Return: its code. */
static inline enum err_code ask_info(struct rpc_client *client, struct err *err)
{
	Csi__V1__GetPluginInfoRequest request = CSI__V1__GET_PLUGIN_INFO_REQUEST__INIT;
	struct deadline dl = deadline_in(LONG_MS);
	ProtobufCMessage *answer = NULL;

	if (rpc_client_call(client, GET_PLUGIN_INFO, &request.base,
		    &csi__v1__get_plugin_info_response__descriptor, &dl, &answer, err) < 0) {
		return err->code;
	}
	assert_string_equal(((Csi__V1__GetPluginInfoResponse *)answer)->name, "plugin.under.test");
	protobuf_c_message_free_unpacked(answer, NULL);
	return ERR_OK;
}

/* A CreateVolume in a thread of its own. */
struct caller {
	pthread_t thread;
	struct rpc_client *client;
	struct deadline dl;
	const char *name;
	enum err_code code;
	struct err err;
	char id[64];
};

static inline void *caller_run(void *arg)
{
	struct caller *caller = arg;

	caller->code = create(caller->client, caller->name, &caller->dl, caller->id, &caller->err);
	return NULL;
}

/* @cancel_fd ends the call when it becomes readable; -1 for none. */
static inline void caller_start_cancellable(
	struct caller *caller, struct rpc_client *client, const char *name, int cancel_fd)
{
	*caller = (struct caller){.client = client, .dl = deadline_in(LONG_MS), .name = name};
	caller->dl.cancel_fd = cancel_fd;
	assert_int_equal(pthread_create(&caller->thread, NULL, caller_run, caller), 0);
}

static inline void caller_start(struct caller *caller, struct rpc_client *client, const char *name)
{
	caller_start_cancellable(caller, client, name, -1);
}

static inline enum err_code caller_join(struct caller *caller)
{
	assert_int_equal(pthread_join(caller->thread, NULL), 0);
	return caller->code;
}
