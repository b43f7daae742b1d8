/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trims: which volumes, when, and that they never stand in the way of anything else.
 */
#include "node/core/due.h"
#include "node/core/reclaimer.h"
#include "node/core/records.h"
#include "test/unit/node/core/rig.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#define WEEK (INT64_C(7) * 86400000)
#define LONG_MS 20000

static struct core_stage weekly(void)
{
	struct core_stage request = rig_request(0, VOLUME);

	request.reclaim = RECLAIM_WEEKLY;
	return request;
}

/* How many are due at @now; @ret_next may be NULL. */
static size_t count_due(struct rig *rig, int64_t now, int64_t *ret_next)
{
	int64_t next;
	char **volumes = core_reclaim_due(rig->core, now, 0, &next);
	size_t n = 0;

	assert_non_null(volumes);
	while (volumes[n]) {
		n++;
	}
	records_volumes_free(volumes);
	if (ret_next) {
		*ret_next = next;
	}
	return n;
}

/* The volume's next moment. */
static int64_t next_moment(struct rig *rig)
{
	int64_t next;

	assert_int_equal(count_due(rig, clock_unix_ms(), &next), 0);
	assert_true(next != DUE_NEVER);
	return next;
}

static int reclaim(struct rig *rig, int64_t now, struct reclaim_done *done)
{
	rig->err = (struct err){0};
	return core_reclaim(rig->core, VOLUME, now, done, &rig->err);
}

static void all_parts_once_a_period(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;

	rig->fake->disks[0].size = request.attach.min_size = 5 * GIB + 4096;
	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	assert_true(now > clock_unix_ms() && now <= clock_unix_ms() + WEEK);
	assert_int_equal(count_due(rig, now - 1, NULL), 0);
	assert_int_equal(count_due(rig, now, NULL), 1);
	assert_int_equal(reclaim(rig, now, &done), 0);
	assert_true(done.begun);
	/* Of six parts with 1000 bytes each; no more than the filesystem had free. */
	assert_int_equal(done.bytes, 5500);
	assert_int_equal(rig->fake->trims, 6);
	assert_int_equal(rig->fake->trimmed_to, 6 * GIB);
	/* Not twice, also after a restart of the plugin or a reboot of the node. */
	assert_int_equal(count_due(rig, now + 1000, NULL), 0);
	rig_restart(rig);
	assert_int_equal(count_due(rig, now + 1000, NULL), 0);
	rig_reboot(rig);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_int_equal(count_due(rig, now + 1000, NULL), 0);
	assert_int_equal(count_due(rig, now + WEEK, NULL), 1);
	assert_int_equal(rig_unstage(rig), 0);
	assert_int_equal(count_due(rig, now + WEEK, NULL), 0);
	rig_assert_nothing(rig);
}

static void only_those_that_ask_for_it_and_can(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct core_stage block = rig_block();
	struct reclaim_done done;
	int64_t next;

	block.reclaim = RECLAIM_WEEKLY;
	assert_int_equal(rig_stage(rig, &block), 0);
	(void)count_due(rig, clock_unix_ms(), &next);
	assert_true(next == DUE_NEVER);
	assert_int_equal(rig_unstage(rig), 0);
	for (enum reclaim other = RECLAIM_OFF; other <= RECLAIM_DISCARD; other++) {
		request.reclaim = other;
		assert_int_equal(rig_stage(rig, &request), 0);
		(void)count_due(rig, clock_unix_ms(), &next);
		assert_int_equal(next != DUE_NEVER, reclaim_period_ms(other) > 0);
		if (next == DUE_NEVER) {
			assert_int_equal(reclaim(rig, clock_unix_ms(), &done), -1);
			assert_int_equal(rig->err.code, ERR_ABORTED);
			assert_false(done.begun);
		}
		assert_int_equal(rig_unstage(rig), 0);
	}
	request.reclaim = RECLAIM_DAILY;
	request.access.read_only = true;
	assert_int_equal(rig_stage(rig, &request), 0);
	(void)count_due(rig, clock_unix_ms(), &next);
	assert_true(next == DUE_NEVER);
}

