/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer. The point after which a request may have been carried out is the one
 * where libcurl says that it is about to send (PREREQFUNCTION): before it, TCP and TLS are not yet
 * up and nothing was done there; after it, only a whole answer tells.
 */
#include "common/http/client_impl.h"

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

/** A connect (name, TCP, TLS) that takes longer is given up, as another try may find a better path.
 */
#define CONNECT_MS 10000
/** A kept connection that was idle for longer is not used again: servers close theirs after 30 s.
 */
#define KEEP_IDLE_S 20
/** Longest single wait; a clock of libcurl's own may want to run in between. */
#define WAIT_MS 1000
/** How much of a path is shown in an error. */
#define PATH_SHOWN 256
/** Largest Retry-After that is handed on. */
#define RETRY_AFTER_MAX 86400

struct call {
	struct http_client *client;
	const struct http_request *request;
	const char *method;
	const struct deadline *dl;
	struct http_handle *handle;
	struct curl_slist *headers;
	struct strbuf body;
	struct deadline attempt_dl; /* what dl points to when this call is the breaker's attempt */
	bool attempt;
	CURLcode code; /* the transfer's */
	bool sent;     /* the request may be on its way */
	bool whole;    /* the answer's headers came to their end */
	bool too_big;
	char detail[CURL_ERROR_SIZE];
};

static int fail(const struct call *call, enum err_code code, struct err *err, const char *text)
{
	return err_set(err, code, "%s %s%.*s: %s", call->method, call->client->shown, PATH_SHOWN,
		call->request->path, text);
}

static bool line_valid(const char *line)
{
	for (const char *p = line; *p; p++) {
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f) {
			return false;
		}
	}
	return strlen(line) <= HTTP_HEADER_MAX && strchr(line, ':');
}

static int check_request(const struct call *call, struct err *err)
{
	const struct http_request *request = call->request;
	size_t n = 0;

	if (request->path[0] != '/' || strlen(request->path) > HTTP_PATH_MAX) {
		return fail(call, ERR_INVALID_ARGUMENT, err,
			"the path must begin with / and be at most 4096 bytes");
	}
	for (const char *p = request->path; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#') {
			return fail(call, ERR_INVALID_ARGUMENT, err, "the path is not escaped");
		}
	}
	for (; request->headers && request->headers[n]; n++) {
		if (n == HTTP_HEADERS_MAX || !line_valid(request->headers[n])) {
			return fail(call, ERR_INVALID_ARGUMENT, err,
				"a header is malformed, or there are too many");
		}
	}
	return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct call *call = arg;

	sb_addn(&call->body, bytes, size * n);
	if (call->body.failed) {
		call->too_big = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return size * n;
}

/* libcurl takes an answer that ends in the middle of its headers for a good one without a body. */
static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct call *call = arg;

	/* Anew after an interim answer; the lines behind a chunked body come here as well. */
	if (size * n >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		call->whole = false;
	} else if (size * n > 0 && (bytes[0] == '\r' || bytes[0] == '\n')) {
		call->whole = true;
	}
	return size * n;
}

/* The type is libcurl's. NOLINTNEXTLINE(readability-non-const-parameter) */
static int on_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct call *call = arg;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	call->sent = true;
	return CURL_PREREQFUNC_OK;
}

/*
 * Closing resets the connection and drops what was not delivered: a request that was given up must
 * not be retransmitted by the kernel and carried out after later ones. After a whole answer there
 * is nothing left to drop. Without effect on a Unix socket, which holds nothing back.
 */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)arg;
	(void)purpose;
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0 ? CURL_SOCKOPT_OK
									     : CURL_SOCKOPT_ERROR;
}

static int add_header(struct call *call, const char *line)
{
	struct curl_slist *list = curl_slist_append(call->headers, line);

	if (!list) {
		return -1;
	}
	call->headers = list;
	return 0;
}

/* Without asking: a server that wants Basic need not say so, nor do it well. */
static int set_basic(struct call *call, const struct secret *token)
{
	CURL *easy = call->handle->easy;

	return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
			       curl_easy_setopt(easy, CURLOPT_USERPWD, secret_bytes(token)) ==
				       CURLE_OK
		       ? 0
		       : -1;
}

