/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads at once: all of what was asked, each checked.
 */
#include "node/block/reader.h"
#include "test/unit/node/block/disk_fake.h"

#define SIZE ((uint64_t)(64 * MIB))

struct seen {
	uint64_t bytes;
	unsigned chunks;
	unsigned stop_after; /* 0: never */
	bool wrong;
};

/* Each 512 bytes begin with their own offset. */
static int on_chunk(void *arg, uint64_t offset, const uint8_t *data, size_t n, struct err *err)
{
	struct seen *seen = arg;

	(void)err;
	for (size_t at = 0; at < n; at += 512) {
		uint64_t mark;
		memcpy(&mark, data + at, sizeof(mark));
		seen->wrong = seen->wrong || mark != offset + at;
	}
	seen->bytes += n;
	return ++seen->chunks == seen->stop_after;
}

static void fill(struct fake_disk *disk)
{
	fake_open(disk, SIZE);
	for (uint64_t at = 0; at < SIZE; at += 512) {
		put_bytes(disk->fd, at, &at, sizeof(at));
	}
}

static const struct read_range ranges[] = {
	{0, READER_CHUNK * 3 + 512}, {SIZE / 2, 512}, {SIZE / 2 + 4096, 4096}, {SIZE - 4096, 4096}};
#define TOTAL ((uint64_t)READER_CHUNK * 3 + 512 + 512 + 4096 + 4096)

static void test_all_is_read(void **state)
{
	struct fake_disk disk;
	struct err err = {0};

	(void)state;
	fill(&disk);
	const struct disk_io *ios[] = {NULL, &disk.io};
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		struct seen seen = {0};
		struct reader_job job = {
			disk.fd, ios[i], ranges, ARRAY_SIZE(ranges), on_chunk, &seen};
		assert_int_equal(reader_run(&job, &err), 0);
		assert_int_equal(seen.bytes, TOTAL);
		assert_int_equal(seen.chunks, 7);
		assert_false(seen.wrong);
	}
	assert_int_equal(disk.reads, 7);
	fake_close(&disk);
}

static void test_more_than_fit_at_once(void **state)
{
	static struct read_range many[READER_AT_ONCE * 5];
	struct fake_disk disk;
	struct err err = {0};
	struct seen seen = {0};

	(void)state;
	fill(&disk);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct read_range){i * 4096 * 7, 4096};
	}
	struct reader_job job = {disk.fd, NULL, many, ARRAY_SIZE(many), on_chunk, &seen};
	assert_int_equal(reader_run(&job, &err), 0);
	assert_int_equal(seen.chunks, ARRAY_SIZE(many));
	assert_false(seen.wrong);
	/* Stopping early is no error. */
	seen = (struct seen){.stop_after = 3};
	assert_int_equal(reader_run(&job, &err), 0);
	assert_int_equal(seen.chunks, 3);
	fake_close(&disk);
}

static void test_failures(void **state)
{
	struct fake_disk disk;
	struct seen seen = {0};

	(void)state;
	fill(&disk);
	for (int i = 0; i < 7; i++) {
		struct err err = {0};
		struct reader_job job = {
			disk.fd, &disk.io, ranges, ARRAY_SIZE(ranges), on_chunk, &seen};
		disk.reads = 0;
		disk.fail_read = i;
		assert_int_equal(reader_run(&job, &err), -1);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		assert_non_null(strstr(err.msg, "offset"));
	}
	/* A device that ends sooner than it said: by AIO and by read. */
	assert_int_equal(ftruncate(disk.fd, (off_t)SIZE - 512), 0);
	const struct disk_io *ios[] = {NULL, &disk.io};
	disk.fail_read = -1;
	for (size_t i = 0; i < ARRAY_SIZE(ios); i++) {
		struct err err = {0};
		struct reader_job job = {
			disk.fd, ios[i], ranges, ARRAY_SIZE(ranges), on_chunk, &seen};
		assert_int_equal(reader_run(&job, &err), -1);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
	}
	struct err err = {0};
	struct reader_job closed = {-1, NULL, ranges, ARRAY_SIZE(ranges), on_chunk, &seen};
	assert_int_equal(reader_run(&closed, &err), -1);
	fake_close(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_read),
		cmocka_unit_test(test_more_than_fit_at_once),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
