/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers against our own server: large bodies, many threads, TLS.
 */
#include "common/http/server.h"
#include "test/unit/common/http/calls.h"

static char dir[] = "/tmp/nvmetcp-call-XXXXXX";

struct counted {
	atomic_int now;
	atomic_int most;
};

static int echo(void *self, const struct http_server_request *req, struct http_server_response *res)
{
	struct counted *counted = self;
	int now = atomic_fetch_add(&counted->now, 1) + 1;
	char *copy = malloc(req->len + 1);

	if (now > atomic_load(&counted->most)) {
		atomic_store(&counted->most, now);
	}
	assert_non_null(copy);
	memcpy(copy, req->body, req->len + 1);
	atomic_fetch_sub(&counted->now, 1);
	return http_respond_json(res, 200, copy);
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/v1/x", .handle = echo},
	{.method = "PUT", .pattern = "/v1/x", .handle = echo},
	{.method = "POST", .pattern = "/v1/x", .handle = echo},
};

static struct http_server *server_with(struct http_server_options options, struct counted *counted)
{
	struct http_server *server = NULL;
	struct err err = {0};

	options.routes = routes;
	options.n_routes = ARRAY_SIZE(routes);
	options.self = counted;
	if (http_server_start(&options, &server, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	return server;
}

static void server_end(struct http_server *server)
{
	struct deadline dl = deadline_in(PATIENCE_MS);

	assert_true(http_server_stop(server, &dl));
	http_server_free(server);
}

static void test_large_body(void **state)
{
	_cleanup_free_ char *big = malloc(1 << 20);
	struct counted counted = {0};
	struct http_server *server =
		server_with((struct http_server_options){.address = "127.0.0.1:0"}, &counted);
	char url[64];
	struct http_client *client;
	struct http_response res;
	struct err err;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 1 << 20);
	big[(1 << 20) - 1] = '\0';
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", http_server_port(server));
	client = client_with(&(struct http_client_options){.url = url});
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_body(client, i == 1 ? "POST" : "PUT", big, &res, &err), 0);
		assert_int_equal(res.status, 200);
		assert_string_equal(res.body, big);
		http_response_done(&res);
	}
	http_client_free(client);
	server_end(server);
}

static void test_too_large_for_the_server(void **state)
{
	_cleanup_free_ char *big = malloc(8 << 20);
	struct counted counted = {0};
	struct http_server *server = server_with(
		(struct http_server_options){.address = "127.0.0.1:0", .max_body = 1000}, &counted);
	struct http_client *client = client_at(http_server_port(server));
	static const size_t sizes[] = {1001, 1 << 20, 8 << 20};
	struct http_response res;
	struct err err;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 8 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sending s = {.client = client,
			.request = {.method = "PUT", .path = "/v1/x", .body = big, .len = sizes[i]},
			.dl = deadline_in(PATIENCE_MS)};

		assert_int_equal(in_step(do_send, &s, &err), 0);
		assert_int_equal(s.ret.status, 413);
		http_response_done(&s.ret);
	}
	assert_int_equal(get(client, "/v1/x", &res, &err), 0);
	assert_int_equal(res.status, 200);
	http_response_done(&res);
	http_client_free(client);
	server_end(server);
}

struct worker {
	struct http_client *client;
	int failed;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 25; i++) {
		const struct http_request request = {.path = "/v1/x"};
		struct deadline dl = deadline_in(PATIENCE_MS);
		struct http_response res;
		struct err err = {0};

		if (http_get(w->client, &request, &dl, &res, &err) < 0 || res.status != 200) {
			w->failed++;
		}
		http_response_done(&res);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct counted counted = {0};
	char path[64];
	char url[80];
	struct http_server *server;
	struct worker workers[8];
	pthread_t threads[8];
	struct http_client *client;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/many", dir);
	(void)snprintf(url, sizeof(url), "unix://%s", path);
	server = server_with((struct http_server_options){.unix_path = path}, &counted);
	client = client_with(&(struct http_client_options){.url = url, .max_calls = 3});
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker){.client = client};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failed, 0);
	}
	assert_true(atomic_load(&counted.most) <= 3);
	http_client_free(client);
	server_end(server);
}

