/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkfs on a memfd, told what it cannot ask a file: sector size and preferred I/O sizes.
 */
#include "common/base/spawn.h"
#include "common/base/strbuf.h"
#include "node/block/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

/* The child's view of the memfd (base/spawn.h passes it as fd 3). */
#define TARGET "/proc/self/fd/3"
#define FS_BLOCK 4096
/* mkfs.xfs refuses less; mke2fs makes no journal below 2,048 blocks of 1 KiB, useless long before.
 */
#define XFS_SMALLEST (300 * MIB)
#define EXT4_SMALLEST (8 * MIB)
/* How much of mkfs's own words goes into an error. */
#define SAID_MAX 400
#define ARG_SIZE 64
/* How much of the image is read at once; a multiple of INTENT_BLOCK. */
#define SCAN_BYTES (256 * 1024)
#define ARGV_MAX (MKFS_WORDS_MAX + 16)

/* struct args - the command line as it grows; numbers are printed into the buffers. */
struct args {
	const char *argv[ARGV_MAX + 1];
	unsigned n;
	char sector[ARG_SIZE];
	char stripe[ARG_SIZE];
	char extended[MKFS_OPTIONS_TEXT_MAX + 2 * ARG_SIZE];
};

static void add(struct args *args, const char *word)
{
	if (args->n < ARGV_MAX) {
		args->argv[args->n++] = word;
	}
}

static bool user_sets(const struct mkfs_options *options, const char *word)
{
	for (unsigned i = 0; options && i < options->n; i++) {
		if (streq(options->words[i], word)) {
			return true;
		}
	}
	return false;
}

/* The value of the user's last @word, NULL when not given; mke2fs keeps only the last as well. */
static const char *user_value(const struct mkfs_options *options, const char *word)
{
	const char *value = NULL;

	for (unsigned i = 0; options && i + 1 < options->n; i++) {
		if (streq(options->words[i], word)) {
			value = options->words[i + 1];
		}
	}
	return value;
}

/*
 * Does the device prefer an alignment worth telling? As libblkid's users do: only when the smallest
 * good I/O is more than a physical block, in whole filesystem blocks.
 */
static bool aligned(const struct blkdev_geometry *g)
{
	return g->io_min > MAX(g->physical_block, (uint32_t)FS_BLOCK) &&
	       g->io_min % FS_BLOCK == 0 && g->io_opt % g->io_min == 0;
}

static void ext4_args(
	struct args *args, const struct mkfs_options *options, const struct blkdev_geometry *g)
{
	const char *extended = user_value(options, "-E");

	args->stripe[0] = '\0';
	if (aligned(g) && !(extended && strstr(extended, "str"))) {
		(void)snprintf(args->stripe, sizeof(args->stripe), ",stride=%u,stripe_width=%u",
			g->io_min / FS_BLOCK, MAX(g->io_opt, g->io_min) / FS_BLOCK);
	}
	/* mke2fs takes the last -E only, so the user's goes into ours. */
	(void)snprintf(args->extended, sizeof(args->extended),
		"nodiscard,assume_storage_prezeroed=1%s%s%s", args->stripe, extended ? "," : "",
		extended ? extended : "");
	add(args, "mkfs.ext4");
	add(args, "-q");
	add(args, "-F");
	if (!user_sets(options, "-m")) {
		add(args, "-m");
		add(args, "0");
	}
	if (!user_sets(options, "-b")) {
		add(args, "-b");
		add(args, "4096");
	}
	for (unsigned i = 0; options && i < options->n; i++) {
		if (streq(options->words[i], "-E")) {
			i++;
			continue;
		}
		add(args, options->words[i]);
	}
	add(args, "-E");
	add(args, args->extended);
	add(args, TARGET);
}

static void xfs_args(
	struct args *args, const struct mkfs_options *options, const struct blkdev_geometry *g)
{
	const char *data = user_value(options, "-d");
	uint32_t sector = MIN(MAX(g->logical_block, g->physical_block), (uint32_t)FS_BLOCK);

