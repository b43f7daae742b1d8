/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkfs in memory: whole filesystems for every kind of device, with the options asked for.
 */
#include "node/block/format.h"
#include "test/unit/node/block/disk_fake.h"

#include <endian.h>

static const struct blkdev_geometry plain = {
	.size = GIB, .logical_block = 4096, .physical_block = 4096, .io_min = 4096};

static uint32_t number_at(int fd, off_t at, size_t n, bool big)
{
	uint8_t b[4] = {0};
	uint32_t value = 0;

	assert_int_equal(pread(fd, b, n, at), n);
	for (size_t i = 0; i < n; i++) {
		value |= (uint32_t)b[i] << 8 * (big ? n - 1 - i : i);
	}
	return value;
}

static void make(const char *fstype, const char *options, const struct blkdev_geometry *g,
	struct format_image *ret)
{
	struct deadline dl = deadline_in(60000);
	struct mkfs_options parsed;
	struct err err = {0};

	assert_int_equal(mkfs_options_parse("mkfsOptions", fstype, options, &parsed, &err), 0);
	if (format_image_make(fstype, &parsed, g, &dl, ret, &err) < 0) {
		fail_msg("%s '%s': %s", fstype, options ? options : "", err.msg);
	}
	assert_fs_whole(ret->fd, fstype);
}

/* The extents hold all that is not zero, and block 0. */
static void assert_extents_complete(const struct format_image *image)
{
	int copy = memfd_create("copy", 0);
	static uint8_t block[INTENT_BLOCK];

	assert_int_equal(ftruncate(copy, (off_t)image->size), 0);
	assert_true(image->n_extents > 1);
	assert_int_equal(image->extents[0].offset, 0);
	for (size_t i = 0; i < image->n_extents; i++) {
		const struct intent_extent *e = &image->extents[i];
		for (uint64_t at = e->offset; at < e->offset + e->length; at += sizeof(block)) {
			assert_int_equal(
				pread(image->fd, block, sizeof(block), (off_t)at), sizeof(block));
			put_bytes(copy, at, block, sizeof(block));
		}
	}
	assert_same_content(image->fd, copy, image->size);
	(void)close(copy);
}

static void test_both_types(void **state)
{
	static const char *const types[] = {"ext4", "xfs"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct format_image image;
		make(types[i], NULL, &plain, &image);
		assert_int_equal(image.size, GIB);
		assert_extents_complete(&image);
		format_image_done(&image);
		assert_int_equal(image.fd, -1);
	}
}

static void test_sector_sizes(void **state)
{
	struct blkdev_geometry g = plain;
	struct format_image image;

	(void)state;
	/* 512-byte sectors on 512-byte media, and a size that is no multiple of the block. */
	g.logical_block = g.physical_block = g.io_min = 512;
	g.size = GIB + 512 * 3;
	make("xfs", NULL, &g, &image);
	assert_int_equal(image.size, GIB);
	assert_int_equal(number_at(image.fd, 102, 2, true), 512);
	assert_extents_complete(&image);
	format_image_done(&image);
	make("ext4", NULL, &g, &image);
	assert_int_equal(image.size, GIB);
	format_image_done(&image);
	/* 512 emulated on 4096, and a physical block larger than the filesystem's. */
	g.physical_block = 4096;
	make("xfs", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 102, 2, true), 4096);
	format_image_done(&image);
	g.physical_block = 16384;
	make("xfs", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 102, 2, true), 4096);
	format_image_done(&image);
}

