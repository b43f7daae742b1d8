/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a pool: a small file in its directory. A directory without it, or with
 * another one, is not the pool, whatever lies in it: most often the file system is not mounted.
 */
#pragma once

#include "common/base/step.h"
#include "common/nvmf/uuid.h"
#include "target/store/fsops.h"
#include "target/store/lvm.h"
#include "target/store/store.h"

/** Name of the file. */
#define STAMP_FILE ".nvmetcp-pool"
/** The folders beside it. */
#define POOLDIR_VOLUMES "volumes"
#define POOLDIR_SNAPSHOTS "snapshots"
/** Longest type of a pool, with its NUL. */
#define STAMP_TYPE_SIZE 16

struct stamp {
	char uuid[UUID_TEXT_SIZE];
	char name[OBJECT_ID_SIZE];
	char type[STAMP_TYPE_SIZE];
	int64_t generation; /* of what store_open() opened, the least of its parts; 0 elsewhere */
	/* lvmthin: the volume group and the thin pool in it; else "". */
	char vg_uuid[LVM_UUID_SIZE];
	char lv_uuid[LVM_UUID_SIZE];
};

/**
 * stamp_read - the identity in @dirfd; @path is for messages.
 * Return: 0, or -1: UNAVAILABLE when there is none (or it cannot be read), DATA_LOSS when it is
 * broken.
 */
MUST_USE int stamp_read(int dirfd, const char *path, struct stamp *ret, struct err *err);

/**
 * stamp_init - make the existing directory @path a pool named @name: folders first, identity last.
 * A directory that is this pool already stays as it is. Refuses one that is a pool of another
 * name, holds volumes or snapshots without an identity, or whose file system has no reflink.
 * Return: 0 and the identity, or -1.
 */
MUST_USE int stamp_init(const struct step *in, const char *path, const char *name,
	const struct fsops *fs, struct stamp *ret, struct err *err);

/**
 * stamp_init_thin - the same for the directory of the thin pool @pool_uuid in the volume group
 * @vg_uuid; no reflink is asked for. Refuses the directory of another thin pool.
 */
MUST_USE int stamp_init_thin(const struct step *in, const char *path, const char *name,
	const char *vg_uuid, const char *pool_uuid, struct stamp *ret, struct err *err);

/**
 * stamp_probe_reflink - try a clone in @dirfd. Return: 0, or -1: FAILED_PRECONDITION when the file
 * system has no reflink, else what went wrong.
 */
MUST_USE int stamp_probe_reflink(const struct step *in, int dirfd, const char *path,
	const struct fsops *fs, struct err *err);

/** stamp_read_at - stamp_read() of the directory at @path. */
MUST_USE int stamp_read_at(const char *path, struct stamp *ret, struct err *err);
