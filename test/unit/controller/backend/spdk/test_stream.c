/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/backend/spdk/stream.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

static void a_value_ends_where_it_ends(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: it goes on */
	} values[] = {{"{}", 2}, {"{}\n", 2}, {" \n{} ", 4}, {"[{},[1]]x", 8}, {"{\"a\":\"}\"}", 9},
		{"{\"a\":\"\\\"}\"}", 11}, {"{\"a\":\"\\\\\"}", 10}, {"{\"}\":[", 0}, {"", 0},
		{"true", 0}, {"{\"a\":\"\\", 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct spdk_scan whole = {0};
		struct spdk_scan bytes = {0};
		size_t n = strlen(values[i].text);
		size_t end = 0;

		assert_int_equal(spdk_scan_end(&whole, values[i].text, n), values[i].len);
		/* However it is cut. */
		for (size_t k = 0; k < n && end == 0; k++) {
			end = spdk_scan_end(&bytes, values[i].text + k, 1) ? k + 1 : 0;
		}
		assert_int_equal(end, values[i].len);
	}
}

/** struct peer - says one thing to one request and closes. */
struct peer {
	char dir[64];
	char path[96];
	int listener;
	pthread_t thread;
	const char *says; /* NULL: nothing */
	size_t cut;	  /* how many bytes at once */
	bool deaf;	  /* close before reading */
};

static void *run_peer(void *arg)
{
	struct peer *peer = arg;
	int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
	size_t len = peer->says ? strlen(peer->says) : 0;
	char byte[512];

	if (fd < 0) {
		return NULL;
	}
	if (!peer->deaf && recv(fd, byte, sizeof(byte), 0) > 0) {
		for (size_t at = 0; at < len;) {
			ssize_t n =
				send(fd, peer->says + at, MIN(peer->cut, len - at), MSG_NOSIGNAL);

			if (n <= 0) {
				break;
			}
			at += (size_t)n;
		}
	}
	(void)close(fd);
	return NULL;
}

static void start(struct peer *peer)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	(void)snprintf(peer->dir, sizeof(peer->dir), "/tmp/stream-XXXXXX");
	assert_non_null(mkdtemp(peer->dir));
	(void)snprintf(peer->path, sizeof(peer->path), "%s/s", peer->dir);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", peer->path);
	peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->listener < 0) {
		abort();
	}
	assert_int_equal(bind(peer->listener, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(peer->listener, 4), 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, run_peer, peer), 0);
}

static void stop(struct peer *peer)
{
	(void)shutdown(peer->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(peer->thread, NULL), 0);
	(void)close(peer->listener);
	(void)unlink(peer->path);
	(void)rmdir(peer->dir);
}

static int exchange(struct peer *peer, char **ret, bool *ret_sent, struct err *err)
{
	struct spdk_stream stream = {
		.path = peer->path, .request = "{\"id\":1}", .len = 8, .max = 100};
	struct deadline dl = deadline_in(PATIENCE_MS);
	size_t len = 0;
	int rc = spdk_stream_exchange(&stream, &dl, ret, &len, err);

	*ret_sent = stream.sent;
	if (rc == 0) {
		assert_int_equal(len, strlen(*ret));
	}
	return rc;
}

static void an_answer_may_come_in_pieces(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 20; cut += 9) {
		struct peer peer = {.says = "{\"result\":\"}\"}\nrest", .cut = cut};
		struct err err = {0};
		char *answer = NULL;
		bool sent;

		start(&peer);
		assert_int_equal(exchange(&peer, &answer, &sent, &err), 0);
		assert_string_equal(answer, "{\"result\":\"}\"}");
		free(answer);
		stop(&peer);
	}
}

static void a_broken_answer_is_unknown(void **state)
{
	char large[200];
	const char *const says[] = {NULL, "{\"result\":tr", "no json at all", large};

	(void)state;
	memset(large, '[', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
		struct peer peer = {.says = says[i], .cut = 64};
		struct err err = {0};
		char *answer = NULL;
		bool sent = false;

		start(&peer);
		assert_int_equal(exchange(&peer, &answer, &sent, &err), -1);
		assert_true(sent);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		assert_int_equal(strncmp(err.msg, "outcome unknown", 15), 0);
		stop(&peer);
	}
}

static void nobody_there_is_not_sent(void **state)
{
	struct peer peer = {.path = "/tmp/nobody-is-here"};
	struct err err = {0};
	char *answer = NULL;
	bool sent = true;

	(void)state;
	assert_int_equal(exchange(&peer, &answer, &sent, &err), -1);
	assert_false(sent);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(strncmp(err.msg, "not sent: /tmp/nobody-is-here", 29), 0);
}

static void a_hanging_target_ends_with_the_deadline(void **state)
{
	struct peer peer = {.says = "{\"half\":", .cut = 64};
	struct spdk_stream stream = {.request = "{}", .len = 2, .max = 100};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct deadline dl = deadline_in(100);
	struct err err = {0};
	char *answer = NULL;
	size_t len;

	(void)state;
	/* A listener that nobody accepts from: the request goes, and nothing comes. */
	(void)snprintf(peer.dir, sizeof(peer.dir), "/tmp/stream-XXXXXX");
	assert_non_null(mkdtemp(peer.dir));
	(void)snprintf(peer.path, sizeof(peer.path), "%s/s", peer.dir);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", peer.path);
	peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer.listener < 0) {
		abort();
	}
	assert_int_equal(bind(peer.listener, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(peer.listener, 4), 0);
	stream.path = peer.path;
	assert_int_equal(spdk_stream_exchange(&stream, &dl, &answer, &len, &err), -1);
	assert_true(stream.sent);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	(void)close(peer.listener);
	(void)unlink(peer.path);
	(void)rmdir(peer.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_ends_where_it_ends),
		cmocka_unit_test(an_answer_may_come_in_pieces),
		cmocka_unit_test(a_broken_answer_is_unknown),
		cmocka_unit_test(nobody_there_is_not_sent),
		cmocka_unit_test(a_hanging_target_ends_with_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