static void test_alignment(void **state)
{
	struct blkdev_geometry g = plain;
	struct format_image image;

	(void)state;
	g.io_min = 65536;
	g.io_opt = 262144;
	make("xfs", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 184, 4, true), 16);
	assert_int_equal(number_at(image.fd, 188, 4, true), 64);
	assert_extents_complete(&image);
	format_image_done(&image);
	make("ext4", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 1024 + 0x164, 2, false), 16);
	assert_int_equal(number_at(image.fd, 1024 + 0x170, 4, false), 64);
	format_image_done(&image);
	/* What the user says wins. */
	make("ext4", "-E stride=8,stripe_width=32", &g, &image);
	assert_int_equal(number_at(image.fd, 1024 + 0x164, 2, false), 8);
	format_image_done(&image);
	make("xfs", "-d noalign", &g, &image);
	assert_int_equal(number_at(image.fd, 184, 4, true), 0);
	format_image_done(&image);
	/* Only an optimal size, only a smallest one, and one that is no multiple of the other. */
	g.io_min = 4096;
	make("xfs", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 184, 4, true), 0);
	format_image_done(&image);
	g.io_min = 65536;
	g.io_opt = 0;
	make("xfs", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 184, 4, true), 16);
	format_image_done(&image);
	g.io_opt = 100000;
	make("ext4", NULL, &g, &image);
	assert_int_equal(number_at(image.fd, 1024 + 0x164, 2, false), 0);
	format_image_done(&image);
}

static void test_user_options(void **state)
{
	struct format_image image;

	(void)state;
	make("ext4", "-b 1024 -L mine -m 5 -N 1000 -O ^has_journal", &plain, &image);
	assert_int_equal(number_at(image.fd, 1024 + 24, 4, false), 0);
	assert_extents_complete(&image);
	format_image_done(&image);
	make("xfs", "-L mine -d agcount=8 -m reflink=0 -l su=4096", &plain, &image);
	assert_int_equal(number_at(image.fd, 88, 4, true), 8);
	format_image_done(&image);
	/* Nothing is left for the kernel to do behind the mount. */
	make("ext4", NULL, &plain, &image);
	static const char *const uninit[] = {"sh", "-c",
		"g=$(dumpe2fs /proc/self/fd/3 2>/dev/null | grep '^Group [0-9]') && "
		"echo \"$g\" | grep -c ITABLE_ZEROED | grep -qx 8",
		NULL};
	assert_int_equal(fake_run(image.fd, uninit), 0);
	format_image_done(&image);
}

static void test_refused(void **state)
{
	struct deadline dl = deadline_in(60000);
	struct blkdev_geometry g = plain;
	struct mkfs_options options;
	struct format_image image;
	struct err err = {0};

	(void)state;
	g.size = 299 * MIB;
	assert_int_equal(format_image_make("xfs", NULL, &g, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	g.size = 7 * MIB;
	assert_int_equal(format_image_make("ext4", NULL, &g, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	g.size = (uint64_t)FORMAT_DEVICE_MAX + 4096;
	assert_int_equal(format_image_make("ext4", NULL, &g, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_OUT_OF_RANGE);
	g = plain;
	g.logical_block = 8192;
	assert_int_equal(format_image_make("ext4", NULL, &g, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	/* mkfs's own words come through. */
	assert_int_equal(mkfs_options_parse("mkfsOptions", "ext4", "-O nosuch", &options, &err), 0);
	assert_int_equal(format_image_make("ext4", &options, &plain, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "mkfsOptions"));
	assert_non_null(strstr(err.msg, "nosuch"));
	dl = deadline_in(0);
	assert_int_equal(format_image_make("ext4", NULL, &plain, &dl, &image, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
}

static void test_large(void **state)
{
	struct blkdev_geometry g = plain;
	struct format_image image;
	struct deadline dl = deadline_in(60000);
	struct err err = {0};

	(void)state;
	g.size = 8 * TIB;
	assert_int_equal(format_image_make("xfs", NULL, &g, &dl, &image, &err), 0);
	assert_in_range(image.n_extents, 2, 64);
	format_image_done(&image);
	/* The log is written out, in memory: options of the user's must not make it grow. */
	make("xfs", "-l su=4096", &g, &image);
	assert_int_equal(number_at(image.fd, 96, 4, true), 64 * MIB / 4096);
	format_image_done(&image);
	g.size = 100 * GIB;
	assert_int_equal(format_image_make("ext4", NULL, &g, &dl, &image, &err), 0);
	assert_in_range(image.n_extents, 2, 1000);
	format_image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_types),
		cmocka_unit_test(test_sector_sizes),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_user_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
