/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports through the kernel's nvmet: subsystems, namespaces, allowed hosts, ports, and the gate
 * that keeps initiators away while all that is built. It holds no list of what shall be exported;
 * it makes and takes away what it is told, and every call may be repeated after a crash.
 *
 * Orders that matter (seen on kernel 6.12):
 * - An initiator that asks for a subsystem that a port does not know is told never to come again.
 *   So everything else is made before the first port link, and in between the gate drops SYNs.
 * - Taking a host from the allow-list cuts nobody. The last host of a subsystem is fenced by taking
 *   the port links and disabling the namespace, which waits for I/O under way; where others stay,
 *   by rewriting attr_qid_max, which throws out every controller: the others are back in a second
 *   or two, the revoked one is refused.
 *
 * Thread-safe for different subsystems; calls on one subsystem are serialised by the caller.
 */
#pragma once

#include "common/base/step.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/portal.h"
#include "target/export/configfs.h"

/** The kernel's tree. */
#define NVMET_ROOT "/sys/kernel/config/nvmet"
/** What hosts see as the model. */
#define NVMET_MODEL "nvmetcp-target"
/** Ports of ours have ids from here on, one per portal; others are left alone. */
#define NVMET_PORT_FIRST 20000
#define NVMET_PORT_LAST (NVMET_PORT_FIRST + 999)
/** Most namespaces of one subsystem. */
#define NVMET_NAMESPACES_MAX 1024

struct nvmet;

/** struct nvmet_options - copied, but the functions. */
struct nvmet_options {
	const char *root; /* NULL: NVMET_ROOT */
	const struct configfs_ops *ops;
	struct portals portals;
	/** Runs a script of nft as one transaction; NULL: there is no gate. */
	int (*nft)(const struct step *in, const char *script, struct err *err);
};

/** nvmet_nft - the real one: the program nft, with a deadline. */
MUST_USE int nvmet_nft(const struct step *in, const char *script, struct err *err);

/**
 * nvmet_open - take the kernel's nvmet for this process. Return: 0 and the handle for
 * nvmet_free(), or -1: FAILED_PRECONDITION when the tree is not there (module, mount) or another
 * agent has it.
 */
MUST_USE int nvmet_open(const struct nvmet_options *options, struct nvmet **ret, struct err *err);
/** nvmet_free - exports stay; accepts NULL. */
void nvmet_free(struct nvmet *nvmet);
/** nvmet_portals - as configured. */
const struct portals *nvmet_portals(const struct nvmet *nvmet);

/** struct nvmet_ns - one namespace as it shall be; the strings are borrowed. */
struct nvmet_ns {
	const char *nqn;	    /* of its subsystem */
	const uint8_t *subsys_uuid; /* gives the serial number */
	uint32_t nsid;
	const uint8_t *uuid; /* of the namespace; the NGUID gets the same bytes */
	const char *path;
};

/** nvmet_ns_put - make the subsystem and the namespace, enabled; one that differs is made anew. */
MUST_USE int nvmet_ns_put(
	const struct step *in, struct nvmet *nvmet, const struct nvmet_ns *ns, struct err *err);
/** nvmet_ns_drop - disable the namespace, which waits for its I/O, and remove it. */
MUST_USE int nvmet_ns_drop(const struct step *in, struct nvmet *nvmet, const char *nqn,
	uint32_t nsid, struct err *err);
/** nvmet_ns_resized - tell the kernel, and so the hosts, that its size changed; not exported: fine.
 */
MUST_USE int nvmet_ns_resized(const struct step *in, struct nvmet *nvmet, const char *nqn,
	uint32_t nsid, struct err *err);

/** nvmet_host_put - put a host on the allow-list. */
MUST_USE int nvmet_host_put(const struct step *in, struct nvmet *nvmet, const char *nqn,
	const char *host, struct err *err);
/** nvmet_host_drop - take it off; its controllers stay until nvmet_cut() or nvmet_unlink(). */
MUST_USE int nvmet_host_drop(const struct step *in, struct nvmet *nvmet, const char *nqn,
	const char *host, struct err *err);
/** nvmet_host_list - who is on the allow-list, for configfs_names_done(). */
MUST_USE int nvmet_host_list(
	struct nvmet *nvmet, const char *nqn, struct configfs_names *ret, struct err *err);
/** nvmet_cut - throw out every controller of the subsystem; allowed hosts come back by themselves.
 * Not exported: fine. */
MUST_USE int nvmet_cut(
	const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err);

/**
 * nvmet_link - publish the subsystem at every port that is up. Return: 0 when it is at one of them
 * at least, else -1 UNAVAILABLE. A port that turns out to lack its address counts as down.
 */
