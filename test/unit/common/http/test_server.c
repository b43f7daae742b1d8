/* SPDX-License-Identifier: Apache-2.0 */
/* Starting with the right and the wrong options, and stopping within a bound. */
#include "common/http/server.h"
#include "test/unit/common/http/support.h"

static char dir[] = "/tmp/nvmetcp-server-XXXXXX";

struct app {
	int inside; /* eventfd: the handler has begun */
	int gate;   /* eventfd: it may end */
	bool deaf;  /* it does not listen to its deadline */
};

static int on_ok(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	(void)self;
	(void)req;
	return http_respond_json(res, 200, strdup("{}"));
}

static int on_wait(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct app *app = self;
	struct deadline dl = req->op->deadline;
	const uint64_t one = 1;

	assert_int_equal(write(app->inside, &one, sizeof(one)), sizeof(one));
	if (app->deaf) {
		dl.cancel_fd = -1;
	}
	if (deadline_poll(&dl, app->gate, POLLIN, -1, "gate", &req->op->err) < 0) {
		return -1;
	}
	return http_respond_json(res, 200, strdup("{\"waited\":true}"));
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/ok", .handle = on_ok},
	{.method = "GET", .pattern = "/wait", .handle = on_wait},
};

static int start(struct http_server_options options, struct http_server **ret, struct err *err)
{
	options.routes = routes;
	options.n_routes = ARRAY_SIZE(routes);
	*err = (struct err){0};
	return http_server_start(&options, ret, err);
}

static void refused(struct http_server_options options, const char *why)
{
	struct http_server *server = NULL;
	struct err err;

	assert_int_equal(start(options, &server, &err), -1);
	assert_null(server);
	assert_int_not_equal(err.code, ERR_OK);
	if (!strstr(err.msg, why)) {
		fail_msg("\"%s\" is not in: %s", why, err.msg);
	}
}

static bool stop_in(struct http_server *server, int64_t ms)
{
	struct deadline dl = deadline_in(ms);

	return http_server_stop(server, &dl);
}

