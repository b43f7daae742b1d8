/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P1: a format that is cut after any write, with any of the unflushed writes lost, leaves the
 * device blank, marked with our intent, or whole; and going on from there ends with exactly the
 * image.
 */
#include "node/block/blank.h"
#include "node/block/format.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)GIB)
#define LOTS 6 /* tries per cut, each losing other writes */

static const uint8_t volume[16] = {1, 2, 3, 4};

enum seen { SEEN_BLANK, SEEN_INTENT, SEEN_WHOLE, SEEN_KINDS };

static struct format_image make(const char *fstype, const char *options)
{
	static const struct blkdev_geometry g = {
		.size = GIB, .logical_block = 4096, .physical_block = 4096, .io_min = 4096};
	struct deadline dl = deadline_in(60000);
	struct mkfs_options parsed;
	struct format_image image;
	struct err err = {0};

	assert_int_equal(mkfs_options_parse("o", fstype, options, &parsed, &err), 0);
	assert_int_equal(format_image_make(fstype, &parsed, &g, &dl, &image, &err), 0);
	return image;
}

static int copy(const struct format_image *image, struct fake_disk *disk, const char *fstype,
	const struct intent *redo, struct err *err)
{
	struct format_target target = {
		.fd = disk->fd, .fstype = fstype, .redo = redo, .io = &disk->io};

	memcpy(target.volume, volume, sizeof(volume));
	return format_image_copy(image, &target, err);
}

/* What does the device show? An intent comes back in @intent. */
static enum seen look(
	const struct fake_disk *disk, const struct format_image *image, struct intent *intent)
{
	uint8_t block[INTENT_BLOCK];
	struct blank_result blank;
	struct err err = {0};

	assert_int_equal(pread(disk->fd, block, sizeof(block), 0), sizeof(block));
	int found = intent_decode(block, intent, &err);
	assert_true(found >= 0);
	if (found) {
		assert_memory_equal(intent->volume, volume, sizeof(volume));
		return SEEN_INTENT;
	}
	assert_int_equal(blank_check(disk->fd, SIZE, NULL, &blank, &err), 0);
	if (blank.blank) {
		/* Truly blank, not only where one looks. */
		assert_true(lseek(disk->fd, 0, SEEK_DATA) < 0 || image);
		return SEEN_BLANK;
	}
	assert_same_content(disk->fd, image->fd, SIZE);
	return SEEN_WHOLE;
}

static unsigned count_writes(
	const struct format_image *image, const char *fstype, const struct intent *redo)
{
	struct fake_disk disk;
	struct err err = {0};

	fake_open(&disk, SIZE);
	assert_int_equal(copy(image, &disk, fstype, redo, &err), 0);
	unsigned writes = disk.writes;
	assert_int_equal(disk.flushes, redo ? 4 : 3);
	if (!redo) {
		assert_same_content(disk.fd, image->fd, SIZE);
		assert_fs_whole(disk.fd, fstype);
	}
	fake_close(&disk);
	return writes;
}

/* Cut a format of @image after @cut writes, then go on with @other as a retry would. */
static enum seen cut_once(const struct format_image *image, const struct format_image *other,
	const char *fstype, int cut, unsigned seed)
{
	struct fake_disk disk;
	struct intent intent = {0};
	struct err err = {0};

	fake_open(&disk, SIZE);
	disk.cut_after = cut;
	disk.seed = seed;
	assert_int_equal(copy(image, &disk, fstype, NULL, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	enum seen seen = look(&disk, image, &intent);
	if (seen != SEEN_WHOLE) {
		disk.cut_after = -1;
		assert_int_equal(
			copy(other, &disk, fstype, seen == SEEN_INTENT ? &intent : NULL, &err), 0);
		assert_same_content(disk.fd, other->fd, SIZE);
	}
	intent_done(&intent);
	fake_close(&disk);
	return seen;
}

static void cut_everywhere(const char *fstype, const char *other_options)
{
	struct format_image image = make(fstype, NULL);
	struct format_image other = make(fstype, other_options);
	unsigned writes = count_writes(&image, fstype, NULL);
	unsigned kinds[SEEN_KINDS] = {0};

	for (unsigned cut = 0; cut <= writes; cut++) {
		for (unsigned lot = 0; lot < LOTS; lot++) {
			enum seen seen =
				cut_once(&image, &other, fstype, (int)cut, cut * 100 + lot);
			kinds[seen]++;
			/* Nothing but the intent may stand before the last write. */
			assert_true(cut > 1 || seen != SEEN_WHOLE);
			assert_true(cut <= 1 || seen != SEEN_BLANK);
		}
	}
	print_message("%s: %u writes; blank %u, intent %u, whole %u\n", fstype, writes,
		kinds[SEEN_BLANK], kinds[SEEN_INTENT], kinds[SEEN_WHOLE]);
	assert_true(kinds[SEEN_BLANK] > 0 && kinds[SEEN_INTENT] > 0 && kinds[SEEN_WHOLE] > 0);
	assert_fs_whole(other.fd, fstype);
	format_image_done(&image);
	format_image_done(&other);
}

static void test_p1_cut_ext4(void **state)
{
	(void)state;
	cut_everywhere("ext4", "-b 1024 -G 4 -N 5000");
}

static void test_p1_cut_xfs(void **state)
{
	(void)state;
	cut_everywhere("xfs", "-d agcount=7 -i size=1024");
}

/* A redo may be cut as well: it stays our intent until it is whole. */
static void test_p1_cut_redo(void **state)
{
	struct format_image first = make("xfs", NULL);
	struct format_image second = make("ext4", NULL);
	struct err err = {0};

	(void)state;
	for (unsigned cut = 0; cut < 40; cut++) {
		struct fake_disk disk;
		struct intent intent = {0};
		struct intent again = {0};

		fake_open(&disk, SIZE);
		disk.cut_after = 4;
		disk.seed = cut;
		assert_int_equal(copy(&first, &disk, "xfs", NULL, &err), -1);
		assert_int_equal(look(&disk, &first, &intent), SEEN_INTENT);
		disk.writes = 0;
		disk.cut_after = (int)cut;
		if (copy(&second, &disk, "ext4", &intent, &err) == 0) {
			assert_int_equal(look(&disk, &second, &again), SEEN_WHOLE);
		} else if (look(&disk, &second, &again) == SEEN_INTENT) {
			disk.cut_after = -1;
			assert_int_equal(copy(&second, &disk, "ext4", &again, &err), 0);
			assert_same_content(disk.fd, second.fd, SIZE);
		}
		intent_done(&intent);
		intent_done(&again);
		fake_close(&disk);
	}
	format_image_done(&first);
	format_image_done(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_p1_cut_ext4),
		cmocka_unit_test(test_p1_cut_xfs),
		cmocka_unit_test(test_p1_cut_redo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
