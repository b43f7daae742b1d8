/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bad line: reads a whole request, a whole answer, and decides what arrives.
 */
#include "test/backend/conformance/lossy.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <errno.h>
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

struct lossy {
	char dir[64];
	char path[96];
	char url[128];
	char upstream[108];
	int listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned lines;
	enum loss armed; /* LOSS_MAX: none */
};

struct line {
	struct lossy *lossy;
	int client;
};

/* One message: head to the empty line, then as many bytes as Content-Length says. */
static size_t message_len(const char *data, size_t len)
{
	const char *end = len ? memmem(data, len, "\r\n\r\n", 4) : NULL;
	uint64_t body = 0;

	if (!end) {
		return 0;
	}
	for (const char *at = data; at < end; at = (const char *)memchr(at, '\n', len) + 1) {
		if (strncasecmp(at, "content-length:", 15) == 0) {
			char number[24];
			size_t n = strcspn(at + 15 + strspn(at + 15, " "), "\r");

			(void)snprintf(number, sizeof(number), "%.*s", (int)n,
				at + 15 + strspn(at + 15, " "));
			if (parse_u64("length", number, 0, MESSAGE_MAX, &body, NULL) < 0) {
				return 0;
			}
		}
	}
	return (size_t)(end + 4 - data) + (size_t)body;
}

/* Read one whole message from @fd. Return: its length, 0 when the line ended. */
static size_t read_message(int fd, struct strbuf *sb)
{
	struct deadline dl = deadline_in(LINE_MS);
	char part[8192];

	for (;;) {
		size_t want = message_len(sb_str(sb), sb->len);
		ssize_t n;

		if (want > 0 && sb->len >= want) {
			return want;
		}
		if (deadline_poll(&dl, fd, POLLIN, -1, "line", NULL) != 1) {
			return 0;
		}
		n = read(fd, part, sizeof(part));
		if (n <= 0) {
			return 0;
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

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* What happens to this request. */
static enum loss fate(struct lossy *lossy, const char *request)
{
	enum loss loss = LOSS_MAX;

	if (strncmp(request, "GET ", 4) != 0) {
		(void)pthread_mutex_lock(&lossy->lock);
		loss = lossy->armed;
		lossy->armed = LOSS_MAX;
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
	size_t len = read_message(client, &request);
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
	upstream = dial(lossy->upstream);
	if (upstream < 0 || !write_all(upstream, sb_str(&request), len)) {
		return false;
	}
	len = read_message(upstream, &answer);
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
	return write_all(client, sb_str(&answer), len);
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

static int listen_at(struct lossy *lossy, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	(void)snprintf(lossy->dir, sizeof(lossy->dir), "/tmp/lossy-XXXXXX");
	if (!mkdtemp(lossy->dir)) {
		return err_errno(err, errno, "%s", lossy->dir);
	}
	(void)snprintf(lossy->path, sizeof(lossy->path), "%s/line.sock", lossy->dir);
	(void)snprintf(lossy->url, sizeof(lossy->url), "unix://%s", lossy->path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", lossy->path);
	lossy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lossy->listener < 0 ||
		bind(lossy->listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(lossy->listener, LINES_MAX) < 0) {
		return err_errno(err, errno, "%s", lossy->path);
	}
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
	(void)snprintf(lossy->upstream, sizeof(lossy->upstream), "%s", upstream);
	(void)pthread_mutex_init(&lossy->lock, NULL);
	(void)pthread_cond_init(&lossy->idle, NULL);
	if (listen_at(lossy, err) < 0) {
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

bool lossy_arm(struct lossy *lossy, enum loss loss)
{
	if (loss == LOSS_PROGRESS) {
		return false;
	}
	(void)pthread_mutex_lock(&lossy->lock);
	lossy->armed = loss;
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
	(void)unlink(lossy->path);
	(void)rmdir(lossy->dir);
	(void)pthread_cond_destroy(&lossy->idle);
	(void)pthread_mutex_destroy(&lossy->lock);
	free(lossy);
}
