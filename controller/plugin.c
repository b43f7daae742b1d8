/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and stop of the controller.
 */
#include "controller/plugin.h"

#include "common/base/fileio.h"
#include "common/csi/identity.h"
#include "common/http/client.h"
#include "controller/config.h"
#include "controller/observe.h"
#include "controller/service/controller.h"
#include "controller/service/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

/** Workers of all backends together, and the least of one: many backends get fewer each. */
#define WORKERS_ALL 192
#define WORKERS_LEAST 4
/** Calls that wait for a worker of their backend; a burst of the sidecars' 100 fits. */
#define QUEUE_BACKEND 128
#define LANE_NAME_SIZE 48

/*
 * Identity has workers of its own: it answers even when every backend hangs. All others come to
 * "control", which only reads the request and hands it to the lane of its backend, so nothing ever
 * waits there; questions to all backends have a lane, too.
 */
enum { LANE_IDENTITY, LANE_CONTROL, LANE_LISTS, LANE_BACKENDS };
#define LANES_MAX (LANE_BACKENDS + CORE_BACKENDS_MAX)
_Static_assert(LANES_MAX <= RPC_LANES_MAX, "each backend has a lane");

static const struct rpc_route routes[] = {
	{"ControllerGetCapabilities", "identity"},
};

struct plugin {
	const struct controller_flags *flags;
	struct config config;
	bool http_ready;
	struct core *core;
	struct observe observe;
	struct csi_identity identity;
	struct controller_service controller;
	char lock_path[PATH_MAX];
	struct rpc_socket socket;
	struct rpc_lane lanes[LANES_MAX];
	char lane_names[CORE_BACKENDS_MAX][LANE_NAME_SIZE];
	struct rpc_service services[2];
	struct rpc_server *rpc;
	struct http_server *http;
};

/* The lock is not beside the socket: that folder holds nothing else of ours but a folder. */
static int make_state(struct plugin *plugin, struct err *err)
{
	const char *socket = plugin->flags->socket;
	int len = (int)(strrchr(socket, '/') - socket);
	char state[PATH_MAX];

	(void)snprintf(state, sizeof(state), "%.*s/state", len, socket);
	(void)snprintf(plugin->lock_path, sizeof(plugin->lock_path), "%.*s/state/controller.lock",
		len, socket);
	if (dir_make(AT_FDCWD, state, 0700, err) < 0) {
		return err_wrap(err, "--endpoint");
	}
	return 0;
}

/* An rpc_pick_fn. */
static size_t pick_lane(void *arg, const char *method, const ProtobufCMessage *request)
{
	const struct plugin *plugin = arg;
	size_t backend = strstr(method, "/csi.v1.Controller/")
				 ? service_place(plugin->core, request)
				 : CORE_BACKEND_NONE;

	if (backend != CORE_BACKEND_NONE) {
		return LANE_BACKENDS + backend;
	}
	return strstr(method, "/List") || strstr(method, "/GetCapacity") ? (size_t)LANE_LISTS
									 : RPC_LANE_SAME;
}

/* Return: how many lanes there are. */
static size_t make_lanes(struct plugin *plugin)
{
	size_t n = core_backend_count(plugin->core);
	unsigned workers = (unsigned)MIN(
		(size_t)CORE_LANE_MAX, MAX((size_t)WORKERS_LEAST, WORKERS_ALL / MAX(n, (size_t)1)));

	plugin->lanes[LANE_IDENTITY] = (struct rpc_lane){"identity", 2, 64};
	plugin->lanes[LANE_CONTROL] = (struct rpc_lane){"control", 2, 512};
	plugin->lanes[LANE_LISTS] = (struct rpc_lane){"lists", 4, 64};
	for (size_t i = 0; i < n; i++) {
		char *name = plugin->lane_names[i];

		(void)snprintf(
			name, LANE_NAME_SIZE, "backend %s", core_backend_name(plugin->core, i));
		plugin->lanes[LANE_BACKENDS + i] = (struct rpc_lane){name, workers, QUEUE_BACKEND};
	}
	return LANE_BACKENDS + n;
}

