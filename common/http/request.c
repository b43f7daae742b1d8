/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, from its headers to its answer. libmicrohttpd calls request_data() once when the
 * headers are there, once for each piece of the body, and once at the end; all on the connection's
 * own thread.
 */
#include "common/base/fault.h"
#include "common/http/respond.h"
#include "common/http/server_impl.h"

#include <stdio.h>

/** How much of a refused body is read and dropped, as a close with unread bytes would reset the
 *  connection and take our answer with it. */
#define DRAIN_MAX ((size_t)16 * 1024 * 1024)
/** First allocation for a body whose length is not told. */
#define BODY_FIRST ((size_t)4096)

struct exchange {
	struct http_server_request pub;
	struct op op;
	struct http_server *server;
	struct MHD_Connection *conn;
	struct watch_link *link;
	struct http_target target;
	struct http_match match;
	char *uri;
	bool head;
	char *body;
	size_t len;
	size_t size;
	size_t max;
	size_t drained;
	int refused; /* a status, when the request was turned down before it was whole */
	bool answering;
	int64_t start_ms;
};

static struct watch_link *link_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void request_connection(void *cls, struct MHD_Connection *conn, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
		*socket_context = info ? watch_add(server->watch, info->connect_fd,
						 server->options.receive_ms)
				       : NULL;
	} else if (*socket_context) {
		free(*watch_data(*socket_context));
		watch_remove(server->watch, *socket_context);
		*socket_context = NULL;
	}
}

void *request_line(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct http_server *server = cls;
	struct watch_link *link = link_of(conn);
	void **kept;

	/* Kept with the connection: a request that breaks off before its end is told to nobody. */
	if (link) {
		kept = watch_data(link);
		free(*kept);
		*kept = strdup(uri);
		watch_due(server->watch, link, server->options.receive_ms);
	}
	return NULL;
}

static void exchange_free(struct exchange *ex)
{
	if (!ex) {
		return;
	}
	if (ex->body) {
		explicit_bzero(ex->body, ex->size);
	}
	free(ex->body);
	free(ex->uri);
	arena_free(ex->op.arena);
	free(ex);
}

static struct exchange *exchange_new(
	struct http_server *server, struct MHD_Connection *conn, const char *method)
{
	struct watch_link *link = link_of(conn);
	struct exchange *ex = link ? calloc(1, sizeof(*ex)) : NULL;

	if (!ex) {
		return NULL;
	}
	ex->server = server;
	ex->conn = conn;
	ex->link = link;
	ex->head = streq(method, "HEAD");
	ex->uri = TAKE_PTR(*watch_data(link));
	ex->max = server->options.max_body;
	ex->start_ms = clock_ms();
	ex->op.arena = arena_new(HTTP_SERVER_ARENA_MAX);
	ex->op.deadline = (struct deadline){ex->start_ms, server->cancel};
	ex->op.method = "";
	(void)pthread_mutex_lock(&server->lock);
	ex->op.id = ++server->next_id;
	(void)pthread_mutex_unlock(&server->lock);
	ex->pub.op = &ex->op;
	if (ex->op.arena) {
		ex->pub.method = ex->head ? "GET" : arena_strdup(ex->op.arena, method);
	}
	ex->pub.path = "";
	ex->pub.body = "";
	if (!ex->uri || !ex->pub.method) {
		exchange_free(ex);
		return NULL;
	}
	return ex;
}

static void refuse(struct exchange *ex, int status)
{
	ex->refused = status;
}

static bool token_given(const struct exchange *ex)
{
	static const char scheme[] = "Bearer ";
	const char *given = MHD_lookup_connection_value(ex->conn, MHD_HEADER_KIND, "Authorization");

	if (!given || strncasecmp(given, scheme, sizeof(scheme) - 1) != 0) {
		return false;
	}
	given += sizeof(scheme) - 1;
	return secret_equal(ex->server->token, given, strlen(given));
}

