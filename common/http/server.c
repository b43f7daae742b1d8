/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and stopping. A thread per connection, not a pool: in libmicrohttpd a pool's worker
 * serves many connections, so one slow handler would hold up its neighbours, and an idle pool
 * would still cost its threads. The limit of connections is the limit of threads.
 */
#include "common/base/fileio.h"
#include "common/http/server_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

/** Stack of a connection's thread, on which handlers run. */
#define THREAD_STACK ((size_t)1024 * 1024)
/** Largest certificate file. */
#define CERT_MAX ((size_t)256 * 1024)
/** How long before its deadline a stop cancels the handlers. */
#define STOP_CANCEL_MS 1000
/** The watch keeps the limit; libmicrohttpd's must not be in its way while it cleans up. */
#define MHD_SPARE 16
/** TLS 1.2 and 1.3 with GnuTLS' own choice of the rest. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static void set_limits(struct http_server_options *o)
{
	o->max_body = o->max_body ? o->max_body : HTTP_SERVER_BODY_MAX;
	o->max_connections = o->max_connections ? o->max_connections : HTTP_SERVER_CONNECTIONS_MAX;
	o->idle_ms = o->idle_ms > 0 ? o->idle_ms : HTTP_SERVER_IDLE_MS;
	o->receive_ms = o->receive_ms > 0 ? o->receive_ms : HTTP_SERVER_RECEIVE_MS;
	o->request_ms = o->request_ms > 0 ? o->request_ms : HTTP_SERVER_REQUEST_MS;
}

static int check_options(const struct http_server_options *o, struct err *err)
{
	if (!o->cert_file != !o->key_file) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"HTTP server: TLS needs both a certificate and a key file");
	}
	if (o->token && secret_len(o->token) == 0) {
		return err_set(err, ERR_INVALID_ARGUMENT, "HTTP server: the token is empty");
	}
	return routes_check(o->routes, o->n_routes, err);
}

static int check_exposure(const struct http_server *server, struct err *err)
{
	const struct http_server_options *o = &server->options;

	if (server->listener.loopback) {
		return 0;
	}
	if (!o->token && !o->unsafe_open) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"address %s: can be reached from outside, so a token is needed; or listen on a "
			"loopback address or a Unix socket",
			o->address);
	}
	if (o->token && !o->cert_file) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"address %s: the token would travel in the clear; give a certificate and a key, or "
			"listen on a loopback address or a Unix socket",
			o->address);
	}
	return 0;
}

/* libmicrohttpd tells why it does not start in its log only. */
static void PRINTF_LIKE(2, 0) on_log(void *cls, const char *fmt, va_list args)
{
	struct http_server *server = cls;

	(void)pthread_mutex_lock(&server->lock);
	if (!server->started && !server->start_error[0]) {
		(void)vsnprintf(server->start_error, sizeof(server->start_error), fmt, args);
		server->start_error[strcspn(server->start_error, "\n")] = '\0';
	}
	(void)pthread_mutex_unlock(&server->lock);
}

