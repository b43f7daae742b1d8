/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as a raw socket sends them, hostile ones first. */
#include "common/http/server.h"
#include "test/unit/common/http/support.h"

struct told {
	char method[16];
	char pattern[64];
	char path[128];
	char error[128];
	int status;
	enum err_code code;
	int count;
};

struct app {
	pthread_mutex_t lock;
	struct told last;
	int gate;   /* eventfd: the handler of /slow waits for it */
	int inside; /* eventfd: it is there */
};

static int on_echo(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	char *copy = malloc(req->len + 1);

	(void)self;
	assert_non_null(copy);
	assert_int_equal(strlen(req->body), req->len);
	memcpy(copy, req->body, req->len + 1);
	return http_respond(
		res, 200, http_header(req, "CONTENT-TYPE") ? "text/x-echo" : NULL, copy, req->len);
}

static int on_params(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	const char *q = http_query(req, "q");
	char *text = arena_printf(req->op->arena, "%s|%s|%s|%s|%s", req->method,
		http_param(req, "id"), http_param(req, "nqn"), http_param(req, "i") ? "?" : "none",
		q ? q : "none");

	(void)self;
	assert_true(deadline_left_ms(&req->op->deadline) > 0);
	assert_string_equal(req->op->method, "/v1/{id}/hosts/{nqn}");
	return http_respond(res, 200, "text/plain", strdup(text), strlen(text));
}

static int on_error(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	const char *kind = http_param(req, "kind");

	(void)self;
	if (streq(kind, "full")) {
		(void)http_respond_json(res, 200, strdup("dropped"));
		return err_set(&req->op->err, ERR_RESOURCE_EXHAUSTED, "pool \"p\": no space");
	}
	if (streq(kind, "late")) {
		(void)http_respond_json(res, 503, NULL);
		res->retry_after = 5;
		(void)err_set(&req->op->err, ERR_INTERNAL,
			"a leftover of something that went well after all");
		return 0;
	}
	res->status = 7;
	return streq(kind, "silent") ? -1 : 0;
}

static int on_slow(
	void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct app *app = self;
	struct err err = {0};
	const uint64_t one = 1;

	assert_int_equal(write(app->inside, &one, sizeof(one)), sizeof(one));
	if (deadline_poll(&req->op->deadline, app->gate, POLLIN, -1, "gate", &err) < 0) {
		req->op->err = err;
		return -1;
	}
	return http_respond_json(res, 200, strdup("{\"slow\":true}"));
}

static void on_event(void *self, const struct http_server_event *event)
{
	struct app *app = self;

	(void)pthread_mutex_lock(&app->lock);
	(void)snprintf(app->last.method, sizeof(app->last.method), "%s", event->method);
	(void)snprintf(app->last.pattern, sizeof(app->last.pattern), "%s", event->pattern);
	(void)snprintf(app->last.path, sizeof(app->last.path), "%s", event->path);
	(void)snprintf(app->last.error, sizeof(app->last.error), "%s", event->error);
	app->last.status = event->status;
	app->last.code = event->code;
	app->last.count++;
	(void)pthread_mutex_unlock(&app->lock);
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/healthz", .handle = on_echo, .open = true},
	{.method = "PUT", .pattern = "/echo", .handle = on_echo},
	{.method = "POST", .pattern = "/echo", .handle = on_echo},
	{.method = "PUT", .pattern = "/small", .handle = on_echo, .max_body = 4},
	{.method = "GET", .pattern = "/v1/{id}/hosts/{nqn}", .handle = on_params},
	{.method = "GET", .pattern = "/error/{kind}", .handle = on_error},
	{.method = "GET", .pattern = "/slow", .handle = on_slow},
};

struct fixture {
	struct app app;
	struct http_server *server;
	uint16_t port;
	struct told last; /* a copy, taken by look() */
	char out[16384];
};

