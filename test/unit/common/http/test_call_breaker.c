/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's breaker: which ends of a call count as silence, that a call that is turned away
 * sends nothing, and that an answer closes it.
 */
#include "test/unit/common/http/calls.h"

static struct http_client *breaking(uint16_t port)
{
	char url[64];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	return client_with(&(struct http_client_options){.url = url, .breaks = true});
}

static unsigned silent(struct http_client *client)
{
	struct breaker_state link;

	http_client_link(client, &link);
	return link.silent;
}

/* Until it opens; each must fail for the reason that the network has. */
static void fail_until_open(struct http_client *client)
{
	struct http_response res;
	struct err err;

	for (int i = 0; i < BREAKER_SILENT_MAX; i++) {
		assert_int_equal(get(client, "/", &res, &err), -1);
		assert_null(strstr(err.msg, "in a row"));
	}
}

static void refused_at_once_and_nothing_is_sent(void **state UNUSED)
{
	struct breaker_state link;
	struct http_response res;
	struct err err;
	uint16_t port;
	int fd = tcp_bound(false, &port);
	struct http_client *client = breaking(port);

	fail_until_open(client);
	assert_int_equal(listen(fd, 16), 0);
	http_client_link(client, &link);
	assert_true(link.open);
	/* Attempts are let through by the clock; the ones before must not reach the server. */
	int rc = get(client, "/", &res, &err);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	if (rc < 0 && strstr(err.msg, "calls in a row")) {
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		assert_int_equal(res.outcome, HTTP_NOT_SENT);
		assert_int_equal(poll(&waiting, 1, 0), 0);
	}
	http_client_free(client);
	(void)close(fd);
}

static void an_answer_closes_it(void **state UNUSED)
{
	struct http_response res = {0};
	struct deadline dl = deadline_in(PATIENCE_MS);
	struct fake fake = {0};
	struct err err;
	int fd = tcp_bound(false, &fake.port);
	struct http_client *client = breaking(fake.port);

	fail_until_open(client);
	assert_int_equal(listen(fd, 16), 0);
	fake_start_on(&fake, fd, FAKE_REPLY, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	/* Whatever the status: the server is there. */
	while (get(client, "/", &res, &err) < 0) {
		assert_true(deadline_left_ms(&dl) > 0);
		assert_int_equal(deadline_poll(&dl, -1, 0, 20, "retry", &err), 0);
	}
	assert_int_equal(res.status, 503);
	http_response_done(&res);
	assert_int_equal(silent(client), 0);
	http_client_free(client);
	fake_stop(&fake);
}

/* A caller that gives up at once, or that waited in vain for a turn, says nothing of the server. */
static void impatience_is_no_silence(void **state UNUSED)
{
	const struct http_request request = {.path = "/"};
	struct http_response res;
	struct fake fake;
	struct err err = {0};

	fake_start(&fake, FAKE_SILENT, NULL);
	struct http_client *client = breaking(fake.port);
	for (int i = 0; i < 2 * BREAKER_SILENT_MAX; i++) {
		struct deadline dl = deadline_in(10);

		assert_int_equal(http_get(client, &request, &dl, &res, &err), -1);
		assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	}
	assert_int_equal(silent(client), 0);
	http_client_free(client);
	fake_stop(&fake);
}

static void who_hangs_is_silent(void **state UNUSED)
{
	const struct http_request request = {.path = "/"};
	struct deadline dl = deadline_in(HTTP_SILENT_MS + 200);
	struct http_response res;
	struct fake fake;
	struct err err = {0};

	fake_start(&fake, FAKE_SILENT, NULL);
	struct http_client *client = breaking(fake.port);
	assert_int_equal(http_get(client, &request, &dl, &res, &err), -1);
	assert_int_equal(silent(client), 1);
	http_client_free(client);
	fake_stop(&fake);
}

static int setup(void **state UNUSED)
{
	struct err err = {0};

	return http_global_init(&err);
}

static int teardown(void **state UNUSED)
{
	http_global_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_at_once_and_nothing_is_sent),
		cmocka_unit_test(an_answer_closes_it),
		cmocka_unit_test(impatience_is_no_silence),
		cmocka_unit_test(who_hangs_is_silent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
