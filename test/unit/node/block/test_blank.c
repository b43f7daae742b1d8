/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P1: a device with anything in a place that is looked at is not blank, and one whose reads fail is
 * never called blank.
 */
#include "node/block/blank.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)(4 * GIB))

static bool covered(const struct read_range *ranges, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++) {
		if (at >= ranges[i].offset && at < ranges[i].offset + ranges[i].length) {
			return true;
		}
	}
	return false;
}

static void test_ranges_are_in_order(void **state)
{
	static const uint64_t sizes[] = {4096, 8192, 12800, 1 << 20, (1 << 20) + 512, 5 << 20,
		100 << 20, 1ULL << 30, (1ULL << 30) + 512 * 3, 1ULL << 40, 9ULL << 40, 1ULL << 46};

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct read_range *ranges;
		struct err err = {0};
		uint64_t end = 0;
		size_t n;

		assert_int_equal(blank_ranges(sizes[s], &ranges, &n, &err), 0);
		assert_true(n > 0);
		assert_int_equal(ranges[0].offset, 0);
		for (size_t i = 0; i < n; i++) {
			assert_true(i == 0 || ranges[i].offset > end);
			assert_true(ranges[i].length > 0);
			assert_int_equal(ranges[i].offset % BLANK_BLOCK, 0);
			end = ranges[i].offset + ranges[i].length;
		}
		assert_int_equal(end, sizes[s]);
		free(ranges);
	}
}

static uint64_t be32_at(const uint8_t *p)
{
	return (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | (uint64_t)p[3];
}

/* Where the real mkfs.xfs puts copies of its superblock, for devices of many sizes. */
static void test_xfs_copies_are_covered(void **state)
{
	static const char *const sizes[] = {"1G", "10G", "1T", "3999G", "5T", "33T"};
	static const char *const options[] = {"", "-d su=65536,sw=4"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(options); i++) {
		char command[256];
		uint8_t super[512];
		struct read_range *ranges;
		struct err err = {0};
		size_t n;
		int fd = memfd_create("xfs", 0);

		(void)snprintf(command, sizeof(command),
			"truncate -s %s /proc/self/fd/3 && mkfs.xfs -q -f -K -l size=64m %s /proc/self/fd/3",
			sizes[i / ARRAY_SIZE(options)], options[i % ARRAY_SIZE(options)]);
		const char *argv[] = {"sh", "-c", command, NULL};
		assert_int_equal(fake_run(fd, argv), 0);
		assert_int_equal(pread(fd, super, sizeof(super), 0), sizeof(super));
		uint64_t ag_blocks = be32_at(super + 84);
		uint64_t ags = be32_at(super + 88);
		assert_int_equal(
			blank_ranges((uint64_t)lseek(fd, 0, SEEK_END), &ranges, &n, &err), 0);
		unsigned missed = 0;
		for (uint64_t g = 0; g < ags; g++) {
			char magic[4];
			assert_int_equal(pread(fd, magic, 4, (off_t)(g * ag_blocks * 4096)), 4);
			assert_memory_equal(magic, "XFSB", 4);
			missed += !covered(ranges, n, g * ag_blocks * 4096);
		}
		/* Striped groups are shifted by the stripe; without one, all are found. */
		if (missed > 0 && i % ARRAY_SIZE(options) == 0) {
			fail_msg("%s: %u of %u copies are not looked at", sizes[i / 2], missed,
				(unsigned)ags);
		}
		free(ranges);
		(void)close(fd);
	}
}

/* Where the real mkfs.ext4 puts copies of its superblock. */
static void test_ext4_copies_are_covered(void **state)
{
	static const struct {
		unsigned block;
		uint64_t size;
	} cases[] = {
		{1024, (uint64_t)GIB}, {2048, (uint64_t)(4 * GIB)}, {4096, (uint64_t)(200 * GIB)}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char command[256];
		struct read_range *ranges;
		struct err err = {0};
		unsigned copies = 0;
		size_t n;
		int fd = memfd_create("ext4", 0);
		uint64_t group = (uint64_t)cases[i].block * 8 * cases[i].block;

		(void)snprintf(command, sizeof(command),
			"mkfs.ext4 -q -F -b %u -E nodiscard /proc/self/fd/3", cases[i].block);
		const char *argv[] = {"sh", "-c", command, NULL};
		assert_int_equal(ftruncate(fd, (off_t)cases[i].size), 0);
		assert_int_equal(fake_run(fd, argv), 0);
		assert_int_equal(blank_ranges(cases[i].size, &ranges, &n, &err), 0);
		for (uint64_t g = 1; g * group < cases[i].size; g++) {
			uint64_t at = g * group + (cases[i].block == 1024 ? 1024 : 0);
			uint8_t magic[2] = {0};
			assert_true(pread(fd, magic, 2, (off_t)at + 56) >= 0);
			if (magic[0] == 0x53 && magic[1] == 0xef) {
				copies++;
				assert_true(covered(ranges, n, at));
			}
		}
		assert_true(copies >= 5);
		free(ranges);
		(void)close(fd);
	}
}

static void test_one_byte_is_found(void **state)
{
	struct read_range *ranges;
	struct fake_disk disk;
	struct err err = {0};
	size_t n;

	(void)state;
	fake_open(&disk, SIZE);
	assert_int_equal(blank_ranges(SIZE, &ranges, &n, &err), 0);
	struct blank_result result;
	assert_int_equal(blank_check(disk.fd, SIZE, NULL, &result, &err), 0);
	assert_true(result.blank);
	assert_true(result.bytes_read >= 2 * BLANK_END_BYTES + BLANK_SAMPLES * 4000);
	for (size_t i = 0; i < n; i += 29) {
		uint64_t at = ranges[i].offset + (i % 2 ? ranges[i].length - 1 : 0);
		put_bytes(disk.fd, at, "\x01", 1);
		assert_int_equal(blank_check(disk.fd, SIZE, NULL, &result, &err), 0);
		assert_false(result.blank);
		assert_int_equal(result.found_at, at);
		put_bytes(disk.fd, at, "", 1);
	}
	/* The second header of LUKS2, and the ends. */
	static const uint64_t places[] = {0x4000, 0x400000, SIZE - 1, 511};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		put_bytes(disk.fd, places[i], "\x80", 1);
		assert_int_equal(blank_check(disk.fd, SIZE, NULL, &result, &err), 0);
		assert_false(result.blank);
		put_bytes(disk.fd, places[i], "", 1);
	}
	free(ranges);
	fake_close(&disk);
}

