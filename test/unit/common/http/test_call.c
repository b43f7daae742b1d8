/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers against servers that misbehave: above all, is a request that failed told apart as not
 * sent, unknown, or answered (P6).
 */
#include "common/http/client.h"
#include "test/unit/common/http/calls.h"

/* A PUT at this server fails with this outcome, and never with a final code. */
static void put_fails(uint16_t port, enum http_outcome outcome, const char *text)
{
	struct http_client *client = client_at(port);
	struct http_response res;
	struct err err;

	if (send_body(client, "PUT", "{}", &res, &err) == 0) {
		fail_msg("answered: %d %s", res.status, res.body);
	}
	assert_int_equal(res.outcome, outcome);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(res.status, 0);
	assert_null(res.body);
	if (!strstr(err.msg, text)) {
		fail_msg("\"%s\" is not in: %s", text, err.msg);
	}
	assert_non_null(strstr(err.msg, "PUT http://127.0.0.1:"));
	assert_non_null(strstr(
		err.msg, outcome == HTTP_NOT_SENT ? "/v1/x: not sent" : "/v1/x: outcome unknown"));
	http_response_done(&res);
	http_client_free(client);
}

static void test_refused(void **state)
{
	uint16_t port;
	int fd = tcp_bound(false, &port);

	(void)state;
	put_fails(port, HTTP_NOT_SENT, "connect");
	(void)close(fd);
}

static void test_no_socket(void **state)
{
	struct http_client *client =
		client_with(&(struct http_client_options){.url = "unix:///nonexistent/s"});
	struct http_response res;
	struct err err;

	(void)state;
	assert_int_equal(send_body(client, "DELETE", NULL, &res, &err), -1);
	assert_int_equal(res.outcome, HTTP_NOT_SENT);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "DELETE unix:///nonexistent/s/v1/x: not sent"));
	http_client_free(client);
}

static void broken(enum fake_mode mode, const char *reply, const char *text)
{
	struct fake fake;

	fake_start(&fake, mode, reply);
	put_fails(fake.port, HTTP_UNKNOWN, text);
	fake_stop(&fake);
}

static void test_unknown(void **state)
{
	(void)state;
	broken(FAKE_CLOSE, NULL, "");
	broken(FAKE_SLAM, NULL, "");
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", "");
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Le", "");
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"");
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "");
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "");
	broken(FAKE_REPLY, "SSH-2.0-OpenSSH_9.9\r\n", "");
	broken(FAKE_REPLY, "HTTP/1.1 100 Continue\r\n\r\n", "");
}

static void test_too_big(void **state)
{
	(void)state;
	broken(FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", "");
	broken(FAKE_ENDLESS, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
		"larger than 10000 bytes");
	broken(FAKE_ENDLESS, "HTTP/1.1 200 OK\r\n\r\n", "larger than 10000 bytes");
}

static void test_tls_to_a_plain_server(void **state)
{
	struct fake fake;
	char url[64];
	struct http_client *client;
	struct http_response res;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_SLAM, NULL);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", fake.port);
	client = client_with(&(struct http_client_options){.url = url});
	assert_int_equal(send_body(client, "PUT", "{}", &res, &err), -1);
	assert_int_equal(res.outcome, HTTP_NOT_SENT);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	http_client_free(client);
	fake_stop(&fake);
}

/* One request with a short time, or cancelled once the server has heard it. */
static void ends_early(
	const char *scheme, bool cancel, enum http_outcome outcome, enum err_code code)
{
	struct fake fake;
	char url[64];
	struct sending s = {.request = {.method = "PUT", .path = "/v1/x", .body = "{}", .len = 2}};
	struct err err = {0};

	fake_start(&fake, FAKE_SILENT, NULL);
	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u", scheme, fake.port);
	s.client = client_with(&(struct http_client_options){.url = url});
	s.dl = deadline_in(cancel ? PATIENCE_MS : 200);
	/* `heard` turns readable when the head of the request has arrived. */
	s.dl.cancel_fd = cancel ? fake.heard : -1;
	assert_int_equal(in_step(do_send, &s, &err), -1);
	assert_int_equal(err.code, code);
	assert_int_equal(s.ret.outcome, outcome);
	assert_non_null(strstr(err.msg, outcome == HTTP_UNKNOWN ? "outcome unknown" : "not sent"));
	http_client_free(s.client);
	fake_stop(&fake);
	/* Nothing of a request that was given up may be delivered any more. */
	if (outcome == HTTP_UNKNOWN) {
		assert_true(atomic_load(&fake.reset));
	}
}

static void test_deadline_and_cancel(void **state)
{
	(void)state;
	ends_early("http", false, HTTP_UNKNOWN, ERR_DEADLINE_EXCEEDED);
	ends_early("http", true, HTTP_UNKNOWN, ERR_CANCELLED);
	/* The other side never answers the TLS handshake, so nothing of the request is out. */
	ends_early("https", false, HTTP_NOT_SENT, ERR_DEADLINE_EXCEEDED);
}

