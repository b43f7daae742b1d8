/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start in the order of need, stop in the reverse one.
 */
#include "node/plugin.h"

#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/csi/identity.h"
#include "node/block/disk.h"
#include "node/core/real.h"
#include "node/nvme/modules.h"
#include "node/observe.h"
#include "node/service/registrar.h"
#include "node/service/service.h"
#include "node/topology.h"
#include "node/udev_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define LOCK_LOOK_MS 100
/* Longest that a call may take, whatever the caller says: kubelet says two minutes. */
#define CALL_MAX_MS (5 * 60 * 1000)
#define QUARANTINE_MAX 1024
#define VERBS_MAX 24

/* Identity has workers of its own, and so have statistics and health, which kubelet asks of each
 * volume every minute: neither waits behind volumes that are being attached. */
static const struct rpc_lane LANES[] = {
	{"identity", 2, 64},
	{"volumes", 24, 512},
	{"stats", 4, 256},
};
static const struct rpc_route NODE_ROUTES[] = {
	{"NodeGetInfo", "identity"},
	{"NodeGetCapabilities", "identity"},
	{"NodeGetVolumeStats", "stats"},
	{"NodeGetVolumeHealth", "stats"},
	{"NodeGetStorageHealth", "stats"},
};

struct plugin {
	const struct node_flags *flags;
	struct helper *helper;
	int stop_fd; /* borrowed */
	int lock_fd;
	struct host_identity identity;
	struct csi_segment topology;
	struct host_paths paths;
	bool paths_open;
	struct fab *fab;
	struct uev *uev;
	struct quarantine *quarantine;
	struct gate *gate;
	struct keylock *subsystems;
	struct keeper *keeper;
	struct host_real real;
	struct core *core;
	struct reclaimer *reclaimer;
	struct observe observe;
	struct csi_identity csi;
	struct node_service node;
	struct registrar *registrar;
	char lock_path[PATH_MAX];
	char registration_lock[PATH_MAX];
	struct rpc_socket socket;
	struct rpc_service services[2];
	struct rpc_server *rpc;
	struct http_server *http;
};

/* The verbs of three layers as one table; it must live for ever and is filled once. */
int plugin_helper(struct helper **ret_helper, struct err *err)
{
	static struct helper_verb verbs[VERBS_MAX];
	const struct helper_verb *(*const layers[])(size_t *) = {
		mount_verbs, fab_verbs, disk_verbs};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		size_t count;
		const struct helper_verb *list = layers[i](&count);
		if (n + count > VERBS_MAX) {
			return err_set(err, ERR_INTERNAL, "helper: more than %d verbs", VERBS_MAX);
		}
		memcpy(verbs + n, list, count * sizeof(*list));
		n += count;
	}
	return helper_start(verbs, n, ret_helper, err);
}

/* One plugin at a time works with the state folder; the old one of an update may take a while. */
static int lock_state(struct plugin *plugin, struct err *err)
{
	struct deadline dl = {.at_ms = clock_ms() + PLUGIN_LOCK_MS, .cancel_fd = plugin->stop_fd};
	char path[PATH_MAX];
	bool told = false;

	(void)snprintf(path, sizeof(path), "%s/lock", plugin->flags->state_dir);
	plugin->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (plugin->lock_fd < 0) {
		return err_errno(err, errno, "%s", path);
	}
	while (flock(plugin->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			return err_errno(err, errno, "%s", path);
		}
		if (!told) {
			LOG_INFO("another node plugin is still at work; waiting for it to end",
				LOG_STR("lock", path));
			told = true;
		}
		if (deadline_poll(&dl, -1, 0, LOCK_LOOK_MS, "lock", err) < 0) {
			return err->code == ERR_CANCELLED
				       ? -1
				       : err_set(err, ERR_UNAVAILABLE,
						 "%s: another node plugin with this state folder still runs after %d s; end it "
						 "first",
						 path, PLUGIN_LOCK_MS / 1000);
		}
	}
	return 0;
}