static void test_p1_failed_read_is_never_blank(void **state)
{
	struct fake_disk disk;
	struct blank_result result;
	struct err err = {0};

	(void)state;
	fake_open(&disk, SIZE);
	assert_int_equal(blank_check(disk.fd, SIZE, &disk.io, &result, &err), 0);
	unsigned reads = disk.reads;
	assert_true(reads > BLANK_SAMPLES);
	for (unsigned i = 0; i < reads; i += i + 41 < reads ? 41 : 1) {
		struct err failed = {0};
		disk.reads = 0;
		disk.fail_read = (int)i;
		assert_int_equal(blank_check(disk.fd, SIZE, &disk.io, &result, &failed), -1);
		assert_int_equal(failed.code, ERR_UNAVAILABLE);
	}
	fake_close(&disk);
}

static void test_sizes(void **state)
{
	struct fake_disk disk;
	struct blank_result result;
	struct err err = {0};

	(void)state;
	fake_open(&disk, 0);
	assert_int_equal(blank_check(disk.fd, 0, NULL, &result, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(ftruncate(disk.fd, 4096 * 3), 0);
	assert_int_equal(blank_check(disk.fd, 4096 * 3, NULL, &result, &err), 0);
	assert_true(result.blank);
	/* The size was said larger than the device is. */
	assert_int_equal(blank_check(disk.fd, 4096 * 4, NULL, &result, &err), -1);
	fake_close(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_are_in_order),
		cmocka_unit_test(test_xfs_copies_are_covered),
		cmocka_unit_test(test_ext4_copies_are_covered),
		cmocka_unit_test(test_one_byte_is_found),
		cmocka_unit_test(test_p1_failed_read_is_never_blank),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
