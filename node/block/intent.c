/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the block, all numbers little-endian:
 *   0   magic, 16 bytes        36  fstype, 8 bytes, NUL-padded
 *   16  version, 4 bytes       44  bytes of packed extents, 4 bytes
 *   20  volume, 16 bytes       48  CRC-32C of the whole block with these 4 bytes zero
 *   2048 packed extents, up to the end of the block
 * Bytes 52 to 2047 are zero, so that nobody takes it for a partition table (510) or an ext4
 * superblock (1024). Packed extents are runs of varints: gap, length, repetitions; gap and length
 * in units of INTENT_BLOCK, the gap from the end of the extent before.
 */
#include "node/block/intent.h"

#include "common/nvmf/uuid.h"

#include <endian.h>

#define MAGIC_SIZE 16
#define VERSION 1
#define AT_VERSION 16
#define AT_VOLUME 20
#define AT_FSTYPE 36
#define AT_PACKED_SIZE 44
#define AT_CRC 48
#define AT_PACKED 2048
#define PACKED_MAX (INTENT_BLOCK - AT_PACKED)
/* Longest varint of a 64-bit number. */
#define VARINT_MAX 10

static const uint8_t magic[MAGIC_SIZE] = {
	'n', 'v', 'm', 'e', 't', 'c', 'p', '.', 'f', 'o', 'r', 'm', 'a', 't', '.', '1'};

/* CRC-32C (RFC 3720), bit by bit: it covers one block, now and then. */
static uint32_t crc32c(const uint8_t *data, size_t n)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1U)));
		}
	}
	return ~crc;
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

void intent_volume_id(const struct ns_ident *ident, uint8_t ret[16])
{
	memset(ret, 0, 16);
	if (!bytes_zero(ident->uuid, sizeof(ident->uuid))) {
		memcpy(ret, ident->uuid, sizeof(ident->uuid));
	} else if (!bytes_zero(ident->nguid, sizeof(ident->nguid))) {
		memcpy(ret, ident->nguid, sizeof(ident->nguid));
	} else {
		memcpy(ret, ident->eui64, sizeof(ident->eui64));
	}
}

/* struct packer - bytes written so far; full for good once something did not fit. */
struct packer {
	uint8_t *at;
	size_t n;
	bool full;
};

static void put_varint(struct packer *p, uint64_t value)
{
	do {
		if (p->n == PACKED_MAX) {
			p->full = true;
			return;
		}
		uint8_t low = value & 0x7f;
		value >>= 7;
		p->at[p->n++] = value ? low | 0x80 : low;
	} while (value);
}

static void put_run(struct packer *p, uint64_t gap, uint64_t length, uint64_t times)
{
	if (times > 0) {
		put_varint(p, gap);
		put_varint(p, length);
		put_varint(p, times);
	}
}

/* Pack @extents, taking those that lie at most @join blocks apart as one. */
static void pack(struct packer *p, const struct intent *intent, uint64_t join)
{
	uint64_t end = 0; /* of the last extent put into a run */
	uint64_t run_gap = 0;
	uint64_t run_length = 0;
	uint64_t times = 0;

	for (size_t i = 0; i < intent->n_extents && !p->full;) {
		uint64_t first = intent->extents[i].offset / INTENT_BLOCK;
		uint64_t last = first + intent->extents[i].length / INTENT_BLOCK;
		for (i++; i < intent->n_extents; i++) {
			uint64_t next = intent->extents[i].offset / INTENT_BLOCK;
			if (next - last > join) {
				break;
			}
			last = next + intent->extents[i].length / INTENT_BLOCK;
		}
		if (times > 0 && first - end == run_gap && last - first == run_length) {
			times++;
		} else {
			put_run(p, run_gap, run_length, times);
			run_gap = first - end;
			run_length = last - first;
			times = 1;
		}
		end = last;
	}
	put_run(p, run_gap, run_length, times);
}

static int check_extents(const struct intent *intent, struct err *err)
{
	uint64_t end = 0;

	for (size_t i = 0; i < intent->n_extents; i++) {
		const struct intent_extent *e = &intent->extents[i];
		if (e->offset % INTENT_BLOCK || e->length % INTENT_BLOCK || e->length == 0 ||
			e->offset < end || e->offset + e->length < e->offset) {
			return err_set(err, ERR_INTERNAL,
				"format: extent %zu of the image is out of order", i);
		}
		end = e->offset + e->length;
	}
	return 0;
}

