/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that owns the registration socket: a gRPC server of its own, since a server takes no
 * new socket once it runs.
 */
#include "node/service/registrar.h"

#include "common/base/log.h"
#include "common/base/pool.h"
#include "node/service/registration.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* kubelet's calls take no time. */
#define CALL_MAX_MS 10000
#define STOP_MS 5000
#define EVENTS_SIZE 4096

/* Whatever can take the socket or the folder away, or bring the folder back. */
#define WATCHED                                                                                    \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |     \
		IN_ONLYDIR)

struct registrar {
	struct registrar_config config;
	char path[RPC_PATH_MAX + 1];
	struct registration registration;
	struct rpc_lane lane;
	struct rpc_service service;
	struct rpc_socket socket;
	struct pool *thread; /* one worker with one job */
	int stop_fd;

	/* Of the thread. */
	struct rpc_server *server; /* NULL: no socket of ours */
	dev_t dev;		   /* the socket's file */
	ino_t ino;
	int notify_fd;
	int watch;

	pthread_mutex_t lock; /* of the rest */
	struct registrar_counts counts;
	struct err why; /* the socket is not there, or kubelet refused; ERR_OK: neither */
};

static void lock(struct registrar *reg)
{
	(void)pthread_mutex_lock(&reg->lock);
}

static void unlock(struct registrar *reg)
{
	(void)pthread_mutex_unlock(&reg->lock);
}

/* What kubelet said. */
static void told(void *arg, bool registered, const char *error)
{
	struct registrar *reg = arg;
	struct err why = {0};

	if (!registered) {
		(void)err_set(&why, ERR_UNAVAILABLE,
			"kubelet could not register the driver %s: %s; it tries again by itself. Check that "
			"--kubelet-endpoint-path %s is the socket's path on the host, that no other plugin "
			"has this name, and kubelet's log",
			reg->config.driver, *error ? error : "it gave no reason",
			reg->config.endpoint);
	}
	lock(reg);
	reg->counts.registered = registered;
	reg->counts.taken += registered;
	reg->counts.refused += !registered;
	reg->why = why;
	unlock(reg);
	if (registered) {
		LOG_INFO("registered with kubelet", LOG_STR("driver", reg->config.driver));
	} else {
		LOG_ERROR("kubelet refused the registration", LOG_ERR(&why));
	}
}

int registrar_check(struct registrar *reg, struct err *err)
{
	struct err why;
	bool registered;

	lock(reg);
	why = reg->why;
	registered = reg->counts.registered;
	unlock(reg);
	if (why.code != ERR_OK) {
		return err_set(err, why.code, "%s", why.msg);
	}
	if (registered) {
		return 0;
	}
	return err_set(err, ERR_UNAVAILABLE,
		"kubelet has not registered the driver yet: no call came to %s; check that this is the "
		"folder plugins_registry of kubelet's --root-dir on this node",
		reg->path);
}

void registrar_read_counts(struct registrar *reg, struct registrar_counts *ret)
{
	lock(reg);
	*ret = reg->counts;
	unlock(reg);
}

/* --- the thread --- */

static void drop_server(struct registrar *reg)
{
	struct deadline dl = deadline_in(STOP_MS);
	struct err why = {0};

	if (reg->server && rpc_server_stop(reg->server, STOP_MS / 2, &dl, &why) < 0) {
		LOG_WARNING("the registration did not end", LOG_ERR(&why));
	}
	rpc_server_free(TAKE_PTR(reg->server));
	lock(reg);
	reg->counts.registered = false;
	unlock(reg);
}

static int make_server(struct registrar *reg, struct err *err)
{
	struct rpc_config config = {
		.sockets = &reg->socket,
		.n_sockets = 1,
		.lock_path = reg->config.lock_path,
		.lanes = &reg->lane,
		.n_lanes = 1,
		.services = &reg->service,
		.n_services = 1,
		.call_max_ms = CALL_MAX_MS,
		.done = reg->config.done,
		.done_arg = reg->config.done_arg,
	};
	struct deadline now = deadline_in(0);
	struct stat st;

	if (rpc_server_new(&config, &reg->server, err) < 0 ||
		rpc_server_start(reg->server, &now, err) < 0) {
		return -1;
	}
	if (lstat(reg->path, &st) < 0) {
		return err_errno(err, errno, "socket %s", reg->path);
	}
	reg->dev = st.st_dev;
	reg->ino = st.st_ino;
	return 0;
}

/* The watch belongs to the folder that is there now; the same one is not added twice. */
static int watch_folder(struct registrar *reg, struct err *err)
{
	int watch = inotify_add_watch(reg->notify_fd, reg->config.folder, WATCHED);
	int failed = errno;

	if (watch != reg->watch && reg->watch >= 0) {
		(void)inotify_rm_watch(reg->notify_fd, reg->watch);
	}
	reg->watch = watch;
	return watch < 0 ? err_errno(err, failed, "folder %s", reg->config.folder) : 0;
}

