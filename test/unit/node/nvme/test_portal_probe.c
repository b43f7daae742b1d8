/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P7: portals on the loopback that answer, refuse, stay silent, hang up or speak something else.
 */
#include "node/nvme/portal_probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>

enum manner { SPEAKS, IN_PIECES, SILENT, HANGS_UP, OTHER_SERVICE, OTHER_VERSION, SHORT_PDU };

struct server {
	enum manner manner;
	int sock;
	pthread_t thread;
	struct portal portal;
	uint8_t asked[128];
};

static void answer(const struct server *s, int fd)
{
	uint8_t pdu[128] = {[0] = 1, [2] = 128, [4] = 128};

	pdu[8] = s->manner == OTHER_VERSION;
	pdu[4] = s->manner == SHORT_PDU ? 24 : 128;
	if (s->manner == OTHER_SERVICE) {
		memset(pdu, 'H', sizeof(pdu));
	}
	if (s->manner == IN_PIECES) {
		assert_int_equal(send(fd, pdu, 1, MSG_NOSIGNAL), 1);
		struct pollfd nothing = {.fd = -1};
		(void)poll(&nothing, 1, 20);
		assert_int_equal(send(fd, pdu + 1, 127, MSG_NOSIGNAL), 127);
		return;
	}
	assert_int_equal(send(fd, pdu, sizeof(pdu), MSG_NOSIGNAL), sizeof(pdu));
}

static void *serve(void *arg)
{
	struct server *s = arg;
	char more;

	int fd = accept(s->sock, NULL, NULL);
	if (fd < 0) {
		return NULL;
	}
	assert_int_equal(recv(fd, s->asked, sizeof(s->asked), MSG_WAITALL), sizeof(s->asked));
	if (s->manner != SILENT && s->manner != HANGS_UP) {
		answer(s, fd);
	}
	if (s->manner != HANGS_UP) {
		/* Until the prober is done. */
		(void)!recv(fd, &more, 1, 0);
	}
	(void)close(fd);
	return NULL;
}

static void listen_on(struct server *s, bool v6)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
	struct sockaddr *addr = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;

	s->sock = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->sock < 0) {
		abort();
	}
	assert_int_equal(bind(s->sock, addr, len), 0);
	assert_int_equal(listen(s->sock, 1), 0);
	assert_int_equal(getsockname(s->sock, addr, &len), 0);
	s->portal.v6 = v6;
	s->portal.port = ntohs(v6 ? a6.sin6_port : a4.sin_port);
	(void)snprintf(s->portal.addr, sizeof(s->portal.addr), "%s", v6 ? "::1" : "127.0.0.1");
}

static void start(struct server *s, enum manner manner)
{
	*s = (struct server){.manner = manner};
	listen_on(s, false);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
	(void)shutdown(s->sock, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->sock);
}

static void test_manners(void **state)
{
	static const struct {
		enum manner manner;
		bool alive;
		const char *why;
	} cases[] = {
		{SPEAKS, true, ""},
		{IN_PIECES, true, ""},
		{SILENT, false, "no NVMe/TCP answer within"},
		{HANGS_UP, false, "closed before it answered"},
		{OTHER_SERVICE, false, "does not speak NVMe/TCP"},
		{OTHER_VERSION, false, "unknown version"},
		{SHORT_PDU, false, "does not speak NVMe/TCP"},
	};
	struct server servers[ARRAY_SIZE(cases)];
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals portals = {.n = ARRAY_SIZE(cases)};
	struct deadline dl = deadline_in(3000);
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&servers[i], cases[i].manner);
		portals.list[i] = servers[i].portal;
	}
	assert_int_equal(portal_probe(&portals, false, &dl, verdicts, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		stop(&servers[i]);
		if (verdicts[i].alive != cases[i].alive || !strstr(verdicts[i].why, cases[i].why)) {
			fail_msg("case %zu: %d '%s'", i, verdicts[i].alive, verdicts[i].why);
		}
		/* ICReq: type 0, 128 bytes long, format 0, no digests. */
		assert_int_equal(servers[i].asked[0], 0);
		assert_int_equal(servers[i].asked[2], 128);
		assert_int_equal(servers[i].asked[4], 128);
		assert_int_equal(servers[i].asked[8], 0);
	}
}

