/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node plugin says of itself: alive, well, and in numbers.
 */
#include "common/rpc/server.h"
#include "node/observe.h"
#include "proto/csi.pb-c.h"
#include "test/unit/common/metrics/exposition.h"
#include "test/unit/node/nvme/fixture.h"

#define LONG_MS 20000

struct rig {
	struct fixture f;
	char dir[64];
	char state[96];
	char socket[96];
	char folder[96];
	char lock[96];
	char registration_lock[96];
	struct keylock *locks;
	struct quarantine *quarantine;
	struct registrar_config registration;
	struct observe observe;
};

static void path_of(char out[96], const struct rig *rig, const char *name)
{
	(void)snprintf(out, 96, "%s/%s", rig->dir, name);
}

/* A node on which nothing is connected or mounted. */
static int no_ctrls(
	void *self UNUSED, struct host_ctrl **ret_list, size_t *ret_n, struct err *err UNUSED)
{
	*ret_list = NULL;
	*ret_n = 0;
	return 0;
}

static int no_mounts(void *self UNUSED, struct mount_table **ret_table, struct err *err)
{
	return mount_table_read("/dev/null", ret_table, err);
}

static const struct host_ops EMPTY_NODE = {.ctrls = no_ctrls, .mounts = no_mounts};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = {0};

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/nv-observe-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	path_of(rig->state, rig, "state");
	path_of(rig->socket, rig, "csi.sock");
	path_of(rig->folder, rig, "plugins_registry");
	path_of(rig->lock, rig, "lock");
	path_of(rig->registration_lock, rig, "lock.registration");
	assert_int_equal(mkdir(rig->state, 0700), 0);
	fixture_open(&rig->f, NULL);
	rig->f.host.node_name = "worker-3";
	rig->locks = keylock_new(8);
	struct core_config config = {.ops = &EMPTY_NODE,
		.state_dir = rig->state,
		.boot = "boot",
		.subsystems = rig->locks};
	struct observe *observe = &rig->observe;
	assert_int_equal(core_new(&config, &observe->core, &err), 0);
	assert_int_equal(fab_new(&rig->f.host, &us, &observe->fab, &err), 0);
	assert_int_equal(quarantine_new(8, &rig->quarantine, &err), 0);
	struct keeper_config keeper = {
		.fab = observe->fab, .subsys_locks = rig->locks, .quarantine = rig->quarantine};
	assert_int_equal(keeper_start(&keeper, &observe->keeper, &err), 0);
	struct reclaimer_config reclaimer = {.core = observe->core};
	assert_int_equal(reclaimer_start(&reclaimer, &observe->reclaimer, &err), 0);
	if (uev_start(&observe->uev, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	observe->driver_name = "nvmetcp.csi.dev";
	observe->node_id = us.nqn;
	observe->state_dir = rig->state;
	observe->socket = rig->socket;
	assert_int_equal(observe_init(observe, &err), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"state/journal", "state/records", "state/busy", "state",
		"lock", "lock.registration", "plugins_registry"};
	struct deadline dl = deadline_in(LONG_MS);
	struct rig *rig = *state;
	struct observe *observe = &rig->observe;

	assert_true(keeper_stop(observe->keeper, &dl));
	assert_true(reclaimer_stop(observe->reclaimer, &dl));
	observe_done(observe);
	core_free(observe->core);
	uev_stop(observe->uev);
	quarantine_free(rig->quarantine);
	fab_free(observe->fab);
	keylock_free(rig->locks);
	fixture_close(&rig->f);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[96];
		path_of(path, rig, files[i]);
		(void)remove(path);
	}
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

static bool health(struct rig *rig, char text[4096])
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(4095);
	struct deadline dl = deadline_in(LONG_MS);
	bool well = observe_health(&rig->observe, &dl, &sb);

	(void)snprintf(text, 4096, "%s", sb_str(&sb));
	return well;
}

static int alive(struct rig *rig, struct err *err)
{
	struct deadline dl = deadline_in(LONG_MS);

	*err = (struct err){0};
	return observe_alive(&rig->observe, &dl, err);
}

static void load_module(struct rig *rig)
{
	struct err err = {0};

	assert_int_equal(dir_make(rig->f.sysfs, "module/nvme_tcp", 0755, &err), 0);
	assert_int_equal(mkdirat(rig->f.host.dev, "nvme-fabrics", 0755), 0);
}

static void without_the_module(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char text[4096];

	assert_false(health(rig, text));
	assert_non_null(strstr(text, "nvme-tcp is not loaded on node worker-3"));
	assert_non_null(strstr(text, "modprobe nvme-tcp"));
	assert_non_null(strstr(text, "linux-modules-extra"));
	/* A new start of the plugin would not bring it. */
	assert_int_equal(alive(rig, &err), 0);
	load_module(rig);
	assert_true(health(rig, text));
	assert_string_equal(text, "ok\n");
}

static void all_that_is_wrong_is_told(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char text[4096];

	rig->observe.state_dir = "/nowhere/at/all";
	assert_false(health(rig, text));
	assert_non_null(strstr(text, "state folder /nowhere/at/all: cannot be written"));
	assert_non_null(strstr(text, "modprobe nvme-tcp"));
	assert_null(strstr(text, "ok\n"));
	assert_int_equal(alive(rig, &err), 0);
}

