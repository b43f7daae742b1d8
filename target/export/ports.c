/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports, the links that publish subsystems at them, and the gate in front of them.
 */
#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/base/spawn.h"
#include "common/base/strbuf.h"
#include "target/export/nvmet_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define GATE_TABLE "inet nvmetcp_target"
#define GATE_SCRIPT_MAX 8192
/** How long nft may take, in ms. */
#define GATE_NFT_MS 10000

static bool port_attr_is(
	const struct configfs *cfs, const char *port, const char *attr, const char *value)
{
	char path[CONFIGFS_PATH_SIZE];
	char now[CONFIGFS_VALUE_SIZE];

	return configfs_read(cfs, configfs_path(path, "ports/%s/%s", port, attr), now, NULL) == 0 &&
	       streq(now, value);
}

static bool port_is(const struct configfs *cfs, const char *port, const struct portal *portal)
{
	char trsvcid[8];

	(void)snprintf(trsvcid, sizeof(trsvcid), "%u", portal->port);
	return port_attr_is(cfs, port, "addr_trtype", "tcp") &&
	       port_attr_is(cfs, port, "addr_traddr", portal->addr) &&
	       port_attr_is(cfs, port, "addr_trsvcid", trsvcid);
}

static bool port_number(const char *port, unsigned *ret)
{
	uint64_t id;

	if (parse_u64("port", port, 0, UINT16_MAX, &id, NULL) < 0) {
		return false;
	}
	*ret = (unsigned)id;
	return true;
}

static bool port_taken(const struct configfs_names *ports, unsigned id)
{
	unsigned other;

	for (size_t i = 0; i < ports->n; i++) {
		if (port_number(ports->list[i], &other) && other == id) {
			return true;
		}
	}
	return false;
}

static int port_make(const struct step *in, struct nvmet *nvmet, unsigned id,
	const struct portal *portal, struct err *err)
{
	const struct configfs *cfs = &nvmet->cfs;
	char path[CONFIGFS_PATH_SIZE];
	char trsvcid[8];

	(void)snprintf(trsvcid, sizeof(trsvcid), "%u", portal->port);
	if (configfs_mkdir(in, cfs, configfs_path(path, "ports/%u", id), err) < 0 ||
		configfs_set(in, cfs, configfs_path(path, "ports/%u/addr_adrfam", id),
			portal->v6 ? "ipv6" : "ipv4", err) < 0 ||
		configfs_set(in, cfs, configfs_path(path, "ports/%u/addr_trtype", id), "tcp", err) <
			0 ||
		configfs_set(in, cfs, configfs_path(path, "ports/%u/addr_trsvcid", id), trsvcid,
			err) < 0) {
		return -1;
	}
	/* Last: a port with an address is a whole one. */
	return configfs_set(
		in, cfs, configfs_path(path, "ports/%u/addr_traddr", id), portal->addr, err);
}

static int port_drop(const struct step *in, struct nvmet *nvmet, const char *port, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names links = {0};
	char path[CONFIGFS_PATH_SIZE];

	if (configfs_list(&nvmet->cfs, configfs_path(path, "ports/%s/subsystems", port), &links,
		    err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < links.n; i++) {
		configfs_path(path, "ports/%s/subsystems/%s", port, links.list[i]);
		if (configfs_unlink(in, &nvmet->cfs, path, err) < 0) {
			return -1;
		}
	}
	return configfs_rmdir(in, &nvmet->cfs, configfs_path(path, "ports/%s", port), err);
}

static bool port_wanted(const struct nvmet *nvmet, const char *port)
{
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		if (port_is(&nvmet->cfs, port, &nvmet->portals.list[i])) {
			return true;
		}
	}
	return false;
}

