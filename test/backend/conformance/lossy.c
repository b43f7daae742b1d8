/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bad line: reads a whole request, a whole answer, and decides what arrives.
 */
#include "test/backend/conformance/lossy.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "controller/backend/spdk/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

/** Largest request or answer. */
#define MESSAGE_MAX ((size_t)16 * 1024 * 1024)
/** Longest wait for the other side, in ms. */
#define LINE_MS 60000
/** Most connections at once. */
#define LINES_MAX 64

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

struct lossy {
	char dir[64];
	char path[96];
	char url[128];
	union address upstream;
	int listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned lines;
	enum loss armed; /* LOSS_MAX: none */
	unsigned skip;
};

struct line {
	struct lossy *lossy;
	int client;
};

/* A number behind "content-length:" in a head of @head bytes. Return: false when there is none. */
static bool told_length(const char *data, size_t head, uint64_t *ret)
{
	const char *end = data + head;

	for (const char *at = data; at < end; at = (const char *)memchr(at, '\n', head) + 1) {
		if (strncasecmp(at, "content-length:", 15) == 0) {
			char number[24];
			size_t n = strcspn(at + 15 + strspn(at + 15, " "), "\r");

			(void)snprintf(number, sizeof(number), "%.*s", (int)n,
				at + 15 + strspn(at + 15, " "));
			return parse_u64("length", number, 0, MESSAGE_MAX, ret, NULL) == 0;
		}
	}
	return false;
}

/* How long the message is that begins here: a JSON value, or a head to the empty line and what it
 * tells of. 0: not yet known; SIZE_MAX: to the end of the line, as an answer without a length. */
static size_t message_len(const char *data, size_t len, bool answer)
{
	const char *end = len ? memmem(data, len, "\r\n\r\n", 4) : NULL;
	struct spdk_scan scan = {0};
	uint64_t body = 0;
	size_t head;

	if (len > 0 && *data == '{') {
		return spdk_scan_end(&scan, data, len);
	}
	if (!end) {
		return 0;
	}
	head = (size_t)(end + 4 - data);
	if (!told_length(data, head, &body) && answer && !strstr(data, " 204 ")) {
		return SIZE_MAX;
	}
	return head + (size_t)body;
}

