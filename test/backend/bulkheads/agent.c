/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The double: as much of the API as looking things up takes.
 */
#include "test/backend/bulkheads/agent.h"

#include "common/base/base.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define HEAD_MAX 16384
#define LOOK_MS 50

#define INFO                                                                                       \
	"{\"version\":\"1\",\"granularity\":4096,\"minVolumeSize\":1048576,\"maxVolumeSize\":"     \
	"70368744177664,\"portals\":[],\"limits\":{\"hostsPerVolume\":64}}"
#define POOLS "{\"pools\":[{\"name\":\"p\",\"state\":\"ready\",\"available\":1073741824}]}"
#define VOLUME                                                                                     \
	"{\"id\":\"%s\",\"pool\":\"p\",\"instance\":\"prod\",\"size\":8388608,\"createdAt\":"      \
	"1763712000123,\"written\":false,\"allocated\":0,\"nqn\":\"nqn.x\",\"nsid\":1,\"shared\":" \
	"false,\"hosts\":[],\"metadata\":{\"csiName\":\"pvc-1\"}}"

struct agent {
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool hangs;
	atomic_bool ends;
	atomic_uint waiting;
	atomic_uint requests;
	atomic_uint connections;
};

struct connection {
	struct agent *agent;
	int fd;
};

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

/* One request's head; the requests of these tests have no body. Return: false at the end. */
static bool hear(struct connection *c, char head[HEAD_MAX])
{
	size_t n = 0;

	head[0] = '\0';
	while (n + 1 < HEAD_MAX && !strstr(head, "\r\n\r\n")) {
		ssize_t got = recv(c->fd, head + n, HEAD_MAX - 1 - n, 0);

		if (got <= 0) {
			return false;
		}
		n += (size_t)got;
		head[n] = '\0';
	}
	return true;
}

/* Until the client leaves, or there is an answer again. Return: is there? */
static bool say_nothing(struct connection *c)
{
	struct agent *agent = c->agent;
	struct pollfd gone = {.fd = c->fd, .events = POLLIN | POLLRDHUP};

	(void)atomic_fetch_add(&agent->waiting, 1);
	while (atomic_load(&agent->hangs) && !atomic_load(&agent->ends) &&
		poll(&gone, 1, LOOK_MS) == 0) {
	}
	(void)atomic_fetch_sub(&agent->waiting, 1);
	return false;
}

static bool answer(struct connection *c, const char *head)
{
	static const char volumes[] = "GET /v1/volumes/";
	char id[64] = "";
	char body[1024];
	char text[2048];

	if (strncmp(head, volumes, sizeof(volumes) - 1) == 0) {
		(void)snprintf(id, sizeof(id), "%.*s",
			(int)strcspn(head + sizeof(volumes) - 1, " "), head + sizeof(volumes) - 1);
		(void)snprintf(body, sizeof(body), VOLUME, id);
	} else if (strncmp(head, "GET /v1/pools ", 14) == 0) {
		(void)snprintf(body, sizeof(body), "%s", POOLS);
	} else {
		(void)snprintf(body, sizeof(body), "%s", INFO);
	}
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(body), body);
	return send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct agent *agent = c->agent;
	char head[HEAD_MAX];

	while (hear(c, head)) {
		(void)atomic_fetch_add(&agent->requests, 1);
		if (atomic_load(&agent->hangs) ? !say_nothing(c) : !answer(c, head)) {
			break;
		}
	}
	(void)close(c->fd);
	free(c);
	(void)atomic_fetch_sub(&agent->connections, 1);
	return NULL;
}

static void *take(void *arg)
{
	struct agent *agent = arg;
	pthread_attr_t attr;

	must(pthread_attr_init(&attr) == 0, "attr");
	must(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0, "attr");
	for (;;) {
		int fd = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC);
		struct connection *c;
		pthread_t thread;

		if (fd < 0) {
			break;
		}
		c = calloc(1, sizeof(*c));
		must(c != NULL, "memory");
		*c = (struct connection){.agent = agent, .fd = fd};
		(void)atomic_fetch_add(&agent->connections, 1);
		must(pthread_create(&thread, &attr, serve, c) == 0, "thread");
	}
	(void)pthread_attr_destroy(&attr);
	return NULL;
}

struct agent *agent_start(bool hangs)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	struct agent *agent = calloc(1, sizeof(*agent));

	must(agent != NULL, "memory");
	atomic_init(&agent->hangs, hangs);
	agent->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(agent->listener >= 0, "socket");
	must(bind(agent->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
	must(getsockname(agent->listener, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	must(listen(agent->listener, 256) == 0, "listen");
	agent->port = ntohs(addr.sin_port);
	must(pthread_create(&agent->thread, NULL, take, agent) == 0, "thread");
	return agent;
}

uint16_t agent_port(const struct agent *agent)
{
	return agent->port;
}

void agent_hang(struct agent *agent, bool hangs)
{
	atomic_store(&agent->hangs, hangs);
}

unsigned agent_waiting(const struct agent *agent)
{
	return atomic_load(&agent->waiting);
}

unsigned agent_requests(const struct agent *agent)
{
	return atomic_load(&agent->requests);
}

/* Kept connections end with the client, which the caller has ended before. */
void agent_stop(struct agent *agent)
{
	struct deadline dl = deadline_in(20000);

	atomic_store(&agent->ends, true);
	(void)shutdown(agent->listener, SHUT_RDWR);
	must(pthread_join(agent->thread, NULL) == 0, "join");
	(void)close(agent->listener);
	while (atomic_load(&agent->connections) > 0) {
		must(deadline_poll(&dl, -1, 0, 10, "connections", NULL) == 0, "connections");
	}
	free(agent);
}