static void starts(struct http_server_options options)
{
	struct http_server *server = NULL;
	struct err err;

	if (start(options, &server, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_true(stop_in(server, PATIENCE_MS));
	http_server_free(server);
}

static void test_exposure(void **state)
{
	struct secret *token = secret_new("s3cret", 6);
	struct secret *empty = secret_new("", 0);

	(void)state;
	refused((struct http_server_options){.address = "0.0.0.0:0"}, "a token is needed");
	refused((struct http_server_options){.address = "[::]:0"}, "a token is needed");
	refused((struct http_server_options){.address = "0.0.0.0:0", .token = token},
		"in the clear");
	refused((struct http_server_options){.address = "127.0.0.1:0", .token = empty},
		"token is empty");
	starts((struct http_server_options){.address = "0.0.0.0:0", .unsafe_open = true});
	starts((struct http_server_options){.address = "127.0.0.1:0", .token = token});
	starts((struct http_server_options){.address = "127.8.9.1:0"});
	secret_unref(token);
	secret_unref(empty);
}

static void test_tls_files(void **state)
{
	char cert[128];
	char key[128];
	char other[128];
	char absent[128];
	struct secret *token = secret_new("s3cret", 6);

	(void)state;
	make_cert(dir, "a", "IP:127.0.0.1");
	make_cert(dir, "b", "IP:127.0.0.1");
	(void)snprintf(cert, sizeof(cert), "%s/a.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/a.key", dir);
	(void)snprintf(other, sizeof(other), "%s/b.key", dir);
	(void)snprintf(absent, sizeof(absent), "%s/absent", dir);
	refused((struct http_server_options){.address = "127.0.0.1:0", .cert_file = cert}, "both");
	refused(
		(struct http_server_options){
			.address = "127.0.0.1:0", .cert_file = absent, .key_file = key},
		absent);
	refused(
		(struct http_server_options){
			.address = "127.0.0.1:0", .cert_file = cert, .key_file = absent},
		absent);
	refused(
		(struct http_server_options){
			.address = "127.0.0.1:0", .cert_file = cert, .key_file = other},
		other);
	refused(
		(struct http_server_options){
			.address = "127.0.0.1:0", .cert_file = key, .key_file = key},
		key);
	starts((struct http_server_options){
		.address = "0.0.0.0:0", .cert_file = cert, .key_file = key, .token = token});
	assert_int_equal(chmod(key, 0644), 0);
	refused(
		(struct http_server_options){
			.address = "127.0.0.1:0", .cert_file = cert, .key_file = key},
		key);
	secret_unref(token);
}

static void test_bad_routes(void **state)
{
	static const struct http_route bad[] = {{.method = "GET", .pattern = "x", .handle = on_ok}};
	const struct http_server_options options = {
		.address = "127.0.0.1:0", .routes = bad, .n_routes = 1};
	struct http_server *server = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(http_server_start(&options, &server, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
}

static int unix_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void test_unix(void **state)
{
	static const char request[] = "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	char path[64];
	char out[1024];
	struct http_server *server = NULL;
	struct stat st;
	struct err err;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(start((struct http_server_options){.unix_path = path}, &server, &err), 0);
	assert_int_equal(http_server_port(server), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	refused((struct http_server_options){.unix_path = path}, "another process serves there");
	fd = unix_connect(path);
	send_all(fd, request, strlen(request));
	(void)read_until(fd, NULL, out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 200 OK"));
	(void)close(fd);
	assert_true(stop_in(server, PATIENCE_MS));
	assert_int_equal(access(path, F_OK), -1);
	/* What has come to that path since is not ours to remove. */
	assert_int_equal(mkdir(path, 0700), 0);
	http_server_free(server);
	assert_int_equal(rmdir(path), 0);
}

struct waiting {
	struct app app;
	struct http_server *server;
	int fd;
	char out[1024];
};

/* A server with a handler under way. */
static void begin_waiting(struct waiting *w, bool deaf)
{
	static const char request[] = "GET /wait HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	struct err err;
	uint64_t one;

	*w = (struct waiting){.app = {.inside = eventfd(0, EFD_CLOEXEC),
				      .gate = eventfd(0, EFD_CLOEXEC),
				      .deaf = deaf}};
	assert_int_equal(
		start((struct http_server_options){.address = "127.0.0.1:0", .self = &w->app},
			&w->server, &err),
		0);
	w->fd = tcp_connect(http_server_port(w->server));
	send_all(w->fd, request, strlen(request));
	assert_int_equal(read(w->app.inside, &one, sizeof(one)), sizeof(one));
}

static void end_waiting(struct waiting *w)
{
	http_server_free(w->server);
	(void)close(w->fd);
	(void)close(w->app.inside);
	(void)close(w->app.gate);
}

static void open_gate(struct waiting *w)
{
	const uint64_t one = 1;

	assert_int_equal(write(w->app.gate, &one, sizeof(one)), sizeof(one));
}

static void *stop_patiently(void *arg)
{
	struct waiting *w = arg;

	assert_true(stop_in(w->server, PATIENCE_MS));
	return NULL;
}

/* A stop lets the handler end and its answer go out. */
static void test_stop_waits(void **state)
{
	struct waiting w;
	pthread_t thread;

	(void)state;
	begin_waiting(&w, false);
	assert_int_equal(pthread_create(&thread, NULL, stop_patiently, &w), 0);
	open_gate(&w);
	(void)read_until(w.fd, NULL, w.out, sizeof(w.out));
	assert_non_null(strstr(w.out, "{\"waited\":true}"));
	assert_int_equal(pthread_join(thread, NULL), 0);
	end_waiting(&w);
}

static void test_stop_cancels(void **state)
{
	struct waiting w;

	(void)state;
	begin_waiting(&w, false);
	/* Less than the second before which nothing is cancelled: so at once. */
	assert_true(stop_in(w.server, 900));
	(void)read_until(w.fd, NULL, w.out, sizeof(w.out));
	assert_non_null(strstr(w.out, "HTTP/1.1 503 "));
	assert_non_null(strstr(w.out, "\"CANCELLED\""));
	end_waiting(&w);
}

/* A handler that cannot be cancelled: the stop returns all the same, and says so. */
static void test_stop_is_bounded(void **state)
{
	struct waiting w;

	(void)state;
	begin_waiting(&w, true);
	assert_false(stop_in(w.server, 100));
	open_gate(&w);
	(void)read_until(w.fd, NULL, w.out, sizeof(w.out));
	assert_true(stop_in(w.server, PATIENCE_MS));
	end_waiting(&w);
}

/* A kept connection does not hold up a stop, and is served no more. */
static void test_stop_with_kept_connection(void **state)
{
	static const char request[] = "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n";
	struct http_server *server = NULL;
	char out[1024];
	struct err err;
	int fd;

	(void)state;
	assert_int_equal(
		start((struct http_server_options){.address = "127.0.0.1:0"}, &server, &err), 0);
	fd = tcp_connect(http_server_port(server));
	send_all(fd, request, strlen(request));
	(void)read_until(fd, "\r\n\r\n{}", out, sizeof(out));
	assert_true(stop_in(server, PATIENCE_MS));
	send_all(fd, request, strlen(request));
	assert_int_equal(read_until(fd, NULL, out, sizeof(out)), 0);
	(void)close(fd);
	http_server_free(server);
}

/* More connections than are allowed wait for their turn instead of being lost. */
static void test_connection_limit(void **state)
{
	static const char request[] = "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	struct http_server *server = NULL;
	char out[1024];
	struct err err;
	int held[2];
	int fd;

	(void)state;
	assert_int_equal(start((struct http_server_options){.address = "127.0.0.1:0",
				       .max_connections = 2,
				       .receive_ms = 300},
				 &server, &err),
		0);
	held[0] = tcp_connect(http_server_port(server));
	held[1] = tcp_connect(http_server_port(server));
	fd = tcp_connect(http_server_port(server));
	send_all(fd, request, strlen(request));
	(void)read_until(fd, NULL, out, sizeof(out));
	assert_non_null(strstr(out, "HTTP/1.1 200 OK"));
	/* The two that said nothing were cut to make room. */
	assert_int_equal(read_until(held[0], NULL, out, sizeof(out)), 0);
	(void)close(fd);
	(void)close(held[0]);
	(void)close(held[1]);
	assert_true(stop_in(server, PATIENCE_MS));
	http_server_free(server);
	http_server_free(NULL);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	remove_dir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exposure),
		cmocka_unit_test(test_tls_files),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_stop_waits),
		cmocka_unit_test(test_stop_cancels),
		cmocka_unit_test(test_stop_is_bounded),
		cmocka_unit_test(test_stop_with_kept_connection),
		cmocka_unit_test(test_connection_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
