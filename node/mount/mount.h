/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting and unmounting. mount(2) of a filesystem and umount(2) can hang with the device, so they
 * run in a child of the helper (base/helper.h); bind mounts touch no device and are made here,
 * complete with their read-only flag in one step, so that no instant shows a writable one.
 * Plain functions; any thread. The caller holds the volume's lock.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"
#include "node/mount/table.h"

#include <sys/types.h>

/** Most mounts on top of each other at one place that mount_remove() takes away. */
#define MOUNT_LAYERS_MAX 16
/** Part of the name of every device node of ours; it shows in the mount table as the root of the
 * mounts of raw block volumes. */
#define MOUNT_NODE_PREFIX ".nvmetcp-node-"
/** Longest key in the name of a device node. */
#define MOUNT_NODE_KEY_MAX 64
#define MOUNT_NODE_NAME_SIZE (sizeof(MOUNT_NODE_PREFIX) + MOUNT_NODE_KEY_MAX)

/** struct mount_what - a filesystem and where it goes. */
struct mount_what {
	int fd;		    /* the proven device */
	const char *name;   /* of the device, for the mount table: "nvme0n1" */
	dev_t dev;	    /* its number: what the mount must turn out to be */
	const char *target; /* an existing folder */
	const char *fs_type;
	unsigned long flags; /* MS_ */
	const char *data;    /* options of the filesystem */
};

/**
 * mount_filesystem - mount, then look whether the mounted filesystem is the device's; one that is
 * not is unmounted again. A filesystem that asks for a check or a log replay it may not do, or that
 * is damaged, is FAILED_PRECONDITION saying so.
 * Return: 0, or -1; DEADLINE_EXCEEDED with guard->stuck when the child hangs: the mount may then
 * still appear.
 */
MUST_USE int mount_filesystem(
	const struct step *in, const struct mount_what *what, struct guard *guard, struct err *err);

/** mount_bind - show the folder @from at the folder @to as well. Return: 0, or -1. */
MUST_USE int mount_bind(
	const struct step *in, const char *from, const char *to, bool read_only, struct err *err);

/** struct mount_node - a device node of ours and the file that it is bound to. */
struct mount_node {
	const char *folder; /* where the node is; not mounted nodev */
	const char *key;    /* [0-9a-f-], at most MOUNT_NODE_KEY_MAX: in the node's name */
	dev_t dev;
	const char *target; /* an existing file */
};

/**
 * mount_bind_device - bind a device node for node->dev to the file node->target. The node is made
 * if it is not there, and keeps its name for as long as it is bound: kubelet binds the target once
 * more, and the kernel binds no file that has no name (fs/namespace.c, d_unlinked()). Return: 0, or
 * -1 (FAILED_PRECONDITION when the folder does not allow devices).
 */
MUST_USE int mount_bind_device(
	const struct step *in, const struct mount_node *node, struct err *err);
/** mount_node_remove - remove the node of @key, which is bound no more. Not there is success.
 * Return: 0, or -1. */
MUST_USE int mount_node_remove(
	const struct step *in, const char *folder, const char *key, struct err *err);
/** mount_nodes_clean - remove the nodes in @folder that @table shows nowhere: left by a kill, or by
 * an earlier boot. Return: 0, or -1. */
MUST_USE int mount_nodes_clean(const struct step *in, const char *folder,
	const struct mount_table *table, struct err *err);
/** mount_node_name - the name that the mount table shows for @key. */
void mount_node_name(const char *key, char out[MOUNT_NODE_NAME_SIZE]);

/**
 * mount_sync - write all that the filesystem at the folder @target has in memory. An unmount does
 * not, and tells of no failure, while another mount namespace shows the filesystem as well.
 * @target: a mount point; what is no folder, or no mount point, is passed over.
 * Return: 0, or -1 UNAVAILABLE when it could not be written, DEADLINE_EXCEEDED with guard->stuck.
 */
MUST_USE int mount_sync(
	const struct step *in, const char *target, struct guard *guard, struct err *err);

/**
 * mount_remove - take one mount away from @target. Not a mount point is success. Never lazy: when
 * this returns 0, the mount is gone; copies of it in other mount namespaces that do not follow ours
 * may still hold the filesystem.
 * @guard: NULL for a bind mount of a device node, which cannot hang.
 * Return: 0, or -1: ABORTED when it is in use, DEADLINE_EXCEEDED with guard->stuck.
 */
MUST_USE int mount_remove(
	const struct step *in, const char *target, struct guard *guard, struct err *err);

/**
 * mount_target_make - the folder or file that a bind mount goes on; its parent exists.
 * @ret_made: whether it was made now. Return: 0, or -1 FAILED_PRECONDITION when something else is
 * there or the parent is missing.
 */
MUST_USE int mount_target_make(
	const struct step *in, const char *path, bool folder, bool *ret_made, struct err *err);
/**
 * mount_target_remove - remove it again; not there is success. A folder with something in it, or a
 * file with content, is left alone: FAILED_PRECONDITION.
 */
MUST_USE int mount_target_remove(const struct step *in, const char *path, struct err *err);

/** mount_verbs - what the helper must be able to do for this layer; for helper_start(). */
const struct helper_verb *mount_verbs(size_t *ret_n);
