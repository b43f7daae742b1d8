/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tell the device under a mounted filesystem which of its blocks are free (FITRIM), a part of the
 * filesystem at a time: each part is a child of the helper, short, and killed with no harm. Plain
 * functions; any thread.
 */
#pragma once

#include "common/base/guard.h"
#include "common/base/step.h"

#include <sys/types.h>

/** struct trim_part - a part of the filesystem at a path. */
struct trim_part {
	const char *path; /* its mount point */
	dev_t dev;	  /* what must be mounted there */
	uint64_t start;	  /* bytes */
	uint64_t length;
	uint64_t piece; /* free pieces smaller than this are left alone, in bytes */
};

struct trim_done {
	uint64_t bytes; /* given back, as the kernel counts them: XFS of Linux 6.12 tells the length
			 * of the part */
	uint64_t free;	/* of the whole filesystem now, in bytes: it cannot have been more */
	bool end;	/* the filesystem ends before this part */
};

/**
 * mount_trim - give back what is free in @part.
 * Return: 0, or -1: UNIMPLEMENTED when the device cannot, NOT_FOUND when something else is mounted
 * there, UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED, with guard->stuck when the child cannot be
 * killed now: then it keeps the filesystem from being unmounted.
 */
MUST_USE int mount_trim(const struct step *in, const struct trim_part *part, struct guard *guard,
	struct trim_done *ret, struct err *err);

/** verb_trim - the child's side: "trim", path, device, start, length, piece. */
int verb_trim(int argc, const char *const *argv, int fd, struct strbuf *out, struct err *err);