/* Ports of ours that no portal has: of an earlier configuration, or half made when we died. */
static int drop_unwanted(const struct step *in, struct nvmet *nvmet, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names ports = {0};
	unsigned id;

	if (configfs_list(&nvmet->cfs, "ports", &ports, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ports.n; i++) {
		if (port_number(ports.list[i], &id) && id >= NVMET_PORT_FIRST &&
			id <= NVMET_PORT_LAST && !port_wanted(nvmet, ports.list[i]) &&
			port_drop(in, nvmet, ports.list[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

int nvmet_ports_put(const struct step *in, struct nvmet *nvmet, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names ports = {0};
	unsigned next = NVMET_PORT_FIRST;

	if (drop_unwanted(in, nvmet, err) < 0 ||
		configfs_list(&nvmet->cfs, "ports", &ports, err) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		const struct portal *portal = &nvmet->portals.list[i];
		unsigned id = 0;
		bool found = false;

		for (size_t j = 0; j < ports.n && !found; j++) {
			found = port_is(&nvmet->cfs, ports.list[j], portal) &&
				port_number(ports.list[j], &id);
		}
		if (!found) {
			while (port_taken(&ports, next)) {
				next++;
			}
			id = next++;
			if (port_make(in, nvmet, id, portal, err) < 0) {
				return -1;
			}
		}
		nvmet->port_ids[i] = id;
	}
	return 0;
}

bool nvmet_port_up(struct nvmet *nvmet, unsigned i)
{
	bool up;

	(void)pthread_mutex_lock(&nvmet->ports);
	up = nvmet->up[i];
	(void)pthread_mutex_unlock(&nvmet->ports);
	return up;
}

/* @why NULL: it is up. */
static void port_set(struct nvmet *nvmet, unsigned i, const struct err *why)
{
	(void)pthread_mutex_lock(&nvmet->ports);
	nvmet->up[i] = !why;
	if (why) {
		(void)err_set(&nvmet->down, ERR_UNAVAILABLE, "%s", why->msg);
	}
	(void)pthread_mutex_unlock(&nvmet->ports);
}

static int link_at(
	const struct step *in, struct nvmet *nvmet, unsigned i, const char *nqn, struct err *err)
{
	char target[CONFIGFS_PATH_SIZE];
	char path[CONFIGFS_PATH_SIZE];
	char portal[PORTAL_TEXT_SIZE];

	configfs_path(target, "subsystems/%s", nqn);
	configfs_path(path, "ports/%u/subsystems/%s", nvmet->port_ids[i], nqn);
	if (configfs_link(in, &nvmet->cfs, target, path, err) < 0) {
		portal_print(&nvmet->portals.list[i], portal);
		return err_wrap(err, "portal %s", portal);
	}
	return 0;
}

int nvmet_link(const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err)
{
	struct err why = {0};
	unsigned linked = 0;

	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		/* A port that is not up is opened for all subsystems at once, or for none. */
		if (!nvmet_port_up(nvmet, i)) {
			continue;
		}
		if (link_at(in, nvmet, i, nqn, &why) == 0) {
			linked++;
		} else {
			port_set(nvmet, i, &why);
		}
	}
	if (linked == 0) {
		(void)nvmet_ports_down(nvmet, &why);
		return err_set(err, ERR_UNAVAILABLE,
			"no portal is open: %s (is its address set on this machine, its port free, and the module nvmet-tcp loaded?)",
			why.msg);
	}
	return 0;
}

int nvmet_publish(const struct step *in, struct nvmet *nvmet, const char *nqn,
	struct nvmet_round *round, struct err *err)
{
	char path[CONFIGFS_PATH_SIZE];
	int rc = 0;

	if (!configfs_has(&nvmet->cfs, configfs_path(path, "subsystems/%s", nqn))) {
		return 0;
	}
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		bool up = nvmet_port_up(nvmet, i);
		struct err why = {0};

		if (round->failed[i] || (!up && !round->opening)) {
			continue;
		}
		if (link_at(in, nvmet, i, nqn, &why) == 0) {
			round->opened[i] = round->opened[i] || !up;
			port_set(nvmet, i, NULL);
			continue;
		}
		rc = err_set(err, why.code, "%s", why.msg);
		if (!round->opened[i]) {
			/* The first link is what opens the port: when it fails, so would others. */
			round->failed[i] = true;
			port_set(nvmet, i, &why);
		}
	}
	return rc;
}

void nvmet_ports_idle(struct nvmet *nvmet, const struct nvmet_round *round)
{
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		if (!round->failed[i]) {
			port_set(nvmet, i, NULL);
		}
	}
}

unsigned nvmet_ports_down(struct nvmet *nvmet, struct err *why)
{
	unsigned down = 0;

	(void)pthread_mutex_lock(&nvmet->ports);
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		down += !nvmet->up[i];
	}
	if (down > 0 && why) {
		*why = nvmet->down;
	}
	(void)pthread_mutex_unlock(&nvmet->ports);
	return down;
}

int nvmet_try_bind(const struct portal *portal, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	_cleanup_close_ int fd =
		socket(portal->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	const struct sockaddr *addr = (const struct sockaddr *)&v4;
	socklen_t len = sizeof(v4);
	int on = 1;

	if (portal->v6) {
		addr = (const struct sockaddr *)&v6;
		len = sizeof(v6);
		(void)inet_pton(AF_INET6, portal->addr, &v6.sin6_addr);
	} else {
		(void)inet_pton(AF_INET, portal->addr, &v4.sin_addr);
	}
	/* As listeners do: connections that ended a moment ago are no hindrance. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) {
		return errno;
	}
	return bind(fd, addr, len) < 0 ? errno : 0;
}

bool nvmet_address_there(const struct portal *portal)
{
	/* Port 0: only the address is asked for. In doubt let the real thing try. */
	return nvmet_try_bind(portal, 0) != EADDRNOTAVAIL;
}

int nvmet_port_find(const struct configfs *cfs, const struct portal *portal)
{
	_cleanup_configfs_names_ struct configfs_names ports = {0};
	unsigned id;

	if (configfs_list(cfs, "ports", &ports, NULL) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ports.n; i++) {
		_cleanup_configfs_names_ struct configfs_names links = {0};
		char path[CONFIGFS_PATH_SIZE];

		if (!port_number(ports.list[i], &id) || !port_is(cfs, ports.list[i], portal)) {
			continue;
		}
		configfs_path(path, "ports/%s/subsystems", ports.list[i]);
		if (configfs_list(cfs, path, &links, NULL) == 0 && links.n > 0) {
			return (int)id;
		}
	}
	return -1;
}

bool nvmet_ports_waiting(struct nvmet *nvmet)
{
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		if (!nvmet_port_up(nvmet, i) && nvmet_address_there(&nvmet->portals.list[i])) {
			return true;
		}
	}
	return false;
}

int nvmet_unlink(const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names ports = {0};
	char path[CONFIGFS_PATH_SIZE];

	/* All ports, not only ours: whoever linked it, a host must not get at it. */
	if (configfs_list(&nvmet->cfs, "ports", &ports, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < ports.n; i++) {
		configfs_path(path, "ports/%s/subsystems/%s", ports.list[i], nqn);
		if (configfs_unlink(in, &nvmet->cfs, path, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int nvmet_nft(const struct step *in UNUSED, const char *script, struct err *err)
{
	const char *const argv[] = {"nft", script, NULL};
	const struct spawn what = {.argv = argv, .pass_fd = SPAWN_NO_FD};
	struct deadline dl = deadline_in(GATE_NFT_MS);
	struct spawn_result result = {0};
	int rc = spawn_run(&what, &dl, &result, err);

	if (rc == 0 && result.exit_code != 0) {
		rc = err_set(err, ERR_INTERNAL, "nft: exit status %d: %s", result.exit_code,
			result.output ? result.output : "");
	}
	spawn_result_done(&result);
	return rc < 0 ? err_wrap(err, "gate in front of the portals") : 0;
}

int nvmet_gate_close(const struct step *in, struct nvmet *nvmet, struct err *err)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(GATE_SCRIPT_MAX);
	_cleanup_free_ char *script = NULL;

	if (!nvmet->nft) {
		return 0;
	}
	/* Added, deleted, added: one that was left behind is replaced in one transaction. */
	sb_add(&sb, "add table " GATE_TABLE "; delete table " GATE_TABLE "; add table " GATE_TABLE
		    "; add chain " GATE_TABLE
		    " gate { type filter hook input priority -10; policy accept; }");
	for (unsigned i = 0; i < nvmet->portals.n; i++) {
		const struct portal *portal = &nvmet->portals.list[i];

		sb_add(&sb, "; add rule " GATE_TABLE " gate");
		if (!streq(portal->addr, "0.0.0.0") && !streq(portal->addr, "::")) {
			sb_addf(&sb, " %s daddr %s", portal->v6 ? "ip6" : "ip", portal->addr);
		}
		sb_addf(&sb, " tcp dport %u tcp flags syn / syn,ack drop", portal->port);
	}
	if (sb_take(&sb, "rules of the gate", &script, err) < 0) {
		return -1;
	}
	return nvmet->nft(in, script, err);
}

int nvmet_gate_open(const struct step *in, struct nvmet *nvmet, struct err *err)
{
	if (!nvmet->nft) {
		return 0;
	}
	return nvmet->nft(in, "add table " GATE_TABLE "; delete table " GATE_TABLE, err);
}