static int step_modules(const struct step *in, void *arg, struct err *err)
{
	struct plugin *plugin = arg;

	return modules_ready(in, &plugin->paths, err);
}

/* The initiator. Without the kernel's part the plugin serves all the same, and /healthz says why.
 */
static int start_initiator(struct plugin *plugin, struct err *err)
{
	const struct node_flags *flags = plugin->flags;
	struct steps steps = {.operation = "start"};
	struct err why = {0};

	if (host_identity_make(flags->instance, flags->node_name, &plugin->identity, err) < 0 ||
		host_open("/sys", "/dev", flags->state_dir, &plugin->paths, err) < 0) {
		return -1;
	}
	plugin->paths_open = true;
	plugin->paths.node_name = flags->node_name;
	if (step_run(&steps, "modules", step_modules, plugin, &why) < 0) {
		LOG_ERROR("NVMe/TCP cannot be used on this node yet", LOG_ERR(&why));
	}
	plugin->subsystems = keylock_new(CORE_LOCKS_MAX);
	plugin->gate = gate_new();
	if (!plugin->subsystems || !plugin->gate) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "plugin: out of memory");
	}
	if (fab_new(&plugin->paths, &plugin->identity, &plugin->fab, err) < 0 ||
		uev_start(&plugin->uev, err) < 0 ||
		quarantine_new(QUARANTINE_MAX, &plugin->quarantine, err) < 0) {
		return -1;
	}
	struct keeper_config keeper = {.fab = plugin->fab,
		.helper = plugin->helper,
		.uev = plugin->uev,
		.subsys_locks = plugin->subsystems,
		.quarantine = plugin->quarantine,
		.told = observe_path,
		.self = &plugin->observe};
	return keeper_start(&keeper, &plugin->keeper, err);
}

static void tell_unfinished(void *arg, const char *operation, const char *volume, const char *step)
{
	(void)arg;
	LOG_WARNING("the plugin ended in the middle of a step; a repeated call goes on from there",
		LOG_STR("rpc", operation), LOG_STR("volume_id", volume), LOG_STR("step", step));
}

static void tell_found(void *arg, const char *volume, const char *what)
{
	(void)arg;
	LOG_INFO("volume found", LOG_STR("volume_id", volume), LOG_STR("state", what));
}

static int start_core(struct plugin *plugin, struct err *err)
{
	char boot[CORE_BOOT_SIZE];
	struct err bad = {0};

	if (attr_read(AT_FDCWD, BOOT_ID, boot, sizeof(boot), err) < 0) {
		return -1;
	}
	plugin->real = (struct host_real){.fab = plugin->fab,
		.uev = plugin->uev,
		.keeper = plugin->keeper,
		.quarantine = plugin->quarantine,
		.gate = plugin->gate,
		.mountinfo = MOUNT_INFO_PATH};
	struct core_config config = {.ops = host_ops_real(),
		.host = &plugin->real,
		.helper = plugin->helper,
		.state_dir = plugin->flags->state_dir,
		.boot = boot,
		.subsystems = plugin->subsystems,
		.told = tell_unfinished,
		.timed = observe_step,
		.timed_arg = &plugin->observe};
	if (core_new(&config, &plugin->core, err) < 0 ||
		core_start(plugin->core, tell_found, NULL, err) < 0) {
		return -1;
	}
	if (core_bad_record(plugin->core, &bad)) {
		LOG_ERROR("a record cannot be read", LOG_ERR(&bad));
	}
	return 0;
}

static int start_reclaimer(struct plugin *plugin, struct err *err)
{
	const struct reclaimer_config config = {
		.core = plugin->core, .told = observe_trim, .told_arg = &plugin->observe};

	return reclaimer_start(&config, &plugin->reclaimer, err);
}

static int step_udev(const struct step *in, void *arg, struct err *err)
{
	const struct plugin *plugin = arg;
	const struct node_flags *flags = plugin->flags;

	return udev_rule_write(
		in, flags->udev_rules, flags->driver_name, plugin->identity.nqn, err);
}