static void test_refused_and_bad_address(void **state)
{
	struct server s = {0};
	struct server v6 = {0};
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals portals = {.n = 3};
	struct deadline dl = deadline_in(5000);
	struct err err = {0};
	char text[400];

	(void)state;
	listen_on(&s, false);
	listen_on(&v6, true);
	(void)close(s.sock);
	(void)close(v6.sock);
	portals.list[0] = s.portal;
	portals.list[1] = (struct portal){.addr = "host.example", .port = 1};
	portals.list[2] = v6.portal;
	assert_int_equal(portal_probe(&portals, false, &dl, verdicts, &err), 0);
	assert_string_equal(verdicts[0].why, "Connection refused");
	assert_string_equal(verdicts[1].why, "not a numeric address");
	assert_string_equal(verdicts[2].why, "Connection refused");
	portal_verdicts_print(&portals, verdicts, text, sizeof(text));
	assert_non_null(strstr(
		text, ": Connection refused; host.example:1: not a numeric address; [::1]:"));
	/* Cut texts end inside the buffer. */
	for (size_t n = 1; n < 60; n++) {
		memset(text, 'x', sizeof(text));
		portal_verdicts_print(&portals, verdicts, text, n);
		assert_true(strnlen(text, n) < n);
		assert_int_equal(text[n], 'x');
	}
}

static void test_tls_asks_for_a_connection_only(void **state)
{
	struct server s;
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals portals = {.n = 1};
	struct deadline dl = deadline_in(5000);
	struct err err = {0};

	(void)state;
	s = (struct server){0};
	listen_on(&s, false);
	portals.list[0] = s.portal;
	assert_int_equal(portal_probe(&portals, true, &dl, verdicts, &err), 0);
	assert_true(verdicts[0].alive);
	(void)close(s.sock);
}

static void test_first_ends_early(void **state)
{
	struct server servers[3];
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals portals = {.n = 3};
	struct portal_choice choice = {.skip = 1U << 1};
	struct deadline dl = deadline_in(60000);
	struct err err = {0};
	int first;

	(void)state;
	start(&servers[0], SILENT);
	start(&servers[1], SPEAKS);
	start(&servers[2], SPEAKS);
	for (size_t i = 0; i < 3; i++) {
		portals.list[i] = servers[i].portal;
	}
	assert_int_equal(portal_probe_first(&portals, &choice, &dl, verdicts, &first, &err), 0);
	assert_int_equal(first, 2);
	assert_string_equal(verdicts[0].why, "not waited for");
	for (size_t i = 0; i < 3; i++) {
		stop(&servers[i]);
	}
	/* All skipped or dead: none. */
	choice.skip = ~0U;
	dl = deadline_in(100);
	assert_int_equal(portal_probe_first(&portals, &choice, &dl, verdicts, &first, &err), 0);
	assert_int_equal(first, -1);
}

static void test_cancel(void **state)
{
	struct server s;
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals portals = {.n = 1};
	struct deadline dl = deadline_in(60000);
	struct err err = {0};

	(void)state;
	start(&s, SILENT);
	portals.list[0] = s.portal;
	dl.cancel_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(portal_probe(&portals, false, &dl, verdicts, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	(void)close(dl.cancel_fd);
	dl = deadline_in(0);
	assert_int_equal(portal_probe(&portals, false, &dl, verdicts, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manners),
		cmocka_unit_test(test_refused_and_bad_address),
		cmocka_unit_test(test_tls_asks_for_a_connection_only),
		cmocka_unit_test(test_first_ends_early),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
