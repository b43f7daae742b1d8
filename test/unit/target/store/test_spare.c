/* SPDX-License-Identifier: Apache-2.0 */
/* Spares on a file system that is really full. */
#include "target/store/spare.h"
#include "test/unit/target/full.h"

struct fixture {
	struct place place;
	int dirfd;
	int folder;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	place_make(&f->place);
	full_mount(f->place.path);
	assert_int_equal(mkdir(at(&f->place, SPARE_FOLDER), 0700), 0);
	f->dirfd = open(f->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->folder = open(at(&f->place, SPARE_FOLDER), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0 && f->folder >= 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	base_closep(&f->dirfd);
	base_closep(&f->folder);
	full_unmount(f->place.path);
	place_remove(&f->place);
	free(f);
	return 0;
}

static int use(struct fixture *f, const char *text, size_t len)
{
	return spares_use(NO_STEP, f->folder, f->dirfd, "file", text, len, &f->err);
}

static void holds(const struct fixture *f, const char *text, size_t len)
{
	char got[SPARE_SIZE];
	_cleanup_close_ int fd = open(at(&f->place, "file"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && len < sizeof(got));
	assert_int_equal(read(fd, got, sizeof(got)), (ssize_t)len);
	assert_memory_equal(got, text, len);
}

static void test_use(void **state)
{
	struct fixture *f = *state;
	static char large[SPARE_SIZE - 1];

	memset(large, 'x', sizeof(large));
	put_file(at(&f->place, "file"), "a longer first text");
	assert_ok(spares_fill(NO_STEP, f->folder, &f->err), f->err);
	full_fill(&f->place);
	/* Far more often than there are spares; shorter, longer, of several blocks. */
	for (int i = 0; i < 5 * SPARES; i++) {
		assert_ok(use(f, "short", 5), f->err);
		holds(f, "short", 5);
		assert_ok(use(f, large, 4000), f->err);
		holds(f, large, 4000);
	}
	for (int i = 0; i < SPARES; i++) {
		assert_ok(use(f, large, sizeof(large)), f->err);
		holds(f, large, sizeof(large));
		assert_ok(use(f, "short", 5), f->err);
	}
	holds(f, "short", 5);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;

	put_file(at(&f->place, "file"), "old");
	assert_int_equal(use(f, "new", 3), -1);
	assert_err(f->err, ERR_RESOURCE_EXHAUSTED, "file: the file system is full");
	holds(f, "old", 3);
	assert_ok(spares_fill(NO_STEP, f->folder, &f->err), f->err);
	assert_int_equal(spares_use(NO_STEP, f->folder, f->dirfd, "other", "new", 3, &f->err), -1);
	assert_err(f->err, ERR_NOT_FOUND, "other");
	assert_false(exists(at(&f->place, "other")));
	assert_ok(use(f, "new", 3), f->err);
	holds(f, "new", 3);
}

/* What space there is is taken, and the rest when more comes. */
static void test_fill(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char name[32];

	full_fill(&f->place);
	assert_int_equal(spares_fill(NO_STEP, f->folder, &f->err), -1);
	assert_err(f->err, ERR_RESOURCE_EXHAUSTED, SPARE_FOLDER "/0");
	full_free(&f->place);
	assert_ok(spares_fill(NO_STEP, f->folder, &f->err), f->err);
	for (int i = 0; i < SPARES; i++) {
		print_to(name, sizeof(name), SPARE_FOLDER "/%d", i);
		assert_int_equal(stat(at(&f->place, name), &st), 0);
		assert_true(st.st_blocks * 512 >= SPARE_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, full_setup, NULL);
}