/* Nothing is sent to a filesystem that is not well, and what was not begun stays due. */
static void not_begun_where_something_is_wrong(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;

	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	struct fake_mount *mount = fake_top(rig->fake, STAGING);
	const struct fake_mount well = *mount;

	mount->fs_read_only = true;
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	*mount = well;
	mount->dev = makedev(8, 7);
	assert_int_equal(reclaim(rig, now, &done), -1);
	mount->used = false;
	assert_int_equal(reclaim(rig, now, &done), -1);
	*mount = well;
	rig->fake->silent = true;
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_int_equal(rig->err.code, ERR_UNAVAILABLE);
	rig->fake->silent = false;
	assert_int_equal(rig->fake->trims, 0);
	assert_false(done.begun);
	assert_int_equal(count_due(rig, now, NULL), 1);
	assert_int_equal(reclaim(rig, now, &done), 0);
	assert_int_equal(rig->fake->trims, 1);
}

static int find_record(const char *name, void *arg)
{
	if (strncmp(name, "v-", 2) == 0) {
		(void)snprintf(arg, 256, "%s", name);
	}
	return 0;
}

/* A crash or a failure at each run must not make it run again and again. */
static void what_cannot_be_written_down_is_not_begun(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;
	char name[256];
	char path[PATH_MAX];

	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	assert_int_equal(dir_each(AT_FDCWD, rig->state, find_record, name, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", rig->state, name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_false(done.begun);
	assert_int_equal(rig->fake->trims, 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(reclaim(rig, now, &done), 0);
}

static void do_reclaim(struct rig *rig)
{
	struct core_stage request = weekly();
	struct reclaim_done done;
	int64_t next;

	if (rig_stage(rig, &request) == 0) {
		(void)count_due(rig, clock_unix_ms(), &next);
		(void)reclaim(rig, next, &done);
	}
}

static void killed_anywhere(void **state)
{
	static const struct {
		const char *point;
		size_t due; /* afterwards */
	} points[] = {{"Reclaim.record", 1}, {"Reclaim.record.done", 0}, {"Reclaim.trim", 0},
		{"Reclaim.trim.done", 0}};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		int64_t next;
		assert_true(rig_killed(rig, points[i].point, do_reclaim));
		rig_restart(rig);
		rig_assert_staged(rig, 1);
		/* The moment that the killed one was about. */
		(void)count_due(rig, clock_unix_ms(), &next);
		if (points[i].due == 0) {
			assert_true(next > clock_unix_ms() + WEEK - 60000);
			next -= WEEK;
		}
		assert_int_equal(count_due(rig, next + 60000, NULL), points[i].due);
		assert_int_equal(rig_unstage(rig), 0);
		rig_assert_nothing(rig);
	}
}

static void a_failed_one_waits_for_the_next_moment(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;

	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	rig_fail(rig, "trim", ERR_UNIMPLEMENTED);
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_int_equal(rig->err.code, ERR_UNIMPLEMENTED);
	assert_true(done.begun);
	assert_int_equal(count_due(rig, now + 60000, NULL), 0);
	assert_int_equal(count_due(rig, now + WEEK, NULL), 1);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

/* --- beside other calls --- */

struct meanwhile {
	struct rig *rig;
	sem_t inside;
	pthread_t thread;
	int64_t now;
	struct reclaim_done done;
	struct err err;
	int result;
};

/* As a child at work, until it is killed. */
static void wait_for_the_kill(void *arg, const struct guard *guard)
{
	struct meanwhile *m = arg;
	struct deadline dl = guard->dl;
	struct err ended = {0};

	assert_int_equal(sem_post(&m->inside), 0);
	assert_true(deadline_poll(&dl, -1, 0, LONG_MS, "trim", &ended) < 0);
	assert_int_equal(ended.code, ERR_CANCELLED);
}

static void *reclaim_thread(void *arg)
{
	struct meanwhile *m = arg;

	m->result = core_reclaim(m->rig->core, VOLUME, m->now, &m->done, &m->err);
	return NULL;
}

static void wait_until(sem_t *sem)
{
	while (sem_wait(sem) < 0) {
		assert_int_equal(errno, EINTR);
	}
}

/* A trim that goes on in a thread of its own until it is stopped. */
static void begin_endless(struct rig *rig, struct meanwhile *m)
{
	*m = (struct meanwhile){.rig = rig, .now = next_moment(rig)};
	assert_int_equal(sem_init(&m->inside, 0, 0), 0);
	rig->fake->in_trim = wait_for_the_kill;
	rig->fake->in_trim_arg = m;
	assert_int_equal(pthread_create(&m->thread, NULL, reclaim_thread, m), 0);
	wait_until(&m->inside);
}

static void assert_stopped(struct meanwhile *m)
{
	assert_int_equal(pthread_join(m->thread, NULL), 0);
	assert_int_equal(m->result, -1);
	assert_int_equal(m->err.code, ERR_CANCELLED);
	assert_true(m->done.begun);
	m->rig->fake->in_trim = NULL;
	(void)sem_destroy(&m->inside);
}

static void an_unstage_stops_it(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct meanwhile m;

	assert_int_equal(rig_stage(rig, &request), 0);
	begin_endless(rig, &m);
	assert_int_equal(rig_unstage(rig), 0);
	assert_stopped(&m);
	rig_assert_nothing(rig);
}

static void a_stage_stops_it(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;
	struct meanwhile m;

	assert_int_equal(rig_stage(rig, &request), 0);
	begin_endless(rig, &m);
	assert_int_equal(rig_stage(rig, &request), 0);
	assert_stopped(&m);
	rig_assert_staged(rig, 1);
	assert_int_equal(reclaim(rig, m.now + WEEK, &done), 0);
}

static void all_else_goes_on_beside_it(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct core_publish publish = rig_publish_request(&request);
	struct core_expand expand = {.volume = VOLUME, .path = STAGING};
	struct deadline dl = deadline_in(LONG_MS);
	struct core_stage other = rig_request(1, "linux/vol-2");
	struct reclaim_done done;
	struct core_stats stats;
	struct meanwhile m;
	int64_t size;

	(void)rig_disk(rig, 1, FAKE_NQN);
	other.staging = "/plugins/other";
	fake_make_path(rig->fake, other.staging, true);
	assert_int_equal(rig_stage(rig, &request), 0);
	begin_endless(rig, &m);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(core_stats(rig->core, VOLUME, TARGET, &dl, &stats, &rig->err), 0);
	assert_int_equal(core_expand(rig->core, &expand, &dl, &size, &rig->err), 0);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_stage(rig, &other), 0);
	assert_int_equal(core_unstage(rig->core, other.volume, other.staging, &dl, &rig->err), 0);
	/* One at a time on a node. */
	assert_int_equal(reclaim(rig, m.now + WEEK, &done), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_false(done.begun);
	/* And what they wrote is kept beside its own word in the record. */
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(count_due(rig, m.now + 60000, NULL), 0);
	core_reclaim_end(rig->core);
	assert_stopped(&m);
	assert_int_equal(reclaim(rig, m.now + WEEK, &done), -1);
	assert_int_equal(rig->err.code, ERR_CANCELLED);
	assert_false(done.begun);
}

/* As one that hangs in the kernel; it ends with the test at the latest. */
static pid_t endless_child(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)pause();
		}
	}
	return child;
}