static void begin(struct fixture *f, const char *token, int64_t receive_ms, int64_t request_ms)
{
	struct secret *secret = token ? secret_new(token, strlen(token)) : NULL;
	const struct http_server_options options = {.address = "127.0.0.1:0",
		.routes = routes,
		.n_routes = ARRAY_SIZE(routes),
		.token = secret,
		.self = &f->app,
		.event = on_event,
		.max_body = 8000,
		.idle_ms = receive_ms,
		.receive_ms = receive_ms,
		.request_ms = request_ms};
	struct err err = {0};

	*f = (struct fixture){
		.app = {.gate = eventfd(0, EFD_CLOEXEC), .inside = eventfd(0, EFD_CLOEXEC)}};
	(void)pthread_mutex_init(&f->app.lock, NULL);
	if (http_server_start(&options, &f->server, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	f->port = http_server_port(f->server);
	secret_unref(secret);
}

static int setup(void **state)
{
	static struct fixture f;

	begin(&f, NULL, PATIENCE_MS, PATIENCE_MS);
	*state = &f;
	return 0;
}

static int setup_token(void **state)
{
	static struct fixture f;

	begin(&f, "s3cret", PATIENCE_MS, PATIENCE_MS);
	*state = &f;
	return 0;
}

static int setup_short(void **state)
{
	static struct fixture f;

	begin(&f, NULL, 200, PATIENCE_MS);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct deadline dl = deadline_in(PATIENCE_MS);

	assert_true(http_server_stop(f->server, &dl));
	http_server_free(f->server);
	(void)close(f->app.gate);
	(void)close(f->app.inside);
	(void)pthread_mutex_destroy(&f->app.lock);
	return 0;
}

#define CLOSE "Host: h\r\nConnection: close\r\n"

static void look(struct fixture *f)
{
	(void)pthread_mutex_lock(&f->app.lock);
	f->last = f->app.last;
	(void)pthread_mutex_unlock(&f->app.lock);
}

/* Send, and look for each of the texts in what comes back. */
static void expect(struct fixture *f, const char *request, const char *first, const char *second)
{
	talk(f->port, request, f->out, sizeof(f->out));
	look(f);
	if (!strstr(f->out, first) || (second && !strstr(f->out, second))) {
		fail_msg("\"%s\" or \"%s\" is not in the answer to\n%s\n%s", first,
			second ? second : "", request, f->out);
	}
}

static void test_answers(void **state)
{
	struct fixture *f = *state;

	expect(f,
		"PUT /echo HTTP/1.1\r\n" CLOSE
		"Content-Type: x/y\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\n", "\r\n\r\nhello");
	assert_non_null(strstr(f->out, "Content-Type: text/x-echo\r\n"));
	assert_non_null(strstr(f->out, "Cache-Control: no-store\r\n"));
	expect(f,
		"POST /echo HTTP/1.1\r\n" CLOSE
		"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		" 200 OK", "\r\n\r\nabcde");
	expect(f, "PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", " 200 OK",
		"Content-Length: 0");
	expect(f, "GET /v1/a%20b/hosts/nqn.2014-08.org:x?q=1%2B1 HTTP/1.1\r\n" CLOSE "\r\n",
		" 200 OK", "\r\n\r\nGET|a b|nqn.2014-08.org:x|none|1+1");
	assert_string_equal(f->last.pattern, "/v1/{id}/hosts/{nqn}");
	assert_string_equal(f->last.path, "/v1/a%20b/hosts/nqn.2014-08.org:x");
	assert_string_equal(f->last.method, "GET");
	assert_int_equal(f->last.status, 200);
	assert_int_equal(f->last.code, ERR_OK);
	/* HEAD has the headers of GET and no body. */
	expect(f, "HEAD /v1/a/hosts/b HTTP/1.1\r\n" CLOSE "\r\n", " 200 OK", "Content-Length: ");
	assert_string_equal(strstr(f->out, "\r\n\r\n"), "\r\n\r\n");
	assert_string_equal(f->last.method, "HEAD");
	assert_int_equal(f->last.count, 5);
}

static void test_no_route(void **state)
{
	struct fixture *f = *state;

	expect(f, "GET /nothing HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 404 ",
		"{\"error\":{\"code\":\"UNIMPLEMENTED\",\"message\":\"URL: there is nothing at this path\"}}");
	assert_non_null(strstr(f->out, "Content-Type: application/json\r\n"));
	assert_string_equal(f->last.pattern, "");
	assert_int_equal(f->last.status, 404);
	expect(f, "DELETE /echo HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 405 ",
		"Allow: PUT, POST\r\n");
	expect(f, "OPTIONS /healthz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 405 ",
		"Allow: GET, HEAD\r\n");
	expect(f, "BREW /nothing HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 404 ", NULL);
	/* The body of what is refused is read away, so that the answer can be. */
	expect(f, "PUT /nothing HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello",
		"HTTP/1.1 404 ", NULL);
}

static void test_hostile_targets(void **state)
{
	static const char *const targets[] = {"/v1/%2e%2e/hosts/b", "/v1/../hosts/b",
		"/v1/a%2fb/hosts/c", "/v1/a%00/hosts/c", "/v1/%zz/hosts/b", "/v1/%/hosts/b",
		"/v1/%ff/hosts/b", "/v1/a/hosts/b?q=%00", "/v1/a/hosts/b?q=1&q=2",
		"/v1/%0d%0aX:y/hosts/b", "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h"};
	struct fixture *f = *state;
	char request[256];

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		(void)snprintf(
			request, sizeof(request), "GET %s HTTP/1.1\r\n" CLOSE "\r\n", targets[i]);
		expect(f, request, "HTTP/1.1 400 ", "\"INVALID_ARGUMENT\"");
	}
}

static void test_hostile_heads(void **state)
{
	struct fixture *f = *state;
	char *big = f->out;
	char request[40000];

	expect(f, "GET  HTTP/1.1\r\n\r\n", "", NULL);
	expect(f, "\r\n\r\n\r\n\x16\x03\x01 garbage \xff\r\n\r\n", "", NULL);
	/* No Host in HTTP/1.1, two lengths, both framings: none of them reaches a handler. */
	expect(f, "PUT /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 ", NULL);
	expect(f, "PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: -1\r\n\r\n", "HTTP/1.1 4", NULL);
	expect(f, "PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 1x\r\n\r\nab", "HTTP/1.1 4",
		NULL);
	expect(f,
		"PUT /echo HTTP/1.1\r\n" CLOSE
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 ", NULL);
	expect(f, "PUT /echo HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 4", NULL);
	/* A head over the limit. */
	memset(big, 'x', sizeof(f->out) - 1);
	big[sizeof(f->out) - 1] = '\0';
	(void)snprintf(request, sizeof(request),
		"GET /healthz HTTP/1.1\r\n" CLOSE "X-A: %s\r\nX-B: %s\r\n\r\n", big, big);
	expect(f, request, "HTTP/1.1 431 ", NULL);
	(void)memset(big, 'x', sizeof(f->out) - 1);
	big[sizeof(f->out) - 1] = '\0';
	(void)snprintf(request, sizeof(request), "GET /%s%s HTTP/1.1\r\n" CLOSE "\r\n", big, big);
	expect(f, request, "HTTP/1.1 414 ", NULL);
	/* After all of that it still serves. */
	expect(f, "GET /healthz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", NULL);
}

static void test_body_limits(void **state)
{
	struct fixture *f = *state;
	char request[12000];
	int n;

	expect(f, "PUT /small HTTP/1.1\r\n" CLOSE "Content-Length: 4\r\n\r\nabcd", "HTTP/1.1 200 ",
		"\r\n\r\nabcd");
	expect(f, "PUT /small HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nabcde", "HTTP/1.1 413 ",
		"body: must have at most 4 bytes");
	expect(f,
		"PUT /small HTTP/1.1\r\n" CLOSE
		"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		"HTTP/1.1 413 ", NULL);
	/* So long that it is refused before it is sent. */
	expect(f, "PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 99999999999999\r\n\r\n",
		"HTTP/1.1 413 ", NULL);
	n = snprintf(request, sizeof(request),
		"PUT /echo HTTP/1.1\r\n" CLOSE "Content-Length: 8000\r\n\r\n");
	memset(request + n, 'b', 8000);
	request[n + 8000] = '\0';
	expect(f, request, "HTTP/1.1 200 ", "bbbb");
}

static void test_handler_errors(void **state)
{
	struct fixture *f = *state;

	expect(f, "GET /error/full HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 507 ",
		"{\"error\":{\"code\":\"RESOURCE_EXHAUSTED\",\"message\":\"pool \\\"p\\\": no space\"}}");
	assert_null(strstr(f->out, "dropped"));
	assert_int_equal(f->last.code, ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(f->last.error, "pool \"p\": no space");
	expect(f, "GET /error/late HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 503 ",
		"Retry-After: 5\r\n");
	assert_int_equal(f->last.code, ERR_OK);
	assert_string_equal(f->last.error, "");
	expect(f, "GET /error/silent HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 500 ", "\"INTERNAL\"");
	expect(f, "GET /error/status HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 500 ", NULL);
}

static void test_token(void **state)
{
	static const char *const wrong[] = {"", "Authorization: \r\n", "Authorization: Bearer\r\n",
		"Authorization: Bearer \r\n", "Authorization: Bearer s3cre\r\n",
		"Authorization: Bearer s3crets\r\n", "Authorization: s3cret\r\n",
		"Authorization: Basic s3cret\r\n", "Authorization: Bearer S3CRET\r\n",
		"X-Authorization: Bearer s3cret\r\n"};
	static const char *const targets[] = {
		"PUT /echo", "GET /nothing", "DELETE /echo", "POST /healthz"};
	struct fixture *f = *state;
	char request[256];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		(void)snprintf(request, sizeof(request),
			"PUT /echo HTTP/1.1\r\n" CLOSE "%sContent-Length: 2\r\n\r\nhi", wrong[i]);
		expect(f, request, "HTTP/1.1 401 ", "WWW-Authenticate: Bearer\r\n");
		assert_null(strstr(f->out, "s3cret"));
	}
	/* Without it, what is there cannot be told from what is not. */
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		(void)snprintf(
			request, sizeof(request), "%s HTTP/1.1\r\n" CLOSE "\r\n", targets[i]);
		expect(f, request, "HTTP/1.1 401 ", "UNAUTHENTICATED");
	}
	expect(f, "GET /healthz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", NULL);
	expect(f,
		"PUT /echo HTTP/1.1\r\n" CLOSE
		"Authorization: Bearer s3cret\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 200 ", "\r\n\r\nhi");
	expect(f,
		"PUT /echo HTTP/1.1\r\n" CLOSE
		"authorization: bearer s3cret\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 200 ", NULL);
	expect(f, "GET /nothing HTTP/1.1\r\n" CLOSE "Authorization: Bearer s3cret\r\n\r\n",
		"HTTP/1.1 404 ", NULL);
}

/* Requests that stop in the middle: the connection is closed without an answer from a handler. */
static void test_half_requests(void **state)
{
	static const char *const halves[] = {"", "GET /hea",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nX-",
		"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
		"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		expect(f, halves[i], "", NULL);
		assert_null(strstr(f->out, " 200 "));
	}
	assert_int_equal(f->last.count, 0);
}

/* A byte now and then does not keep a connection alive; read_until() bounds the wait. */
static void test_dripping(void **state)
{
	struct fixture *f = *state;
	struct deadline dl = deadline_in(PATIENCE_MS);
	int fd = tcp_connect(f->port);
	struct err err = {0};
	int drips = 0;

	send_all(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\nX-Drip: ", 40);
	for (;;) {
		int ready = deadline_poll(&dl, fd, POLLIN, 20, "drip", &err);

		assert_true(ready >= 0);
		if (ready) {
			break;
		}
		send_all(fd, "x", 1);
		drips++;
	}
	(void)read_until(fd, NULL, f->out, sizeof(f->out));
	assert_null(strstr(f->out, " 200 "));
	assert_true(drips > 0);
	look(f);
	assert_int_equal(f->last.count, 0);
	(void)close(fd);
}

static void test_kept_connection(void **state)
{
	struct fixture *f = *state;
	int fd = tcp_connect(f->port);

	for (int i = 0; i < 3; i++) {
		static const char request[] =
			"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

		send_all(fd, request, strlen(request));
		(void)read_until(fd, "\r\n\r\nhi", f->out, sizeof(f->out));
		assert_non_null(strstr(f->out, "HTTP/1.1 200 OK"));
	}
	/* Then nothing more comes, and it is closed. */
	assert_int_equal(read_until(fd, NULL, f->out, sizeof(f->out)), 0);
	(void)close(fd);
}

/* A handler may run for longer than anything may be idle or dripping, and delays nobody else. */
static void test_slow_handler(void **state)
{
	static const char request[] = "GET /slow HTTP/1.1\r\n" CLOSE "\r\n";
	struct fixture *f = *state;
	int fd = tcp_connect(f->port);
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct err err = {0};
	uint64_t one = 0;

	send_all(fd, request, strlen(request));
	assert_int_equal(read(f->app.inside, &one, sizeof(one)), sizeof(one));
	for (int i = 0; i < 20; i++) {
		expect(f, "GET /healthz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", NULL);
	}
	/* Twice the time that a request may take to come, or a connection may be idle. */
	assert_int_equal(deadline_poll(&dl, fd, POLLIN, 400, "slow", &err), 0);
	one = 1;
	assert_int_equal(write(f->app.gate, &one, sizeof(one)), sizeof(one));
	(void)read_until(fd, NULL, f->out, sizeof(f->out));
	assert_non_null(strstr(f->out, "{\"slow\":true}"));
	(void)close(fd);
}

static void test_handler_deadline(void **state)
{
	static struct fixture f;

	(void)state;
	begin(&f, NULL, PATIENCE_MS, 50);
	expect(&f, "GET /slow HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 504 ", "\"DEADLINE_EXCEEDED\"");
	assert_int_equal(teardown(&(void *){&f}), 0);
}

/* Clients that leave at every point leave nothing behind (the sanitizers look). */
static void test_leaving_clients(void **state)
{
	static const char request[] =
		"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789";
	struct fixture *f = *state;

	for (size_t n = 0; n <= strlen(request); n++) {
		int fd = tcp_connect(f->port);

		send_all(fd, request, n);
		(void)close(fd);
	}
	expect(f, "GET /healthz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 200 ", NULL);
}

#define WITH(test, how) cmocka_unit_test_setup_teardown(test, how, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_answers, setup),
		WITH(test_no_route, setup),
		WITH(test_hostile_targets, setup),
		WITH(test_hostile_heads, setup),
		WITH(test_body_limits, setup),
		WITH(test_handler_errors, setup),
		WITH(test_token, setup_token),
		WITH(test_half_requests, setup_short),
		WITH(test_dripping, setup_short),
		WITH(test_kept_connection, setup_short),
		WITH(test_slow_handler, setup_short),
		cmocka_unit_test(test_handler_deadline),
		WITH(test_leaving_clients, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