/* libcurl copies the line; our own copy goes when the call ends (free_headers). */
static int add_token(struct call *call)
{
	static const char start[] = "Authorization: Bearer ";
	char line[sizeof(start) + SECRET_MAX];
	struct secret *token;
	int rc = 0;

	(void)pthread_mutex_lock(&call->client->lock);
	token = call->client->token ? secret_ref(call->client->token) : NULL;
	(void)pthread_mutex_unlock(&call->client->lock);
	if (token && call->client->basic) {
		rc = set_basic(call, token);
	} else if (token) {
		(void)snprintf(line, sizeof(line), "%s%s", start, secret_bytes(token));
		rc = add_header(call, line);
		explicit_bzero(line, sizeof(line));
	}
	secret_unref(token);
	return rc;
}

static int add_headers(struct call *call)
{
	const struct http_request *request = call->request;

	/* An empty value takes a header of libcurl's own away: no 100-continue round, no form type.
	 */
	if (add_header(call, "Expect:") < 0 || add_header(call, "Accept: application/json") < 0 ||
		add_header(call,
			request->body ? "Content-Type: application/json" : "Content-Type:") < 0) {
		return -1;
	}
	for (size_t i = 0; request->headers && request->headers[i]; i++) {
		if (add_header(call, request->headers[i]) < 0) {
			return -1;
		}
	}
	return add_token(call);
}

static void free_headers(struct call *call)
{
	for (struct curl_slist *h = call->headers; h; h = h->next) {
		explicit_bzero(h->data, strlen(h->data));
	}
	curl_slist_free_all(call->headers);
	call->headers = NULL;
}

#define SET(easy, option, value)                                                                   \
	do {                                                                                       \
		if (curl_easy_setopt((easy), (option), (value)) != CURLE_OK) {                     \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

static int set_security(struct call *call)
{
	CURL *easy = call->handle->easy;

	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (call->client->ca_file) {
		SET(easy, CURLOPT_CAINFO, call->client->ca_file);
		SET(easy, CURLOPT_CAPATH, NULL); /* else the system's would count as well */
		/* curl would keep for a day what stood in the file; a Secret may change sooner. */
		SET(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	}
	return 0;
}

static int set_transport(struct call *call, const char *url)
{
	CURL *easy = call->handle->easy;
	bool once = streq(call->method, "POST") || streq(call->method, "PATCH");

	SET(easy, CURLOPT_URL, url);
	SET(easy, CURLOPT_PATH_AS_IS, 1L);
	if (call->client->unix_path) {
		SET(easy, CURLOPT_UNIX_SOCKET_PATH, call->client->unix_path);
	}
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name server at the deadline */
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(easy, CURLOPT_MAXAGE_CONN, (long)KEEP_IDLE_S);
	SET(easy, CURLOPT_FRESH_CONNECT, once && !call->request->repeatable ? 1L : 0L);
	SET(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	SET(easy, CURLOPT_PREREQFUNCTION, on_sending);
	SET(easy, CURLOPT_PREREQDATA, call);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, call);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, call);
	SET(easy, CURLOPT_ERRORBUFFER, call->detail);
	SET(easy, CURLOPT_USERAGENT, "nvmetcp-csi/" NV_VERSION);
	return 0;
}

static int set_request(struct call *call)
{
	CURL *easy = call->handle->easy;
	const struct http_request *request = call->request;

	if (streq(call->method, "HEAD")) {
		SET(easy, CURLOPT_NOBODY, 1L);
	} else if (streq(call->method, "GET")) {
		SET(easy, CURLOPT_HTTPGET, 1L);
	} else {
		/* POST for libcurl, by its own name for the server; no body is a body of 0 bytes.
		 */
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)(request->body ? request->len : 0));
		SET(easy, CURLOPT_CUSTOMREQUEST, call->method);
	}
	SET(easy, CURLOPT_HTTPHEADER, call->headers);
	return 0;
}

/* Everything that can fail without a byte being sent. */
static int prepare(struct call *call)
{
	char url[HTTP_PATH_MAX + 2048];

	curl_easy_reset(call->handle->easy);
	(void)snprintf(url, sizeof(url), "%s%s", call->client->base, call->request->path);
	if (add_headers(call) < 0 || set_security(call) < 0 || set_transport(call, url) < 0 ||
		set_request(call) < 0) {
		return -1;
	}
	return 0;
}

/* The transfer's own result, once there is one. */
static CURLcode result_of(CURLM *multi)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(multi, &left))) {
		if (msg->msg == CURLMSG_DONE) {
			return msg->data.result;
		}
	}
	return CURLE_RECV_ERROR;
}

/* Until it is done or the caller's time is over. Return: 0 with *ret, or -1 with err (deadline,
 * cancel). */
