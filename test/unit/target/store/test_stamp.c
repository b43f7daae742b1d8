/* SPDX-License-Identifier: Apache-2.0 */
/* The identity of a pool: made, read, missing, broken, and never made over something else. */
#include "target/store/stamp.h"
#include "test/unit/target/support.h"

struct fixture {
	struct place place;
	struct stamp stamp;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fake_fs = (struct fake_fs){0};
	place_make(&f->place);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	place_remove(&f->place);
	free(f);
	return 0;
}

static int init(struct fixture *f, const char *name)
{
	return stamp_init(NO_STEP, f->place.path, name, &fake_fsops, &f->stamp, &f->err);
}

static int read_stamp(struct fixture *f, struct stamp *ret)
{
	_cleanup_close_ int fd = open(f->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return stamp_read(fd, f->place.path, ret, &f->err);
}

static void test_init_and_read(void **state)
{
	struct fixture *f = *state;
	struct stamp again;

	assert_ok(init(f, "fast"), f->err);
	assert_ok(read_stamp(f, &again), f->err);
	assert_string_equal(again.uuid, f->stamp.uuid);
	assert_string_equal(again.name, "fast");
	assert_true(exists(at(&f->place, "volumes")) && exists(at(&f->place, "snapshots")));
	/* Again: the same identity. */
	assert_ok(init(f, "fast"), f->err);
	assert_string_equal(again.uuid, f->stamp.uuid);
	assert_int_equal(init(f, "slow"), -1);
	assert_err(f->err, ERR_FAILED_PRECONDITION, "is the pool \"fast\" already");
}

static void test_init_refuses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(stamp_init(NO_STEP, "tmp", "p", &fake_fsops, &f->stamp, &f->err), -1);
	assert_err(f->err, ERR_INVALID_ARGUMENT, "absolute");
	assert_int_equal(init(f, "No"), -1);
	assert_err(f->err, ERR_INVALID_ARGUMENT, "pool name: \"No\"");
	assert_int_equal(
		stamp_init(NO_STEP, at(&f->place, "none"), "p", &fake_fsops, &f->stamp, &f->err),
		-1);
	assert_err(f->err, ERR_NOT_FOUND, "open the directory");

	fake_fs.clone_errno = EOPNOTSUPP;
	assert_int_equal(init(f, "p"), -1);
	assert_err(f->err, ERR_FAILED_PRECONDITION, "no reflink");
	assert_false(exists(at(&f->place, STAMP_FILE)));
	assert_false(exists(at(&f->place, "volumes")));
	fake_fs.clone_errno = EIO;
	assert_int_equal(init(f, "p"), -1);
	assert_err(f->err, ERR_INTERNAL, "try reflink");
}

/* A pool that lost its identity is not made a new one: its volumes would count as not there. */
static void test_init_refuses_leftovers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(&f->place, "volumes"), 0700), 0);
	put_file(at(&f->place, "volumes/v1.img"), "data");
	assert_int_equal(init(f, "p"), -1);
	assert_err(f->err, ERR_FAILED_PRECONDITION, "folder volumes is not empty");
	assert_false(exists(at(&f->place, STAMP_FILE)));
}

static void test_missing_and_broken(void **state)
{
	static const char *const broken[] = {"", "{", "[]", "{\"version\":1}",
		"{\"version\":2,\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"name\":\"p\",\"type\":\"file\",\"createdAt\":1}",
		"{\"version\":1,\"uuid\":\"zzzz\",\"name\":\"p\",\"type\":\"file\",\"createdAt\":1}",
		"{\"version\":1,\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"name\":\"P/\",\"type\":\"file\",\"createdAt\":1}",
		"{\"version\":1,\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"name\":\"p\",\"type\":\"lvm\",\"createdAt\":1}",
		"{\"version\":1,\"uuid\":\"0b0c1d7e-0000-4000-8000-000000000001\",\"name\":\"p\",\"type\":\"file\",\"createdAt\":1,\"x\":1}"};
	struct fixture *f = *state;
	struct stamp stamp;

	assert_int_equal(read_stamp(f, &stamp), -1);
	assert_err(f->err, ERR_UNAVAILABLE, "is its file system mounted");
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		put_file(at(&f->place, STAMP_FILE), broken[i]);
		assert_int_equal(read_stamp(f, &stamp), -1);
		assert_err(f->err, ERR_DATA_LOSS, STAMP_FILE);
		/* Nor is it written over. */
		assert_int_equal(init(f, "p"), -1);
		assert_err(f->err, ERR_DATA_LOSS, STAMP_FILE);
	}
	put_file(at(&f->place, STAMP_FILE),
		"{\"version\":1,\"uuid\":\"0B0C1D7E-0000-4000-8000-000000000001\",\"name\":\"p\",\"type\":\"file\",\"createdAt\":1}");
	assert_ok(read_stamp(f, &stamp), f->err);
	assert_string_equal(stamp.uuid, "0b0c1d7e-0000-4000-8000-000000000001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_init_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_refuses_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_and_broken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
