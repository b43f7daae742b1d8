/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a process.
 */
#include "target/run.h"

#include "common/base/clock.h"
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "target/api/api.h"
#include "target/store/file.h"
#include "target/store/lvmthin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TICK_MS 5000
#define STOP_MS 20000
/** Two controllers with all their calls at once, and a few more. */
#define CONNECTIONS_MAX 128

struct run {
	const struct config *config;
	int signals; /* readable once the process is to end */
	struct secret *token;
	struct metrics *metrics;
	struct agent *agent;
	struct api *api;
	struct http_server *server; /* NULL: its address is not there yet */
};

static int open_signals(int *ret_fd, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? err_errno(err, errno, "signalfd") : 0;
}

/* The least of the pools of files, 0 when there is none. */
static int64_t clone_extents(const struct config *config)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < config->n_pools; i++) {
		int64_t its = config->pools[i].store.clone_extents;

		if (!streq(config->pools[i].store.type, FILE_STORE_TYPE)) {
			continue;
		}
		least = MIN(least, its ? its : FILE_STORE_CLONE_EXTENTS);
	}
	return least == INT64_MAX ? 0 : least;
}

static int make_agent(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	const struct nvmet_options options = {
		.root = config->configfs,
		.ops = &configfs_linux,
		.portals = config->portals,
		.nft = config->gate ? nvmet_nft : NULL,
	};
	struct catalog *catalogs[AGENT_POOLS_MAX] = {NULL};
	struct nvmet *nvmet = NULL;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_pools; i++) {
		struct catalog_config what = {
			.store = config->pools[i].store,
			.ratio = config->pools[i].ratio,
			.state_dir = config->state_dir,
		};

		what.store.fs = &fsops_linux;
		what.store.lvm = &lvm_linux;

		rc = catalog_new(&what, &catalogs[i], err);
	}
	if (rc == 0) {
		rc = nvmet_open(&options, &nvmet, err);
	}
	if (rc == 0) {
		return agent_new(
			catalogs, config->n_pools, nvmet, config->state_dir, &run->agent, err);
	}
	for (unsigned i = 0; i < config->n_pools; i++) {
		catalog_free(catalogs[i]);
	}
	return -1;
}

static int serve(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	struct http_server_options options = {
		.unix_path = config->unix_path,
		.address = config->listen,
		.cert_file = config->tls_cert,
		.key_file = config->tls_key,
		.token = run->token,
		.self = run->api,
		.event = api_event,
		.max_body = API_BODY_MAX,
		.max_connections = CONNECTIONS_MAX,
	};

	options.routes = api_routes(&options.n_routes);
	return http_server_start(&options, &run->server, err);
}

/*
 * The agent starts before the network does, so its address may come later. All else that keeps it
 * from listening ends the start.
 */
static int serve_or_wait(struct run *run, struct err *err)
{
	const char *listen = run->config->listen;
	struct portal portal;

	if (run->server) {
		return 0;
	}
	if (listen && portal_parse("listen", listen, &portal, err) < 0) {
		return -1;
	}
	if (listen && !nvmet_address_there(&portal)) {
		LOG_WARNING("the address to listen on is not there yet", LOG_STR("listen", listen));
		return 0;
	}
	return serve(run, err);
}

static int start(struct run *run, struct err *err)
{
	const struct config *config = run->config;
	struct api_options api = {.clone_extents = clone_extents(config)};

	if (open_signals(&run->signals, err) < 0 ||
		(config->token_file &&
			secret_read_file(config->token_file, &run->token, err) < 0) ||
		dir_make(AT_FDCWD, config->state_dir, 0700, err) < 0) {
		return -1;
	}
	run->metrics = metrics_new();
	if (!run->metrics) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory");
	}
	if (make_agent(run, err) < 0) {
		return -1;
	}
	api.agent = run->agent;
	api.metrics = run->metrics;
	if (api_new(&api, &run->api, err) < 0 || agent_prepare(run->agent, err) < 0) {
		return -1;
	}
	return serve_or_wait(run, err);
}

