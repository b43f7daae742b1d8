/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of records: over a restart, with files that are half-written, broken or misnamed.
 */
#include "common/base/fileio.h"
#include "node/core/records.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char dir[64];
	struct records *records;
	char file[NAME_MAX + 1]; /* the last name seen by find_file() */
	unsigned files;
};

static void reopen(struct place *place)
{
	records_free(place->records);
	assert_int_equal(records_open(place->dir, &place->records, NULL), 0);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/nv-records-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	reopen(place);
	*state = place;
	return 0;
}

static int remove_one(const char *name, void *arg)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", ((struct place *)arg)->dir, name);
	return unlink(path);
}

static int teardown(void **state)
{
	struct place *place = *state;

	records_free(place->records);
	(void)!dir_each(AT_FDCWD, place->dir, remove_one, place, NULL);
	(void)rmdir(place->dir);
	free(place);
	return 0;
}

static int find_file(const char *name, void *arg)
{
	struct place *place = arg;

	(void)snprintf(place->file, sizeof(place->file), "%s", name);
	place->files++;
	return 0;
}

static void look(struct place *place)
{
	place->files = 0;
	assert_int_equal(dir_each(AT_FDCWD, place->dir, find_file, place, NULL), 0);
}

static void put(struct place *place, const char *volume, const char *nqn, enum record_state state)
{
	_cleanup_record_ struct record *record = record_new();
	struct err err = {0};

	(void)snprintf(record->volume, sizeof(record->volume), "%s", volume);
	(void)snprintf(record->nqn, sizeof(record->nqn), "%s", nqn);
	(void)snprintf(record->boot, sizeof(record->boot), "boot");
	record->ident.uuid[0] = 1;
	record->state = state;
	assert_int_equal(portals_parse("p", "10.0.0.5:4420", &record->portals, &err), 0);
	assert_int_equal(record_set_staging(record, "/s", &err), 0);
	assert_int_equal(records_put(place->records, record, &err), 0);
}

static void kept_over_a_restart(void **state)
{
	struct place *place = *state;
	_cleanup_record_ struct record *got = NULL;

	put(place, "b/one", "nqn.x", RECORD_STAGED);
	reopen(place);
	assert_int_equal(records_get(place->records, "b/one", &got, NULL), 0);
	assert_non_null(got);
	assert_string_equal(got->nqn, "nqn.x");
	assert_int_equal(records_remove(place->records, "b/one", NULL), 0);
	assert_int_equal(records_remove(place->records, "b/one", NULL), 0);
	record_free(TAKE_PTR(got));
	assert_int_equal(records_get(place->records, "b/one", &got, NULL), 0);
	assert_null(got);
	look(place);
	assert_int_equal(place->files, 0);
}

static void users_are_the_records_that_name_it(void **state)
{
	struct place *place = *state;

	put(place, "b/one", "nqn.x", RECORD_STAGED);
	put(place, "b/two", "nqn.x", RECORD_STAGING);
	put(place, "b/three", "nqn.x0", RECORD_STAGED);
	put(place, "b/four", "nqn.x", RECORD_IDLE);
	assert_int_equal(records_users(place->records, "nqn.x", "boot", "b/one"), 1);
	assert_int_equal(records_users(place->records, "nqn.x", "boot", "b/other"), 2);
	assert_int_equal(records_users(place->records, "nqn", "boot", "b/other"), 0);
	assert_int_equal(records_users(place->records, "nqn.x", "the next boot", "b/one"), 0);
	assert_int_equal(records_count(place->records, RECORD_STAGED), 2);
}

static void half_written_files_go(void **state)
{
	struct place *place = *state;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/.tmp-v-1", place->dir);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	reopen(place);
	look(place);
	assert_int_equal(place->files, 0);
}

static void a_broken_file_speaks_for_its_volume_only(void **state)
{
	struct place *place = *state;
	_cleanup_record_ struct record *got = NULL;
	struct err err = {0};
	char path[PATH_MAX];

	put(place, "b/one", "nqn.x", RECORD_STAGED);
	look(place);
	(void)snprintf(path, sizeof(path), "%s/%s", place->dir, place->file);
	assert_int_equal(truncate(path, 40), 0);
	put(place, "b/two", "nqn.x", RECORD_STAGED);
	reopen(place);
	assert_int_equal(records_get(place->records, "b/one", &got, &err), -1);
	assert_int_equal(err.code, ERR_DATA_LOSS);
	assert_non_null(strstr(err.msg, "b/one"));
	assert_int_equal(records_bad(place->records, NULL), 1);
	assert_int_equal(records_get(place->records, "b/two", &got, &err), 0);
	assert_non_null(got);
	record_free(TAKE_PTR(got));
	/* Removed by hand, as the error says: the volume is new. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(records_get(place->records, "b/one", &got, &err), 0);
	assert_null(got);
	assert_int_equal(records_bad(place->records, NULL), 0);
}

static void a_file_under_another_name_is_refused(void **state)
{
	struct place *place = *state;
	struct err err = {0};
	char from[PATH_MAX];
	char to[PATH_MAX];

	put(place, "b/one", "nqn.x", RECORD_STAGED);
	look(place);
	(void)snprintf(from, sizeof(from), "%s/%s", place->dir, place->file);
	(void)snprintf(to, sizeof(to), "%s/v-00000000000000000000000000000000", place->dir);
	assert_int_equal(rename(from, to), 0);
	reopen(place);
	assert_int_equal(records_bad(place->records, &err), 1);
	assert_int_equal(err.code, ERR_DATA_LOSS);
	assert_int_equal(records_users(place->records, "nqn.x", "boot", ""), 0);
}

static void volumes_are_listed(void **state)
{
	struct place *place = *state;
	size_t n = 0;

	char **none = records_volumes(place->records);
	assert_non_null(none);
	assert_null(none[0]);
	records_volumes_free(none);
	put(place, "b/one", "nqn.x", RECORD_STAGED);
	put(place, "b/two", "nqn.x", RECORD_STAGED);
	char **volumes = records_volumes(place->records);
	while (volumes[n]) {
		n++;
	}
	assert_int_equal(n, 2);
	records_volumes_free(volumes);
}

static void a_missing_folder_is_an_error(void **state)
{
	struct records *records = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(records_open("/nonexistent/state", &records, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_null(records);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(kept_over_a_restart),
		TEST(users_are_the_records_that_name_it),
		TEST(half_written_files_go),
		TEST(a_broken_file_speaks_for_its_volume_only),
		TEST(a_file_under_another_name_is_refused),
		TEST(volumes_are_listed),
		cmocka_unit_test(a_missing_folder_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