	(void)snprintf(args->sector, sizeof(args->sector), "size=%u", MAX(sector, 512U));
	add(args, "mkfs.xfs");
	add(args, "-q");
	add(args, "-f");
	add(args, "-K");
	add(args, "-s");
	add(args, args->sector);
	if (!user_sets(options, "-b")) {
		add(args, "-b");
		add(args, "size=4096");
	}
	/* mkfs writes the log's zeros one by one into a file in memory: the smallest log that it
	 * makes is 64 MiB, what it chooses for large devices up to 2 GiB. */
	add(args, "-l");
	add(args, "size=64m");
	if (aligned(g) &&
		!(data && (strstr(data, "su") || strstr(data, "sw") || strstr(data, "noalign")))) {
		(void)snprintf(args->stripe, sizeof(args->stripe), "su=%u,sw=%u", g->io_min,
			MAX(g->io_opt / g->io_min, 1U));
		add(args, "-d");
		add(args, args->stripe);
	}
	for (unsigned i = 0; options && i < options->n; i++) {
		add(args, options->words[i]);
	}
	add(args, TARGET);
}

static int check_geometry(const char *fstype, const struct blkdev_geometry *g, struct err *err)
{
	int64_t least = streq(fstype, "xfs") ? XFS_SMALLEST : EXT4_SMALLEST;

	if (g->size < (uint64_t)least) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"format: the device has %llu bytes, %s needs at least %lld",
			(unsigned long long)g->size, fstype, (long long)least);
	}
	if (g->size > (uint64_t)FORMAT_DEVICE_MAX) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"format: the device has %llu bytes, at most %lld can be formatted",
			(unsigned long long)g->size, (long long)FORMAT_DEVICE_MAX);
	}
	if (g->logical_block > FS_BLOCK) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"format: the device has blocks of %u bytes, at most %d are supported",
			g->logical_block, FS_BLOCK);
	}
	return 0;
}

/* The last words of mkfs, on one line. */
static void said(const char *output, char *out, size_t size)
{
	size_t len = output ? strlen(output) : 0;
	const char *tail = len > size - 1 ? output + len - (size - 1) : output;
	size_t n = 0;

	for (const char *p = tail; p && *p && n + 1 < size; p++) {
		bool blank = *p == '\n' || *p == '\r' || *p == '\t' || *p == ' ';
		if (!blank || (n > 0 && out[n - 1] != ' ')) {
			out[n++] = blank ? ' ' : *p;
		}
	}
	out[n] = '\0';
}

static int run_mkfs(const char *fstype, const struct args *args, bool user, int fd,
	const struct deadline *dl, struct err *err)
{
	const struct spawn spawn = {.argv = args->argv, .pass_fd = fd};
	struct spawn_result result = {0};
	char words[SAID_MAX];
	int done = spawn_run(&spawn, dl, &result, err);

	if (done < 0 && err && err->code == ERR_NOT_FOUND) {
		done = err_set(err, ERR_FAILED_PRECONDITION,
			"format: mkfs.%s is not installed on the node", fstype);
	} else if (done == 0 && result.exit_code != 0) {
		said(result.output, words, sizeof(words));
		done = result.exit_code >= 128
			       ? err_set(err, ERR_UNAVAILABLE,
					 "format: mkfs.%s: ended by signal %d, for want of memory perhaps; retry",
					 fstype, result.exit_code - 128)
			       : err_set(err, user ? ERR_INVALID_ARGUMENT : ERR_INTERNAL,
					 "%smkfs.%s refused (status %d): %s",
					 user ? "mkfsOptions: " : "format: ", fstype,
					 result.exit_code, words);
	}
	spawn_result_done(&result);
	return done;
}

static bool all_zero(const uint8_t *data, size_t n)
{
	return data[0] == 0 && memcmp(data, data + 1, n - 1) == 0;
}

