/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the staging machine asks of the node it runs on: the initiator, the block device, the
 * mount table. real.h puts it together from node/nvme, node/block and node/mount; tests give
 * a make-believe node.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"
#include "common/nvmf/connect.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/nsident.h"
#include "common/nvmf/portal.h"
#include "node/mount/health.h"
#include "node/mount/mount.h"
#include "node/mount/table.h"
#include "node/mount/trim.h"

#include <sys/types.h>

#define HOST_DEVICE_NAME_SIZE 32
/** Room for a disk and who uses it, for a message. */
#define HOST_HELD_SIZE 160

/** struct host_link - a subsystem and how to reach it; all borrowed. */
struct host_link {
	const char *nqn;
	const struct portals *portals;
	const struct connect_options *options;
	bool tls;
};

/** struct host_want - one namespace of a subsystem; all borrowed. */
struct host_want {
	const char *nqn;
	const struct ns_ident *ident;
	int64_t min_size; /* bytes */
	/** Where other paths can be had, should the target not let the first one be used (ANA); for
	 * host_ops.device, with the subsystem's lock held. NULL: nowhere. */
	const struct host_link *link;
};

/** struct host_device - an open, proven device (P2); guard_close() closes its fd. */
struct host_device {
	int fd; /* -1: none */
	dev_t dev;
	int64_t size; /* bytes */
	char name[HOST_DEVICE_NAME_SIZE];
};

#define HOST_DEVICE_NONE ((struct host_device){.fd = -1})

/** struct host_fs - the filesystem that a volume is to hold; all borrowed. */
struct host_fs {
	const char *volume; /* for messages */
	const char *fs_type;
	const char *mkfs_options; /* "" for none */
	const struct ns_ident *ident;
	bool written;	/* the publish context says: holds data */
	bool formatted; /* our own record says: formatted here before */
	bool read_only;
};

/** struct host_controllers - controllers of ours of one subsystem. */
struct host_controllers {
	unsigned listed;
	unsigned live;
};

#define HOST_STATE_SIZE 24

/** struct host_ctrl - one controller of ours, to whatever subsystem: a path. */
struct host_ctrl {
	char nqn[NQN_SIZE];
	struct portal portal;
	bool has_portal; /* false: sysfs did not show where it leads */
	bool live;
	char state[HOST_STATE_SIZE]; /* the kernel's word: "connecting", "deleting", ... */
};

enum host_verdict {
	HOST_USE,    /* holds the wanted filesystem */
	HOST_FORMAT, /* blank, or an unfinished format of ours */
};

/**
 * struct host_ops - @self is given to each. A function that may hang takes the operation's guard
 * and returns at its deadline; guard->stuck then says who was left behind.
 */
struct host_ops {
	/* The initiator. The caller holds the subsystem's lock for connect, disconnect, keep, drop.
	 */