/* A call at work on the volume is not waited for, and the trim is put off. */
static void busy_volumes_are_put_off(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct reclaim_done done;

	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	pid_t child = endless_child();
	rig->fake->stuck_pid = child;
	/* The mount went away, and the check before the next one hangs. */
	fake_top(rig->fake, STAGING)->used = false;
	assert_int_equal(rig_stage(rig, &request), -1);
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_false(done.begun);
	assert_int_equal(kill(child, SIGKILL), 0);
	/* spawn_gone() takes the child's end away. */
	for (int i = 0; i < LONG_MS && rig_stage(rig, &request) < 0; i++) {
		struct deadline dl = deadline_in(LONG_MS);
		assert_int_equal(rig->err.code, ERR_ABORTED);
		assert_int_equal(deadline_poll(&dl, -1, 0, 1, "child", NULL), 0);
	}
	assert_int_equal(reclaim(rig, now, &done), 0);
}

static pid_t left_behind(struct rig *rig)
{
	pid_t child = endless_child();

	rig->fake->trim_stuck_pidfd = pidfd_open(child, 0);
	assert_true(rig->fake->trim_stuck_pidfd >= 0);
	return child;
}

static void end(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* It keeps the filesystem from being unmounted, so unstage says so, also after a restart. */
static void a_hung_child_holds_the_way_down_only(void **state)
{
	struct rig *rig = *state;
	struct core_stage request = weekly();
	struct core_publish publish = rig_publish_request(&request);
	struct reclaim_done done;
	struct core_counts counts;

	assert_int_equal(rig_stage(rig, &request), 0);
	int64_t now = next_moment(rig);
	pid_t child = left_behind(rig);
	assert_int_equal(reclaim(rig, now, &done), -1);
	assert_int_equal(rig->err.code, ERR_DEADLINE_EXCEEDED);
	assert_true(done.begun);
	core_read_counts(rig->core, &counts);
	assert_int_equal(counts.stuck, 1);
	assert_int_equal(rig_publish(rig, &publish), 0);
	assert_int_equal(rig_unpublish(rig, TARGET), 0);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "FITRIM"));
	rig_assert_staged(rig, 1);
	/* No second child is sent after the first. */
	assert_int_equal(reclaim(rig, now + WEEK, &done), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_int_equal(rig->fake->trims, 1);
	end(child);
	assert_int_equal(reclaim(rig, now + WEEK, &done), 0);
	assert_int_equal(rig_unstage(rig), 0);
	rig_assert_nothing(rig);
}