/* Append a block to the image's list of extents. */
static int add_block(struct format_image *image, uint64_t offset, struct err *err)
{
	struct intent_extent *last =
		image->n_extents > 0 ? &image->extents[image->n_extents - 1] : NULL;

	if (last && last->offset + last->length == offset) {
		last->length += INTENT_BLOCK;
		return 0;
	}
	if (image->n_extents == INTENT_EXTENTS_MAX) {
		return err_set(err, ERR_OUT_OF_RANGE,
			"format: the filesystem would have more than %d separate parts; use a smaller volume",
			INTENT_EXTENTS_MAX);
	}
	image->extents[image->n_extents++] = (struct intent_extent){offset, INTENT_BLOCK};
	return 0;
}

/* List the blocks of [@from, @to) that are not zero; mkfs writes many that are. */
static int list_data(
	struct format_image *image, uint64_t from, uint64_t to, uint8_t *buffer, struct err *err)
{
	for (uint64_t at = from; at < to; at += SCAN_BYTES) {
		size_t n = (size_t)MIN(to - at, (uint64_t)SCAN_BYTES);
		if (pread(image->fd, buffer, n, (off_t)at) != (ssize_t)n) {
			return err_errno(err, errno ? errno : EIO, "format: read the image");
		}
		if (all_zero(buffer, n)) {
			/* Memory that holds nothing is given back; it matters not whether it can
			 * be. */
			(void)fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)at, (off_t)n);
			continue;
		}
		for (size_t i = 0; i < n; i += INTENT_BLOCK) {
			if (!all_zero(buffer + i, INTENT_BLOCK) &&
				add_block(image, at + i, err) < 0) {
				return -1;
			}
		}
	}
	return 0;
}

static int list_extents(struct format_image *image, struct err *err)
{
	_cleanup_free_ uint8_t *buffer = malloc(SCAN_BYTES);
	off_t size = (off_t)image->size;
	off_t data = 0;

	image->extents = calloc(INTENT_EXTENTS_MAX, sizeof(*image->extents));
	if (!image->extents || !buffer) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "format: out of memory");
	}
	while (data < size && (data = lseek(image->fd, data, SEEK_DATA)) >= 0) {
		off_t hole = lseek(image->fd, data, SEEK_HOLE);
		uint64_t from = (uint64_t)data / INTENT_BLOCK * INTENT_BLOCK;
		uint64_t to = hole < 0 ? image->size : MIN((uint64_t)hole, image->size);
		if (list_data(image, from, to, buffer, err) < 0) {
			return -1;
		}
		data = (off_t)to;
	}
	if (image->n_extents == 0 || image->extents[0].offset != 0) {
		return err_set(err, ERR_INTERNAL, "format: mkfs left no superblock");
	}
	return 0;
}

int format_image_make(const char *fstype, const struct mkfs_options *options,
	const struct blkdev_geometry *geometry, const struct deadline *dl, struct format_image *ret,
	struct err *err)
{
	struct format_image image = {
		.fd = -1, .size = geometry->size / INTENT_BLOCK * INTENT_BLOCK};
	struct args args = {0};

	if (check_geometry(fstype, geometry, err) < 0) {
		return -1;
	}
	image.fd = memfd_create("mkfs", MFD_CLOEXEC);
	if (image.fd < 0 || ftruncate(image.fd, (off_t)image.size) < 0) {
		int result = err_errno(err, errno, "format: memory for the image");
		format_image_done(&image);
		return result;
	}
	if (streq(fstype, "xfs")) {
		xfs_args(&args, options, geometry);
	} else {
		ext4_args(&args, options, geometry);
	}
	if (run_mkfs(fstype, &args, options && options->n > 0, image.fd, dl, err) < 0 ||
		list_extents(&image, err) < 0) {
		format_image_done(&image);
		return -1;
	}
	*ret = image;
	return 0;
}

void format_image_done(struct format_image *image)
{
	if (image->fd >= 0) {
		(void)close(TAKE_FD(image->fd));
	}
	free(image->extents);
	image->extents = NULL;
	image->n_extents = 0;
}
