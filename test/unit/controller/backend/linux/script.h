/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on a Unix socket that says what a test wrote down, right or wrong, and remembers what it
 * was asked. One connection at a time, one request per connection.
 */
#pragma once

#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SCRIPT_LINES_MAX 16
#define SCRIPT_SEEN_MAX 32

/** struct script_line - what is said to requests that begin like this ("GET /v1/info"). */
struct script_line {
	const char *request;
	int status; /* 0: `body` is the whole answer, head included, NULL: none at all */
	const char *body;
	unsigned times; /* 0: always */
	bool crowded;	/* say it only when the next call waits at the door */
	unsigned used;
};

struct script {
	char dir[64];
	char path[96];
	char url[128];
	int listener;
	pthread_t thread;
	pthread_mutex_t lock;
	struct script_line lines[SCRIPT_LINES_MAX];
	unsigned n;
	char *seen[SCRIPT_SEEN_MAX]; /* whole requests */
	unsigned n_seen;
};

/* Read one request: head, and as many bytes as it says. */
static void script_read(int fd, struct strbuf *sb)
{
	struct deadline dl = deadline_in(20000);
	char part[4096];

	for (;;) {
		const char *end = sb->len ? strstr(sb_str(sb), "\r\n\r\n") : NULL;
		const char *told = end ? strcasestr(sb_str(sb), "\r\ncontent-length: ") : NULL;
		uint64_t body = 0;
		ssize_t n;

		if (told && told < end) {
			char number[24];

			(void)snprintf(number, sizeof(number), "%.*s",
				(int)strcspn(told + 18, "\r"), told + 18);
			if (parse_u64("length", number, 0, UINT32_MAX, &body, NULL) < 0) {
				return;
			}
		}
		if (end && sb->len >= (size_t)(end + 4 - sb_str(sb)) + body) {
			return;
		}
		if (deadline_poll(&dl, fd, POLLIN, -1, "script", NULL) != 1) {
			return;
		}
		n = read(fd, part, sizeof(part));
		if (n <= 0) {
			return;
		}
		sb_addn(sb, part, (size_t)n);
	}
}

static const struct script_line *script_find(struct script *script, const char *request)
{
	for (unsigned i = 0; i < script->n; i++) {
		struct script_line *line = &script->lines[i];
		size_t n = strlen(line->request);

		if (strncmp(request, line->request, n) == 0 && strchr(" ?", request[n]) &&
			(line->times == 0 || line->used < line->times)) {
			line->used++;
			return line;
		}
	}
	return NULL;
}

static void script_say(int fd, const struct script_line *line)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init((size_t)32 * 1024 * 1024);

	if (line->status == 0) {
		sb_add(&sb, line->body ? line->body : "");
	} else {
		sb_addf(&sb, "HTTP/1.1 %d X\r\nConnection: close\r\n", line->status);
		if (line->status != 204) {
			sb_addf(&sb,
				"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
				strlen(line->body), line->body);
		} else {
			sb_add(&sb, "\r\n");
		}
	}
	for (size_t at = 0; at < sb.len;) {
		ssize_t n = send(fd, sb.data + at, sb.len - at, MSG_NOSIGNAL);

		if (n <= 0) {
			return;
		}
		at += (size_t)n;
	}
}

static bool script_crowded(const struct script *script)
{
	struct deadline dl = deadline_in(20000);

	return deadline_poll(&dl, script->listener, POLLIN, -1, "script", NULL) == 1;
}

static void *script_run(void *arg)
{
	struct script *script = arg;

	for (;;) {
		int fd = accept4(script->listener, NULL, NULL, SOCK_CLOEXEC);
		struct strbuf sb = sb_init((size_t)1024 * 1024);
		struct script_line line = {.status = 500, .body = "not in the script"};
		const struct script_line *found;

		if (fd < 0) {
			return NULL;
		}
		script_read(fd, &sb);
		(void)pthread_mutex_lock(&script->lock);
		found = script_find(script, sb_str(&sb));
		line = found ? *found : line;
		if (script->n_seen < SCRIPT_SEEN_MAX) {
			script->seen[script->n_seen++] = strdup(sb_str(&sb));
		}
		(void)pthread_mutex_unlock(&script->lock);
		if (!line.crowded || script_crowded(script)) {
			script_say(fd, &line);
		}
		(void)close(fd);
		sb_done(&sb);
	}
}

static int script_start(struct script *script)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	*script = (struct script){.listener = -1};
	(void)snprintf(script->dir, sizeof(script->dir), "/tmp/script-XXXXXX");
	if (!mkdtemp(script->dir)) {
		return -1;
	}
	(void)snprintf(script->path, sizeof(script->path), "%s/s", script->dir);
	(void)snprintf(script->url, sizeof(script->url), "unix://%s", script->path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", script->path);
	script->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (script->listener < 0 || pthread_mutex_init(&script->lock, NULL) != 0 ||
		bind(script->listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(script->listener, 16) < 0) {
		return -1;
	}
	return pthread_create(&script->thread, NULL, script_run, script) == 0 ? 0 : -1;
}

/** script_clear - say nothing any more, and forget what was asked. */
static void script_clear(struct script *script)
{
	(void)pthread_mutex_lock(&script->lock);
	for (unsigned i = 0; i < script->n_seen; i++) {
		free(script->seen[i]);
	}
	script->n_seen = 0;
	script->n = 0;
	(void)pthread_mutex_unlock(&script->lock);
}

static void script_add(struct script *script, struct script_line line)
{
	(void)pthread_mutex_lock(&script->lock);
	if (script->n == SCRIPT_LINES_MAX) {
		abort();
	}
	script->lines[script->n++] = line;
	(void)pthread_mutex_unlock(&script->lock);
}

static void script_stop(struct script *script)
{
	(void)shutdown(script->listener, SHUT_RDWR);
	(void)pthread_join(script->thread, NULL);
	script_clear(script);
	(void)close(script->listener);
	(void)unlink(script->path);
	(void)rmdir(script->dir);
	(void)pthread_mutex_destroy(&script->lock);
}
