/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libblkid is shown and what comes of it; a read that failed is never "no signature".
 */
#include "node/block/probe.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)(400 * MIB))

static struct blkdev_geometry geometry_of(int fd, uint32_t sector)
{
	struct blkdev_geometry g;
	struct err err = {0};

	assert_int_equal(blkdev_geometry_read(fd, &g, &err), 0);
	g.logical_block = sector;
	return g;
}

static int probe(const struct fake_disk *disk, const struct disk_io *io, struct probe_result *ret,
	struct err *err)
{
	struct blkdev_geometry g = geometry_of(disk->fd, 512);

	return probe_read(disk->fd, &g, io, ret, err);
}

static void open_with(struct fake_disk *disk, const char *command)
{
	const char *argv[] = {"sh", "-c", command, NULL};

	fake_open(disk, SIZE);
	if (command) {
		assert_int_equal(fake_run(disk->fd, argv), 0);
	}
}

#define DISK "/proc/self/fd/3"

static void test_kinds(void **state)
{
	static const struct {
		const char *command;
		enum probe_kind kind;
		const char *type;
	} cases[] = {
		{NULL, PROBE_NONE, ""},
		{"mkfs.ext4 -q -F -L mine " DISK, PROBE_FS, "ext4"},
		{"mkfs.ext2 -q -F " DISK, PROBE_FS, "ext2"},
		{"mkfs.xfs -q -f -L mine " DISK, PROBE_FS, "xfs"},
		{"mkfs.btrfs -q -f " DISK, PROBE_FS, "btrfs"},
		{"mkswap -q " DISK, PROBE_OTHER, "swap"},
		{"printf 'LUKS\\272\\276\\0\\1' | dd of=" DISK " conv=notrunc status=none",
			PROBE_OTHER, "crypto_LUKS"},
		{"mkfs.xfs -q -f " DISK " && mkfs.ext4 -q -F " DISK " && printf XFSB | dd of=" DISK
		 " conv=notrunc status=none",
			PROBE_FS, "ext4"},
		{"mkfs.ext4 -q -F " DISK " && printf 'SWAPSPACE2' | dd of=" DISK
		 " bs=1 seek=4086 conv=notrunc status=none && printf '\\1' | dd of=" DISK
		 " bs=1 seek=1024 conv=notrunc status=none",
			PROBE_FS, "ext4"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_disk disk;
		struct probe_result result;
		struct err err = {0};

		open_with(&disk, cases[i].command);
		assert_int_equal(probe(&disk, NULL, &result, &err), 0);
		if (result.kind != cases[i].kind || !streq(result.type, cases[i].type)) {
			fail_msg("%s: %d %s", cases[i].command, result.kind, result.type);
		}
		fake_close(&disk);
	}
}

static void test_values_and_text(void **state)
{
	struct fake_disk disk;
	struct probe_result result;
	char text[200];
	struct err err = {0};

	(void)state;
	open_with(&disk, "mkfs.ext4 -q -F -L mine -U 01234567-89ab-cdef-0123-456789abcdef " DISK);
	assert_int_equal(probe(&disk, NULL, &result, &err), 0);
	assert_string_equal(result.label, "mine");
	assert_string_equal(result.uuid, "01234567-89ab-cdef-0123-456789abcdef");
	probe_print(&result, text, sizeof(text));
	assert_string_equal(
		text, "ext4 filesystem (label 'mine', UUID 01234567-89ab-cdef-0123-456789abcdef)");
	fake_close(&disk);
	result = (struct probe_result){0};
	probe_print(&result, text, sizeof(text));
	assert_string_equal(text, "no signature");
}

/* Two whole signatures of different kinds: nobody can say. */
static void test_ambivalent(void **state)
{
	struct fake_disk disk;
	struct fake_disk other;
	struct probe_result result;
	uint8_t super[4096];
	struct err err = {0};

	(void)state;
	/* An XFS superblock in front of an ext4 one: both checksums hold. */
	open_with(&disk, "mkfs.ext4 -q -F " DISK);
	open_with(&other, "mkfs.xfs -q -f -s size=512 " DISK);
	assert_int_equal(pread(other.fd, super, 512, 0), 512);
	put_bytes(disk.fd, 0, super, 512);
	assert_int_equal(probe(&disk, NULL, &result, &err), 0);
	assert_int_equal(result.kind, PROBE_AMBIVALENT);
	fake_close(&disk);
	fake_close(&other);
}

/* A superblock whose checksum is wrong is still a sign of data. */
static void test_bad_checksum_is_something(void **state)
{
	struct fake_disk disk;
	struct probe_result result;
	struct err err = {0};

	(void)state;
	open_with(&disk, "mkfs.ext4 -q -F " DISK);
	put_bytes(disk.fd, 1024 + 0x78, "x", 1);
	assert_int_equal(probe(&disk, NULL, &result, &err), 0);
	assert_int_equal(result.kind, PROBE_FS);
	assert_string_equal(result.type, "ext4");
	fake_close(&disk);
}

static uint32_t crc32(const uint8_t *data, size_t n)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1U)));
		}
	}
	return ~crc;
}