static struct MHD_Daemon *start_daemon(
	struct http_server *server, const char *cert, const struct secret *key)
{
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			 MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
			 (cert ? MHD_USE_TLS : 0U);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, key ? (void *)secret_bytes(key) : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};

	if (!cert) {
		tls[0].option = MHD_OPTION_END;
	}
	return MHD_start_daemon(flags, 0, NULL, NULL, request_data, server,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_CONNECTION_LIMIT,
		2 * server->options.max_connections + MHD_SPARE, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_SERVER_HEAD_MAX,
		MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
		MHD_OPTION_NOTIFY_CONNECTION, request_connection, server,
		MHD_OPTION_NOTIFY_COMPLETED, request_done, server, MHD_OPTION_URI_LOG_CALLBACK,
		request_line, server, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

/* A new connection, from the watch. */
static void enter(void *arg, int take_fd, const struct sockaddr *addr, socklen_t len)
{
	struct http_server *server = arg;

	/* Closes the socket itself when it fails. */
	(void)MHD_add_connection(server->daemon, take_fd, addr, len);
}

/* Signals belong to the main thread, and libmicrohttpd's threads inherit the mask. */
static int start_threads(
	struct http_server *server, const char *cert, const struct secret *key, struct err *err)
{
	const struct watch_options watch = {.door = server->listener.fd,
		.max = server->options.max_connections,
		.enter = enter,
		.arg = server};
	sigset_t all;
	sigset_t old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	server->watch = watch_new(&watch);
	if (server->watch) {
		server->daemon = start_daemon(server, cert, key);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!server->daemon) {
		return err_set(err,
			server->start_error[0] ? ERR_INVALID_ARGUMENT : ERR_RESOURCE_EXHAUSTED,
			"HTTP server: does not start: %s",
			server->start_error[0] ? server->start_error : "out of memory or threads");
	}
	(void)pthread_mutex_lock(&server->lock);
	server->started = true;
	(void)pthread_mutex_unlock(&server->lock);
	watch_open(server->watch);
	return 0;
}

static int start_serving(struct http_server *server, struct err *err)
{
	const struct http_server_options *o = &server->options;
	_cleanup_free_ char *cert = NULL;
	struct secret *key = NULL;
	size_t len = 0;
	int rc;

	if (o->cert_file && file_read(AT_FDCWD, o->cert_file, CERT_MAX, &cert, &len, err) < 0) {
		return err_wrap(err, "certificate");
	}
	if (o->key_file && secret_read_file(o->key_file, &key, err) < 0) {
		return err_wrap(err, "key of the certificate");
	}
	rc = start_threads(server, cert, key, err);
	if (rc < 0 && o->cert_file) {
		rc = err_wrap(err, "certificate %s, key %s", o->cert_file, o->key_file);
	}
	secret_unref(key);
	return rc;
}

static int open_all(struct http_server *server, struct err *err)
{
	const struct http_server_options *o = &server->options;

	server->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->idle = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->cancel < 0 || server->idle < 0) {
		return err_errno(err, errno, "eventfd");
	}
	if (listener_open(o, &server->listener, err) < 0) {
		return -1;
	}
	if (o->unix_path) {
		server->unix_path = strdup(o->unix_path);
	}
	if (check_exposure(server, err) < 0) {
		return -1;
	}
	return start_serving(server, err);
}

int http_server_start(
	const struct http_server_options *options, struct http_server **ret_server, struct err *err)
{
	struct http_server *server;

	if (check_options(options, err) < 0) {
		return -1;
	}
	server = calloc(1, sizeof(*server));
	if (!server) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "HTTP server: out of memory");
	}
	server->options = *options;
	set_limits(&server->options);
	server->listener.fd = -1;
	server->cancel = -1;
	server->idle = -1;
	server->token = options->token ? secret_ref(options->token) : NULL;
	(void)pthread_mutex_init(&server->lock, NULL);
	if (open_all(server, err) < 0) {
		http_server_free(server);
		return -1;
	}
	*ret_server = server;
	return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->listener.port;
}

/* Once only: later the path may be another process's. */
static void remove_socket(struct http_server *server)
{
	if (server->unix_path) {
		(void)unlink(server->unix_path);
	}
	free(server->unix_path);
	server->unix_path = NULL;
}

static void begin_stop(struct http_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	server->stopping = true;
	(void)pthread_mutex_unlock(&server->lock);
	watch_shut(server->watch);
	base_closep(&server->listener.fd);
	server->listener.fd = -1;
	remove_socket(server);
}

/* Wait until no handler runs and no answer is under way. Return: true when so. */
static bool wait_idle(struct http_server *server, const struct deadline *dl)
{
	for (;;) {
		bool idle;
		uint64_t ignored;

		(void)pthread_mutex_lock(&server->lock);
		idle = server->handlers == 0 && server->answers == 0;
		(void)pthread_mutex_unlock(&server->lock);
		if (idle) {
			return true;
		}
		if (deadline_poll(dl, server->idle, POLLIN, -1, "stopping the HTTP server", NULL) <
			0) {
			return false;
		}
		(void)!read(server->idle, &ignored, sizeof(ignored));
	}
}

bool http_server_stop(struct http_server *server, const struct deadline *dl)
{
	struct deadline patient = *dl;
	const uint64_t one = 1;
	bool stuck;

	begin_stop(server);
	patient.at_ms -= STOP_CANCEL_MS;
	if (!wait_idle(server, &patient)) {
		(void)!write(server->cancel, &one, sizeof(one));
		(void)wait_idle(server, dl);
	}
	(void)pthread_mutex_lock(&server->lock);
	stuck = server->handlers > 0;
	(void)pthread_mutex_unlock(&server->lock);
	if (stuck) {
		return false;
	}
	/* What is left are answers to slow readers; their sockets are closed now. */
	MHD_stop_daemon(server->daemon);
	server->daemon = NULL;
	return true;
}

void http_server_free(struct http_server *server)
{
	if (!server) {
		return;
	}
	watch_free(server->watch);
	base_closep(&server->listener.fd);
	base_closep(&server->cancel);
	base_closep(&server->idle);
	remove_socket(server);
	secret_unref(server->token);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}
