/* SPDX-License-Identifier: Apache-2.0 */
/* The store `file`: the data of volumes and snapshots. */
#include "test/unit/target/store/filestore.h"

static void write_at(struct fixture *f, const char *file, off_t offset, const char *text)
{
	_cleanup_close_ int fd = open(at(&f->place, file), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), offset), (ssize_t)strlen(text));
}

static void assert_reads(struct fixture *f, const char *file, off_t offset, const char *text)
{
	_cleanup_close_ int fd = open(at(&f->place, file), O_RDONLY | O_CLOEXEC);
	char got[16] = "";

	assert_int_equal(pread(fd, got, strlen(text), offset), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void test_create(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct store_stat stat;

	assert_ok(ops->create(NO_STEP, f->store, VOLUME("v1"), 8 * MIB, &f->err), f->err);
	assert_ok(ops->stat(f->store, VOLUME("v1"), &stat, &f->err), f->err);
	assert_int_equal(stat.size, 8 * MIB);
	assert_int_equal(stat.allocated, 0);
	/* What is there is never written over. */
	write_at(f, "volumes/v1.img", 0, "data");
	assert_int_equal(ops->create(NO_STEP, f->store, VOLUME("v1"), 4 * MIB, &f->err), -1);
	assert_err(f->err, ERR_ALREADY_EXISTS, "volume v1");
	assert_reads(f, "volumes/v1.img", 0, "data");
	fake_fs.hint_errno = EIO;
	assert_int_equal(ops->create(NO_STEP, f->store, VOLUME("v2"), 4 * MIB, &f->err), -1);
	assert_err(f->err, ERR_INTERNAL, "extent-size hint");
}

static void test_clone(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct store_stat stat;

	assert_ok(ops->create(NO_STEP, f->store, VOLUME("v1"), 8 * MIB, &f->err), f->err);
	write_at(f, "volumes/v1.img", MIB, "old");
	assert_ok(ops->clone(NO_STEP, f->store, VOLUME("v1"), SNAPSHOT("s1"), 8 * MIB, &f->err),
		f->err);
	write_at(f, "volumes/v1.img", MIB, "new");
	assert_ok(ops->clone(NO_STEP, f->store, SNAPSHOT("s1"), VOLUME("v2"), 16 * MIB, &f->err),
		f->err);
	assert_reads(f, "volumes/v2.img", MIB, "old");
	assert_ok(ops->stat(f->store, VOLUME("v2"), &stat, &f->err), f->err);
	assert_int_equal(stat.size, 16 * MIB);
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("v1"), VOLUME("v2"), 8 * MIB, &f->err), -1);
	assert_err(f->err, ERR_ALREADY_EXISTS, "volume v2");
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("no"), VOLUME("v3"), 8 * MIB, &f->err), -1);
	assert_err(f->err, ERR_NOT_FOUND, "volume no");
	assert_false(exists(at(&f->place, "volumes/v3.img")));
}

static void test_clone_limits(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	int64_t extents;

	assert_ok(ops->create(NO_STEP, f->store, VOLUME("v1"), 8 * MIB, &f->err), f->err);
	fake_fs.extents = 101;
	assert_ok(ops->extents(f->store, VOLUME("v1"), &extents, &f->err), f->err);
	assert_int_equal(extents, 101);
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("v1"), VOLUME("v2"), 8 * MIB, &f->err), -1);
	assert_err(f->err, ERR_RESOURCE_EXHAUSTED, "has 101 extents, more than cloneExtents (100)");
	assert_false(exists(at(&f->place, "volumes/v2.img")));
	fake_fs.extents = 100;
	fake_fs.clone_errno = ENOSPC;
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("v1"), VOLUME("v2"), 8 * MIB, &f->err), -1);
	assert_err(f->err, ERR_RESOURCE_EXHAUSTED, "share the blocks");
	fake_fs.clone_errno = 0;
	assert_ok(ops->remove(NO_STEP, f->store, VOLUME("v2"), &f->err), f->err);
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("v1"), VOLUME("v2"), 4 * MIB, &f->err), -1);
	assert_err(f->err, ERR_INTERNAL, "its source has");
}

static void test_grow(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct store_stat stat;

	assert_ok(ops->create(NO_STEP, f->store, VOLUME("v1"), 8 * MIB, &f->err), f->err);
	write_at(f, "volumes/v1.img", 8 * MIB - 4, "last");
	assert_ok(ops->grow(NO_STEP, f->store, VOLUME("v1"), 12 * MIB, &f->err), f->err);
	assert_ok(ops->grow(NO_STEP, f->store, VOLUME("v1"), 12 * MIB, &f->err), f->err);
	assert_int_equal(ops->grow(NO_STEP, f->store, VOLUME("v1"), 8 * MIB, &f->err), -1);
	assert_err(f->err, ERR_FAILED_PRECONDITION, "never cut");
	assert_ok(ops->stat(f->store, VOLUME("v1"), &stat, &f->err), f->err);
	assert_int_equal(stat.size, 12 * MIB);
	assert_ok(ops->drain(NO_STEP, f->store, VOLUME("v1"), &f->err), f->err);
	assert_ok(ops->stat(f->store, VOLUME("v1"), &stat, &f->err), f->err);
	assert_int_equal(stat.size, 12 * MIB);
	assert_reads(f, "volumes/v1.img", 8 * MIB - 4, "last");
	assert_int_equal(ops->grow(NO_STEP, f->store, VOLUME("no"), MIB, &f->err), -1);
	assert_err(f->err, ERR_NOT_FOUND, "volume no");
	assert_int_equal(ops->drain(NO_STEP, f->store, VOLUME("no"), &f->err), -1);
}

static void test_remove(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct store_stat stat;
	int64_t extents;

	assert_ok(ops->create(NO_STEP, f->store, SNAPSHOT("s1"), MIB, &f->err), f->err);
	assert_ok(ops->remove(NO_STEP, f->store, SNAPSHOT("s1"), &f->err), f->err);
	assert_ok(ops->remove(NO_STEP, f->store, SNAPSHOT("s1"), &f->err), f->err);
	assert_int_equal(ops->stat(f->store, SNAPSHOT("s1"), &stat, &f->err), -1);
	assert_err(f->err, ERR_NOT_FOUND, "snapshot s1");
	assert_int_equal(ops->extents(f->store, SNAPSHOT("s1"), &extents, &f->err), -1);
}

/* A link in the place of a data file is not followed. */
static void test_links(void **state)
{
	struct fixture *f = *state;
	const struct store_ops *ops = f->store->ops;
	struct store_stat stat;

	put_file(at(&f->place, "secret"), "secret");
	assert_int_equal(symlink(at(&f->place, "secret"), at(&f->place, "volumes/v1.img")), 0);
	assert_int_equal(ops->stat(f->store, VOLUME("v1"), &stat, &f->err), -1);
	assert_err(f->err, ERR_DATA_LOSS, "no regular file");
	assert_int_equal(ops->grow(NO_STEP, f->store, VOLUME("v1"), MIB, &f->err), -1);
	assert_int_equal(
		ops->clone(NO_STEP, f->store, VOLUME("v1"), VOLUME("v2"), MIB, &f->err), -1);
	assert_false(exists(at(&f->place, "volumes/v2.img")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