static int run(struct call *call, CURLcode *ret, struct err *err)
{
	CURLM *multi = call->handle->multi;
	struct curl_waitfd cancel = {.fd = call->dl->cancel_fd, .events = CURL_WAIT_POLLIN};
	unsigned n = call->dl->cancel_fd >= 0 ? 1 : 0;
	int running = 1;

	while (running) {
		int64_t left;

		if (deadline_check(call->dl, "request", err) < 0) {
			return -1;
		}
		if (curl_multi_perform(multi, &running) != CURLM_OK) {
			*ret = CURLE_OUT_OF_MEMORY;
			return 0;
		}
		left = MIN(deadline_left_ms(call->dl), WAIT_MS);
		/* A failed poll shows in the next round: the deadline is looked at there. */
		if (running) {
			(void)curl_multi_poll(multi, &cancel, n, (int)MAX(left, 1), NULL);
		}
	}
	*ret = result_of(multi);
	return 0;
}

static int transfer(struct call *call, CURLcode *ret, struct err *err)
{
	CURLM *multi = call->handle->multi;

	if (curl_multi_add_handle(multi, call->handle->easy) != CURLM_OK) {
		*ret = CURLE_OUT_OF_MEMORY;
		return 0;
	}
	return run(call, ret, err);
}

/* Why there is no answer, with a code that is never final (P6). */
static int explain(const struct call *call, CURLcode rc, struct err *err)
{
	const char *how = call->sent ? "outcome unknown, the request was sent" : "not sent";
	const char *why = call->detail[0] ? call->detail : curl_easy_strerror(rc);
	char text[2 * CURL_ERROR_SIZE + PATH_SHOWN];

	if (call->too_big) {
		(void)snprintf(text, sizeof(text), "%s: the answer is larger than %zu bytes", how,
			call->client->max_body);
	} else if (rc == CURLE_PEER_FAILED_VERIFICATION) {
		(void)snprintf(text, sizeof(text),
			"%s: the server's certificate is not accepted: %s; trusted are those of %.200s",
			how, why, call->client->ca_file ? call->client->ca_file : "the system");
	} else {
		(void)snprintf(text, sizeof(text), "%s: %s", how, why);
	}
	return fail(call, ERR_UNAVAILABLE, err, text);
}