static void do_hang_in_a_trim(void *arg, const struct guard *guard)
{
	pid_t child = fork();

	(void)arg;
	assert_true(guard->hold > 0);
	assert_true(child >= 0);
	if (child == 0) {
		for (;;) {
			(void)pause();
		}
	}
	((struct rig *)arg)->fake->stuck_pid = child;
	_exit(0);
}

/* The plugin was killed while its child was at work: the lock is with the child. */
static void a_child_of_a_killed_plugin_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct core_counts counts;
	int status;
	pid_t plugin = fork();

	assert_true(plugin >= 0);
	if (plugin == 0) {
		rig->fake->in_trim = do_hang_in_a_trim;
		rig->fake->in_trim_arg = rig;
		do_reclaim(rig);
		_exit(1);
	}
	assert_int_equal(waitpid(plugin, &status, 0), plugin);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	pid_t child = rig->fake->stuck_pid;
	rig->fake->stuck_pid = 0;
	rig->fake->in_trim = NULL;
	rig_restart(rig);
	core_read_counts(rig->core, &counts);
	assert_int_equal(counts.stuck, 1);
	assert_int_equal(rig_unstage(rig), -1);
	assert_int_equal(rig->err.code, ERR_ABORTED);
	assert_non_null(strstr(rig->err.msg, "Reclaim"));
	rig_assert_staged(rig, 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	rig->fake->trimming[0] = '\0';
	/* Not a child of ours: its lock tells when it is gone. */
	for (int i = 0; i < LONG_MS && rig_unstage(rig) < 0; i++) {
		struct deadline dl = deadline_in(LONG_MS);
		assert_int_equal(rig->err.code, ERR_ABORTED);
		assert_int_equal(deadline_poll(&dl, -1, 0, 1, "child", NULL), 0);
	}
	rig_assert_nothing(rig);
}

/* --- the thread --- */

struct told {
	sem_t sem;
	struct reclaim_done done;
	bool well;
	enum err_code code;
};

static void tell(
	void *arg, const char *volume, const struct reclaim_done *done, const struct err *err)
{
	struct told *told = arg;

	(void)volume;
	told->done = *done;
	told->well = !err;
	told->code = err ? err->code : ERR_OK;
	assert_int_equal(sem_post(&told->sem), 0);
}

