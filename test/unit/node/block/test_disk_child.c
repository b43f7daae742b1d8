/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P1: what may be used, what may be formatted, and what is left alone, with the reason.
 */
#include "node/block/disk_child.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)GIB)
#define DISK "/proc/self/fd/3"

static const struct disk_want wish = {.device = "nvme0n1", .fstype = "ext4", .volume = {7, 7}};

static void open_with(struct fake_disk *disk, const char *command)
{
	const char *argv[] = {"sh", "-c", command, NULL};

	fake_open(disk, SIZE);
	if (command) {
		assert_int_equal(fake_run(disk->fd, argv), 0);
	}
}

static int inspect(const struct fake_disk *disk, const struct disk_want *want,
	struct disk_state *state, struct err *err)
{
	return disk_inspect_here(disk->fd, want, &disk->io, state, NULL, err);
}

static int format_step(const struct step *in, void *arg, struct err *err)
{
	return disk_format_here(in, arg, err);
}

static int format(const struct fake_disk *disk, const struct disk_want *want, struct err *err)
{
	struct steps steps = {.operation = "test"};
	struct deadline dl = deadline_in(60000);
	struct disk_format_job job = {.fd = disk->fd, .want = want, .dl = &dl, .io = &disk->io};

	return step_run(&steps, "format", format_step, &job, err);
}

static void expect_refused(
	const struct fake_disk *disk, const struct disk_want *want, const char *says)
{
	struct disk_state state;
	struct err err = {0};
	unsigned writes = disk->writes;

	for (int formats = 0; formats < 2; formats++) {
		int result = formats ? format(disk, want, &err) : inspect(disk, want, &state, &err);
		assert_int_equal(result, -1);
		assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
		if (!strstr(err.msg, says)) {
			fail_msg("'%s' is not in: %s", says, err.msg);
		}
	}
	assert_int_equal(disk->writes, writes);
}

static void test_formats_blank_and_uses_own(void **state)
{
	static const char *const types[] = {"ext4", "xfs"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct fake_disk disk;
		struct disk_want want = wish;
		struct disk_state seen;
		struct err err = {0};

		want.fstype = types[i];
		open_with(&disk, NULL);
		assert_int_equal(inspect(&disk, &want, &seen, &err), 0);
		assert_int_equal(seen.verdict, DISK_FORMAT);
		assert_false(seen.redo);
		assert_int_equal(seen.geometry.size, SIZE);
		if (format(&disk, &want, &err) < 0) {
			fail_msg("%s", err.msg);
		}
		assert_fs_whole(disk.fd, types[i]);
		assert_int_equal(inspect(&disk, &want, &seen, &err), 0);
		assert_int_equal(seen.verdict, DISK_USE);
		assert_string_equal(seen.probe.type, types[i]);
		/* A second call changes nothing. */
		unsigned writes = disk.writes;
		assert_int_equal(format(&disk, &want, &err), 0);
		assert_int_equal(disk.writes, writes);
		/* What holds data is used whatever is said of it. */
		want.written = want.formatted = want.read_only = true;
		assert_int_equal(inspect(&disk, &want, &seen, &err), 0);
		assert_int_equal(seen.verdict, DISK_USE);
		fake_close(&disk);
	}
}

static void test_p1_blank_but_forbidden(void **state)
{
	struct fake_disk disk;
	struct disk_want want = wish;

	(void)state;
	open_with(&disk, NULL);
	want.written = true;
	expect_refused(&disk, &want, "restored, cloned or written before");
	want = wish;
	want.formatted = true;
	expect_refused(&disk, &want, "this node has formatted it before");
	want = wish;
	want.read_only = true;
	expect_refused(&disk, &want, "read-write once");
	fake_close(&disk);
}