/* The least server that there is. */
static struct rpc_server *serve(struct rig *rig)
{
	static Csi__V1__Identity_Service identity;
	static const struct rpc_lane lane = {"identity", 1, 4};
	struct rpc_socket socket = {.path = rig->socket, .mode = 0600, .gid = (gid_t)-1};
	struct rpc_service service = {.service = &identity.base, .lane = "identity"};
	struct rpc_config config = {.sockets = &socket,
		.n_sockets = 1,
		.lock_path = rig->lock,
		.lanes = &lane,
		.n_lanes = 1,
		.services = &service,
		.n_services = 1,
		.call_max_ms = 1000};
	struct deadline now = deadline_in(0);
	struct rpc_server *server = NULL;
	struct err err = {0};

	csi__v1__identity__init(&identity, NULL);
	assert_int_equal(rpc_server_new(&config, &server, &err), 0);
	assert_int_equal(rpc_server_start(server, &now, &err), 0);
	return server;
}

static void alive_as_long_as_it_serves(void **state)
{
	struct rig *rig = *state;
	struct err err;
	char text[4096];

	load_module(rig);
	/* Still starting, perhaps waiting for an older one to end. */
	assert_int_equal(alive(rig, &err), 0);
	struct rpc_server *server = serve(rig);
	rig->observe.serving = true;
	assert_int_equal(alive(rig, &err), 0);
	assert_int_equal(unlink(rig->socket), 0);
	assert_int_equal(alive(rig, &err), -1);
	assert_non_null(strstr(err.msg, rig->socket));
	assert_false(health(rig, text));
	assert_non_null(strstr(text, rig->socket));
	rpc_server_free(server);
}

static void without_kubelet(void **state)
{
	struct rig *rig = *state;
	struct err err = {0};
	char text[4096];

	load_module(rig);
	rig->registration = (struct registrar_config){.driver = "nvmetcp.csi.dev",
		.endpoint = rig->socket,
		.folder = rig->folder,
		.lock_path = rig->registration_lock};
	assert_int_equal(registrar_new(&rig->registration, &rig->observe.registrar, &err), 0);
	assert_false(health(rig, text));
	assert_non_null(strstr(text, "kubelet has not registered the driver yet"));
	assert_int_equal(alive(rig, &err), 0);
	registrar_free(rig->observe.registrar);
}

static void numbers(void **state)
{
	struct rig *rig = *state;
	struct observe *observe = &rig->observe;
	_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 20);
	struct rpc_done done = {.method = "/csi.v1.Node/NodeStageVolume",
		.message = "",
		.seconds = 0.3,
		.code = ERR_ABORTED};
	static const char *const wanted[] = {
		"\nnvmetcp_node_stage_seconds_bucket{step=\"connect\",le=\"0.1\"} 0\n",
		"\nnvmetcp_node_stage_seconds_bucket{step=\"connect\",le=\"0.25\"} 1\n",
		"\nnvmetcp_node_stage_seconds_count{step=\"mount\"} 2\n",
		"\nnvmetcp_registered 0\n",
		"\nnvmetcp_registration_failures_total 0\n",
		"\nnvmetcp_volumes_staged 0\n",
		"\nnvmetcp_volumes_unhealthy{reason=\"AllPathsLost\"} 0\n",
		"\nnvmetcp_volumes_unhealthy{reason=\"RecordUnreadable\"} 0\n",
		"\nnvmetcp_backends{state=\"unreachable\"} 0\n",
		"\nnvmetcp_reclaim_runs_total 0\n",
		"\nnvmetcp_reclaim_failures_total 0\n",
		"\nnvmetcp_reclaim_bytes_total 0\n",
		"\nnvmetcp_reclaim_last_run_timestamp_seconds 0\n",
		"\nnvmetcp_reclaim_next_run_timestamp_seconds 0\n",
		"grpc_status_code=\"Aborted\",le=\"0.5\"} 1\n",
	};

	observe_call(observe, &done);
	done.method = "/csi.v1.Node/NodePublishVolume";
	observe_call(observe, &done);
	observe_step(observe, "NodeStageVolume", "connect", 0.2);
	observe_step(observe, "NodeStageVolume", "mount", 0.2);
	observe_step(observe, "NodeStageVolume", "mount", 100);
	observe_step(observe, "NodeUnstageVolume", "disconnect", 0.2);
	observe_print(observe, &sb);
	exposition_check(sb_str(&sb));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!strstr(sb_str(&sb), wanted[i])) {
			fail_msg("not there: %s\n%s", wanted[i], sb_str(&sb));
		}
	}
	assert_null(strstr(sb_str(&sb), "disconnect"));
}

static void the_routes(void **state UNUSED)
{
	size_t n;
	const struct http_route *routes = observe_routes(&n);

	assert_int_equal(n, 3);
	assert_string_equal(routes[0].pattern, "/livez");
	assert_string_equal(routes[1].pattern, "/healthz");
	assert_string_equal(routes[2].pattern, "/metrics");
}

#define OBSERVE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBSERVE_TEST(without_the_module),
		OBSERVE_TEST(all_that_is_wrong_is_told),
		OBSERVE_TEST(alive_as_long_as_it_serves),
		OBSERVE_TEST(without_kubelet),
		OBSERVE_TEST(numbers),
		cmocka_unit_test(the_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