static void tls_call(uint16_t port, const char *host, const char *ca, bool works)
{
	char url[64];
	char path[128];
	struct http_client_options options = {.url = url};
	struct secret *token = secret_new("s3cret", 6);
	struct http_client *client;
	struct http_response res;
	struct err err;

	(void)snprintf(url, sizeof(url), "https://%s:%u", host, port);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, ca ? ca : "");
	options.ca_file = ca ? path : NULL;
	options.token = token;
	client = client_with(&options);
	if (works) {
		assert_int_equal(send_body(client, "PUT", "{\"a\":1}", &res, &err), 0);
		assert_int_equal(res.status, 200);
		assert_string_equal(res.body, "{\"a\":1}");
	} else {
		assert_int_equal(send_body(client, "PUT", "{}", &res, &err), -1);
		assert_int_equal(res.outcome, HTTP_NOT_SENT);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		assert_non_null(strstr(err.msg, "certificate is not accepted"));
		assert_non_null(strstr(err.msg, ca ? path : "those of the system"));
		assert_null(strstr(err.msg, "s3cret"));
	}
	http_response_done(&res);
	http_client_free(client);
	secret_unref(token);
}

static void test_tls(void **state)
{
	char cert[128];
	char key[128];
	struct counted counted = {0};
	struct secret *token = secret_new("s3cret", 6);
	struct http_server *server;

	(void)state;
	make_cert(dir, "good", "IP:127.0.0.1");
	make_cert(dir, "other", "IP:127.0.0.1");
	(void)snprintf(cert, sizeof(cert), "%s/good.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/good.key", dir);
	server = server_with((struct http_server_options){.address = "127.0.0.1:0",
				     .cert_file = cert,
				     .key_file = key,
				     .token = token},
		&counted);
	tls_call(http_server_port(server), "127.0.0.1", "good.pem", true);
	tls_call(http_server_port(server), "127.0.0.1", "other.pem", false);
	tls_call(http_server_port(server), "127.0.0.1", NULL, false);
	tls_call(http_server_port(server), "localhost", "good.pem", false);
	secret_unref(token);
	server_end(server);
}

static struct http_server *server_as(const char *name, const char *address, struct counted *counted)
{
	char cert[128];
	char key[128];

	make_cert(dir, name, "IP:127.0.0.1");
	(void)snprintf(cert, sizeof(cert), "%s/%s.pem", dir, name);
	(void)snprintf(key, sizeof(key), "%s/%s.key", dir, name);
	return server_with((struct http_server_options){.address = address,
				   .cert_file = cert,
				   .key_file = key,
				   .unsafe_open = true},
		counted);
}

/* Let "ca.pem" be the certificate @name, in one go, as kubelet changes a Secret. */
static void trust(const char *name)
{
	char from[128];
	char fresh[128];
	char ca[128];

	(void)snprintf(from, sizeof(from), "%s/%s.pem", dir, name);
	(void)snprintf(fresh, sizeof(fresh), "%s/fresh.pem", dir);
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	assert_int_equal(link(from, fresh), 0);
	assert_int_equal(rename(fresh, ca), 0);
}

/* The authority is changed together with the server's certificate; the client is the same. */
static void test_renewed_authority(void **state)
{
	struct counted counted = {0};
	struct http_server *server = server_as("old", "127.0.0.1:0", &counted);
	struct http_client *client;
	struct http_response res;
	struct err err = {0};
	char address[32];
	char url[64];
	char ca[128];

	(void)state;
	trust("old");
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", http_server_port(server));
	(void)snprintf(url, sizeof(url), "https://%s", address);
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	client = client_with(&(struct http_client_options){.url = url, .ca_file = ca});
	if (send_body(client, "PUT", "{}", &res, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	http_response_done(&res);
	server_end(server);
	server = server_as("renewed", address, &counted);
	trust("renewed");
	if (send_body(client, "PUT", "{}", &res, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	http_response_done(&res);
	http_client_free(client);
	server_end(server);
}

static int setup(void **state)
{
	struct err err = {0};

	(void)state;
	return http_global_init(&err) == 0 && mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	remove_dir(dir);
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_too_large_for_the_server),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_renewed_authority),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