/* Read one whole message from @fd. Return: its length, 0 when the line ended. */
static size_t read_message(int fd, struct strbuf *sb, bool answer)
{
	struct deadline dl = deadline_in(LINE_MS);
	char part[8192];

	for (;;) {
		size_t want = message_len(sb_str(sb), sb->len, answer);
		ssize_t n;

		if (want > 0 && sb->len >= want) {
			return want;
		}
		if (deadline_poll(&dl, fd, POLLIN, -1, "line", NULL) != 1) {
			return 0;
		}
		n = read(fd, part, sizeof(part));
		if (n <= 0) {
			return n == 0 && want == SIZE_MAX ? sb->len : 0;
		}
		sb_addn(sb, part, (size_t)n);
		if (sb->failed) {
			return 0;
		}
	}
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0) {
			return false;
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static socklen_t address_len(const union address *address)
{
	return address->any.sa_family == AF_UNIX ? sizeof(address->un) : sizeof(address->in);
}

static int dial(const union address *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to->any, address_len(to)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Does it change anything? Of JSON-RPC, what gets and waits does not. */
static bool is_change(const char *request)
{
	static const char key[] = "\"method\":\"";
	const char *method = strstr(request, key);
	char name[64];

	if (!method) {
		return strncmp(request, "GET ", 4) != 0;
	}
	method += sizeof(key) - 1;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(method, "\""), method);
	return !strstr(name, "_get_") && !strstr(name, "_wait_");
}

/* What happens to this request. */
static enum loss fate(struct lossy *lossy, const char *request)
{
	enum loss loss = LOSS_MAX;

	if (is_change(request)) {
		(void)pthread_mutex_lock(&lossy->lock);
		if (lossy->armed != LOSS_MAX && lossy->skip-- == 0) {
			loss = lossy->armed;
			lossy->armed = LOSS_MAX;
		}
		(void)pthread_mutex_unlock(&lossy->lock);
	}
	return loss;
}

/* Until the client gives up. */
static void wait_for_close(int client)
{
	struct deadline dl = deadline_in(LINE_MS);

	if (deadline_poll(&dl, client, POLLIN | POLLHUP, -1, "line", NULL) != 1) {
		return; /* it never did: the connection ends anyhow */
	}
}

/* One request and its answer. Return: true when the connection goes on. */
static bool pass_one(struct lossy *lossy, int client)
{
	_cleanup_strbuf_ struct strbuf request = sb_init(MESSAGE_MAX);
	_cleanup_strbuf_ struct strbuf answer = sb_init(MESSAGE_MAX);
	_cleanup_close_ int upstream = -1;
	size_t len = read_message(client, &request, false);
	enum loss loss;

	if (len == 0) {
		return false;
	}
	loss = fate(lossy, sb_str(&request));
	if (loss == LOSS_BEFORE) {
		return false;
	}
	if (loss == LOSS_HANG_BEFORE) {
		wait_for_close(client);
		return false;
	}
	upstream = dial(&lossy->upstream);
	if (upstream < 0 || !write_all(upstream, sb_str(&request), len)) {
		return false;
	}
	len = read_message(upstream, &answer, true);
	if (len == 0 || loss == LOSS_AFTER) {
		return false;
	}
	if (loss == LOSS_HANG_AFTER) {
		wait_for_close(client);
		return false;
	}
	if (loss == LOSS_GARBLED) {
		(void)write_all(client, sb_str(&answer), len / 2);
		return false;
	}
	/* One without a length ends with its connection. */
	return write_all(client, sb_str(&answer), len) &&
	       message_len(sb_str(&answer), answer.len, true) != SIZE_MAX;
}

static void *run_line(void *arg)
{
	struct line *line = arg;
	struct lossy *lossy = line->lossy;

	while (pass_one(lossy, line->client)) {
	}
	(void)close(line->client);
	free(line);
	(void)pthread_mutex_lock(&lossy->lock);
	lossy->lines--;
	(void)pthread_cond_broadcast(&lossy->idle);
	(void)pthread_mutex_unlock(&lossy->lock);
	return NULL;
}

static bool start_line(struct lossy *lossy, int client)
{
	struct line *line = calloc(1, sizeof(*line));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!line || pthread_attr_init(&attr) != 0) {
		free(line);
		return false;
	}
	*line = (struct line){.lossy = lossy, .client = client};
	(void)pthread_mutex_lock(&lossy->lock);
	lossy->lines++;
	(void)pthread_mutex_unlock(&lossy->lock);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, run_line, line);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0) {
		free(line);
		(void)pthread_mutex_lock(&lossy->lock);
		lossy->lines--;
		(void)pthread_mutex_unlock(&lossy->lock);
	}
	return rc == 0;
}

static void *run_listener(void *arg)
{
	struct lossy *lossy = arg;

	for (;;) {
		int client = accept4(lossy->listener, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0) {
			return NULL; /* shut down */
		}
		if (!start_line(lossy, client)) {
			(void)close(client);
		}
	}
}

static int listen_unix(struct lossy *lossy, union address *at, struct err *err)
{
	(void)snprintf(lossy->dir, sizeof(lossy->dir), "/tmp/lossy-XXXXXX");
	if (!mkdtemp(lossy->dir)) {
		return err_errno(err, errno, "%s", lossy->dir);
	}
	(void)snprintf(lossy->path, sizeof(lossy->path), "%s/line.sock", lossy->dir);
	(void)snprintf(lossy->url, sizeof(lossy->url), "unix://%s", lossy->path);
	at->un.sun_family = AF_UNIX;
	(void)snprintf(at->un.sun_path, sizeof(at->un.sun_path), "%s", lossy->path);
	return 0;
}

