/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records and the journal without memory and on a disk that fails: what a process that starts then
 * finds is the old or the new, and nothing counts as lost or broken that is only out of reach.
 */
#include "common/base/fileio.h"
#include "node/core/journal.h"
#include "node/core/records.h"
#include "test/failing/failing.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define VOLUME "fast/prod-v-1"

struct place {
	char path[32];
	char journal[64];
	struct records *records; /* of the process under test; NULL: it opens them itself */
	unsigned told;
};

static int remove_one(const char *name, void *arg)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", ((struct place *)arg)->path, name);
	return unlink(path);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->path, sizeof(place->path), "/tmp/nv-failing-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	(void)snprintf(place->journal, sizeof(place->journal), "%s/journal", place->path);
	assert_int_equal(records_open(place->path, &place->records, NULL), 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	records_free(place->records);
	assert_int_equal(dir_each(AT_FDCWD, place->path, remove_one, place, NULL), 0);
	assert_int_equal(rmdir(place->path), 0);
	free(place);
	return 0;
}

static struct record *volume_in(enum record_state state)
{
	struct record *record = record_new();

	assert_non_null(record);
	(void)snprintf(record->volume, sizeof(record->volume), VOLUME);
	(void)snprintf(record->nqn, sizeof(record->nqn), NQN_PREFIX "prod:1");
	(void)snprintf(record->fs_type, sizeof(record->fs_type), "ext4");
	memset(record->ident.uuid, 1, 16);
	record->state = state;
	assert_int_equal(record_set_staging(record, "/staging/" VOLUME, NULL), 0);
	assert_int_equal(record_add_target(record, "/pods/a", false, NULL), 0);
	assert_int_equal(portals_parse("p", "192.0.2.1:4420", &record->portals, NULL), 0);
	return record;
}

static void put_old(void *arg)
{
	_cleanup_record_ struct record *record = volume_in(RECORD_STAGING);

	assert_int_equal(records_put(((struct place *)arg)->records, record, NULL), 0);
}

/* The state that a new process reads, -1 without a record. */
static int state_found(const struct place *place)
{
	_cleanup_record_ struct record *record = NULL;
	struct records *records = NULL;
	struct err err = {0};

	if (records_open(place->path, &records, &err) < 0 ||
		records_get(records, VOLUME, &record, &err) < 0) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(records_bad(records, NULL), 0);
	int state = record ? (int)record->state : -1;

	records_free(records);
	return state;
}

static int put_new(void *arg, struct err *err)
{
	_cleanup_record_ struct record *record = NULL;
	int rc;

	failing_pause();
	record = volume_in(RECORD_STAGED);
	failing_resume();
	rc = records_put(((struct place *)arg)->records, record, err);
	return rc;
}

static void old_or_new(void *arg, bool failed)
{
	int state = state_found(arg);

	assert_true(state == RECORD_STAGED || (failed && state == RECORD_STAGING));
}

static void a_record_is_written_as_one(void **state)
{
	const struct failing_job job = {
		.run = put_new, .before = put_old, .after = old_or_new, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 6);
	assert_true(failing_each(FAILING_FULL, &job) >= 4);
	assert_true(failing_each(FAILING_FILES_ALL, &job) >= 6);
	assert_true(failing_each(FAILING_MEMORY, &job) >= 4);
}

static int take_away(void *arg, struct err *err)
{
	return records_remove(((struct place *)arg)->records, VOLUME, err);
}

static void there_or_gone(void *arg, bool failed)
{
	int state = state_found(arg);

	assert_true(state == -1 || (failed && state == RECORD_STAGING));
}

static void a_record_is_removed_or_whole(void **state)
{
	const struct failing_job job = {
		.run = take_away, .before = put_old, .after = there_or_gone, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 3);
}

/* Start, and ask for the volume. */
static int start(void *arg, struct err *err)
{
	_cleanup_record_ struct record *record = NULL;
	struct records *records = NULL;
	int rc = records_open(((struct place *)arg)->path, &records, err);

	if (rc == 0) {
		rc = records_get(records, VOLUME, &record, err);
		/* "There is none" would have it staged a second time. */
		assert_true(rc < 0 || record);
		/* What will be there again with the memory is not held against the file. */
		assert_true(rc == 0 || err->code != ERR_DATA_LOSS);
	}
	records_free(records);
	return rc;
}

static int start_hungry(void *arg, struct err *err)
{
	struct place *place = arg;
	struct records *records = NULL;
	int rc = records_open(place->path, &records, err);

	if (rc == 0) {
		failing_pause();
		assert_int_equal(records_bad(records, NULL), 0);
		failing_resume();
	}
	records_free(records);
	return rc;
}

static void a_start_loses_no_record(void **state)
{
	struct failing_job job = {.run = start, .before = put_old, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 4);
	assert_true(failing_each(FAILING_MEMORY, &job) >= 4);
	job.run = start_hungry;
	job.code = ERR_RESOURCE_EXHAUSTED;
	assert_true(failing_each(FAILING_MEMORY, &job) >= 4);
}

static void tell(void *arg, const char *operation, const char *volume, const char *step)
{
	struct place *place = arg;

	assert_string_equal(operation, "NodeStageVolume");
	assert_string_equal(volume, VOLUME);
	assert_string_equal(step, "connect");
	place->told++;
}

/* A step of an earlier process that did not end. */
static void leave_step(void *arg)
{
	static const char line[] = "1763712000123 begin NodeStageVolume connect " VOLUME "\n";
	struct place *place = arg;

	assert_int_equal(
		file_write_atomic(AT_FDCWD, place->journal, line, strlen(line), 0600, NULL), 0);
	place->told = 0;
}

static int open_journal(void *arg, struct err *err)
{
	struct place *place = arg;
	struct journal *journal = NULL;

	place->told = 0;
	if (journal_open(place->journal, tell, place, &journal, err) < 0) {
		return -1;
	}
	journal_free(journal);
	return 0;
}

/* What is emptied has been told: a journal that could not be opened tells it the next time. */
static void told_once(void *arg, bool failed)
{
	struct place *place = arg;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	failing_pause();
	assert_int_equal(file_read(AT_FDCWD, place->journal, 1000, &text, &len, NULL), 0);
	failing_resume();
	assert_true(len == 0 ? place->told == 1 : failed);
	leave_step(place);
}

static void a_journal_tells_what_was_under_way(void **state)
{
	const struct failing_job job = {
		.run = open_journal, .before = leave_step, .after = told_once, .arg = *state};

	assert_true(failing_each(FAILING_FILES, &job) >= 3);
	assert_true(failing_each(FAILING_MEMORY, &job) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_is_written_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_is_removed_or_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_start_loses_no_record, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_journal_tells_what_was_under_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