/* Volumes work without it, so it stops nothing. */
static void hide_from_udev(struct plugin *plugin)
{
	struct steps steps = {.operation = "start"};
	struct err why = {0};

	if (*plugin->flags->udev_rules &&
		step_run(&steps, "udev-rule", step_udev, plugin, &why) < 0) {
		LOG_WARNING(
			"the rule for udev cannot be written; this node may activate volume groups "
			"and arrays that pods make on raw volumes",
			LOG_ERR(&why));
	}
}

static int start_rpc(struct plugin *plugin, struct err *err)
{
	const struct node_flags *flags = plugin->flags;
	struct deadline wait = {.at_ms = clock_ms() + PLUGIN_LOCK_MS, .cancel_fd = plugin->stop_fd};

	(void)snprintf(
		plugin->lock_path, sizeof(plugin->lock_path), "%s/lock.sockets", flags->state_dir);
	csi_identity_init(&plugin->csi, flags->driver_name, NV_VERSION, NULL, NULL);
	node_service_init(&plugin->node, plugin->core, plugin->identity.nqn, flags->max_volumes);
	plugin->node.topology = csi_segment_list(&plugin->topology);
	plugin->csi.topology = topology_is_on(flags);
	plugin->socket = (struct rpc_socket){.path = flags->socket, .mode = 0600, .gid = (gid_t)-1};
	plugin->services[0] =
		(struct rpc_service){.service = &plugin->csi.service.base, .lane = "identity"};
	plugin->services[1] = (struct rpc_service){.service = &plugin->node.service.base,
		.lane = "volumes",
		.routes = NODE_ROUTES,
		.n_routes = ARRAY_SIZE(NODE_ROUTES)};
	struct rpc_config config = {.sockets = &plugin->socket,
		.n_sockets = 1,
		.lock_path = plugin->lock_path,
		.lanes = LANES,
		.n_lanes = ARRAY_SIZE(LANES),
		.services = plugin->services,
		.n_services = ARRAY_SIZE(plugin->services),
		.call_max_ms = CALL_MAX_MS,
		.done = observe_call,
		.done_arg = &plugin->observe};
	if (rpc_server_new(&config, &plugin->rpc, err) < 0 ||
		rpc_server_start(plugin->rpc, &wait, err) < 0) {
		return -1;
	}
	atomic_store(&plugin->observe.serving, true);
	return plugin->registrar ? registrar_start(plugin->registrar, err) : 0;
}

static int make_registrar(struct plugin *plugin, struct err *err)
{
	const struct node_flags *flags = plugin->flags;
	struct registrar_config config = {.driver = flags->driver_name,
		.endpoint = flags->kubelet_endpoint,
		.folder = flags->registration_dir,
		.lock_path = plugin->registration_lock,
		.done = observe_call,
		.done_arg = &plugin->observe};

	if (!*flags->registration_dir) {
		return 0;
	}
	(void)snprintf(plugin->registration_lock, sizeof(plugin->registration_lock),
		"%s/lock.registration", flags->state_dir);
	return registrar_new(&config, &plugin->registrar, err);
}

static int start_http(struct plugin *plugin, struct err *err)
{
	struct http_server_options options = {.address = plugin->flags->http_address,
		.unsafe_open = true,
		.self = &plugin->observe};

	if (!*plugin->flags->http_address) {
		return 0;
	}
	options.routes = observe_routes(&options.n_routes);
	return http_server_start(&options, &plugin->http, err) < 0
		       ? err_wrap(err, "--http-address %s", plugin->flags->http_address)
		       : 0;
}

static int find_place(struct plugin *plugin, struct err *err)
{
	const struct node_flags *flags = plugin->flags;

	plugin->topology = (struct csi_segment){
		.arena = arena_new(TOPOLOGY_ARENA_MAX), .driver = flags->driver_name};
	if (!plugin->topology.arena) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "topology: out of memory");
	}
	if (topology_read(flags, &plugin->topology, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < plugin->topology.n; i++) {
		LOG_INFO("topology", LOG_STR("key", plugin->topology.items[i].key),
			LOG_STR("value", plugin->topology.items[i].value));
	}
	if (topology_is_on(flags) && plugin->topology.n == 0) {
		LOG_WARNING(
			"nothing says in which segment of the topology this node is, so no volume can be "
			"made for a pod here",
			LOG_STR("node", flags->node_name), LOG_STR("file", flags->topology_file));
	}
	return 0;
}