static int listen_at(struct lossy *lossy, struct err *err)
{
	union address at = {
		.in = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}}};
	socklen_t len;

	if (lossy->upstream.any.sa_family == AF_UNIX && listen_unix(lossy, &at, err) < 0) {
		return -1;
	}
	len = address_len(&at);
	lossy->listener = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lossy->listener < 0 || bind(lossy->listener, &at.any, len) < 0 ||
		listen(lossy->listener, LINES_MAX) < 0 ||
		getsockname(lossy->listener, &at.any, &len) < 0) {
		return err_errno(err, errno, "bad line");
	}
	if (at.any.sa_family == AF_INET) {
		(void)snprintf(lossy->url, sizeof(lossy->url), "http://127.0.0.1:%u",
			(unsigned)ntohs(at.in.sin_port));
	}
	return 0;
}

/* "unix:///path" or "http://127.0.0.1:port". */
static int read_upstream(const char *url, union address *ret, struct err *err)
{
	static const char http[] = "http://127.0.0.1:";
	uint64_t port = 0;

	if (strncmp(url, "unix://", 7) == 0) {
		ret->un.sun_family = AF_UNIX;
		(void)snprintf(ret->un.sun_path, sizeof(ret->un.sun_path), "%s", url + 7);
		return 0;
	}
	if (strncmp(url, http, sizeof(http) - 1) != 0 ||
		parse_u64("port", url + sizeof(http) - 1, 1, UINT16_MAX, &port, err) < 0) {
		return err_set(err, ERR_INVALID_ARGUMENT, "url: must be unix:// or %sport", http);
	}
	ret->in = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	return 0;
}

int lossy_start(const char *upstream, struct lossy **ret, struct err *err)
{
	struct lossy *lossy = calloc(1, sizeof(*lossy));
	int rc;

	if (!lossy) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory");
	}
	lossy->listener = -1;
	lossy->armed = LOSS_MAX;
	(void)pthread_mutex_init(&lossy->lock, NULL);
	(void)pthread_cond_init(&lossy->idle, NULL);
	if (read_upstream(upstream, &lossy->upstream, err) < 0 || listen_at(lossy, err) < 0) {
		free(lossy);
		return -1;
	}
	rc = pthread_create(&lossy->thread, NULL, run_listener, lossy);
	if (rc != 0) {
		free(lossy);
		return err_errno(err, rc, "thread");
	}
	*ret = lossy;
	return 0;
}

const char *lossy_url(const struct lossy *lossy)
{
	return lossy->url;
}

bool lossy_disarm(struct lossy *lossy)
{
	bool lost;

	(void)pthread_mutex_lock(&lossy->lock);
	lost = lossy->armed == LOSS_MAX;
	lossy->armed = LOSS_MAX;
	(void)pthread_mutex_unlock(&lossy->lock);
	return lost;
}

bool lossy_arm(struct lossy *lossy, enum loss loss, unsigned skip)
{
	if (loss == LOSS_PROGRESS) {
		return false;
	}
	(void)pthread_mutex_lock(&lossy->lock);
	lossy->armed = loss;
	lossy->skip = skip;
	(void)pthread_mutex_unlock(&lossy->lock);
	return true;
}

void lossy_stop(struct lossy *lossy)
{
	if (!lossy) {
		return;
	}
	(void)shutdown(lossy->listener, SHUT_RDWR);
	(void)pthread_join(lossy->thread, NULL);
	(void)pthread_mutex_lock(&lossy->lock);
	while (lossy->lines > 0) {
		(void)pthread_cond_wait(&lossy->idle, &lossy->lock);
	}
	(void)pthread_mutex_unlock(&lossy->lock);
	(void)close(lossy->listener);
	if (*lossy->dir) {
		(void)unlink(lossy->path);
		(void)rmdir(lossy->dir);
	}
	(void)pthread_cond_destroy(&lossy->idle);
	(void)pthread_mutex_destroy(&lossy->lock);
	free(lossy);
}