/* Who may ask comes before what there is: without the token no route can be told from another. */
static void check_access(struct exchange *ex)
{
	bool open = ex->match.route && ex->match.route->open;

	if (!open && ex->server->token && !token_given(ex)) {
		(void)err_set(&ex->op.err, ERR_UNAUTHENTICATED,
			"Authorization: a valid bearer token is wanted");
		refuse(ex, 401);
	} else if (!ex->match.route && *ex->match.allow) {
		(void)err_set(&ex->op.err, ERR_UNIMPLEMENTED,
			"%s: is not possible here; allowed are %s", ex->pub.method,
			ex->match.allow);
		refuse(ex, 405);
	} else if (!ex->match.route) {
		/* Not NOT_FOUND: a client with a wrong URL must not take its objects for gone. */
		(void)err_set(&ex->op.err, ERR_UNIMPLEMENTED, "URL: there is nothing at this path");
		refuse(ex, 404);
	}
}

static void refuse_too_large(struct exchange *ex)
{
	(void)err_set(
		&ex->op.err, ERR_INVALID_ARGUMENT, "body: must have at most %zu bytes", ex->max);
	refuse(ex, 413);
}

/* What Content-Length says, 0 when it is not there; a huge number is cut. */
static size_t told_length(const struct exchange *ex)
{
	const char *text = MHD_lookup_connection_value(ex->conn, MHD_HEADER_KIND, "Content-Length");
	size_t digits = text ? strspn(text, "0123456789") : 0;
	size_t length = 0;

	/* libmicrohttpd has refused what is no number. */
	for (size_t i = 0; i < digits && length <= SIZE_MAX / 100; i++) {
		length = length * 10 + (unsigned)(text[i] - '0');
	}
	return length;
}

static void refuse_stopping(struct exchange *ex)
{
	(void)err_set(&ex->op.err, ERR_UNAVAILABLE, "the server is stopping");
	refuse(ex, 503);
}

static void on_headers(struct exchange *ex)
{
	const struct http_server_options *options = &ex->server->options;

	if (target_parse(ex->op.arena, ex->uri, &ex->target, &ex->op.err) < 0) {
		refuse(ex, 400);
		return;
	}
	ex->pub.path = ex->target.path;
	routes_find(options->routes, options->n_routes, ex->pub.method, &ex->target, &ex->match);
	check_access(ex);
	if (ex->refused) {
		return;
	}
	ex->op.method = ex->match.route->pattern;
	if (ex->match.route->max_body > 0) {
		ex->max = ex->match.route->max_body;
	}
	if (told_length(ex) > ex->max) {
		refuse_too_large(ex);
	}
}

static void add_body(struct exchange *ex, const char *bytes, size_t n)
{
	if (n > ex->max - ex->len) {
		refuse_too_large(ex);
		return;
	}
	if (ex->len + n + 1 > ex->size) {
		size_t size = MAX(MAX(ex->len + n + 1, ex->size * 2), BODY_FIRST);
		/* Not realloc: it would leave a copy behind, and bodies may hold secrets. */
		char *body = calloc(1, size);

		if (!body) {
			(void)err_set(&ex->op.err, ERR_UNAVAILABLE, "body: out of memory");
			refuse(ex, 503);
			return;
		}
		if (ex->body) {
			memcpy(body, ex->body, ex->len);
			explicit_bzero(ex->body, ex->size);
			free(ex->body);
		}
		ex->body = body;
		ex->size = size;
	}
	memcpy(ex->body + ex->len, bytes, n);
	ex->len += n;
	ex->body[ex->len] = '\0';
}