/* Make the socket anew, unless @why says already why not. What was wrong the last time is not told
 * twice. */
static void make_again(struct registrar *reg, struct err *why)
{
	struct err before;

	drop_server(reg);
	lock(reg);
	before = reg->why;
	/* Not after the socket is there, when it is kubelet that speaks. */
	reg->why = (struct err){0};
	unlock(reg);
	if (why->code == ERR_OK && make_server(reg, why) == 0) {
		return;
	}
	drop_server(reg);
	(void)err_wrap(why, "the registration cannot be offered to kubelet, trying on");
	if (!streq(why->msg, before.msg)) {
		LOG_ERROR("no registration", LOG_ERR(why));
	}
	lock(reg);
	reg->why = *why;
	unlock(reg);
}

static bool is_there(const struct registrar *reg)
{
	struct stat st;

	return reg->server && lstat(reg->path, &st) == 0 && st.st_dev == reg->dev &&
	       st.st_ino == reg->ino;
}

/* See to it that our socket is there. Return: true when it was. */
static bool look(struct registrar *reg)
{
	struct err why = {0};

	/* First, so that what happens after the look is an event. */
	if (watch_folder(reg, &why) == 0 && is_there(reg)) {
		return true;
	}
	if (reg->server) {
		LOG_WARNING("the registration socket was taken away; making it again",
			LOG_STR("socket", reg->path));
	}
	make_again(reg, &why);
	return false;
}

static void forget_events(const struct registrar *reg)
{
	char events[EVENTS_SIZE];

	while (read(reg->notify_fd, events, sizeof(events)) > 0) {
	}
}

static void keep_socket(void *arg)
{
	struct registrar *reg = arg;
	struct pollfd fds[] = {
		{.fd = reg->stop_fd, .events = POLLIN}, {.fd = reg->notify_fd, .events = POLLIN}};

	/* The server's umask, which belongs to the process, shall not be seen by other threads. */
	(void)unshare(CLONE_FS);
	while (!(fds[0].revents & POLLIN)) {
		bool was_there = look(reg);

		/* After a change events are left alone for a while: no storm can keep us busy. */
		(void)poll(
			fds, was_there ? 2 : 1, was_there ? REGISTRAR_LOOK_MS : REGISTRAR_RETRY_MS);
		forget_events(reg);
	}
	drop_server(reg);
}

/* --- its life --- */

int registrar_new(
	const struct registrar_config *config, struct registrar **ret_registrar, struct err *err)
{
	struct registrar *reg = calloc(1, sizeof(*reg));

	if (!reg) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "registration: out of memory");
	}
	reg->config = *config;
	reg->watch = -1;
	(void)pthread_mutex_init(&reg->lock, NULL);
	reg->stop_fd = eventfd(0, EFD_CLOEXEC);
	reg->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int n = snprintf(
		reg->path, sizeof(reg->path), "%s/%s-reg.sock", config->folder, config->driver);
	if (reg->stop_fd < 0 || reg->notify_fd < 0) {
		(void)err_errno(err, errno, "registration");
		registrar_free(reg);
		return -1;
	}
	if (n < 0 || (size_t)n >= sizeof(reg->path)) {
		registrar_free(reg);
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s/%s-reg.sock: longer than the %d bytes of a socket's path",
			config->folder, config->driver, RPC_PATH_MAX);
	}
	registration_init(&reg->registration, config->driver, config->endpoint, told, reg);
	reg->lane = (struct rpc_lane){"registration", 1, 16};
	reg->service = (struct rpc_service){
		.service = &reg->registration.service.base, .lane = reg->lane.name};
	reg->socket = (struct rpc_socket){.path = reg->path, .mode = 0600, .gid = (gid_t)-1};
	*ret_registrar = reg;
	return 0;
}

int registrar_start(struct registrar *reg, struct err *err)
{
	reg->thread = pool_new("registrar", 1, 1);
	if (!reg->thread) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "registration: no memory or threads");
	}
	return pool_submit(reg->thread, keep_socket, reg, err);
}

bool registrar_stop(struct registrar *reg, const struct deadline *dl)
{
	(void)eventfd_write(reg->stop_fd, 1);
	if (reg->thread) {
		if (!pool_stop(reg->thread, dl)) {
			return false;
		}
		pool_free(TAKE_PTR(reg->thread));
	}
	return true;
}

void registrar_free(struct registrar *reg)
{
	if (!reg) {
		return;
	}
	base_closep(&reg->stop_fd);
	base_closep(&reg->notify_fd);
	(void)pthread_mutex_destroy(&reg->lock);
	free(reg);
}