static void test_too_late_to_begin(void **state)
{
	struct http_client *client = client_at(1);
	const struct http_request request = {.path = "/"};
	struct deadline past = deadline_in(0);
	struct deadline gone = deadline_in(PATIENCE_MS);
	struct http_response res;
	struct err err = {0};
	uint64_t one = 1;

	(void)state;
	assert_int_equal(http_get(client, &request, &past, &res, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_int_equal(res.outcome, HTTP_NOT_SENT);
	gone.cancel_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(write(gone.cancel_fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(http_get(client, &request, &gone, &res, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_int_equal(res.outcome, HTTP_NOT_SENT);
	(void)close(gone.cancel_fd);
	http_client_free(client);
}

static void test_answers(void **state)
{
	static const char reply[] =
		"HTTP/1.1 503 Later\r\nContent-Type: application/problem+json\r\n"
		"Retry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_REPLY, reply);
	client = client_at(fake.port);
	assert_int_equal(send_body(client, "PATCH", "{\"a\":1}", &res, &err), 0);
	assert_int_equal(res.outcome, HTTP_ANSWERED);
	assert_int_equal(res.status, 503);
	assert_string_equal(res.body, "busy");
	assert_int_equal(res.len, 4);
	assert_string_equal(res.content_type, "application/problem+json");
	assert_int_equal(res.retry_after, 7);
	http_response_done(&res);
	assert_null(res.body);
	assert_non_null(strstr(fake.request, "PATCH /v1/x HTTP/1.1\r\n"));
	assert_non_null(strstr(fake.request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(fake.request, "\r\nContent-Length: 7\r\n"));
	assert_null(strstr(fake.request, "Authorization"));
	assert_null(strstr(fake.request, "Expect"));

	assert_int_equal(send_body(client, "DELETE", NULL, &res, &err), 0);
	http_response_done(&res);
	assert_non_null(strstr(fake.request, "DELETE /v1/x HTTP/1.1\r\n"));
	assert_null(strstr(fake.request, "Content-Type"));
	http_client_free(client);
	fake_stop(&fake);
}

static void test_empty_answer(void **state)
{
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_REPLY, "HTTP/1.1 204 No Content\r\n\r\n");
	client = client_at(fake.port);
	assert_int_equal(get(client, "/", &res, &err), 0);
	assert_int_equal(res.status, 204);
	assert_string_equal(res.body, "");
	assert_string_equal(res.content_type, "");
	http_response_done(&res);
	http_client_free(client);
	fake_stop(&fake);
}

/* What may stand around an answer: interim ones before it, more headers behind it. */
static void test_interim_and_trailers(void **state)
{
	static const char reply[] =
		"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 201 Created\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n";
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_REPLY, reply);
	client = client_at(fake.port);
	assert_int_equal(send_body(client, "PUT", "{}", &res, &err), 0);
	assert_int_equal(res.status, 201);
	assert_string_equal(res.body, "ok");
	http_response_done(&res);
	http_client_free(client);
	fake_stop(&fake);
}

static void test_redirect_and_proxy(void **state)
{
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	/* No other thread looks at the environment yet. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	fake_start(&fake, FAKE_REPLY,
		"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
	client = client_at(fake.port);
	assert_int_equal(get(client, "/a/../b?x=%2F", &res, &err), 0);
	assert_int_equal(res.status, 302);
	http_response_done(&res);
	assert_int_equal(atomic_load(&fake.connections), 1);
	assert_non_null(strstr(fake.request, "GET /a/../b?x=%2F HTTP/1.1\r\n"));
	http_client_free(client);
	fake_stop(&fake);
}

static void test_token_and_headers(void **state)
{
	const char *const headers[] = {"X-Array: one", NULL};
	struct secret *token = secret_new("s3cret", 6);
	struct http_request request = {.path = "/", .headers = headers};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err = {0};

	(void)state;
	fake_start(&fake, FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	client = client_at(fake.port);
	assert_int_equal(http_client_set_token(client, token, &err), 0);
	secret_unref(token);
	assert_int_equal(http_get(client, &request, &dl, &res, &err), 0);
	http_response_done(&res);
	assert_non_null(strstr(fake.request, "\r\nAuthorization: Bearer s3cret\r\n"));
	assert_non_null(strstr(fake.request, "\r\nX-Array: one\r\n"));
	assert_int_equal(http_client_set_token(client, NULL, &err), 0);
	assert_int_equal(get(client, "/", &res, &err), 0);
	http_response_done(&res);
	assert_null(strstr(fake.request, "Authorization"));
	http_client_free(client);
	fake_stop(&fake);
}

/* With the first request already, since the proxy of SPDK asks for it in a way that no client
 * understands, and an answer without a length ends with its connection. */
static void test_basic_and_ask(void **state)
{
	struct secret *token = secret_new("admin:p w:x", 11);
	struct http_request request = {.path = "/", .body = "{}", .len = 2};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct http_client_options options = {.token = token, .basic = true};
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err = {0};
	char url[64];

	(void)state;
	fake_start(
		&fake, FAKE_REPLY, "HTTP/1.0 200 OK\r\nContent-type: text/html\r\n\r\n{\"id\":1}");
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake.port);
	options.url = url;
	client = client_with(&options);
	secret_unref(token);
	assert_int_equal(http_ask(client, &request, &dl, &res, &err), 0);
	assert_string_equal(res.body, "{\"id\":1}");
	http_response_done(&res);
	assert_int_equal(strncmp(fake.request, "POST / HTTP/1.1\r\n", 17), 0);
	assert_non_null(strstr(fake.request, "\r\nAuthorization: Basic YWRtaW46cCB3Ong=\r\n"));
	assert_non_null(strstr(fake.request, "\r\nContent-Length: 2\r\n"));
	assert_null(strstr(fake.request, "Expect"));
	assert_int_equal(atomic_load(&fake.connections), 1);
	http_client_free(client);
	fake_stop(&fake);
}

/* A connection the server gave up: what may be repeated is, a POST goes over a fresh one. */
static void test_stale_connection(void **state)
{
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	client = client_at(fake.port);
	assert_int_equal(get(client, "/", &res, &err), 0);
	http_response_done(&res);
	assert_int_equal(send_body(client, "PUT", "{}", &res, &err), 0);
	assert_string_equal(res.body, "ok");
	http_response_done(&res);
	assert_int_equal(atomic_load(&fake.connections), 2);
	http_client_free(client);
	fake_stop(&fake);
}

static void test_post_is_sent_once(void **state)
{
	struct http_client *client;
	struct http_response res;
	struct fake fake;
	struct err err;

	(void)state;
	fake_start(&fake, FAKE_REPLY, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	client = client_at(fake.port);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(send_body(client, "POST", "{}", &res, &err), 0);
		http_response_done(&res);
		assert_int_equal(atomic_load(&fake.connections), i);
	}
	http_client_free(client);
	fake_stop(&fake);
}

static void test_bad_requests(void **state)
{
	static const char *const paths[] = {
		"", "v1", "/a b", "/a\r\nX: y", "/\xc3\xa9", "/a#b", "http://other/"};
	static const char *const bad_headers[] = {"No colon", "A: b\r\nC: d", "A: \x7f"};
	struct http_client *client = client_at(1);
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct http_response res;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(get(client, paths[i], &res, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
		assert_int_equal(res.outcome, HTTP_NOT_SENT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++) {
		const char *const headers[] = {bad_headers[i], NULL};
		const struct http_request request = {.path = "/", .headers = headers};

		assert_int_equal(http_get(client, &request, &dl, &res, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	}
	assert_int_equal(http_get(client, &(struct http_request){.method = "PUT", .path = "/"}, &dl,
				 &res, &err),
		-1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(http_get(client, &(struct http_request){.path = "/", .body = "{}"}, &dl,
				 &res, &err),
		-1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(send_body(client, "GET", NULL, &res, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_int_equal(send_body(client, NULL, NULL, &res, &err), -1);
	http_client_free(client);
}

struct held {
	struct http_client *client;
	int cancel;
};

static void *hold(void *arg)
{
	struct held *held = arg;
	const struct http_request request = {.path = "/"};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct http_response res;
	struct err err = {0};

	dl.cancel_fd = held->cancel;
	assert_int_equal(http_get(held->client, &request, &dl, &res, &err), -1);
	return NULL;
}

/* The only connection is taken: the next caller's time runs out without a byte sent. */
static void test_turns(void **state)
{
	struct fake fake;
	struct held held = {.cancel = eventfd(0, EFD_CLOEXEC)};
	const struct http_request request = {.path = "/"};
	struct http_response res;
	struct deadline dl;
	pthread_t thread;
	struct err err = {0};
	uint64_t one = 1;
	char url[64];

	(void)state;
	fake_start(&fake, FAKE_SILENT, NULL);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake.port);
	held.client = client_with(&(struct http_client_options){.url = url, .max_calls = 1});
	assert_int_equal(pthread_create(&thread, NULL, hold, &held), 0);
	assert_int_equal(read(fake.heard, &one, sizeof(one)), sizeof(one));
	dl = deadline_in(100);
	assert_int_equal(http_get(held.client, &request, &dl, &res, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_int_equal(res.outcome, HTTP_NOT_SENT);
	assert_int_equal(atomic_load(&fake.connections), 1);
	one = 1;
	assert_int_equal(write(held.cancel, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(held.cancel);
	http_client_free(held.client);
	fake_stop(&fake);
}

static int setup(void **state)
{
	struct err err = {0};

	(void)state;
	return http_global_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirect_and_proxy),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_socket),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_tls_to_a_plain_server),
		cmocka_unit_test(test_deadline_and_cancel),
		cmocka_unit_test(test_too_late_to_begin),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_empty_answer),
		cmocka_unit_test(test_interim_and_trailers),
		cmocka_unit_test(test_token_and_headers),
		cmocka_unit_test(test_basic_and_ask),
		cmocka_unit_test(test_stale_connection),
		cmocka_unit_test(test_post_is_sent_once),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
