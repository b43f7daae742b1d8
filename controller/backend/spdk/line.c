/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two transports, and what the proxy's statuses mean. Of an HTTP answer only its body counts:
 * the proxy says 200 to errors of JSON-RPC, gives the wrong type and no length.
 */
#include "controller/backend/spdk/line.h"

#include "common/base/keylock.h"
#include "common/http/token.h"
#include "controller/backend/spdk/stream.h"

#include <stdio.h>
#include <sys/un.h>

/** Most callers that wait for their turn. */
#define TURNS_MAX 64
/** A request over the socket that was given up after so long, in ms, counts as not answered. */
#define SILENT_MS HTTP_SILENT_MS

struct spdk_line {
	char *name;
	char *path; /* of the socket; NULL: HTTP */
	struct http_client *http;
	struct http_token *token;
	struct breaker breaker; /* of the socket; HTTP has its own */
	struct keylock *turn;
};

void spdk_line_free(struct spdk_line *line)
{
	if (line) {
		http_client_free(line->http);
		http_token_free(line->token);
		breaker_done(&line->breaker);
		keylock_free(line->turn);
		free(line->path);
		free(line->name);
		free(line);
	}
}

static int use_socket(
	struct spdk_line *line, const struct spdk_line_options *options, struct err *err)
{
	const char *path = options->url + strlen("unix://");

	if (*path != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"url: \"%s\" must be unix:// and an absolute path of at most %zu bytes",
			options->url, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	}
	if (*options->token_file || *options->ca_file) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: has no use with a Unix socket, which knows neither password nor TLS; "
			"leave it out",
			*options->token_file ? "tokenFile" : "caFile");
	}
	line->path = strdup(path);
	return line->path ? 0 : err_set(err, ERR_UNAVAILABLE, "url: out of memory");
}

static int use_http(
	struct spdk_line *line, const struct spdk_line_options *options, struct err *err)
{
	struct http_client_options http = {.url = options->url,
		.ca_file = *options->ca_file ? options->ca_file : NULL,
		.basic = true,
		.max_body = SPDK_ANSWER_MAX,
		.max_calls = 1,
		.breaks = true};
	int rc;

	if (http_token_open(options->token_file, &line->token, err) < 0) {
		return -1;
	}
	http.token = http_token_now(line->token);
	rc = http_client_new(&http, &line->http, err);
	secret_unref(http.token);
	return rc;
}

int spdk_line_new(
	const struct spdk_line_options *options, struct spdk_line **ret_line, struct err *err)
{
	struct spdk_line *line = calloc(1, sizeof(*line));
	int rc;

	if (!line) {
		return err_set(err, ERR_UNAVAILABLE, "name: out of memory");
	}
	breaker_init(&line->breaker);
	line->name = strdup(options->name);
	line->turn = keylock_new(TURNS_MAX);
	if (!line->name || !line->turn) {
		rc = err_set(err, ERR_UNAVAILABLE, "name: out of memory");
	} else if (strncmp(options->url, "unix://", strlen("unix://")) == 0) {
		rc = use_socket(line, options, err);
	} else {
		rc = use_http(line, options, err);
	}
	if (rc < 0) {
		spdk_line_free(line);
		return -1;
	}
	*ret_line = line;
	return 0;
}

void spdk_line_link(struct spdk_line *line, struct breaker_state *ret)
{
	if (line->path) {
		breaker_read(&line->breaker, clock_ms(), ret);
	} else {
		http_client_link(line->http, ret);
	}
}

/* What this exchange says about the target. */
static enum breaker_end judge(int rc, const struct err *err, int64_t took_ms)
{
	if (rc == 0) {
		return BREAKER_ANSWERED;
	}
	if (err->code == ERR_DEADLINE_EXCEEDED || err->code == ERR_CANCELLED) {
		return took_ms >= SILENT_MS ? BREAKER_SILENT : BREAKER_NOTHING;
	}
	return BREAKER_SILENT;
}

static int by_socket(struct spdk_line *line, const struct spdk_text *request,
	const struct deadline *dl, struct spdk_text *ret, struct err *err)
{
	struct spdk_stream stream = {.path = line->path,
		.request = request->data,
		.len = request->len,
		.max = SPDK_ANSWER_MAX};
	int64_t began = clock_ms();
	bool attempt = false;
	struct deadline now;
	struct err why = {0};
	int rc;

	if (breaker_enter(&line->breaker, began, &attempt, err) < 0) {
		return err_wrap(err, "not sent: %s", line->path);
	}
	now = attempt ? deadline_sooner(dl, BREAKER_ATTEMPT_MS) : *dl;
	rc = spdk_stream_exchange(&stream, &now, &ret->data, &ret->len, &why);
	breaker_leave(
		&line->breaker, clock_ms(), attempt, judge(rc, &why, clock_ms() - began), why.msg);
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int refused(int status, struct err *err)
{
	if (status == 401) {
		return err_set(err, ERR_UNAUTHENTICATED,
			"it does not take our user and password (401): what tokenFile holds (in "
			"Kubernetes the Secret of the backend) must be user:password as given to "
			"rpc_http_proxy.py; correct it, and it is read again by itself");
	}
	if (status == 403) {
		return err_set(err, ERR_PERMISSION_DENIED,
			"what stands before the target does not let us through (403); look at its "
			"rules for our user");
	}
	return err_set(err, ERR_UNAVAILABLE,
		"outcome unknown: status %d, and SPDK's proxy says 200 to whatever it understands; "
		"look at the proxy, at its log and at what stands before it",
		status);
}

static void drop_token(struct secret **token)
{
	secret_unref(*token);
}

static int post(const struct step *in, struct spdk_line *line, const struct spdk_text *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	const struct http_request http = {
		.method = "POST", .path = "/", .body = request->data, .len = request->len};

	return in ? http_send(in, line->http, &http, dl, ret, err)
		  : http_ask(line->http, &http, dl, ret, err);
}

static int by_http(const struct step *in, struct spdk_line *line, const struct spdk_text *request,
	const struct deadline *dl, struct spdk_text *ret, struct err *err)
{
	_cleanup_http_response_ struct http_response res = {0};
	_cleanup_(drop_token) struct secret *sent = http_token_now(line->token);

	if (post(in, line, request, dl, &res, err) < 0) {
		return -1;
	}
	if (res.status == 401 && http_token_changed(line->token, line->http, sent)) {
		http_response_done(&res);
		if (post(in, line, request, dl, &res, err) < 0) {
			return -1;
		}
	}
	if (res.status != 200) {
		return refused(res.status, err);
	}
	*ret = (struct spdk_text){.data = TAKE_PTR(res.body), .len = res.len};
	return 0;
}

int spdk_line_exchange(const struct step *in, struct spdk_line *line,
	const struct spdk_text *request, const struct deadline *dl, struct spdk_text *ret,
	struct err *err)
{
	_cleanup_keylock_ struct keylock_held *turn = NULL;
	int rc;

	*ret = (struct spdk_text){0};
	if (deadline_check(dl, "not sent", err) < 0 ||
		keylock_wait(line->turn, "not sent: target of", line->name, dl, &turn, err) < 0) {
		return err_wrap(err, "backend %s", line->name);
	}
	rc = line->path ? by_socket(line, request, dl, ret, err)
			: by_http(in, line, request, dl, ret, err);
	return rc < 0 ? err_wrap(err, "backend %s", line->name) : 0;
}