static void tell(const struct exchange *ex, int status)
{
	const struct http_server_options *options = &ex->server->options;
	const struct err *err = &ex->op.err;
	struct http_server_event event = {
		.method = ex->head ? "HEAD" : ex->pub.method,
		.pattern = ex->match.route ? ex->match.route->pattern : "",
		.path = ex->pub.path,
		.status = status,
		.code = err->code,
		.error = err->code != ERR_OK ? err->msg : "",
		.ms = clock_ms() - ex->start_ms,
		.id = ex->op.id,
	};

	if (options->event) {
		options->event(options->self, &event);
	}
}

static bool add_headers(
	struct MHD_Response *mhd, const struct exchange *ex, const struct http_server_response *res)
{
	char number[16];
	bool ok = MHD_add_response_header(mhd, "Cache-Control", "no-store") == MHD_YES;

	if (res->content_type) {
		ok = ok &&
		     MHD_add_response_header(mhd, "Content-Type", res->content_type) == MHD_YES;
	}
	if (res->retry_after > 0) {
		(void)snprintf(number, sizeof(number), "%d", res->retry_after);
		ok = ok && MHD_add_response_header(mhd, "Retry-After", number) == MHD_YES;
	}
	if (ex->refused == 401) {
		ok = ok && MHD_add_response_header(mhd, "WWW-Authenticate", "Bearer") == MHD_YES;
	}
	if (ex->refused == 405) {
		ok = ok && MHD_add_response_header(mhd, "Allow", ex->match.allow) == MHD_YES;
	}
	if (ex->refused) {
		ok = ok && MHD_add_response_header(mhd, "Connection", "close") == MHD_YES;
	}
	return ok;
}

/* Takes the body of res over. MHD_NO closes the connection. */
static enum MHD_Result answer(struct exchange *ex, struct http_server_response *res)
{
	struct http_server *server = ex->server;
	struct MHD_Response *mhd;
	enum MHD_Result result = MHD_NO;

	if (res->status < 200 || res->status > 599) {
		res->status = 500;
	}
	tell(ex, res->status);
	mhd = MHD_create_response_from_buffer(res->len, res->body, MHD_RESPMEM_MUST_FREE);
	if (!mhd) {
		free(res->body);
		return MHD_NO;
	}
	res->body = NULL;
	(void)pthread_mutex_lock(&server->lock);
	server->answers++;
	ex->answering = true;
	(void)pthread_mutex_unlock(&server->lock);
	watch_due(server->watch, ex->link, server->options.receive_ms);
	if (add_headers(mhd, ex, res)) {
		result = MHD_queue_response(ex->conn, (unsigned)res->status, mhd);
	}
	MHD_destroy_response(mhd);
	return result;
}

static enum MHD_Result answer_refusal(struct exchange *ex)
{
	struct http_server_response res = {0};

	respond_error(&res, ex->refused, &ex->op.err);
	return answer(ex, &res);
}

/* Tell http_server_stop() that something ended. Under the lock. */
static void wake_stop(struct http_server *server)
{
	const uint64_t one = 1;

	(void)!write(server->idle, &one, sizeof(one));
}

/* From here on http_server_stop() waits for us. Return: false when it has begun already. */
static bool begin_handler(struct http_server *server)
{
	bool go;

	(void)pthread_mutex_lock(&server->lock);
	go = !server->stopping;
	server->handlers += go;
	(void)pthread_mutex_unlock(&server->lock);
	return go;
}

static void end_handler(struct http_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	server->handlers--;
	wake_stop(server);
	(void)pthread_mutex_unlock(&server->lock);
}

static enum MHD_Result handle(struct exchange *ex)
{
	struct http_server *server = ex->server;
	struct http_server_response res = {.status = 200};
	struct err *err = &ex->op.err;
	enum MHD_Result result;

