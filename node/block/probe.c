/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies the places of all signatures that libblkid knows of modern systems into a sparse memfd of
 * the device's size and lets libblkid probe that. What it might find elsewhere only would look like
 * "nothing", after which the blank rule still stands in the way of a format.
 */
#include "node/block/probe.h"

#include "node/block/reader.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include <blkid/blkid.h>

/* What is read at each place below. */
#define DEEP_BLOCK 4096

/* UDF has an anchor at 1 MiB with 4 KiB sectors, VMFS its signature at 2 MiB, LUKS2 a second header
 * at up to 4 MiB. */
static const uint64_t deep_places[] = {0x100000, 0x200000, 0x400000};

static int copy_chunk(void *arg, uint64_t offset, const uint8_t *data, size_t n, struct err *err)
{
	const int *copy = arg;

	if (pwrite(*copy, data, n, (off_t)offset) != (ssize_t)n) {
		return err_errno(err, errno, "probe: copy into memory");
	}
	return 0;
}

static size_t probe_ranges(uint64_t size, struct read_range ranges[ARRAY_SIZE(deep_places) + 2])
{
	size_t n = 0;
	uint64_t head = MIN(size, (uint64_t)PROBE_END_BYTES);

	ranges[n++] = (struct read_range){0, head};
	uint64_t tail = MAX(head, size - head) / DEEP_BLOCK * DEEP_BLOCK;
	for (size_t i = 0; i < ARRAY_SIZE(deep_places); i++) {
		if (deep_places[i] + DEEP_BLOCK <= tail) {
			ranges[n++] = (struct read_range){deep_places[i], DEEP_BLOCK};
		}
	}
	if (tail < size) {
		ranges[n++] = (struct read_range){tail, size - tail};
	}
	return n;
}

static void take_value(blkid_probe probe, const char *name, char *out, size_t size)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(probe, name, &value, NULL) == 0 && value) {
		(void)snprintf(out, size, "%s", value);
	}
}

/* Turn what libblkid found into a result. */
static void read_values(blkid_probe probe, struct probe_result *ret)
{
	char usage[32] = "";

	take_value(probe, "TYPE", ret->type, sizeof(ret->type));
	take_value(probe, "UUID", ret->uuid, sizeof(ret->uuid));
	take_value(probe, "LABEL", ret->label, sizeof(ret->label));
	take_value(probe, "USAGE", usage, sizeof(usage));
	if (ret->type[0]) {
		ret->kind = streq(usage, "filesystem") ? PROBE_FS : PROBE_OTHER;
		return;
	}
	take_value(probe, "PTTYPE", ret->type, sizeof(ret->type));
	take_value(probe, "PTUUID", ret->uuid, sizeof(ret->uuid));
	ret->kind = PROBE_PARTITIONS;
}

static int probe_copy(int copy, uint32_t sector, struct probe_result *ret, struct err *err)
{
	struct probe_result found = {0};
	blkid_probe probe = blkid_new_probe();

	if (!probe || blkid_probe_set_device(probe, copy, 0, 0) < 0 ||
		blkid_probe_set_sectorsize(probe, sector) < 0 ||
		blkid_probe_enable_superblocks(probe, 1) < 0 ||
		blkid_probe_set_superblocks_flags(
			probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL |
				       BLKID_SUBLKS_USAGE | BLKID_SUBLKS_BADCSUM) < 0 ||
		blkid_probe_enable_partitions(probe, 1) < 0) {
		blkid_free_probe(probe);
		return err_set(err, ERR_INTERNAL, "probe: libblkid could not be set up");
	}
	/*
	 * Several signatures are -2 in the manual and -1 in libblkid 2.41. All that it reads here
	 * is memory of ours, so any failure means: what is on the device is not clear.
	 */
	int outcome = blkid_do_safeprobe(probe);
	if (outcome == 0) {
		read_values(probe, &found);
	} else if (outcome < 0) {
		found.kind = PROBE_AMBIVALENT;
	}
	blkid_free_probe(probe);
	*ret = found;
	return 0;
}

int probe_read(int fd, const struct blkdev_geometry *geometry, const struct disk_io *io,
	struct probe_result *ret, struct err *err)
{
	struct read_range ranges[ARRAY_SIZE(deep_places) + 2];
	uint64_t size = geometry->size / READER_ALIGN * READER_ALIGN;
	_cleanup_close_ int copy = memfd_create("probe", MFD_CLOEXEC);

	if (copy < 0 || ftruncate(copy, (off_t)size) < 0) {
		return err_errno(err, errno, "probe: memory");
	}
	struct reader_job job = {
		.fd = fd,
		.io = io,
		.ranges = ranges,
		.n = size > 0 ? probe_ranges(size, ranges) : 0,
		.fn = copy_chunk,
		.arg = &copy,
	};
	if (reader_run(&job, err) < 0) {
		return err_wrap(err, "probe");
	}
	return probe_copy(copy, MAX(geometry->logical_block, (uint32_t)READER_ALIGN), ret, err);
}

void probe_print(const struct probe_result *result, char *out, size_t size)
{
	static const char *const nouns[] = {
		[PROBE_NONE] = "no signature",
		[PROBE_FS] = "filesystem",
		[PROBE_PARTITIONS] = "partition table",
		[PROBE_OTHER] = "signature",
		[PROBE_AMBIVALENT] = "several signatures at once",
	};
	char label[sizeof(result->label) + 16] = "";

	if (result->kind == PROBE_NONE || result->kind == PROBE_AMBIVALENT) {
		(void)snprintf(out, size, "%s", nouns[result->kind]);
		return;
	}
	if (result->label[0]) {
		(void)snprintf(label, sizeof(label), "label '%s', ", result->label);
	}
	(void)snprintf(out, size, "%s %s (%sUUID %s)", result->type, nouns[result->kind], label,
		result->uuid[0] ? result->uuid : "none");
}
