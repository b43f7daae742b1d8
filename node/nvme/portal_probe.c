/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One non-blocking socket per portal, all in one poll(2).
 */
#include "node/nvme/portal_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

/* NVMe/TCP Transport 1.1, 3.6.2.2 and 3.6.2.3: ICReq and ICResp are 128 bytes each. */
#define IC_SIZE 128
#define PDU_ICREQ 0x00
#define PDU_ICRESP 0x01
#define PDU_HLEN 2
#define PDU_PLEN 4
#define IC_PFV 8

enum stage { CONNECTING, ANSWERING, DONE };

struct probing {
	enum stage stage;
	int fd;
	size_t got;
	uint8_t answer[IC_SIZE];
};

struct probe {
	const struct portals *portals;
	bool tls;
	int64_t started_ms;
	struct probing each[PORTALS_MAX];
	struct portal_verdict *verdicts;
};

static void decide(struct probe *probe, unsigned i, bool alive, const char *why)
{
	struct probing *p = &probe->each[i];
	struct portal_verdict *verdict = &probe->verdicts[i];

	p->stage = DONE;
	if (p->fd >= 0) {
		(void)close(TAKE_FD(p->fd));
	}
	verdict->alive = alive;
	verdict->took_ms = clock_ms() - probe->started_ms;
	(void)snprintf(verdict->why, sizeof(verdict->why), "%s", why);
}

static void decide_errno(struct probe *probe, unsigned i, int errnum)
{
	char text[PORTAL_VERDICT_SIZE];

	(void)snprintf(text, sizeof(text), "%s", strerrordesc_np(errnum));
	decide(probe, i, false, text);
}

static socklen_t portal_address(const struct portal *portal, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){0};
	if (portal->v6) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;
		a->sin6_family = AF_INET6;
		a->sin6_port = htons(portal->port);
		return inet_pton(AF_INET6, portal->addr, &a->sin6_addr) == 1 ? sizeof(*a) : 0;
	}
	struct sockaddr_in *a = (struct sockaddr_in *)ret;
	a->sin_family = AF_INET;
	a->sin_port = htons(portal->port);
	return inet_pton(AF_INET, portal->addr, &a->sin_addr) == 1 ? sizeof(*a) : 0;
}

static void begin(struct probe *probe, unsigned i)
{
	struct probing *p = &probe->each[i];
	struct sockaddr_storage addr;

	probe->verdicts[i] = (struct portal_verdict){0};
	socklen_t len = portal_address(&probe->portals->list[i], &addr);
	if (len == 0) {
		decide(probe, i, false, "not a numeric address");
		return;
	}
	p->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0 ||
		(connect(p->fd, (struct sockaddr *)&addr, len) < 0 && errno != EINPROGRESS)) {
		decide_errno(probe, i, errno);
	}
}

/* The TCP connection is there: ask as the kernel would, without digests. */
static void ask(struct probe *probe, unsigned i)
{
	uint8_t request[IC_SIZE] = {[0] = PDU_ICREQ, [PDU_HLEN] = IC_SIZE, [PDU_PLEN] = IC_SIZE};
	struct probing *p = &probe->each[i];
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0) {
		errnum = errno;
	}
	if (errnum != 0) {
		decide_errno(probe, i, errnum);
	} else if (probe->tls) {
		decide(probe, i, true, "");
	} else if (send(p->fd, request, sizeof(request), MSG_NOSIGNAL) !=
		   (ssize_t)sizeof(request)) {
		decide_errno(probe, i, errno);
	} else {
		p->stage = ANSWERING;
	}
}

static void judge(struct probe *probe, unsigned i)
{
	const uint8_t *a = probe->each[i].answer;

	/* plen is little-endian; pfv 0 is the only version there is. */
	if (a[0] != PDU_ICRESP || a[PDU_HLEN] != IC_SIZE || a[PDU_PLEN] != IC_SIZE ||
		a[PDU_PLEN + 1] || a[PDU_PLEN + 2] || a[PDU_PLEN + 3]) {
		decide(probe, i, false, "what listens there does not speak NVMe/TCP");
	} else if (a[IC_PFV] || a[IC_PFV + 1]) {
		decide(probe, i, false, "the target speaks an unknown version of NVMe/TCP");
	} else {
		decide(probe, i, true, "");
	}
}

