/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node remembers of one volume: all that unstage and the path keeper need, since they get
 * no context. Text, one key=value a line, versioned, never a secret. A plain value with owned
 * strings; not thread-safe.
 */
#pragma once

#include "common/base/strbuf.h"
#include "common/fs/reclaim.h"
#include "common/nvmf/connect.h"
#include "common/nvmf/nqn.h"
#include "common/nvmf/nsident.h"
#include "common/nvmf/portal.h"

#include <sys/types.h>

/** The format written and the newest one that is understood. */
#define RECORD_VERSION 1
#define RECORD_VOLUME_MAX 128
/** Most target paths of one volume on one node. */
#define RECORD_TARGETS_MAX 64
/** Longest text of a record. */
#define RECORD_TEXT_MAX (512 * 1024)
#define RECORD_BOOT_SIZE 40
#define RECORD_FS_SIZE 16
#define RECORD_FLAGS_SIZE 33

enum record_state {
	RECORD_IDLE,	/* nothing is connected or mounted; kept since it says "formatted" */
	RECORD_STAGING, /* being staged: how far is seen from the kernel */
	RECORD_STAGED,
	RECORD_UNSTAGING, /* being taken down: go on with that first */
};

struct record_target {
	char *path;
	bool read_only;
};

struct record {
	char volume[RECORD_VOLUME_MAX + 1];
	enum record_state state;
	char boot[RECORD_BOOT_SIZE]; /* of the boot in which it was written: mounts end with it */
	char nqn[NQN_SIZE];
	struct ns_ident ident;
	int64_t min_size;
	struct portals portals;
	struct connect_options options; /* the key handles are never written */
	bool tls;
	char *staging;
	bool block;
	bool read_only;		       /* staged for readers: the device is read-only */
	bool many_targets;	       /* the access mode allows several targets at once */
	int mode;		       /* CSI's number of the access mode, only compared */
	char fs_type[RECORD_FS_SIZE];  /* "" for block */
	char flags[RECORD_FLAGS_SIZE]; /* hash of the mount flags: they may be sensitive */
	enum reclaim reclaim;	       /* how free space is given back */
	int64_t reclaimed_ms;	       /* since 1970: when a trim began last, or it was staged */
	bool formatted;		       /* mkfs ended well here: never format again (P1) */
	dev_t dev;		       /* of the proven device, when STAGED */
	struct record_target targets[RECORD_TARGETS_MAX];
	size_t n_targets;
};

/** record_new - an empty one. Return: NULL without memory. */
struct record *record_new(void);
void record_free(struct record *record);
static inline void record_freep(struct record **record)
{
	record_free(*record);
}
#define _cleanup_record_ _cleanup_(record_freep)
/** record_copy - a copy of its own. Return: NULL without memory. */
struct record *record_copy(const struct record *record);

/** record_set_staging - replace the staging path. Return: 0, or -1 RESOURCE_EXHAUSTED. */
MUST_USE int record_set_staging(struct record *record, const char *path, struct err *err);
/** record_find_target - index of @path, -1 when it is not there. */
int record_find_target(const struct record *record, const char *path);
/** record_add_target - add or change. Return: 0, or -1 RESOURCE_EXHAUSTED past the limit. */
MUST_USE int record_add_target(
	struct record *record, const char *path, bool read_only, struct err *err);
/** record_drop_target - remove; not there is fine. */
void record_drop_target(struct record *record, const char *path);

/** record_end_boot - forget what a reboot ended: the device's number, which another volume may have
 * by now, and the targets. */
void record_end_boot(struct record *record);

/** record_print - the text of @record, appended to @out. */
void record_print(const struct record *record, struct strbuf *out);
/**
 * record_parse - read a text; @name is the file's, for errors. Unknown keys are ignored.
 * Return: 0 and a record for record_free(), or -1: DATA_LOSS when it is cut off or garbage,
 * FAILED_PRECONDITION when a newer version wrote it, RESOURCE_EXHAUSTED without memory.
 */
MUST_USE int record_parse(
	const char *name, const char *text, struct record **ret_record, struct err *err);
