/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places, and the check that they are zero.
 *
 * ext4 keeps superblock copies in groups 1 and all powers of 3, 5 and 7 (sparse_super); a group has
 * eight blocks' worth of bits: 8 MiB with 1 KiB blocks, 32 MiB with 2 KiB, 128 MiB with 4 KiB. XFS
 * starts each allocation group with one: mkfs cuts the device into 2, 4, 8, 16 or 32 of them, or
 * into ones of 1 TiB. LUKS2 has its second header at a power of two from 16 KiB to 4 MiB.
 */
#include "node/block/blank.h"

/* Upper bound of places: ends, samples, ext4 (3 sizes, some 60 groups up to 2^32), XFS, LUKS. */
#define RANGES_MAX (BLANK_SAMPLES + 8192)
#define XFS_LARGEST_AG TIB
#define LUKS2_DEEPEST (4 * MIB)

struct places {
	uint64_t size;
	struct read_range *list;
	size_t n;
};

static void add_range(struct places *p, uint64_t offset, uint64_t length)
{
	if (offset < p->size && length > 0 && p->n < RANGES_MAX) {
		p->list[p->n++] = (struct read_range){offset, MIN(length, p->size - offset)};
	}
}

static void add_place(struct places *p, uint64_t offset)
{
	add_range(p, offset / BLANK_BLOCK * BLANK_BLOCK, BLANK_BLOCK);
}

static void add_ext4(struct places *p)
{
	static const unsigned bases[] = {3, 5, 7};

	for (uint64_t block = 1024; block <= 4096; block *= 2) {
		uint64_t group = block * 8 * block;
		/* With 1 KiB blocks the first group starts one block late. */
		uint64_t first = block == 1024 ? block : 0;
		add_place(p, group + first);
		for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
			for (uint64_t g = bases[i]; g < p->size / group + 1; g *= bases[i]) {
				add_place(p, g * group + first);
			}
		}
	}
}

static void add_xfs(struct places *p)
{
	for (uint64_t groups = 2; groups <= 32; groups *= 2) {
		/* mkfs rounds the group's size up to whole blocks. */
		uint64_t blocks = p->size / BLANK_BLOCK;
		uint64_t each = (blocks + groups - 1) / groups * BLANK_BLOCK;
		for (uint64_t g = 1; g < groups && each > 0; g++) {
			add_place(p, g * each);
		}
	}
	for (uint64_t at = (uint64_t)XFS_LARGEST_AG; at < p->size && p->n < RANGES_MAX;
		at += (uint64_t)XFS_LARGEST_AG) {
		/* mkfs makes groups of 1 TiB less one block. */
		add_place(p, at);
		add_place(p, at - at / (uint64_t)XFS_LARGEST_AG * BLANK_BLOCK);
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct read_range *x = a;
	const struct read_range *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sort, and let ranges that touch or overlap become one. */
static void merge(struct places *p)
{
	size_t n = 0;

	qsort(p->list, p->n, sizeof(p->list[0]), by_offset);
	for (size_t i = 0; i < p->n; i++) {
		struct read_range *last = n > 0 ? &p->list[n - 1] : NULL;
		if (last && p->list[i].offset <= last->offset + last->length) {
			uint64_t end = p->list[i].offset + p->list[i].length;
			last->length = MAX(last->offset + last->length, end) - last->offset;
		} else {
			p->list[n++] = p->list[i];
		}
	}
	p->n = n;
}

int blank_ranges(uint64_t size, struct read_range **ret_ranges, size_t *ret_n, struct err *err)
{
	struct places p = {.size = size / READER_ALIGN * READER_ALIGN};

	p.list = calloc(RANGES_MAX, sizeof(*p.list));
	if (!p.list) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "blank check: out of memory");
	}
	uint64_t end = p.size > BLANK_END_BYTES ? p.size - BLANK_END_BYTES : 0;
	add_range(&p, 0, BLANK_END_BYTES);
	add_range(&p, end / BLANK_BLOCK * BLANK_BLOCK, p.size);
	for (uint64_t at = 16 * KIB; at <= (uint64_t)LUKS2_DEEPEST; at *= 2) {
		add_place(&p, at);
	}
	add_ext4(&p);
	add_xfs(&p);
	for (uint64_t i = 0; i < BLANK_SAMPLES; i++) {
		/* Not size * i / samples, which overflows from 16 PiB on. */
		add_place(&p, p.size / BLANK_SAMPLES * i);
	}
	merge(&p);
	*ret_ranges = p.list;
	*ret_n = p.n;
	return 0;
}

static int look_at(void *arg, uint64_t offset, const uint8_t *data, size_t n, struct err *err)
{
	struct blank_result *result = arg;

	(void)err;
	result->bytes_read += n;
	/* All bytes are zero when the first is and each equals its neighbour. */
	if (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0) {
		return 0;
	}
	size_t at = 0;
	while (data[at] == 0) {
		at++;
	}
	result->blank = false;
	result->found_at = offset + at;
	return 1;
}

int blank_check(
	int fd, uint64_t size, const struct disk_io *io, struct blank_result *ret, struct err *err)
{
	struct blank_result result = {.blank = true};
	_cleanup_free_ struct read_range *ranges = NULL;
	struct reader_job job = {.fd = fd, .io = io, .fn = look_at, .arg = &result};

	if (size < BLANK_BLOCK) {
		return err_set(err, ERR_UNAVAILABLE,
			"blank check: the device shows only %llu bytes", (unsigned long long)size);
	}
	if (blank_ranges(size, &ranges, &job.n, err) < 0) {
		return -1;
	}
	job.ranges = ranges;
	if (reader_run(&job, err) < 0) {
		return err_wrap(err, "blank check");
	}
	*ret = result;
	return 0;
}