static void hear(struct probe *probe, unsigned i)
{
	struct probing *p = &probe->each[i];
	ssize_t n = recv(p->fd, p->answer + p->got, sizeof(p->answer) - p->got, 0);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			decide_errno(probe, i, errno);
		}
		return;
	}
	p->got += (size_t)n;
	if (n == 0) {
		decide(probe, i, false,
			"closed before it answered: another service, a TLS-only listener, or a busy target");
	} else if (p->got == sizeof(p->answer)) {
		judge(probe, i);
	}
}

/* Poll once. Return: 1 something happened, 0 time is up, -1 cancelled. */
static int poll_all(struct probe *probe, const struct deadline *all, struct err *err)
{
	struct pollfd fds[PORTALS_MAX + 1];
	unsigned n = probe->portals->n;

	for (unsigned i = 0; i < n; i++) {
		const struct probing *p = &probe->each[i];
		fds[i] = (struct pollfd){.fd = p->stage == DONE ? -1 : p->fd,
			.events = p->stage == CONNECTING ? POLLOUT : POLLIN};
	}
	fds[n] = (struct pollfd){.fd = all->cancel_fd, .events = POLLIN};
	int ready = poll(fds, n + 1, (int)deadline_left_ms(all));
	if (ready < 0 && errno != EINTR) {
		return err_errno(err, errno, "portal probe: poll");
	}
	if (ready > 0 && fds[n].revents) {
		return err_set(err, ERR_CANCELLED, "portal probe: the caller gave up");
	}
	for (unsigned i = 0; i < n && ready > 0; i++) {
		if (fds[i].revents && probe->each[i].stage == CONNECTING) {
			ask(probe, i);
		} else if (fds[i].revents) {
			hear(probe, i);
		}
	}
	return deadline_left_ms(all) > 0;
}

/* Are we done? @first: the alive portal to end with, or NULL to hear all. */
static bool finished(const struct probe *probe, uint32_t skip, int *first)
{
	bool all = true;

	for (unsigned i = 0; i < probe->portals->n; i++) {
		bool done = probe->each[i].stage == DONE;
		all = all && done;
		if (first && done && probe->verdicts[i].alive && !(skip & (1U << i))) {
			*first = (int)i;
			return true;
		}
	}
	return all;
}

static int run(
	struct probe *probe, uint32_t skip, const struct deadline *dl, int *first, struct err *err)
{
	struct deadline all = deadline_sooner(dl, PORTAL_PROBE_MS);
	int more = 1;

	probe->started_ms = clock_ms();
	for (unsigned i = 0; i < probe->portals->n; i++) {
		probe->each[i].fd = -1;
	}
	if (deadline_check(dl, "portal probe", err) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < probe->portals->n; i++) {
		begin(probe, i);
	}
	while (more > 0 && !finished(probe, skip, first)) {
		more = poll_all(probe, &all, err);
	}
	bool chosen = first && *first >= 0;
	for (unsigned i = 0; i < probe->portals->n; i++) {
		char why[PORTAL_VERDICT_SIZE] = "not waited for";
		if (probe->each[i].stage == DONE) {
			continue;
		}
		if (!chosen) {
			(void)snprintf(why, sizeof(why), "%s within %lld ms",
				probe->each[i].stage == CONNECTING ? "no answer"
								   : "no NVMe/TCP answer",
				(long long)(clock_ms() - probe->started_ms));
		}
		decide(probe, i, false, why);
	}
	return more < 0 ? -1 : 0;
}

int portal_probe(const struct portals *portals, bool tls, const struct deadline *dl,
	struct portal_verdict verdicts[PORTALS_MAX], struct err *err)
{
	struct probe probe = {.portals = portals, .tls = tls, .verdicts = verdicts};

	return run(&probe, 0, dl, NULL, err);
}

int portal_probe_first(const struct portals *portals, const struct portal_choice *choice,
	const struct deadline *dl, struct portal_verdict verdicts[PORTALS_MAX], int *ret_first,
	struct err *err)
{
	struct probe probe = {.portals = portals, .tls = choice->tls, .verdicts = verdicts};

	*ret_first = -1;
	return run(&probe, choice->skip, dl, ret_first, err);
}

void portal_verdicts_print(const struct portals *portals, const struct portal_verdict *verdicts,
	char *out, size_t size)
{
	size_t used = 0;

	if (size > 0) {
		out[0] = '\0';
	}
	for (unsigned i = 0; i < portals->n && used < size; i++) {
		char where[PORTAL_TEXT_SIZE];
		portal_print(&portals->list[i], where);
		int n = snprintf(out + used, size - used, "%s%s: %s", i > 0 ? "; " : "", where,
			verdicts[i].alive ? "answers" : verdicts[i].why);
		used += n > 0 ? (size_t)n : 0;
	}
}