MUST_USE int nvmet_link(
	const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err);
/** nvmet_unlink - take it from every port, which cuts its controllers. */
MUST_USE int nvmet_unlink(
	const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err);
/** nvmet_subsys_drop - take everything of it away, in the kernel's order; not there: fine. */
MUST_USE int nvmet_subsys_drop(
	const struct step *in, struct nvmet *nvmet, const char *nqn, struct err *err);
/** nvmet_subsys_list - the subsystems whose NQN starts with NQN_PREFIX, for configfs_names_done().
 */
MUST_USE int nvmet_subsys_list(struct nvmet *nvmet, struct configfs_names *ret, struct err *err);
/** nvmet_hosts_tidy - remove host entries of our nodes that no subsystem allows. */
MUST_USE int nvmet_hosts_tidy(const struct step *in, struct nvmet *nvmet, struct err *err);

/** nvmet_ports_put - make the ports of the portals, none of them up yet, and remove ports of ours
 * that no portal has. Before all else. */
MUST_USE int nvmet_ports_put(const struct step *in, struct nvmet *nvmet, struct err *err);

/** struct nvmet_round - one going over all subsystems to publish them; zero but @opening. */
struct nvmet_round {
	/** Also at ports that are not up. The first link opens a port, so the gate must be closed
	 * and every subsystem be gone over before it is opened. */
	bool opening;
	bool opened[PORTALS_MAX];
	bool failed[PORTALS_MAX]; /* not tried again in this round */
};

/**
 * nvmet_publish - publish one subsystem at its ports, as a part of a round; not there: fine. A port
 * where it fails counts as down, unless the round has opened it. Return: 0, or -1 when it failed
 * at one port.
 */
MUST_USE int nvmet_publish(const struct step *in, struct nvmet *nvmet, const char *nqn,
	struct nvmet_round *round, struct err *err);
/** nvmet_ports_idle - after a round without any subsystem: ports count as up until the first link
 * tells. */
void nvmet_ports_idle(struct nvmet *nvmet, const struct nvmet_round *round);
/** nvmet_ports_down - ports that are not up, and why the last of them is not (@why may be NULL). */
unsigned nvmet_ports_down(struct nvmet *nvmet, struct err *why);
/** nvmet_ports_waiting - is there a port that is not up although its address is there now? */
bool nvmet_ports_waiting(struct nvmet *nvmet);

/** nvmet_address_there - is the portal's address set on this machine? True also when that cannot be
 * told. */
bool nvmet_address_there(const struct portal *portal);

/** nvmet_try_bind - bind a socket to the portal's address and @port (0: any), and close it again.
 * Return: 0, or the errno: EADDRNOTAVAIL without the address, EADDRINUSE when somebody listens. */
int nvmet_try_bind(const struct portal *portal, uint16_t port);

/** enum ana_state - how hosts are to use a portal; what else the kernel knows is no state to stay
 * in (docs/target.md). */
enum ana_state { ANA_OPTIMIZED, ANA_NON_OPTIMIZED, ANA_INACCESSIBLE, ANA_STATES };
/** ana_states - their names, as the kernel has them; NULL-terminated. */
extern const char *const ana_states[ANA_STATES + 1];
/** Room for the name of any state that the kernel has. */
#define ANA_TEXT_SIZE 32

/** nvmet_ana_put - tell hosts the state of each portal, in the order of nvmet_portals(); what is so
 * already is not written. After nvmet_ports_put(). */
MUST_USE int nvmet_ana_put(const struct step *in, struct nvmet *nvmet,
	const enum ana_state states[PORTALS_MAX], struct err *err);
/** nvmet_ana_get - what hosts are told of portal @i now, in the kernel's words. */
MUST_USE int nvmet_ana_get(
	struct nvmet *nvmet, unsigned i, char ret[ANA_TEXT_SIZE], struct err *err);
/** nvmet_port_up - is portal @i open? */
bool nvmet_port_up(struct nvmet *nvmet, unsigned i);

/** nvmet_port_find - the port of nvmet, whoever made it, that listens at the portal. Return: its
 * id, or -1. */
int nvmet_port_find(const struct configfs *cfs, const struct portal *portal);

/** nvmet_gate_close - drop new connections to the portals; those that stand are not touched. */
MUST_USE int nvmet_gate_close(const struct step *in, struct nvmet *nvmet, struct err *err);
/** nvmet_gate_open - let them in again. */
MUST_USE int nvmet_gate_open(const struct step *in, struct nvmet *nvmet, struct err *err);