/* Only the format asks whether the device is blank: the inspection leaves it open. */
static void test_p1_data_without_signature(void **state)
{
	struct fake_disk disk;
	struct disk_state seen;
	struct err err = {0};

	(void)state;
	open_with(&disk, NULL);
	put_bytes(disk.fd, SIZE / 2, "data", 4);
	assert_int_equal(inspect(&disk, &wish, &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_FORMAT);
	assert_int_equal(format(&disk, &wish, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "there is data at offset 536870912"));
	assert_int_equal(disk.writes, 0);
	fake_close(&disk);
}

static void test_p1_foreign_signature(void **state)
{
	static const struct {
		const char *command;
		const char *says;
	} cases[] = {
		{"mkfs.xfs -q -f -L theirs " DISK, "xfs filesystem (label 'theirs'"},
		{"mkfs.btrfs -q " DISK, "another type than ext4: btrfs"},
		{"mkswap -q " DISK, "swap"},
		{"printf 'LUKS\\272\\276\\0\\1' | dd of=" DISK " conv=notrunc status=none",
			"crypto_LUKS"},
		{"mkfs.ext4 -q -F " DISK " && mkfs.xfs -q -f -s size=512 /tmp/nv-test.$$ -d "
		 "file,size=400m && dd if=/tmp/nv-test.$$ of=" DISK
		 " bs=512 count=1 conv=notrunc status=none && rm /tmp/nv-test.$$",
			"several signatures"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_disk disk;
		open_with(&disk, cases[i].command);
		expect_refused(&disk, &wish, cases[i].says);
		fake_close(&disk);
	}
}

/* Leave a device with the intent of a format that was cut. */
static void open_cut(struct fake_disk *disk)
{
	struct err err = {0};

	open_with(disk, NULL);
	disk->cut_after = 5;
	assert_int_equal(format(disk, &wish, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	disk->cut_after = -1;
}

static void test_p1_unfinished_format(void **state)
{
	struct fake_disk disk;
	struct disk_want want = wish;
	struct disk_state seen;
	struct err err = {0};

	(void)state;
	open_cut(&disk);
	assert_int_equal(inspect(&disk, &want, &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_FORMAT);
	assert_true(seen.redo);
	want.volume[3] = 9;
	expect_refused(&disk, &want, "another volume");
	want = wish;
	want.written = true;
	expect_refused(&disk, &want, "restored or cloned");
	want = wish;
	want.formatted = true;
	expect_refused(&disk, &want, "recorded that it finished");
	want = wish;
	want.read_only = true;
	expect_refused(&disk, &want, "read-write once");
	/* Redone, even as another type. */
	want = wish;
	want.fstype = "xfs";
	if (format(&disk, &want, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_fs_whole(disk.fd, "xfs");
	assert_int_equal(inspect(&disk, &want, &seen, &err), 0);
	assert_int_equal(seen.verdict, DISK_USE);
	fake_close(&disk);
}

static void test_p1_damaged_intent(void **state)
{
	struct fake_disk disk;

	(void)state;
	open_cut(&disk);
	put_bytes(disk.fd, 2100, "x", 1);
	expect_refused(&disk, &wish, "damaged");
	fake_close(&disk);
}

/* Any read that fails on the way to a format stops it. */
static void test_p1_read_errors(void **state)
{
	struct fake_disk disk;
	struct disk_state seen;
	struct err err = {0};

	(void)state;
	open_with(&disk, NULL);
	assert_int_equal(inspect(&disk, &wish, &seen, &err), 0);
	unsigned inspected = disk.reads;
	/* As many as a format makes before its first write. */
	disk.reads = 0;
	disk.cut_after = 0;
	assert_int_equal(format(&disk, &wish, &err), -1);
	unsigned reads = disk.reads;
	assert_true(reads > inspected + 1000);
	disk.cut_after = -1;
	for (unsigned i = 0; i < reads; i += i < 40 ? 1 : 67) {
		struct err failed = {0};
		disk.fail_read = (int)i;
		disk.reads = 0;
		if (i < inspected) {
			assert_int_equal(inspect(&disk, &wish, &seen, &failed), -1);
			assert_int_equal(failed.code, ERR_UNAVAILABLE);
		}
		disk.reads = 0;
		assert_int_equal(format(&disk, &wish, &failed), -1);
		assert_int_equal(failed.code, ERR_UNAVAILABLE);
		assert_int_equal(disk.writes, 0);
	}
	fake_close(&disk);
}

/* Options that make of an ext4 what everybody else calls by another name. */
static void test_other_type_by_options(void **state)
{
	struct steps steps = {.operation = "test"};
	struct deadline dl = deadline_in(60000);
	struct mkfs_options options;
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	open_with(&disk, NULL);
	assert_int_equal(
		mkfs_options_parse("mkfsOptions", "ext4",
			"-O ^extents,^64bit,^flex_bg,^huge_file,^dir_nlink,^extra_isize,^metadata_csum,^orphan_file",
			&options, &err),
		0);
	struct disk_format_job job = {disk.fd, &wish, &options, &dl, &disk.io};
	assert_int_equal(step_run(&steps, "format", format_step, &job, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, "mkfsOptions") || !strstr(err.msg, "ext3")) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(disk.writes, 0);
	fake_close(&disk);
}

static void test_gone_device(void **state)
{
	struct fake_disk disk;
	struct disk_state seen;
	struct err err = {0};

	(void)state;
	fake_open(&disk, 0);
	assert_int_equal(inspect(&disk, &wish, &seen, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	fake_close(&disk);
}

static void test_texts(void **state)
{
	struct disk_want want = {.device = "d", .fstype = "xfs", .volume = {0xab, 1}};
	struct disk_want back;
	struct disk_state made = {.verdict = DISK_FORMAT,
		.redo = true,
		.probe = {PROBE_OTHER, "crypto_LUKS", "u-1", "two words"},
		.geometry = {1ULL << 50, 512, 4096, 8192, 65536, true, false}};
	struct disk_state read;
	struct err err = {0};
	char volume[DISK_VOLUME_SIZE];
	char flags[DISK_FLAGS_SIZE];

	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		want.written = bits & 1;
		want.formatted = bits & 2;
		want.read_only = bits & 4;
		disk_want_print(&want, volume, flags);
		const char *argv[] = {"d", "xfs", volume, flags};
		assert_int_equal(disk_want_parse(argv, &back, &err), 0);
		assert_int_equal(back.written, want.written);
		assert_int_equal(back.formatted, want.formatted);
		assert_int_equal(back.read_only, want.read_only);
		assert_memory_equal(back.volume, want.volume, sizeof(want.volume));
	}
	_cleanup_strbuf_ struct strbuf out = sb_init(4000);
	disk_state_print(&made, &out);
	assert_int_equal(disk_state_parse(sb_str(&out), &read, &err), 0);
	assert_int_equal(read.verdict, made.verdict);
	assert_true(read.redo);
	assert_int_equal(read.probe.kind, made.probe.kind);
	assert_string_equal(read.probe.type, made.probe.type);
	assert_string_equal(read.probe.label, made.probe.label);
	assert_int_equal(read.geometry.size, made.geometry.size);
	assert_int_equal(read.geometry.io_opt, made.geometry.io_opt);
	assert_true(read.geometry.read_only);
	/* Cut anywhere, it is refused. */
	for (size_t n = 0; n < out.len; n++) {
		_cleanup_free_ char *cut = strndup(sb_str(&out), n);
		assert_int_equal(disk_state_parse(cut, &read, &err), -1);
	}
	const char *bad[] = {"d", "btrfs", volume, ""};
	assert_int_equal(disk_want_parse(bad, &back, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats_blank_and_uses_own),
		cmocka_unit_test(test_p1_blank_but_forbidden),
		cmocka_unit_test(test_p1_data_without_signature),
		cmocka_unit_test(test_p1_foreign_signature),
		cmocka_unit_test(test_p1_unfinished_format),
		cmocka_unit_test(test_p1_damaged_intent),
		cmocka_unit_test(test_p1_read_errors),
		cmocka_unit_test(test_other_type_by_options),
		cmocka_unit_test(test_gone_device),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