static void put_number(uint8_t *at, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		at[i] = (uint8_t)(value >> 8 * i);
	}
}

static void put_mbr(int fd, uint8_t type)
{
	uint8_t mbr[512] = {[510] = 0x55, [511] = 0xaa};

	mbr[446 + 4] = type;
	put_number(mbr + 446 + 8, 1, 4);
	put_number(mbr + 446 + 12, 1000, 4);
	put_bytes(fd, 0, mbr, sizeof(mbr));
}

/* A GPT without partitions: protective MBR, header, empty entries. */
static void put_gpt(int fd, uint32_t sector)
{
	static const uint8_t entries[128 * 128];
	uint8_t header[92] = "EFI PART";
	uint64_t last = SIZE / sector - 1;

	put_number(header + 8, 0x10000, 4);
	put_number(header + 12, sizeof(header), 4);
	put_number(header + 24, 1, 8);
	put_number(header + 32, last, 8);
	put_number(header + 40, 40, 8);
	put_number(header + 48, last - 40, 8);
	put_number(header + 56, 0x1234, 8);
	put_number(header + 72, 2, 8);
	put_number(header + 80, 128, 4);
	put_number(header + 84, 128, 4);
	put_number(header + 88, crc32(entries, sizeof(entries)), 4);
	put_number(header + 16, crc32(header, sizeof(header)), 4);
	put_mbr(fd, 0xee);
	put_bytes(fd, sector, header, sizeof(header));
}

static void test_partition_tables(void **state)
{
	static const uint32_t sectors[] = {512, 4096};
	struct fake_disk disk;
	struct probe_result result;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		fake_open(&disk, SIZE);
		put_gpt(disk.fd, sectors[i]);
		struct blkdev_geometry g = geometry_of(disk.fd, sectors[i]);
		assert_int_equal(probe_read(disk.fd, &g, NULL, &result, &err), 0);
		assert_int_equal(result.kind, PROBE_PARTITIONS);
		assert_string_equal(result.type, "gpt");
		fake_close(&disk);
	}
	fake_open(&disk, SIZE);
	put_mbr(disk.fd, 0x83);
	assert_int_equal(probe(&disk, NULL, &result, &err), 0);
	assert_int_equal(result.kind, PROBE_PARTITIONS);
	assert_string_equal(result.type, "dos");
	fake_close(&disk);
}

static void test_p1_failed_read_is_never_nothing(void **state)
{
	struct fake_disk disk;
	struct probe_result result;
	struct err err = {0};

	(void)state;
	open_with(&disk, NULL);
	assert_int_equal(probe(&disk, &disk.io, &result, &err), 0);
	unsigned reads = disk.reads;
	assert_true(reads >= 8);
	for (unsigned i = 0; i < reads; i++) {
		struct err failed = {0};
		disk.reads = 0;
		disk.fail_read = (int)i;
		assert_int_equal(probe(&disk, &disk.io, &result, &failed), -1);
		assert_int_equal(failed.code, ERR_UNAVAILABLE);
	}
	fake_close(&disk);
}

static void test_small_devices(void **state)
{
	static const off_t sizes[] = {
		0, 511, 512, 4096, 100000, 1 << 20, (1 << 20) + 4096, 3 << 20};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fake_disk disk;
		struct probe_result result;
		struct err err = {0};

		fake_open(&disk, (uint64_t)sizes[i]);
		if (probe(&disk, NULL, &result, &err) == 0) {
			assert_int_equal(result.kind, PROBE_NONE);
		} else {
			assert_true(sizes[i] < 4096);
		}
		fake_close(&disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_values_and_text),
		cmocka_unit_test(test_ambivalent),
		cmocka_unit_test(test_bad_checksum_is_something),
		cmocka_unit_test(test_partition_tables),
		cmocka_unit_test(test_p1_failed_read_is_never_nothing),
		cmocka_unit_test(test_small_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
