/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of writes that makes a format safe to cut: at every point the device is blank, carries
 * our intent, or is a whole filesystem.
 */
#include "node/block/format.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

/* Largest single write. */
#define COPY_CHUNK (1024 * 1024)

struct copy {
	const struct format_image *image;
	const struct format_target *target;
	uint8_t *buffer; /* COPY_CHUNK bytes, aligned for O_DIRECT */
};

static int put(const struct copy *copy, uint64_t at, size_t n, struct err *err)
{
	const struct disk_io *io = copy->target->io;
	int fd = copy->target->fd;
	ssize_t done = io ? io->write(io->self, fd, copy->buffer, n, (off_t)at)
			  : pwrite(fd, copy->buffer, n, (off_t)at);

	if (done != (ssize_t)n) {
		return err_set(err, ERR_UNAVAILABLE,
			"format: write of %zu bytes at offset %llu failed: %s", n,
			(unsigned long long)at, done < 0 ? strerrordesc_np(errno) : "cut short");
	}
	return 0;
}

static int flush(const struct copy *copy, struct err *err)
{
	const struct disk_io *io = copy->target->io;
	int result = io ? io->flush(io->self, copy->target->fd) : fsync(copy->target->fd);

	if (result < 0) {
		return err_set(
			err, ERR_UNAVAILABLE, "format: flush failed: %s", strerrordesc_np(errno));
	}
	return 0;
}

/* Zero what an earlier attempt may have written; its intent block stays. */
static int clear_old(const struct copy *copy, struct err *err)
{
	const struct intent *old = copy->target->redo;

	memset(copy->buffer, 0, COPY_CHUNK);
	for (size_t i = 0; i < old->n_extents; i++) {
		uint64_t at = MAX(old->extents[i].offset, (uint64_t)INTENT_BLOCK);
		uint64_t end =
			MIN(old->extents[i].offset + old->extents[i].length, copy->image->size);
		for (; at < end; at += COPY_CHUNK) {
			if (put(copy, at, (size_t)MIN(end - at, (uint64_t)COPY_CHUNK), err) < 0) {
				return -1;
			}
		}
	}
	return flush(copy, err);
}

static int write_intent(const struct copy *copy, struct err *err)
{
	struct intent intent = {
		.extents = copy->image->extents,
		.n_extents = copy->image->n_extents,
	};

	memcpy(intent.volume, copy->target->volume, sizeof(intent.volume));
	(void)snprintf(intent.fstype, sizeof(intent.fstype), "%s", copy->target->fstype);
	if (intent_encode(&intent, copy->buffer, err) < 0 || put(copy, 0, INTENT_BLOCK, err) < 0) {
		return -1;
	}
	return flush(copy, err);
}

static int copy_range(const struct copy *copy, uint64_t from, uint64_t to, struct err *err)
{
	for (uint64_t at = from; at < to; at += COPY_CHUNK) {
		size_t n = (size_t)MIN(to - at, (uint64_t)COPY_CHUNK);
		if (pread(copy->image->fd, copy->buffer, n, (off_t)at) != (ssize_t)n) {
			return err_errno(err, errno ? errno : EIO, "format: read the image");
		}
		if (put(copy, at, n, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int copy_all(const struct copy *copy, struct err *err)
{
	const struct format_image *image = copy->image;

	if (copy->target->redo && clear_old(copy, err) < 0) {
		return -1;
	}
	if (write_intent(copy, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < image->n_extents; i++) {
		const struct intent_extent *e = &image->extents[i];
		uint64_t from = MAX(e->offset, (uint64_t)INTENT_BLOCK);
		if (copy_range(copy, from, e->offset + e->length, err) < 0) {
			return -1;
		}
	}
	if (flush(copy, err) < 0 || copy_range(copy, 0, INTENT_BLOCK, err) < 0) {
		return -1;
	}
	return flush(copy, err);
}

int format_image_copy(
	const struct format_image *image, const struct format_target *target, struct err *err)
{
	struct copy copy = {.image = image, .target = target};

	copy.buffer =
		mmap(NULL, COPY_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy.buffer == MAP_FAILED) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "format: out of memory");
	}
	int result = copy_all(&copy, err);
	(void)munmap(copy.buffer, COPY_CHUNK);
	return result;
}
