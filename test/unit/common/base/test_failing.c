/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on a disk that fails at any operation: what is there afterwards is the old content or the
 * new one, whole, and the same call again goes well.
 */
#include "common/base/fileio.h"
#include "test/failing/failing.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define OLD "the old content"
#define NEW "the new content, which is longer than the old one"

struct place {
	char path[32];
	int dir;
	unsigned files;
};

static int remove_one(const char *name, void *arg)
{
	return unlinkat(((struct place *)arg)->dir, name, 0) == 0 ||
			       unlinkat(((struct place *)arg)->dir, name, AT_REMOVEDIR) == 0
		       ? 0
		       : 1;
}

static void empty(struct place *place)
{
	assert_int_equal(dir_each(place->dir, ".", remove_one, place, NULL), 0);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->path, sizeof(place->path), "/tmp/nv-failing-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->dir >= 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	empty(place);
	assert_int_equal(close(place->dir), 0);
	assert_int_equal(rmdir(place->path), 0);
	free(place);
	return 0;
}

static bool holds(struct place *place, const char *content)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 0;

	return file_read(place->dir, "f", 1000, &data, &len, NULL) == 0 && streq(data, content);
}

static int count(const char *name, void *arg)
{
	(void)name;
	((struct place *)arg)->files++;
	return 0;
}

static void put_old(void *arg)
{
	struct place *place = arg;

	assert_int_equal(file_write_atomic(place->dir, "f", OLD, strlen(OLD), 0600, NULL), 0);
}

static int replace(void *arg, struct err *err)
{
	return file_write_atomic(((struct place *)arg)->dir, "f", NEW, strlen(NEW), 0600, err);
}

/* With one failure nothing is left beside the file; when nothing works any more, half a file may.
 */
static void old_or_new(void *arg, bool failed)
{
	struct place *place = arg;

	assert_true(holds(place, NEW) || (failed && holds(place, OLD)));
	place->files = 0;
	assert_int_equal(dir_each(place->dir, ".", count, place, NULL), 0);
	assert_int_equal(place->files, 1);
}

static void old_or_new_and_halves(void *arg, bool failed)
{
	assert_true(holds(arg, NEW) || (failed && holds(arg, OLD)));
}

static void a_file_is_replaced_as_one(void **state)
{
	struct failing_job job = {
		.run = replace, .before = put_old, .after = old_or_new, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 6);
	job.code = ERR_RESOURCE_EXHAUSTED;
	assert_true(failing_each(FAILING_FULL, &job) >= 4);
	job.code = ERR_OK;
	job.after = old_or_new_and_halves;
	assert_true(failing_each(FAILING_FILES_ALL, &job) >= 6);
}

static int take_away(void *arg, struct err *err)
{
	return file_remove(((struct place *)arg)->dir, "f", err);
}

static void there_or_gone(void *arg, bool failed)
{
	struct place *place = arg;
	bool gone = faccessat(place->dir, "f", F_OK, 0) < 0;

	assert_true(gone || (failed && holds(place, OLD)));
}

static void a_file_is_removed_or_whole(void **state)
{
	const struct failing_job job = {
		.run = take_away, .before = put_old, .after = there_or_gone, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 3);
	assert_true(failing_each(FAILING_FILES_ALL, &job) >= 3);
}

static void clear(void *arg)
{
	struct place *place = arg;

	(void)unlinkat(place->dir, "a/b/c", AT_REMOVEDIR);
	(void)unlinkat(place->dir, "a/b", AT_REMOVEDIR);
	(void)unlinkat(place->dir, "a", AT_REMOVEDIR);
}

static int make_folders(void *arg, struct err *err)
{
	return dir_make(((struct place *)arg)->dir, "a/b/c", 0700, err);
}

static void folders_are_made(void **state)
{
	struct place *place = *state;
	const struct failing_job job = {.run = make_folders, .before = clear, .arg = place};

	assert_true(failing_each(FAILING_FILES, &job) >= 9);
	assert_true(failing_each(FAILING_FULL, &job) >= 3);
	clear(place);
}

static int read_back(void *arg, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	char attr[100];
	size_t len = 0;
	struct place *place = arg;

	if (file_read(place->dir, "f", 1000, &data, &len, err) < 0 ||
		attr_read(place->dir, "f", attr, sizeof(attr), err) < 0) {
		return -1;
	}
	assert_string_equal(data, OLD);
	assert_string_equal(attr, OLD);
	return 0;
}

/* A read that failed is never taken for the end, or for a file that is not there. */
static void reading_is_whole_or_fails(void **state)
{
	const struct failing_job job = {
		.run = read_back, .before = put_old, .arg = *state, .code = ERR_INTERNAL};
	const struct failing_job hungry = {
		.run = read_back, .before = put_old, .arg = *state, .code = ERR_RESOURCE_EXHAUSTED};

	assert_true(failing_each(FAILING_FILES, &job) >= 6);
	assert_true(failing_each(FAILING_MEMORY, &hungry) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_is_removed_or_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_are_made, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_is_whole_or_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