static int take_answer(struct call *call, struct http_response *ret, struct err *err)
{
	CURL *easy = call->handle->easy;
	const char *type = NULL;
	curl_off_t after = 0;
	long status = 0;

	ret->len = call->body.len;
	if (call->body.len == 0) {
		ret->body = strdup("");
	} else if (sb_take(&call->body, "answer", &ret->body, NULL) < 0) {
		ret->body = NULL;
	}
	if (!ret->body) {
		ret->len = 0;
		return fail(call, ERR_UNAVAILABLE, err,
			"outcome unknown: out of memory for the answer");
	}
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	(void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
	ret->status = (int)status;
	ret->retry_after = (int)MIN(MAX(after, 0), RETRY_AFTER_MAX);
	(void)snprintf(ret->content_type, sizeof(ret->content_type), "%s", type ? type : "");
	ret->outcome = HTTP_ANSWERED;
	return 0;
}

/* A status that is not an interim one, and all of its headers. */
static bool answer_begun(const struct call *call)
{
	long status = 0;

	(void)curl_easy_getinfo(call->handle->easy, CURLINFO_RESPONSE_CODE, &status);
	return call->whole && status >= 200;
}

/* Prefix a deadline's or cancel's text with what it hit. */
static int wrap_early_end(const struct call *call, struct err *err)
{
	return err_wrap(err, "%s %s%.*s: %s", call->method, call->client->shown, PATH_SHOWN,
		call->request->path,
		call->sent ? "outcome unknown, the request was sent" : "not sent");
}

static int perform(struct call *call, struct http_response *ret, struct err *err)
{
	CURLcode code = CURLE_OK;
	int rc;

	if (prepare(call) < 0) {
		return fail(call, ERR_UNAVAILABLE, err, "not sent: out of memory");
	}
	rc = transfer(call, &code, err);
	call->code = code;
	ret->outcome = call->sent ? HTTP_UNKNOWN : HTTP_NOT_SENT;
	if (rc < 0) {
		rc = wrap_early_end(call, err);
	} else if (code != CURLE_OK) {
		rc = explain(call, code, err);
	} else if (!answer_begun(call)) {
		rc = fail(call, ERR_UNAVAILABLE, err,
			"outcome unknown, the request was sent: the answer ends in its headers");
	} else {
		rc = take_answer(call, ret, err);
	}
	/* Only now, since it closes a connection in the middle of a transfer. */
	(void)curl_multi_remove_handle(call->handle->multi, call->handle->easy);
	return rc;
}

static int run_call(struct call *call, struct http_response *ret, struct err *err)
{
	if (deadline_check(call->dl, "request", err) < 0 ||
		handle_take(call->client, call->dl, &call->handle, err) < 0) {
		return wrap_early_end(call, err);
	}
	call->body = sb_init(call->client->max_body);
	int rc = perform(call, ret, err);
	/* Pointers into this call must not stay behind in the handle. */
	curl_easy_reset(call->handle->easy);
	handle_give(call->client, call->handle);
	free_headers(call);
	sb_done(&call->body);
	return rc;
}

/* Ends of a transfer in which nothing at all was heard of the server. */
static bool is_silence(CURLcode code)
{
	return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
	       code == CURLE_SSL_CONNECT_ERROR || code == CURLE_OPERATION_TIMEDOUT ||
	       code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
}

/* What this call says about the server: one that talks nonsense is there. */
static enum breaker_end judge(
	const struct call *call, int rc, const struct err *err, int64_t took_ms)
{
	if (rc == 0) {
		return BREAKER_ANSWERED;
	}
	if (!call->handle) {
		return BREAKER_NOTHING;
	}
	if (err->code == ERR_DEADLINE_EXCEEDED || err->code == ERR_CANCELLED) {
		return took_ms >= HTTP_SILENT_MS ? BREAKER_SILENT : BREAKER_NOTHING;
	}
	if (call->code == CURLE_OK || call->code == CURLE_OUT_OF_MEMORY) {
		return BREAKER_NOTHING;
	}
	return is_silence(call->code) ? BREAKER_SILENT : BREAKER_ANSWERED;
}

static int run_behind_breaker(struct call *call, struct http_response *ret, struct err *err)
{
	struct breaker *breaker = &call->client->breaker;
	int64_t began = clock_ms();
	struct err why = {0};

	if (breaker_enter(breaker, began, &call->attempt, &why) < 0) {
		(void)err_wrap(&why, "not sent");
		return fail(call, why.code, err, why.msg);
	}
	if (call->attempt) {
		call->attempt_dl = deadline_sooner(call->dl, BREAKER_ATTEMPT_MS);
		call->dl = &call->attempt_dl;
	}
	int rc = run_call(call, ret, &why);
	int64_t now = clock_ms();
	breaker_leave(breaker, now, call->attempt, judge(call, rc, &why, now - began), why.msg);
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int do_call(struct call *call, struct http_response *ret, struct err *err)
{
	if (check_request(call, err) < 0) {
		return -1;
	}
	return call->client->breaks ? run_behind_breaker(call, ret, err) : run_call(call, ret, err);
}

int http_get(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	struct call call = {.client = client,
		.request = request,
		.dl = dl,
		.method = request->method ? request->method : "GET"};

	*ret = (struct http_response){0};
	if (!streq(call.method, "GET") && !streq(call.method, "HEAD")) {
		return fail(
			&call, ERR_INVALID_ARGUMENT, err, "changes something, and needs a step");
	}
	if (request->body) {
		return fail(&call, ERR_INVALID_ARGUMENT, err, "has no body");
	}
	return do_call(&call, ret, err);
}

int http_ask(struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	struct call call = {.client = client, .request = request, .dl = dl, .method = "POST"};

	*ret = (struct http_response){0};
	return do_call(&call, ret, err);
}

int http_send(const struct step *in, struct http_client *client, const struct http_request *request,
	const struct deadline *dl, struct http_response *ret, struct err *err)
{
	static const char *const methods[] = {"PUT", "POST", "PATCH", "DELETE"};
	struct call call = {.client = client,
		.request = request,
		.dl = dl,
		.method = request->method ? request->method : ""};

	(void)in;
	*ret = (struct http_response){0};
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (streq(methods[i], call.method)) {
			return do_call(&call, ret, err);
		}
	}
	return fail(
		&call, ERR_INVALID_ARGUMENT, err, "the method must be PUT, POST, PATCH or DELETE");
}

void http_response_done(struct http_response *response)
{
	free(response->body);
	*response = (struct http_response){0};
}

void http_path_escape(struct strbuf *sb, const char *text)
{
	bool dots = streq(text, ".") || streq(text, "..");

	for (const char *p = text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '~' ||
			     (*p == '.' && !dots);

		if (plain) {
			sb_addc(sb, *p);
		} else {
			sb_addf(sb, "%%%02X", (unsigned)(unsigned char)*p);
		}
	}
}
