/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a connected subsystem to the open, proven block device of one namespace (P2). The disk is
 * found by identity in sysfs, opened, and everything is proven again on the open descriptor, which
 * pins it: names and numbers cannot be recycled while it is open.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"
#include "common/nvmf/nsident.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/subsys.h"
#include "node/nvme/uev.h"

#include <sys/types.h>

/** How often a wait looks at sysfs by itself and asks the controllers to scan again. */
#define HEAD_RESCAN_MS 1000
/** How long a disk that is there but smaller than asked may take to show its new size. */
#define HEAD_SIZE_WAIT_MS 5000

/** The start of the names of the nodes that opening a disk may make for a moment in host->nodes. It
 * begins as those of node/mount do, so that the plugin's start removes what a kill left. */
#define HEAD_NODE_PREFIX ".nvmetcp-node-open-"

/** struct head_want - which disk. nqn and ident are borrowed. */
struct head_want {
	const char *nqn;
	const struct ns_ident *ident;
	int64_t min_size; /* bytes */
	/** Called once a second while the namespace is seen and no path to it may be used (ANA): it
	 * may make another path. Return: 0, or -1 to give up with @err. NULL: nothing is done. */
	int (*kept_away)(const struct step *in, void *arg, struct err *err);
	void *arg;
};

/**
 * head_wait - until the kernel lists the disk with at least min_size bytes. Woken by events, looks
 * at sysfs once a second, and then writes rescan_controller.
 * Return: 0, or -1: DEADLINE_EXCEEDED or UNAVAILABLE saying what was seen instead (no live path, no
 * namespace of that identity, ANA keeps it away), FAILED_PRECONDITION (too small, identity twice).
 */
MUST_USE int head_wait(const struct step *in, struct fab *fab, struct uev *uev,
	const struct head_want *want, const struct deadline *dl, struct subsys_disk *ret,
	struct err *err);

/** struct proven_device - an open disk of which everything was proven on fd itself. */
struct proven_device {
	int fd; /* O_RDONLY, close-on-exec; close soon: it keeps a dead head alive */
	dev_t dev;
	char name[DISK_NAME_SIZE]; /* for messages; names are recycled, never open by it */
	uint64_t size;		   /* bytes */
	struct ns_ident ident;	   /* as read back */
};

#define PROVEN_NONE ((struct proven_device){.fd = -1})
#define _cleanup_proven_ _cleanup_(proven_done)
/** proven_done - close; accepts PROVEN_NONE. */
void proven_done(struct proven_device *device);

/**
 * head_prove - open @disk (found by head_wait() or subsys_find_disk()) and prove it: it is a block
 * device, its number is what sysfs says of the disk of that identity under that NQN, read again
 * after the open; the target's own Identify descriptors agree; the size is at least min_size.
 * The open and the Identify run in a child of the helper: both can hang with the path.
 * Return: 0 (the caller owns @ret), or -1: FAILED_PRECONDITION says what differs; UNAVAILABLE when
 * the disk vanished; DEADLINE_EXCEEDED, with guard->stuck when it hangs.
 */
MUST_USE int head_prove(struct fab *fab, const struct head_want *want,
	const struct subsys_disk *disk, struct guard *guard, struct proven_device *ret,
	struct err *err);

/**
 * head_held - does somebody hold @disk exclusively: a filesystem that is mounted, in whatever mount
 * namespace, or is still being unmounted, or dm, md, swap? Asked by an O_EXCL open in a child of
 * the helper. Return: 0 and @ret_held, or -1 with guard->stuck when it hangs.
 */
MUST_USE int head_held(struct fab *fab, const struct subsys_disk *disk, struct guard *guard,
	bool *ret_held, struct err *err);
/**
 * head_users - @disk, and what sysfs says uses it or a partition of it, for a message:
 * "nvme0n1 (used by dm-0 vg0-data)". Cut to @size, complete without users when there are none.
 */
void head_users(const struct host_paths *host, const char *disk, char *out, size_t size);
/** head_shown - does the kernel still show a disk with the number @dev, and is it @ident? Numbers
 * are given anew. Reads sysfs only. */
bool head_shown(const struct host_paths *host, dev_t dev, const struct ns_ident *ident);

/**
 * head_wait_size - after a grow on the target: rescan all our live controllers until the disk has
 * at least @want->min_size bytes. Return as head_wait(), but one that stays too small is waited for
 * until the deadline: DEADLINE_EXCEEDED.
 */
MUST_USE int head_wait_size(const struct step *in, struct fab *fab, struct uev *uev,
	const struct head_want *want, const struct deadline *dl, struct subsys_disk *ret,
	struct err *err);