static int start_rpc(struct plugin *plugin, struct err *err)
{
	struct deadline wait = deadline_in(PLUGIN_LOCK_MS);

	csi_identity_init(&plugin->identity, plugin->config.driver_name, NV_VERSION, NULL, NULL);
	atomic_store(&plugin->identity.topology, core_has_topology(plugin->core));
	controller_service_init(&plugin->controller, plugin->core);
	plugin->socket = (struct rpc_socket){
		.path = plugin->flags->socket, .mode = 0660, .gid = plugin->flags->socket_gid};
	plugin->services[0] =
		(struct rpc_service){.service = &plugin->identity.service.base, .lane = "identity"};
	plugin->services[1] = (struct rpc_service){
		.service = &plugin->controller.service.base,
		.lane = "control",
		.routes = routes,
		.n_routes = ARRAY_SIZE(routes),
	};
	struct rpc_config config = {
		.sockets = &plugin->socket,
		.n_sockets = 1,
		.lock_path = plugin->lock_path,
		.lanes = plugin->lanes,
		.n_lanes = make_lanes(plugin),
		.services = plugin->services,
		.n_services = ARRAY_SIZE(plugin->services),
		.call_max_ms = PLUGIN_CALL_MAX_MS,
		.done = observe_call,
		.done_arg = &plugin->observe,
		.pick = pick_lane,
		.pick_arg = plugin,
	};
	if (make_state(plugin, err) < 0 || rpc_server_new(&config, &plugin->rpc, err) < 0) {
		return -1;
	}
	if (rpc_server_start(plugin->rpc, &wait, err) < 0) {
		return -1;
	}
	atomic_store(&plugin->observe.serving, true);
	return 0;
}

static int start_http(struct plugin *plugin, struct err *err)
{
	struct http_server_options options = {
		.address = plugin->flags->http_address,
		.unsafe_open = true,
		.self = &plugin->observe,
	};

	if (str_empty(plugin->flags->http_address)) {
		return 0;
	}
	options.routes = observe_routes(&options.n_routes);
	if (http_server_start(&options, &plugin->http, err) < 0) {
		return err_wrap(err, "--http-address %s", plugin->flags->http_address);
	}
	return 0;
}

static int start(struct plugin *plugin, enum controller_exit *ret_exit, struct err *err)
{
	*ret_exit = CONTROLLER_EXIT_FAILED;
	if (http_global_init(err) < 0) {
		return -1;
	}
	plugin->http_ready = true;
	if (config_read(plugin->flags->config, plugin->flags->driver_name, &plugin->config, err) <
			0 ||
		config_open(&plugin->config, &plugin->core, err) < 0) {
		*ret_exit = CONTROLLER_EXIT_USAGE;
		return err_wrap(err, "--config");
	}
	if (observe_init(&plugin->observe, plugin->config.driver_name, err) < 0) {
		return -1;
	}
	plugin->observe.core = plugin->core;
	plugin->observe.socket = plugin->flags->socket;
	const struct core_watch watch = {.told = observe_backend, .arg = &plugin->observe};
	if (start_http(plugin, err) < 0 || start_rpc(plugin, err) < 0) {
		return -1;
	}
	return core_watch_start(plugin->core, &watch, err);
}

int plugin_start(const struct controller_flags *flags, struct plugin **ret_plugin,
	enum controller_exit *ret_exit, struct err *err)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	struct err ignored = {0};

	*ret_exit = CONTROLLER_EXIT_FAILED;
	if (!plugin) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	plugin->flags = flags;
	if (start(plugin, ret_exit, err ? err : &ignored) < 0) {
		if (!plugin_stop(plugin)) {
			_exit(CONTROLLER_EXIT_STUCK);
		}
		return -1;
	}
	LOG_INFO("serving", LOG_STR("version", NV_VERSION),
		LOG_STR("driver", plugin->config.driver_name),
		LOG_STR("instance", plugin->config.instance),
		LOG_NUM("backends", plugin->config.n_backends), LOG_STR("socket", flags->socket));
	*ret_plugin = plugin;
	return 0;
}

bool plugin_stop(struct plugin *plugin)
{
	struct deadline dl = deadline_in(PLUGIN_STOP_MS);
	struct err err = {0};

	if (plugin->rpc && rpc_server_stop(plugin->rpc, PLUGIN_GRACE_MS, &dl, &err) < 0) {
		LOG_ERROR("a call is stuck; ending without it", LOG_ERR(&err));
		return false;
	}
	rpc_server_free(plugin->rpc);
	if (plugin->http && !http_server_stop(plugin->http, &dl)) {
		LOG_ERROR("an HTTP request is stuck; ending without it");
		return false;
	}
	http_server_free(plugin->http);
	core_free(plugin->core);
	observe_done(&plugin->observe);
	config_done(&plugin->config);
	if (plugin->http_ready) {
		http_global_cleanup();
	}
	free(plugin);
	return true;
}
