/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and stop of the controller.
 */
#include "controller/plugin.h"

#include "common/base/fileio.h"
#include "common/csi/identity.h"
#include "common/http/client.h"
#include "controller/observe.h"
#include "controller/reload.h"
#include "controller/service/controller.h"
#include "controller/service/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

/** Calls that wait for a worker of their backend; a burst of the sidecars' 100 fits. */
#define QUEUE_BACKEND 128
/** Memory for the names of all backends that there were. */
#define LANE_NAMES_MAX ((size_t)256 * 1024)

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
	char driver[CSI_PLUGIN_NAME_MAX + 1];
	bool http_ready;
	struct current *current;
	struct reload *reload;
	struct periodic *audit;
	struct observe observe;
	struct csi_identity identity;
	struct controller_service controller;
	char lock_path[PATH_MAX];
	struct rpc_socket socket;
	struct rpc_lane lanes[LANES_MAX];
	struct arena *lane_names;
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
	_cleanup_core_ struct core *core = current_core(plugin->current);
	size_t backend = strstr(method, "/csi.v1.Controller/") ? service_place(core, request)
							       : CORE_BACKEND_NONE;

	if (backend != CORE_BACKEND_NONE) {
		return LANE_BACKENDS + core_backend_slot(core, backend);
	}
	return strstr(method, "/List") || strstr(method, "/GetCapacity") ? (size_t)LANE_LISTS
									 : RPC_LANE_SAME;
}

/* A lane is called as the backend that has it now. Without memory it keeps its name. */
static void name_lanes(struct plugin *plugin)
{
	_cleanup_core_ struct core *core = current_core(plugin->current);

	for (size_t i = 0; i < core_backend_count(core); i++) {
		struct rpc_lane *lane = &plugin->lanes[LANE_BACKENDS + core_backend_slot(core, i)];
		const char *name =
			arena_printf(plugin->lane_names, "backend %s", core_backend_name(core, i));

		if (name) {
			atomic_store(&lane->name, name);
		}
	}
}

/* Each backend that there may be has a lane; threads come with the calls. Return: 0, or -1. */
static int make_lanes(struct plugin *plugin, struct err *err)
{
	plugin->lane_names = arena_new(LANE_NAMES_MAX);
	if (!plugin->lane_names) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	plugin->lanes[LANE_IDENTITY] = (struct rpc_lane){"identity", 2, 64};
	plugin->lanes[LANE_CONTROL] = (struct rpc_lane){"control", 2, 512};
	plugin->lanes[LANE_LISTS] = (struct rpc_lane){"lists", 4, 64};
	for (size_t i = LANE_BACKENDS; i < LANES_MAX; i++) {
		const char *name =
			arena_printf(plugin->lane_names, "backend %zu", i - LANE_BACKENDS);

		if (!name) {
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
		}
		plugin->lanes[i] = (struct rpc_lane){name, CORE_LANE_MAX, QUEUE_BACKEND};
	}
	return 0;
}

static void set_topology(struct plugin *plugin)
{
	_cleanup_core_ struct core *core = current_core(plugin->current);

	atomic_store(&plugin->identity.topology, core_has_topology(core));
}

static int start_rpc(struct plugin *plugin, struct err *err)
{
	struct deadline wait = deadline_in(PLUGIN_LOCK_MS);

	csi_identity_init(&plugin->identity, plugin->driver, NV_VERSION, NULL, NULL);
	set_topology(plugin);
	controller_service_init(&plugin->controller, plugin->current);
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
		.n_lanes = LANES_MAX,
		.services = plugin->services,
		.n_services = ARRAY_SIZE(plugin->services),
		.call_max_ms = PLUGIN_CALL_MAX_MS,
		.done = observe_call,
		.done_arg = &plugin->observe,
		.pick = pick_lane,
		.pick_arg = plugin,
	};
	if (make_state(plugin, err) < 0 || make_lanes(plugin, err) < 0 ||
		rpc_server_new(&config, &plugin->rpc, err) < 0) {
		return -1;
	}
	name_lanes(plugin);
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