	/** See to it that at least one path of ours is live; ones that are there are used. */
	int (*connect)(const struct step *in, void *self, const struct host_link *link,
		struct guard *guard, struct err *err);
	/** Wait for the disk, open it, prove it. */
	int (*device)(const struct step *in, void *self, const struct host_want *want,
		struct guard *guard, struct host_device *ret, struct err *err);
	/** The same without waiting: NOT_FOUND when the kernel lists no such disk. */
	int (*device_now)(void *self, const struct host_want *want, struct guard *guard,
		struct host_device *ret, struct err *err);
	/** After a grow on the target: rescan all paths, wait for @want->min_size, open, prove. */
	int (*device_grown)(const struct step *in, void *self, const struct host_want *want,
		struct guard *guard, struct host_device *ret, struct err *err);
	/** Delete our controllers of @nqn and wait until the kernel lists none (P3). */
	int (*disconnect)(const struct step *in, void *self, const char *nqn, struct guard *guard,
		struct err *err);
	/** Let the path keeper hold the paths, or let go. */
	int (*keep)(void *self, const struct host_link *link, struct err *err);
	void (*drop)(void *self, const char *nqn);
	/** How many controllers of ours the kernel lists for @nqn, in whatever state, and how many
	 * of them are live. */
	int (*controllers)(
		void *self, const char *nqn, struct host_controllers *ret, struct err *err);
	/** Device numbers of the disks of @nqn, at most @max; *ret_n says how many were filled. */
	int (*disks)(void *self, const char *nqn, dev_t *ret_devs, size_t max, size_t *ret_n,
		struct err *err);
	/**
	 * Is a disk of @want->nqn held exclusively by a filesystem, in whatever mount namespace,
	 * or by dm or the like? Of the disk @want->ident or @dev (0: unknown), or of all disks when
	 * @want->ident is NULL. @ret_what: one that is and what sysfs says who uses it, "" when
	 * none.
	 */
	int (*held)(void *self, const struct host_want *want, dev_t dev, struct guard *guard,
		char ret_what[HOST_HELD_SIZE], struct err *err);
	/** Which subsystem that we are connected to has the disk @dev; "" when none. */
	int (*owner)(void *self, dev_t dev, char ret_nqn[NQN_SIZE], struct err *err);
	/** Size in bytes of the block device @dev as sysfs shows it, 0 when it is not there. */
	int (*dev_size)(void *self, dev_t dev, int64_t *ret_size, struct err *err);
	/** All controllers of ours, as the kernel lists them now. The caller frees @ret_list. */
	int (*ctrls)(void *self, struct host_ctrl **ret_list, size_t *ret_n, struct err *err);
	/** Does the kernel still show @dev, as the disk @ident? Numbers are given anew. */
	bool (*shown)(void *self, dev_t dev, const struct ns_ident *ident);

	/* The block device. */

	int (*inspect)(void *self, const struct host_device *device, const struct host_fs *fs,
		struct guard *guard, enum host_verdict *ret, struct err *err);
	int (*format)(const struct step *in, void *self, const struct host_device *device,
		const struct host_fs *fs, struct guard *guard, struct err *err);
	/** fsck; @ret_stuck_pid as in fsck_run(). */
	int (*check)(const struct step *in, void *self, const struct host_device *device,
		const struct host_fs *fs, struct guard *guard, pid_t *ret_stuck_pid,
		struct err *err);
	/** Grow the filesystem mounted at @path to @device when that is larger. */
	int (*grow)(const struct step *in, void *self, const struct host_device *device,
		const struct host_fs *fs, const char *path, struct guard *guard, struct err *err);
	/** Make the device read-only or writable; nothing to do when it is so. */
	int (*set_read_only)(const struct step *in, void *self, const struct host_device *device,
		bool read_only, struct err *err);

	/* Mounts: as the functions of node/mount of these names. */

	int (*mounts)(void *self, struct mount_table **ret_table, struct err *err);
	int (*mount)(const struct step *in, void *self, const struct mount_what *what,
		struct guard *guard, struct err *err);
	int (*bind)(const struct step *in, void *self, const char *from, const char *to,
		bool read_only, struct err *err);
	int (*bind_device)(
		const struct step *in, void *self, const struct mount_node *node, struct err *err);
	int (*node_remove)(const struct step *in, void *self, const char *folder, const char *key,
		struct err *err);
	int (*sync)(const struct step *in, void *self, const char *target, struct guard *guard,
		struct err *err);
	int (*unmount)(const struct step *in, void *self, const char *target, struct guard *guard,
		struct err *err);
	int (*usage)(void *self, const char *path, dev_t dev, struct guard *guard,
		struct mount_usage *ret, struct err *err);
	int (*alive)(void *self, const char *path, struct guard *guard, bool *ret_alive,
		struct err *err);
	int (*opens)(void *self, const char *path, struct guard *guard, bool *ret_opens,
		struct err *err);
	int (*trim)(const struct step *in, void *self, const struct trim_part *part,
		struct guard *guard, struct trim_done *ret, struct err *err);
	int (*target_make)(const struct step *in, void *self, const char *path, bool folder,
		bool *ret_made, struct err *err);
	int (*target_remove)(const struct step *in, void *self, const char *path, struct err *err);
	/** Is there a folder at @path (which may be a mount point)? */
	int (*is_folder)(void *self, const char *path, bool *ret, struct err *err);
	/** The number of the block device node at @path, 0 when something else or nothing is there.
	 */
	dev_t (*node_at)(void *self, const char *path);
};
