/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many reads of a device at once, past the page cache (kernel AIO with O_DIRECT), each of them
 * checked. For node/block only.
 */
#pragma once

#include "node/block/blkdev.h"

/** Largest single read, and how many are under way at once. */
#define READER_CHUNK (128 * 1024)
#define READER_AT_ONCE 64
/** What offsets and lengths must be multiples of; every device takes it or says so. */
#define READER_ALIGN 512

/** struct read_range - bytes of a device; larger ones are read in chunks. */
struct read_range {
	uint64_t offset;
	uint64_t length;
};

/**
 * reader_fn - gets each chunk that was read, in no order. Return: 0 to go on, 1 to stop reading
 * (success), -1 with @err to fail.
 */
typedef int (*reader_fn)(
	void *arg, uint64_t offset, const uint8_t *data, size_t n, struct err *err);

/** struct reader_job - what to read. All borrowed. */
struct reader_job {
	int fd;
	const struct disk_io *io; /* may be NULL */
	const struct read_range *ranges;
	size_t n;
	reader_fn fn;
	void *arg;
};

/**
 * reader_run - read all of job->ranges. A short read is a failed one.
 * Return: 0, or -1 UNAVAILABLE naming the offset, or what fn left.
 */
MUST_USE int reader_run(const struct reader_job *job, struct err *err);

/** reader_open_direct - a second descriptor of the open @fd for O_DIRECT reads; buffered only for
 * files that cannot. Return: fd, or -1 with @err. */
MUST_USE int reader_open_direct(int fd, int flags, struct err *err);