static void tell_reload(void *arg, const struct config_change *change, const struct err *why)
{
	struct plugin *plugin = arg;

	observe_config(&plugin->observe, why);
	if (why) {
		return;
	}
	name_lanes(plugin);
	set_topology(plugin);
	LOG_INFO("the changed configuration is in force", LOG_NUM("kept", (int64_t)change->kept),
		LOG_NUM("opened", (int64_t)change->opened));
}

static void tell_gone(void *arg, const char *backend)
{
	struct plugin *plugin = arg;

	observe_forget(&plugin->observe, backend);
	LOG_INFO("backend is no longer configured; calls under way end there",
		LOG_STR("backend", backend));
}

static int start_reload(struct plugin *plugin, struct config *take_config, struct err *err)
{
	const struct reload_config config = {
		.path = plugin->flags->config,
		.driver = plugin->flags->driver_name,
		.current = plugin->current,
		.watch = {.told = observe_backend, .arg = &plugin->observe},
		.told = tell_reload,
		.gone = tell_gone,
		.arg = plugin,
	};

	return reload_start(&config, take_config, &plugin->reload, err);
}

static int open_backends(struct plugin *plugin, struct config *config, struct err *err)
{
	struct core *core = NULL;

	if (config_read(plugin->flags->config, plugin->flags->driver_name, config, err) < 0 ||
		config_open(config, &core, err) < 0) {
		return err_wrap(err, "--config");
	}
	(void)snprintf(plugin->driver, sizeof(plugin->driver), "%s", config->driver_name);
	plugin->current = current_new(core);
	return plugin->current ? 0
			       : err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
}

static int start_audit(struct plugin *plugin, struct err *err)
{
	struct periodic_config config = {
		.driver = plugin->driver,
		.current = plugin->current,
		.every_ms = plugin->flags->audit_minutes * 60 * 1000,
		.told = observe_audit,
		.found = observe_finding,
		.arg = &plugin->observe,
	};

	if (plugin->flags->audit_minutes == 0) {
		return 0;
	}
	api_of_pod(plugin->flags->api_host, plugin->flags->api_port, &config.api);
	return periodic_start(&config, &plugin->audit, err);
}

static int start(struct plugin *plugin, struct config *config, enum controller_exit *ret_exit,
	struct err *err)
{
	*ret_exit = CONTROLLER_EXIT_FAILED;
	if (http_global_init(err) < 0) {
		return -1;
	}
	plugin->http_ready = true;
	if (open_backends(plugin, config, err) < 0) {
		*ret_exit = CONTROLLER_EXIT_USAGE;
		return -1;
	}
	if (observe_init(&plugin->observe, plugin->driver, err) < 0) {
		return -1;
	}
	plugin->observe.current = plugin->current;
	plugin->observe.socket = plugin->flags->socket;
	if (start_http(plugin, err) < 0 || start_rpc(plugin, err) < 0) {
		return -1;
	}
	LOG_INFO("serving", LOG_STR("version", NV_VERSION), LOG_STR("driver", plugin->driver),
		LOG_STR("instance", config->instance), LOG_NUM("backends", config->n_backends),
		LOG_STR("socket", plugin->flags->socket));
	return start_audit(plugin, err) < 0 ? -1 : start_reload(plugin, config, err);
}

int plugin_start(const struct controller_flags *flags, struct plugin **ret_plugin,
	enum controller_exit *ret_exit, struct err *err)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	_cleanup_config_ struct config config = {0};
	struct err ignored = {0};

	*ret_exit = CONTROLLER_EXIT_FAILED;
	if (!plugin) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory to start with");
	}
	plugin->flags = flags;
	if (start(plugin, &config, ret_exit, err ? err : &ignored) < 0) {
		if (!plugin_stop(plugin)) {
			_exit(CONTROLLER_EXIT_STUCK);
		}
		return -1;
	}
	*ret_plugin = plugin;
	return 0;
}

bool plugin_stop(struct plugin *plugin)
{
	struct deadline dl = deadline_in(PLUGIN_STOP_MS);
	struct err err = {0};

	if (!periodic_stop(plugin->audit, &dl)) {
		LOG_ERROR("the audit is stuck; ending without it");
		return false;
	}
	reload_stop(plugin->reload);
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
	current_free(plugin->current);
	observe_done(&plugin->observe);
	arena_free(plugin->lane_names);
	if (plugin->http_ready) {
		http_global_cleanup();
	}
	free(plugin);
	return true;
}
