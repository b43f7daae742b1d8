/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access modes and types: what a VolumeCapability means and which ones this driver can keep. A
 * filesystem is one node's, a raw block device may be written by many.
 */
#pragma once

#include "common/base/err.h"
#include "proto/csi.pb-c.h"

typedef Csi__V1__VolumeCapability__AccessMode__Mode csi_mode;

/** The filesystem that is made when a capability names none. */
#define CSI_FS_DEFAULT "ext4"

/** struct csi_access - a capability, checked. Pointers go into the request. */
struct csi_access {
	bool block;
	csi_mode mode;
	const char *fs_type;	  /* "" for block, or when the CO leaves the choice to us */
	char *const *mount_flags; /* may hold sensitive words: never logged */
	size_t n_mount_flags;
};

/**
 * csi_access_of - read @capability; a missing part, an unknown mode or text beyond its limit is an
 * error whatever the driver can do. Return: 0, or -1 INVALID_ARGUMENT naming "@field.<part>".
 */
MUST_USE int csi_access_of(const char *field, const Csi__V1__VolumeCapability *capability,
	struct csi_access *ret, struct err *err);
/**
 * csi_access_supported - can this driver keep @access? Not: several writing nodes with a
 * filesystem, MULTI_NODE_SINGLE_WRITER (nobody could hold the other nodes to reading), a filesystem
 * other than ext4 and xfs. Return: 0, or -1 INVALID_ARGUMENT saying why and what to use instead.
 */
MUST_USE int csi_access_supported(
	const char *field, const struct csi_access *access, struct err *err);
/** csi_mode_name - "SINGLE_NODE_WRITER" and so on; static string. */
const char *csi_mode_name(csi_mode mode);
/** csi_mode_single_node - may only one node have the volume at a time? */
bool csi_mode_single_node(csi_mode mode);
/** csi_mode_read_only - does the mode itself forbid writing? */
bool csi_mode_read_only(csi_mode mode);
/** csi_mode_many_targets - may a node publish the volume at several target paths at once? */
bool csi_mode_many_targets(csi_mode mode);
/** csi_access_same - do both ask for exactly the same (order of mount flags included)? */
bool csi_access_same(const struct csi_access *a, const struct csi_access *b);
