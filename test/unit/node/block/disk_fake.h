/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory whose reads, writes and flushes can be counted, failed and cut. Writes that were
 * not flushed are lost, or survive in part, when it is cut, as with a real write cache.
 */
#pragma once

#include "common/base/spawn.h"
#include "node/block/blkdev.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#define FAKE_PENDING_MAX 64

struct fake_write {
	off_t at;
	size_t n;
	uint8_t *data;
};

struct fake_disk {
	int fd;
	unsigned reads;
	unsigned writes;
	unsigned flushes;
	int fail_read; /* the read with this number fails, -1 none */
	int cut_after; /* the power fails after so many writes, -1 never */
	unsigned seed; /* which of the unflushed writes survive the cut */
	struct fake_write pending[FAKE_PENDING_MAX];
	unsigned n_pending;
	struct disk_io io;
};

/* A number that looks random and is the same in every run. */
static inline unsigned fake_random(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16;
}

static inline ssize_t fake_read(void *self, int fd, void *data, size_t n, off_t at)
{
	struct fake_disk *d = self;

	if (d->fail_read == (int)d->reads++) {
		errno = EIO;
		return -1;
	}
	return pread(fd, data, n, at);
}

static inline void fake_settle(struct fake_disk *d, bool all)
{
	for (unsigned i = 0; i < d->n_pending; i++) {
		struct fake_write *w = &d->pending[i];
		if (all || fake_random(&d->seed) % 2) {
			assert_int_equal(pwrite(d->fd, w->data, w->n, w->at), w->n);
		}
		free(w->data);
	}
	d->n_pending = 0;
}

static inline ssize_t fake_write(void *self, int fd, const void *data, size_t n, off_t at)
{
	struct fake_disk *d = self;

	(void)fd;
	if (d->cut_after >= 0 && d->writes >= (unsigned)d->cut_after) {
		fake_settle(d, false);
		errno = EIO;
		return -1;
	}
	assert_in_range(d->n_pending, 0, FAKE_PENDING_MAX - 1);
	struct fake_write *w = &d->pending[d->n_pending++];
	*w = (struct fake_write){at, n, malloc(n)};
	assert_non_null(w->data);
	memcpy(w->data, data, n);
	d->writes++;
	return (ssize_t)n;
}

static inline int fake_flush(void *self, int fd)
{
	struct fake_disk *d = self;

	(void)fd;
	/* A cut right after the last write comes before its flush. */
	if (d->cut_after >= 0 && d->writes >= (unsigned)d->cut_after) {
		fake_settle(d, false);
		errno = EIO;
		return -1;
	}
	fake_settle(d, true);
	d->flushes++;
	return 0;
}

static inline void fake_open(struct fake_disk *d, uint64_t size)
{
	*d = (struct fake_disk){.fail_read = -1, .cut_after = -1, .seed = 1};
	d->fd = memfd_create("disk", MFD_CLOEXEC);
	if (d->fd < 0 || ftruncate(d->fd, (off_t)size) < 0) {
		fail_msg("no memory for a disk");
		abort();
	}
	d->io = (struct disk_io){fake_read, fake_write, fake_flush, d};
}

static inline void fake_close(struct fake_disk *d)
{
	fake_settle(d, true);
	(void)close(d->fd);
}

/* Run a program on the disk, which it sees as /proc/self/fd/3. Return: its exit status. */
static inline int fake_run(int fd, const char *const *argv)
{
	const struct spawn spawn = {.argv = argv, .pass_fd = fd};
	struct deadline dl = deadline_in(60000);
	struct spawn_result result = {0};
	struct err err = {0};

	if (spawn_run(&spawn, &dl, &result, &err) < 0) {
		fail_msg("%s: %s", argv[0], err.msg);
	}
	int status = result.exit_code;
	if (status != 0 && result.output) {
		print_message("%s: %s\n", argv[0], result.output);
	}
	spawn_result_done(&result);
	return status;
}

/* Does the filesystem's own checker, which may change nothing, find it without fault? */
static inline void assert_fs_whole(int fd, const char *fstype)
{
	static const char *const e2fsck[] = {"e2fsck", "-fn", "/proc/self/fd/3", NULL};
	static const char *const repair[] = {"xfs_repair", "-n", "-f", "/proc/self/fd/3", NULL};

	assert_int_equal(fake_run(fd, *fstype == 'x' ? repair : e2fsck), 0);
}

static inline void put_bytes(int fd, uint64_t at, const void *bytes, size_t n)
{
	assert_int_equal(pwrite(fd, bytes, n, (off_t)at), n);
}

/* Are both files the same in every byte? Only data is read, holes are not. */
static inline void assert_same_content(int a, int b, uint64_t size)
{
	static uint8_t x[65536];
	static uint8_t y[65536];
	int fds[2] = {a, b};

	for (int i = 0; i < 2; i++) {
		off_t at = 0;
		while ((at = lseek(fds[i], at, SEEK_DATA)) >= 0 && (uint64_t)at < size) {
			ssize_t n = pread(a, x, sizeof(x), at);
			assert_true(n > 0);
			assert_int_equal(pread(b, y, (size_t)n, at), n);
			assert_memory_equal(x, y, (size_t)n);
			at += n;
		}
	}
}