static int look_after(struct run *run, struct err *err)
{
	struct deadline pools = deadline_in(run->config->pool_wait_s * 1000);
	struct err why = {0};

	pools.cancel_fd = run->signals;
	if (agent_bring_up(run->agent, &pools, &why) < 0) {
		if (why.code == ERR_CANCELLED) {
			return 0;
		}
		*err = why;
		return -1;
	}
	LOG_INFO("exports are up", LOG_STR("version", NV_VERSION));
	for (;;) {
		struct deadline dl = deadline_in(INT64_C(365) * 86400 * 1000);

		dl.cancel_fd = run->signals;
		if (deadline_poll(&dl, -1, 0, TICK_MS, "run", &why) < 0) {
			return 0; /* a signal */
		}
		agent_tick(run->agent);
		if (serve_or_wait(run, err) < 0) {
			return -1;
		}
	}
}

static int stop(struct run *run, struct err *err)
{
	struct deadline dl = deadline_in(STOP_MS);

	if (run->server && !http_server_stop(run->server, &dl)) {
		/* A thread is stuck in the kernel and may still use all of this. */
		return err_set(err, ERR_DEADLINE_EXCEEDED,
			"a request did not end within %d s: ending without it", STOP_MS / 1000);
	}
	http_server_free(run->server);
	api_free(run->api);
	if (run->agent) {
		agent_lay_down(run->agent);
	}
	agent_free(run->agent);
	metrics_free(run->metrics);
	secret_unref(run->token);
	base_closep(&run->signals);
	return 0;
}

int run_agent(const struct config *config, struct err *err)
{
	struct run run = {.config = config, .signals = -1};
	struct err late = {0};
	int rc = start(&run, err);

	if (rc == 0) {
		run_notify("READY=1");
		rc = look_after(&run, err);
		run_notify("STOPPING=1");
	}
	if (stop(&run, &late) < 0) {
		LOG_ERROR("stopping", LOG_ERR(&late));
		_exit(1);
	}
	return rc;
}

struct init {
	struct store_options options;
	struct stamp stamp;
};

static int init_step(const struct step *in, void *arg, struct err *err)
{
	struct init *init = arg;
	const struct store_options *options = &init->options;

	return options->thin_pool ? lvmthin_init(in, options, &init->stamp, err)
				  : stamp_init(in, options->path, options->name, options->fs,
					    &init->stamp, err);
}

/* "vg/pool" as two names, both in @copy, which the caller frees. */
static int split_thin_pool(
	const char *text, char **ret_copy, struct store_options *ret, struct err *err)
{
	char *copy = strdup(text);
	char *slash = copy ? strchr(copy, '/') : NULL;

	*ret_copy = copy;
	if (!slash) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: must be a volume group and a thin pool in it, as \"vg/pool\"", text);
	}
	*slash = '\0';
	ret->vg = copy;
	ret->thin_pool = slash + 1;
	return 0;
}

int run_init_pool(const char *path, const char *name, const char *thin_pool, struct err *err)
{
	struct steps steps = {.operation = "InitPool"};
	struct init init = {
		.options = {.path = path, .name = name, .fs = &fsops_linux, .lvm = &lvm_linux}};
	_cleanup_free_ char *copy = NULL;

	if (thin_pool && split_thin_pool(thin_pool, &copy, &init.options, err) < 0) {
		return -1;
	}
	if (step_run(&steps, "stamp", init_step, &init, err) < 0) {
		return -1;
	}
	if (printf("%s\n", init.stamp.uuid) < 0 || fflush(stdout) != 0) {
		return err_errno(err, errno, "stdout");
	}
	return 0;
}

void run_notify(const char *state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): never changed
	_cleanup_close_ int fd = -1;
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@')) {
		return;
	}
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@') {
		addr.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		/* Without a service manager that listens there is nothing to do about it. */
		(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	}
}