static int start(struct plugin *plugin, struct err *err)
{
	const struct node_flags *flags = plugin->flags;

	if (dir_make(AT_FDCWD, flags->state_dir, 0700, err) < 0) {
		return err_wrap(err, "--state-dir");
	}
	if (find_place(plugin, err) < 0 || lock_state(plugin, err) < 0 ||
		start_initiator(plugin, err) < 0 || start_core(plugin, err) < 0 ||
		start_reclaimer(plugin, err) < 0 || make_registrar(plugin, err) < 0) {
		return -1;
	}
	hide_from_udev(plugin);
	plugin->observe.driver_name = flags->driver_name;
	plugin->observe.node_id = plugin->identity.nqn;
	plugin->observe.state_dir = flags->state_dir;
	plugin->observe.helper = plugin->helper;
	plugin->observe.core = plugin->core;
	plugin->observe.fab = plugin->fab;
	plugin->observe.keeper = plugin->keeper;
	plugin->observe.reclaimer = plugin->reclaimer;
	plugin->observe.uev = plugin->uev;
	plugin->observe.registrar = plugin->registrar;
	plugin->observe.socket = flags->socket;
	return observe_init(&plugin->observe, err) < 0 || start_http(plugin, err) < 0 ||
			       start_rpc(plugin, err) < 0
		       ? -1
		       : 0;
}

int plugin_start(const struct node_flags *flags, struct helper *helper, int stop_fd,
	struct plugin **ret_plugin, struct err *err)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));

	if (!plugin) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "plugin: out of memory");
	}
	plugin->flags = flags;
	plugin->helper = helper;
	plugin->stop_fd = stop_fd;
	plugin->lock_fd = -1;
	if (start(plugin, err) < 0) {
		/* What does not end is ended with the process, which is about to end. */
		(void)plugin_stop(plugin);
		return -1;
	}
	LOG_INFO("serving", LOG_STR("endpoint", flags->socket),
		LOG_STR("node_id", plugin->identity.nqn), LOG_STR("version", NV_VERSION));
	*ret_plugin = plugin;
	return 0;
}

bool plugin_stop(struct plugin *plugin)
{
	struct deadline dl = deadline_in(PLUGIN_STOP_MS);
	struct err why = {0};

	/* First, so that kubelet sends no new calls. */
	if (plugin->registrar && !registrar_stop(plugin->registrar, &dl)) {
		LOG_WARNING("the registration did not end in time");
		return false;
	}
	if (!reclaimer_stop(plugin->reclaimer, &dl)) {
		LOG_WARNING("a trim did not end in time");
		return false;
	}
	if (plugin->rpc && rpc_server_stop(plugin->rpc, PLUGIN_GRACE_MS, &dl, &why) < 0) {
		LOG_WARNING("a call did not end in time", LOG_ERR(&why));
		return false;
	}
	if (plugin->http && !http_server_stop(plugin->http, &dl)) {
		LOG_WARNING("an HTTP request did not end in time");
		return false;
	}
	if (plugin->keeper && !keeper_stop(plugin->keeper, &dl)) {
		LOG_WARNING("the path keeper did not end in time");
		return false;
	}
	rpc_server_free(plugin->rpc);
	http_server_free(plugin->http);
	registrar_free(plugin->registrar);
	core_free(plugin->core);
	observe_done(&plugin->observe);
	uev_stop(plugin->uev);
	quarantine_free(plugin->quarantine);
	gate_free(plugin->gate);
	fab_free(plugin->fab);
	if (plugin->subsystems) {
		keylock_free(plugin->subsystems);
	}
	if (plugin->paths_open) {
		host_close(&plugin->paths);
	}
	base_closep(&plugin->lock_fd);
	arena_free(plugin->topology.arena);
	free(plugin);
	return true;
}
