/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel AIO by its system calls: io_uring may be forbidden to containers, threads would cost more.
 * Where AIO is used up on the node (fs.aio-max-nr), the reads go one after the other.
 */
#include "node/block/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* So many of them are waited for before the next are sent. */
#define READER_BATCH 16L

struct chunk {
	uint64_t offset;
	size_t length;
};

/* struct cursor - the next chunk of a list of ranges. */
struct cursor {
	const struct reader_job *job;
	size_t range;
	uint64_t done; /* bytes of that range */
};

static bool next_chunk(struct cursor *c, struct chunk *ret)
{
	while (c->range < c->job->n && c->done == c->job->ranges[c->range].length) {
		c->range++;
		c->done = 0;
	}
	if (c->range == c->job->n) {
		return false;
	}
	const struct read_range *range = &c->job->ranges[c->range];
	ret->offset = range->offset + c->done;
	ret->length = (size_t)MIN(range->length - c->done, (uint64_t)READER_CHUNK);
	c->done += ret->length;
	return true;
}

static int check_read(const struct chunk *chunk, int64_t result, struct err *err)
{
	if (result < 0) {
		return err_set(err, ERR_UNAVAILABLE, "read of %zu bytes at offset %llu failed: %s",
			chunk->length, (unsigned long long)chunk->offset,
			strerrordesc_np((int)-result));
	}
	if ((size_t)result != chunk->length) {
		return err_set(err, ERR_UNAVAILABLE,
			"read of %zu bytes at offset %llu gave only %lld: the device ends there",
			chunk->length, (unsigned long long)chunk->offset, (long long)result);
	}
	return 0;
}

static int read_in_turn(const struct reader_job *job, int fd, uint8_t *buffer, struct err *err)
{
	struct cursor cursor = {.job = job};
	struct chunk chunk;
	int stop = 0;

	while (stop == 0 && next_chunk(&cursor, &chunk)) {
		ssize_t n = job->io ? job->io->read(job->io->self, fd, buffer, chunk.length,
					      (off_t)chunk.offset)
				    : pread(fd, buffer, chunk.length, (off_t)chunk.offset);
		if (check_read(&chunk, n < 0 ? -errno : n, err) < 0) {
			return -1;
		}
		stop = job->fn(job->arg, chunk.offset, buffer, chunk.length, err);
	}
	return stop < 0 ? -1 : 0;
}

/* struct ring - reads under way; slot i has its own buffer. */
struct ring {
	aio_context_t aio;
	int fd;
	uint8_t *buffers;
	struct chunk chunks[READER_AT_ONCE];
	struct iocb iocbs[READER_AT_ONCE];
	unsigned idle[READER_AT_ONCE]; /* slots without a read */
	unsigned n_idle;
};

static void prepare(struct ring *ring, unsigned slot)
{
	const struct chunk *chunk = &ring->chunks[slot];

	ring->iocbs[slot] = (struct iocb){
		.aio_data = slot,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)ring->fd,
		.aio_buf = (uint64_t)(uintptr_t)(ring->buffers + (size_t)slot * READER_CHUNK),
		.aio_nbytes = chunk->length,
		.aio_offset = (int64_t)chunk->offset,
	};
}

/* Give every idle slot a read, all by one call: so the transport sends them as one. */
static int submit(struct ring *ring, struct cursor *cursor, struct err *err)
{
	struct iocb *batch[READER_AT_ONCE];
	long n = 0;
	long done = 0;

	while (ring->n_idle > 0 &&
		next_chunk(cursor, &ring->chunks[ring->idle[ring->n_idle - 1]])) {
		unsigned slot = ring->idle[--ring->n_idle];
		prepare(ring, slot);
		batch[n++] = &ring->iocbs[slot];
	}
	while (done < n) {
		long taken = syscall(SYS_io_submit, ring->aio, n - done, batch + done);
		if (taken <= 0) {
			return err_set(err, ERR_UNAVAILABLE, "read at offset %lld failed: %s",
				(long long)batch[done]->aio_offset,
				taken < 0 ? strerrordesc_np(errno) : "not taken");
		}
		done += taken;
	}
	return 0;
}

/* Wait for some of the reads under way. Return: how many ended, or -1. */
static long complete(struct ring *ring, struct io_event events[READER_AT_ONCE], struct err *err)
{
	long under_way = (long)(READER_AT_ONCE - ring->n_idle);
	long got;

	do {
		got = syscall(SYS_io_getevents, ring->aio, MIN(under_way, READER_BATCH), under_way,
			events, NULL);
	} while (got < 0 && errno == EINTR);
	return got > 0 ? got : err_errno(err, errno, "wait for reads");
}

static int read_at_once(const struct reader_job *job, struct ring *ring, struct err *err)
{
	struct io_event events[READER_AT_ONCE];
	struct cursor cursor = {.job = job};

	for (unsigned i = 0; i < READER_AT_ONCE; i++) {
		ring->idle[ring->n_idle++] = i;
	}
	for (;;) {
		if (submit(ring, &cursor, err) < 0) {
			return -1;
		}
		if (ring->n_idle == READER_AT_ONCE) {
			return 0;
		}
		long n = complete(ring, events, err);
		for (long i = 0; i < n; i++) {
			unsigned slot = (unsigned)events[i].data;
			const struct chunk *chunk = &ring->chunks[slot];
			if (check_read(chunk, events[i].res, err) < 0) {
				return -1;
			}
			int stop = job->fn(job->arg, chunk->offset,
				ring->buffers + (size_t)slot * READER_CHUNK, chunk->length, err);
			if (stop != 0) {
				return stop < 0 ? -1 : 0;
			}
			ring->idle[ring->n_idle++] = slot;
		}
		if (n < 0) {
			return -1;
		}
	}
}

int reader_open_direct(int fd, int flags, struct err *err)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int direct = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (direct < 0 && errno == EINVAL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		direct = open(path, flags | O_CLOEXEC);
	}
	if (direct < 0) {
		return err_errno(err, errno, "open for direct I/O");
	}
	return direct;
}

int reader_run(const struct reader_job *job, struct err *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	size_t size = (size_t)READER_AT_ONCE * READER_CHUNK;
	int result = -1;

	uint8_t *buffers = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	_cleanup_close_ int fd = reader_open_direct(job->fd, O_RDONLY, err);
	if (!ring || buffers == MAP_FAILED) {
		result = err_set(err, ERR_RESOURCE_EXHAUSTED, "reads: out of memory");
	} else if (fd >= 0 && !job->io &&
		   syscall(SYS_io_setup, (long)READER_AT_ONCE, &ring->aio) == 0) {
		ring->fd = fd;
		ring->buffers = buffers;
		result = read_at_once(job, ring, err);
		(void)syscall(SYS_io_destroy, ring->aio);
	} else if (fd >= 0) {
		result = read_in_turn(job, fd, buffers, err);
	}
	if (buffers != MAP_FAILED) {
		(void)munmap(buffers, size);
	}
	free(ring);
	return result;
}