/* Stage a volume whose moment was a short while ago, and let it have been staged before that. */
static void stage_due(struct rig *rig, char volume[RECORD_VOLUME_MAX])
{
	struct due due = {.volume = volume, .reclaim = RECLAIM_WEEKLY, .last_ms = 1};
	_cleanup_record_ struct record *record = NULL;
	struct core_stage request = weekly();
	struct records *records;
	int64_t now = clock_unix_ms();
	int number = 0;

	do {
		(void)snprintf(volume, RECORD_VOLUME_MAX, "linux/vol-%d", number++);
	} while (due_at(&due, now) > now || due_at(&due, now + WEEK / 14) > now);
	request.volume = volume;
	assert_int_equal(rig_stage(rig, &request), 0);
	rig_close(rig);
	assert_int_equal(records_open(rig->state, &records, &rig->err), 0);
	assert_int_equal(records_get(records, volume, &record, &rig->err), 0);
	assert_true(record->reclaimed_ms >= now);
	record->reclaimed_ms = now - WEEK;
	assert_int_equal(records_put(records, record, &rig->err), 0);
	records_free(records);
	rig_open(rig);
}

static void the_thread_trims_what_is_due_and_counts(void **state)
{
	struct rig *rig = *state;
	struct told told = {.well = false};
	char volume[RECORD_VOLUME_MAX];
	struct deadline dl = deadline_in(LONG_MS);
	struct reclaimer_status status;
	struct reclaimer *reclaimer;

	stage_due(rig, volume);
	struct reclaimer_config config = {.core = rig->core, .told = tell, .told_arg = &told};
	assert_int_equal(sem_init(&told.sem, 0, 0), 0);
	int64_t before = clock_unix_ms();
	assert_int_equal(reclaimer_start(&config, &reclaimer, &rig->err), 0);
	wait_until(&told.sem);
	assert_true(told.well);
	assert_int_equal(told.done.bytes, 1000);
	reclaimer_read_status(reclaimer, &status);
	assert_int_equal(status.done, 1);
	assert_int_equal(status.failed, 0);
	assert_int_equal(status.bytes, 1000);
	assert_true(status.last_ms >= before);
	assert_true(reclaimer_stop(reclaimer, &dl));
	/* A second one finds nothing to do, and knows when it will. */
	rig_restart(rig);
	assert_int_equal(count_due(rig, clock_unix_ms(), &status.next_ms), 0);
	assert_true(status.next_ms > clock_unix_ms());
	(void)sem_destroy(&told.sem);
}

static void the_threads_end_stops_a_trim(void **state)
{
	struct rig *rig = *state;
	struct told told = {.well = true};
	struct meanwhile m = {.rig = rig};
	char volume[RECORD_VOLUME_MAX];
	struct deadline dl = deadline_in(LONG_MS);
	struct reclaimer *reclaimer;

	stage_due(rig, volume);
	struct reclaimer_config config = {.core = rig->core, .told = tell, .told_arg = &told};
	assert_int_equal(sem_init(&told.sem, 0, 0), 0);
	assert_int_equal(sem_init(&m.inside, 0, 0), 0);
	rig->fake->in_trim = wait_for_the_kill;
	rig->fake->in_trim_arg = &m;
	assert_int_equal(reclaimer_start(&config, &reclaimer, &rig->err), 0);
	wait_until(&m.inside);
	assert_true(reclaimer_stop(reclaimer, &dl));
	wait_until(&told.sem);
	assert_int_equal(told.code, ERR_CANCELLED);
	(void)sem_destroy(&told.sem);
	(void)sem_destroy(&m.inside);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_parts_once_a_period),
		TEST(only_those_that_ask_for_it_and_can),
		TEST(not_begun_where_something_is_wrong),
		TEST(what_cannot_be_written_down_is_not_begun),
		TEST(killed_anywhere),
		TEST(a_failed_one_waits_for_the_next_moment),
		TEST(an_unstage_stops_it),
		TEST(a_stage_stops_it),
		TEST(all_else_goes_on_beside_it),
		TEST(busy_volumes_are_put_off),
		TEST(a_hung_child_holds_the_way_down_only),
		TEST(a_child_of_a_killed_plugin_is_waited_for),
		TEST(the_thread_trims_what_is_due_and_counts),
		TEST(the_threads_end_stops_a_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