	ex->pub.body = ex->body ? ex->body : "";
	ex->pub.len = ex->len;
	ex->op.deadline.at_ms = clock_ms() + server->options.request_ms;
	watch_due(server->watch, ex->link, -1);
	if (ex->match.route->handle(server->options.self, &ex->pub, &res) == 0) {
		*err = (struct err){0};
	} else {
		if (err->code == ERR_OK) {
			(void)err_set(err, ERR_INTERNAL, "the handler failed without saying why");
		}
		respond_error(&res, http_status_of_code(err->code), err);
	}
	if (ex->match.route->operation && fault_answer(ex->match.route->operation)) {
		free(res.body);
		result = MHD_NO;
	} else {
		result = answer(ex, &res);
	}
	end_handler(server);
	return result;
}

static enum MHD_Result on_end(struct exchange *ex)
{
	if (!ex->refused && !begin_handler(ex->server)) {
		refuse_stopping(ex);
	}
	return ex->refused ? answer_refusal(ex) : handle(ex);
}

/* A piece of the body; what was refused is read on for a while and dropped. */
static enum MHD_Result on_body(struct exchange *ex, const char *bytes, size_t n)
{
	if (!ex->refused) {
		add_body(ex, bytes, n);
	}
	if (ex->refused) {
		ex->drained += n;
	}
	return ex->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
}

/* The type is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
enum MHD_Result request_data(void *cls, struct MHD_Connection *conn, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **req_cls)
{
	struct exchange *ex = *req_cls;

	(void)url;
	(void)version;
	if (!ex) {
		ex = exchange_new(cls, conn, method);
		if (!ex) {
			return MHD_NO;
		}
		*req_cls = ex;
		on_headers(ex);
		/* The answer to a body that is too long to be dropped comes before it. */
		return ex->refused && told_length(ex) > DRAIN_MAX ? answer_refusal(ex) : MHD_YES;
	}
	if (*upload_size > 0) {
		enum MHD_Result result = on_body(ex, upload, *upload_size);

		*upload_size = 0;
		return result;
	}
	return on_end(ex);
}

void request_done(
	void *cls, struct MHD_Connection *conn, void **req_cls, enum MHD_RequestTerminationCode how)
{
	struct http_server *server = cls;
	struct exchange *ex = *req_cls;

	(void)conn;
	(void)how;
	if (!ex) {
		return;
	}
	watch_due(server->watch, ex->link, server->options.idle_ms);
	if (ex->answering) {
		(void)pthread_mutex_lock(&server->lock);
		server->answers--;
		wake_stop(server);
		(void)pthread_mutex_unlock(&server->lock);
	}
	exchange_free(ex);
	*req_cls = NULL;
}

static const struct exchange *exchange_of(const struct http_server_request *req)
{
	return container_of(req, const struct exchange, pub);
}

const char *http_param(const struct http_server_request *req, const char *name)
{
	const struct http_match *match = &exchange_of(req)->match;
	size_t n = strlen(name);

	/* The names are still in the pattern: "id}/hosts/..." */
	for (size_t i = 0; i < match->n_params; i++) {
		if (strncmp(match->params[i].name, name, n) == 0 &&
			match->params[i].name[n] == '}') {
			return match->params[i].value;
		}
	}
	return NULL;
}

const char *http_query(const struct http_server_request *req, const char *name)
{
	const struct http_target *target = &exchange_of(req)->target;

	for (size_t i = 0; i < target->n_query; i++) {
		if (streq(target->query[i].name, name)) {
			return target->query[i].value;
		}
	}
	return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names && !streq(*names, name)) {
		names++;
	}
	return *names != NULL;
}

int http_query_only(const struct http_server_request *req, const char *const *names)
{
	const struct http_target *target = &exchange_of(req)->target;

	for (size_t i = 0; i < target->n_query; i++) {
		if (!is_among(target->query[i].name, names)) {
			return err_set(&req->op->err, ERR_INVALID_ARGUMENT,
				"query parameter \"%s\": is not known here; remove it",
				target->query[i].name);
		}
	}
	return 0;
}

const char *http_header(const struct http_server_request *req, const char *name)
{
	return MHD_lookup_connection_value(exchange_of(req)->conn, MHD_HEADER_KIND, name);
}