int intent_encode(const struct intent *intent, uint8_t block[INTENT_BLOCK], struct err *err)
{
	struct packer p = {.full = true};

	if (check_extents(intent, err) < 0) {
		return -1;
	}
	memset(block, 0, INTENT_BLOCK);
	/* Ends: joined over every gap there is but one extent left. */
	for (uint64_t join = 0; p.full; join = join * 2 + 1) {
		p = (struct packer){.at = block + AT_PACKED};
		pack(&p, intent, join);
	}
	memset(block + AT_PACKED + p.n, 0, PACKED_MAX - p.n);
	memcpy(block, magic, MAGIC_SIZE);
	put32(block + AT_VERSION, VERSION);
	memcpy(block + AT_VOLUME, intent->volume, sizeof(intent->volume));
	memcpy(block + AT_FSTYPE, intent->fstype, sizeof(intent->fstype));
	put32(block + AT_PACKED_SIZE, (uint32_t)p.n);
	put32(block + AT_CRC, crc32c(block, INTENT_BLOCK));
	return 0;
}

/* struct unpacker - bytes left to read; bad once something was not as it should be. */
struct unpacker {
	const uint8_t *at;
	size_t n;
	bool bad;
};

static uint64_t get_varint(struct unpacker *u)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX && u->n > 0; i++) {
		uint8_t byte = *u->at++;
		u->n--;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			return value;
		}
	}
	u->bad = true;
	return 0;
}

static bool unpack_run(struct unpacker *u, struct intent *intent, uint64_t *end)
{
	const uint64_t most = UINT64_MAX / INTENT_BLOCK / 4;
	uint64_t gap = get_varint(u);
	uint64_t length = get_varint(u);
	uint64_t times = get_varint(u);

	if (u->bad || gap > most || length > most || length == 0 || times == 0 ||
		times > INTENT_EXTENTS_MAX - intent->n_extents) {
		return false;
	}
	for (uint64_t i = 0; i < times; i++) {
		uint64_t first = *end + gap;
		if (first + length > most) {
			return false;
		}
		intent->extents[intent->n_extents++] =
			(struct intent_extent){first * INTENT_BLOCK, length * INTENT_BLOCK};
		*end = first + length;
	}
	return true;
}

static bool unpack(const uint8_t *block, struct intent *intent)
{
	struct unpacker u = {.at = block + AT_PACKED, .n = get32(block + AT_PACKED_SIZE)};
	uint64_t end = 0;

	if (u.n > PACKED_MAX) {
		return false;
	}
	while (u.n > 0) {
		if (!unpack_run(&u, intent, &end)) {
			return false;
		}
	}
	return true;
}

int intent_decode(const uint8_t block[INTENT_BLOCK], struct intent *ret, struct err *err)
{
	struct intent intent = {0};
	uint8_t copy[INTENT_BLOCK];

	if (memcmp(block, magic, MAGIC_SIZE) != 0) {
		return 0;
	}
	memcpy(copy, block, sizeof(copy));
	put32(copy + AT_CRC, 0);
	if (crc32c(copy, sizeof(copy)) != get32(block + AT_CRC)) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"an unfinished format by this driver is marked there, but the mark is damaged");
	}
	if (get32(block + AT_VERSION) != VERSION) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"an unfinished format by another version of this driver is marked there (%u, known "
			"is %d); let a node with that version stage the volume",
			get32(block + AT_VERSION), VERSION);
	}
	memcpy(intent.volume, block + AT_VOLUME, sizeof(intent.volume));
	memcpy(intent.fstype, block + AT_FSTYPE, sizeof(intent.fstype));
	intent.fstype[sizeof(intent.fstype) - 1] = '\0';
	intent.extents = calloc(INTENT_EXTENTS_MAX, sizeof(*intent.extents));
	if (!intent.extents) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "format: out of memory");
	}
	if (!unpack(block, &intent)) {
		intent_done(&intent);
		return err_set(err, ERR_FAILED_PRECONDITION,
			"an unfinished format by this driver is marked there, but its list is not readable");
	}
	*ret = intent;
	return 1;
}

void intent_done(struct intent *intent)
{
	free(intent->extents);
	intent->extents = NULL;
	intent->n_extents = 0;
}
