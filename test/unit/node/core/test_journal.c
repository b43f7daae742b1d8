/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what was under way is told at the next start, the file stays small.
 */
#include "node/core/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char path[64];
	struct journal *journal;
	unsigned told;
	char last[256];
};

static void tell(void *arg, const char *operation, const char *volume, const char *step)
{
	struct place *place = arg;

	place->told++;
	(void)snprintf(place->last, sizeof(place->last), "%s|%s|%s", operation, volume, step);
}

static void reopen(struct place *place)
{
	journal_free(place->journal);
	place->journal = NULL;
	place->told = 0;
	assert_int_equal(journal_open(place->path, tell, place, &place->journal, NULL), 0);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->path, sizeof(place->path), "/tmp/nv-journal-XXXXXX");
	int fd = mkstemp(place->path);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	reopen(place);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	journal_free(place->journal);
	(void)unlink(place->path);
	free(place);
	return 0;
}

static void tells_what_did_not_end(void **state)
{
	struct place *place = *state;
	struct journal_entry one = {place->journal, "NodeStageVolume", "b/one two"};
	struct journal_entry two = {place->journal, "NodeStageVolume", "b/three"};
	struct step_journal a = journal_steps(&one);
	struct step_journal b = journal_steps(&two);

	assert_int_equal(a.before(a.self, "connect", NULL), 0);
	a.after(a.self, "connect", 0);
	assert_int_equal(a.before(a.self, "mount", NULL), 0);
	assert_int_equal(b.before(b.self, "mount", NULL), 0);
	b.after(b.self, "mount", -1);
	reopen(place);
	assert_int_equal(place->told, 1);
	assert_string_equal(place->last, "NodeStageVolume|b/one two|mount");
	reopen(place);
	assert_int_equal(place->told, 0);
}

static void a_line_cut_off_is_passed_over(void **state)
{
	struct place *place = *state;
	static const char text[] = "1 begin A connect v\n2 done A connect v\n3 beg";

	int fd = open(place->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(close(fd), 0);
	reopen(place);
	assert_int_equal(place->told, 0);
}

static void lines_cannot_be_forged(void **state)
{
	struct place *place = *state;
	struct journal_entry entry = {place->journal, "A", "v\n9 begin B mount w"};
	struct step_journal steps = journal_steps(&entry);

	assert_int_equal(steps.before(steps.self, "connect", NULL), 0);
	steps.after(steps.self, "connect", 0);
	reopen(place);
	assert_int_equal(place->told, 0);
}

static void stays_small(void **state)
{
	struct place *place = *state;
	struct journal_entry entry = {place->journal, "NodeStageVolume", "b/one"};
	struct step_journal steps = journal_steps(&entry);
	struct stat st;

	for (int i = 0; i < 10000; i++) {
		assert_int_equal(steps.before(steps.self, "connect", NULL), 0);
		steps.after(steps.self, "connect", 0);
	}
	assert_int_equal(stat(place->path, &st), 0);
	assert_true(st.st_size <= JOURNAL_SOFT_MAX + 512);
}

/* A full state folder must not keep a volume mounted. */
static void what_cannot_be_written_stops_no_step(void **state)
{
	struct place *place = *state;
	struct journal_entry entry = {place->journal, "NodeUnstageVolume", "b/one"};
	struct step_journal steps = journal_steps(&entry);
	struct rlimit old;
	struct err err = {0};

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	struct rlimit none = {.rlim_cur = 8, .rlim_max = old.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int result = steps.before(steps.self, "unmount", &err);
	steps.after(steps.self, "unmount", 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, 0);
	/* Half a line is not left in the way of the next. */
	assert_int_equal(steps.before(steps.self, "disconnect", &err), 0);
	reopen(place);
	assert_int_equal(place->told, 1);
	assert_string_equal(place->last, "NodeUnstageVolume|b/one|disconnect");
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
	struct journal *journal = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(journal_open("/nonexistent/journal", NULL, NULL, &journal, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/journal"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_what_did_not_end),
		TEST(a_line_cut_off_is_passed_over),
		TEST(lines_cannot_be_forged),
		TEST(stays_small),
		TEST(what_cannot_be_written_stops_no_step),
		cmocka_unit_test(a_folder_that_is_missing_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
