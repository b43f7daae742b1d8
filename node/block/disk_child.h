/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The halves of disk.h that run in a child of the helper, callable without one for tests. For
 * node/block only.
 */
#pragma once

#include "common/base/helper.h"
#include "node/block/disk.h"

#define VERB_INSPECT "disk-inspect"
#define VERB_FORMAT "disk-format"

/** disk_inspect_here - disk_inspect() in this process. @io may be NULL; @ret_intent is filled when
 * state.redo (free it), may be NULL. */
MUST_USE int disk_inspect_here(int fd, const struct disk_want *want, const struct disk_io *io,
	struct disk_state *ret, struct intent *ret_intent, struct err *err);

/** struct disk_format_job - disk_format() in this process. All borrowed. */
struct disk_format_job {
	int fd;
	const struct disk_want *want;
	const struct mkfs_options *options;
	const struct deadline *dl;
	const struct disk_io *io; /* may be NULL */
};
MUST_USE int disk_format_here(
	const struct step *in, const struct disk_format_job *job, struct err *err);

/* The wish and the result as texts for the helper: argv is device, fstype, volume, flags. */
#define DISK_FLAGS_SIZE 4
#define DISK_VOLUME_SIZE 33
void disk_want_print(
	const struct disk_want *want, char volume[DISK_VOLUME_SIZE], char flags[DISK_FLAGS_SIZE]);
MUST_USE int disk_want_parse(const char *const *argv, struct disk_want *ret, struct err *err);
void disk_state_print(const struct disk_state *state, struct strbuf *out);
MUST_USE int disk_state_parse(const char *text, struct disk_state *ret, struct err *err);

int verb_inspect(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
int verb_format(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
