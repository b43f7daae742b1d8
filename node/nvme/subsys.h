/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs says about one NVMe subsystem: its controllers (paths) and its usable disks. Names
 * are recycled by the kernel, so a view is read, used, and thrown away; nothing here is cached.
 * Plain functions over an open /sys; any thread.
 */
#pragma once

#include "common/nvmf/nqn.h"
#include "common/nvmf/nsident.h"
#include "common/nvmf/portal.h"
#include "node/nvme/host.h"

#include <sys/types.h>

/** Most controllers and disks of one subsystem that are looked at. */
#define SUBSYS_CTRLS_MAX 128
#define SUBSYS_DISKS_MAX 1024
/** Most subsystems of this node that are looked at. */
#define SUBSYS_MAX 4096

#define CTRL_NAME_SIZE 16
#define DISK_NAME_SIZE 32
#define CTRL_STATE_SIZE 24

/** struct subsys_ctrl - one controller: one path to the subsystem. */
struct subsys_ctrl {
	char name[CTRL_NAME_SIZE]; /* "nvme3" */
	int instance;
	int cntlid;		     /* -1: not shown */
	char state[CTRL_STATE_SIZE]; /* "live", "connecting", "deleting (no IO)", ...; "" when
					unreadable */
	bool live;
	bool going;	 /* being deleted or dead: no path any more */
	bool ours;	 /* host NQN and host id are ours */
	bool has_portal; /* `address` was TCP and could be read */
	struct portal portal;
	char hostnqn[NQN_SIZE]; /* "" when not shown */
	char hostid[64];
};

/** struct subsys_disk - one namespace with a block device that can be used. */
struct subsys_disk {
	char name[DISK_NAME_SIZE]; /* "nvme0n1" */
	dev_t dev;
	struct ns_ident ident;
	uint64_t size; /* bytes, as sysfs shows it */
	bool head;     /* a multipath head; false: a disk right below its only controller */
	bool ready;    /* sysfs showed a device number */
};

struct subsys_view {
	int instance; /* S of nvme-subsysS, whose disks are nvmeSnN; -1: not found */
	bool found;   /* the kernel lists the subsystem */
	char nqn[NQN_SIZE];
	struct subsys_ctrl *ctrls;
	size_t n_ctrls;
	struct subsys_disk *disks;
	size_t n_disks;
	unsigned ours; /* controllers that are ours and not going */
	unsigned ours_live;
	unsigned ours_listed; /* controllers that are ours in any state: 0 is what P3 asks for */
};

#define _cleanup_subsys_view_ _cleanup_(subsys_view_done)

/**
 * subsys_scan - read what the kernel knows of the subsystem @nqn (compared exactly). A subsystem
 * that is not there is no error: found is false. Things that vanish while being read are skipped;
 * attributes that are missing or unreadable are left empty.
 * The caller frees with subsys_view_done().
 * Return: 0, or -1 when /sys itself cannot be read, a limit is passed, or memory is short.
 */
MUST_USE int subsys_scan(const struct host_paths *host, const char *nqn,
	const struct host_identity *us, struct subsys_view *ret, struct err *err);
void subsys_view_done(struct subsys_view *view);

/**
 * subsys_rescan - read a view again that was found, cheaply: only its own folders are looked at,
 * so a controller that the kernel has not linked to its subsystem yet is not seen. When they are
 * gone, found becomes false: then use subsys_scan(). Return: as subsys_scan().
 */
MUST_USE int subsys_rescan(const struct host_paths *host, const struct host_identity *us,
	struct subsys_view *view, struct err *err);

/**
 * subsys_find_disk - the disk of @view that @want means, by NGUID, UUID or EUI-64, never by NSID
 * alone. Return: a borrowed pointer, or NULL when none matches; FAILED_PRECONDITION in @err (and
 * NULL) when two disks do.
 */
const struct subsys_disk *subsys_find_disk(
	const struct subsys_view *view, const struct ns_ident *want, struct err *err);

/**
 * subsys_multipath - does this kernel join paths (native multipath)? Without it each path shows a
 * disk of its own, and a volume may have one path only.
 */
bool subsys_multipath(const struct host_paths *host);

#define SUBSYS_POLICY_SIZE 32

/** struct subsys_policy - one subsystem of this node and how its paths are used. */
struct subsys_policy {
	char nqn[NQN_SIZE];
	int instance;
	char policy[SUBSYS_POLICY_SIZE]; /* "" where the kernel has none */
};

/** subsys_each_policy - call @fn for every subsystem that the kernel lists, in no order. Return: 0,
 * or -1 when /sys cannot be read. */
MUST_USE int subsys_each_policy(const struct host_paths *host,
	void (*fn)(const struct subsys_policy *seen, void *arg), void *arg, struct err *err);

/** struct subsys_path - one controller of ours, wherever it leads. */
struct subsys_path {
	char nqn[NQN_SIZE];
	struct subsys_ctrl ctrl;
};

/** struct subsys_paths - freed with subsys_paths_done(). */
struct subsys_paths {
	struct subsys_path *list;
	size_t n;
};

/**
 * subsys_list_ours - all controllers of this node that have our identity, in one pass, for the
 * comparison with what is recorded. Return: 0, or -1 as subsys_scan().
 */
MUST_USE int subsys_list_ours(const struct host_paths *host, const struct host_identity *us,
	struct subsys_paths *ret, struct err *err);
void subsys_paths_done(struct subsys_paths *paths);
