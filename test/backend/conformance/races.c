/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many callers at once: threads on two handles of one backend, and two processes of their own.
 */
#include "common/base/parse.h"
#include "common/base/spawn.h"
#include "test/backend/conformance/suite.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 6
/** Hosts of one volume at once, and volumes of each thread. */
#define HOSTS 6
#define OWN 4
/** Deadline of a worker process, in ms. */
#define WORKER_MS (4 * CALL_MS)

/** struct racer - one thread: its own caller on one of the handles. */
struct racer {
	struct env env;
	struct backend *be;
	unsigned n;
	void (*run)(struct racer *self);
	const char *failed; /* NULL when all went as it may */
	int64_t size;
	int64_t created_ms;
	bool existed;
};

/* cmocka's asserts jump, which only its own thread may: racers note what is wrong. */
static void wrong(struct racer *self, const char *what)
{
	if (!self->failed) {
		self->failed = arena_printf(self->env.op.arena, "racer %u, %s: %s: %s", self->n,
			what, err_code_name(self->env.err.code), self->env.err.msg);
	}
}

static void *run_racer(void *arg)
{
	struct racer *self = arg;

	self->run(self);
	return NULL;
}

static void race(struct env *env, void (*run)(struct racer *), struct racer racers[THREADS])
{
	/* Where one controller is active at a time, its threads still are many. */
	bool two = be_features(env->subject->a)->two_writers;
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){
			.n = i, .be = i % 2 && two ? env->subject->b : env->subject->a, .run = run};
		env_init(&racers[i].env, env->subject);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		if (racers[i].failed) {
			fail_msg("%s", racers[i].failed);
		}
		env_done(&racers[i].env);
	}
}

static enum be_result firm(struct racer *self, enum change change, const void *args, void *ret)
{
	return call_firm(
		&self->env, self->be, &(struct call){.change = change, .args = args, .ret = ret});
}

static void same_volume(struct racer *self)
{
	struct be_volume_args args = volume_args(&self->env, "same");
	struct be_volume volume;

	if (firm(self, CREATE, &args, &volume) != BE_DONE) {
		wrong(self, "create");
		return;
	}
	self->size = volume.size;
	self->created_ms = volume.created_ms;
}

static void one_name_makes_one_volume(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];

	race(env, same_volume, racers);
	for (unsigned i = 1; i < THREADS; i++) {
		assert_int_equal(racers[i].size, racers[0].size);
		assert_int_equal(racers[i].created_ms, racers[0].created_ms);
	}
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 1);
}

static void other_size(struct racer *self)
{
	struct be_volume_args args = volume_args(&self->env, "contended");
	struct be_volume volume;

	args.size = self->n % 3 ? SIZE_SMALL : SIZE_LARGE;
	args.limit = args.size;
	if (firm(self, CREATE, &args, &volume) == BE_DONE) {
		self->size = volume.size;
	} else if (self->env.err.code == ERR_ALREADY_EXISTS) {
		self->existed = true;
	} else {
		wrong(self, "create");
	}
}

static void one_of_two_sizes_wins(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];
	struct be_volumes all;

	race(env, other_size, racers);
	all = all_volumes(env, env->subject->a, 0);
	assert_int_equal(all.n, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		bool same = all.list[0].size == (i % 3 ? SIZE_SMALL : SIZE_LARGE);

		assert_int_equal(racers[i].existed, !same);
	}
}

static void same_snapshot(struct racer *self)
{
	struct be_snapshot_args args =
		snapshot_args(&self->env, "same", object_of(&self->env, BE_KIND_VOLUME, "cut"));
	struct be_snapshot snapshot;

	if (firm(self, SNAP_CREATE, &args, &snapshot) != BE_DONE) {
		wrong(self, "snapshot");
		return;
	}
	self->created_ms = snapshot.created_ms;
}

static void one_name_makes_one_snapshot(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];

	if (!be_features(env->subject->a)->snapshots) {
		skip();
	}
	(void)make_volume(env, "cut");
	race(env, same_snapshot, racers);
	for (unsigned i = 1; i < THREADS; i++) {
		assert_int_equal(racers[i].created_ms, racers[0].created_ms);
	}
	assert_int_equal(all_snapshots(env, env->subject->a, 0).n, 1);
}

static void own_volumes(struct racer *self)
{
	struct env *env = &self->env;

	for (unsigned i = 0; i < OWN; i++) {
		struct be_volume_args args =
			volume_args(env, arena_printf(env->op.arena, "own-%u-%u", self->n, i));
		struct be_grant_args host = {
			.object = args.object, .host_nqn = host_nqn(env, self->n)};
		struct attach_info info;
		struct be_volume volume;

		if (firm(self, CREATE, &args, &volume) != BE_DONE ||
			firm(self, GRANT, &host, &info) != BE_DONE ||
			firm(self, REVOKE, &host, NULL) != BE_DONE ||
			(i > 0 && firm(self, DELETE, args.object, NULL) != BE_DONE)) {
			wrong(self, "own volume");
		}
	}
}

static void many_volumes_at_once(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];
	struct be_volumes all;

	race(env, own_volumes, racers);
	all = all_volumes(env, env->subject->b, 2);
	assert_int_equal(all.n, THREADS);
	for (size_t i = 0; i < all.n; i++) {
		assert_int_equal(all.list[i].n_hosts, 0);
	}
}

static void own_host(struct racer *self)
{
	struct env *env = &self->env;
	const char *object = object_of(env, BE_KIND_VOLUME, "hosts");
	struct be_grant_args host = {.object = object, .host_nqn = host_nqn(env, self->n)};
	struct attach_info info;

	/* The even ones stay. */
	if (firm(self, GRANT, &host, &info) != BE_DONE ||
		(self->n % 2 && firm(self, REVOKE, &host, NULL) != BE_DONE)) {
		wrong(self, "host");
	}
}

static void many_hosts_at_once(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];
	struct be_volume volume;

	_Static_assert(THREADS <= HOSTS, "as many hosts as a volume may have");
	(void)make_volume(env, "hosts");
	race(env, own_host, racers);
	volume = all_volumes(env, env->subject->a, 0).list[0];
	assert_int_equal(volume.n_hosts, THREADS / 2);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(has_host(&volume, host_nqn(env, i)), i % 2 == 0);
	}
}

static void come_and_go(struct racer *self)
{
	struct env *env = &self->env;
	struct be_volume_args args = volume_args(env, "storm");
	struct be_volume volume;

	for (unsigned i = 0; i < 10; i++) {
		enum be_result result = (i + self->n) % 2 ? firm(self, CREATE, &args, &volume)
							  : firm(self, DELETE, args.object, NULL);

		if (result != BE_DONE) {
			wrong(self, "storm");
		}
	}
}

static void create_against_delete(void **state)
{
	struct env *env = *state;
	struct racer racers[THREADS];
	struct be_volume_args args = volume_args(env, "storm");
	struct be_volume volume;

	race(env, come_and_go, racers);
	assert_done(env, create(env, env->subject->a, &args, &volume));
	assert_int_equal(all_volumes(env, env->subject->b, 0).n, 1);
	assert_done(env, remove_volume(env, env->subject->b, args.object));
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 0);
}

/* A number that is the same in every run, and different for each worker. */
static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16;
}

/* May a call that meets the other worker's come to this? */
static bool allowed(enum change change, enum err_code code)
{
	switch (change) {
	case CREATE:
		return false;
	case DELETE:
		return code == ERR_FAILED_PRECONDITION; /* granted by the other one */
	case EXPAND:
	case GRANT:
	case SNAP_CREATE:
		return code == ERR_NOT_FOUND; /* deleted by the other one */
	default:
		return false;
	}
}

static bool worker_change(struct env *env, unsigned *seed)
{
	struct subject *subject = env->subject;
	enum change change = (enum change)(next_random(seed) % (SNAP_DELETE + 1));
	const char *name =
		arena_printf(env->op.arena, "shared-%u", next_random(seed) % WORKER_NAMES);
	struct be_volume_args args = volume_args(env, name);
	struct be_snapshot_args cut = snapshot_args(env, name, args.object);
	struct be_expand_args larger = {args.object, SIZE_SMALL};
	struct be_grant_args host = {
		.object = args.object, .host_nqn = host_nqn(env, next_random(seed) % WORKER_HOSTS)};
	const void *what[] = {&args, args.object, &larger, &host, &host, &cut, cut.object};
	union {
		struct be_volume volume;
		struct be_snapshot snapshot;
		struct attach_info info;
	} ret;
	const struct call c = {change, what[change], &ret};

	if (change >= SNAP_CREATE && !be_features(subject->a)->snapshots) {
		return true;
	}
	if (call_firm(env, subject->a, &c) != BE_DONE && !allowed(change, env->err.code)) {
		(void)fprintf(stderr, "worker: %s of %s: %s: %s\n", change_name(change), name,
			err_code_name(env->err.code), env->err.msg);
		return false;
	}
	return true;
}

int worker_run(struct subject *subject, unsigned seed)
{
	struct env env;
	int code = 0;

	for (unsigned i = 0; i < WORKER_CHANGES; i++) {
		env_init(&env, subject);
		code |= worker_change(&env, &seed) ? 0 : 1;
		env_done(&env);
	}
	return code;
}

struct worker {
	const char *const *argv;
	struct spawn_result result;
	struct err err;
	int rc;
};

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	const struct spawn what = {.argv = worker->argv, .pass_fd = SPAWN_NO_FD};
	struct deadline dl = deadline_in(WORKER_MS);

	worker->rc = spawn_run(&what, &dl, &worker->result, &worker->err);
	return NULL;
}

/* The arguments of this program, with "--worker N" behind them. */
static const char *const *worker_args(struct env *env, unsigned n)
{
	const char *const *from = env->subject->worker_argv;
	size_t count = 0;
	const char **argv;

	while (from[count]) {
		count++;
	}
	argv = arena_alloc(env->op.arena, (count + 3) * sizeof(*argv));
	assert_non_null(argv);
	memcpy(argv, from, count * sizeof(*argv));
	argv[count] = "--worker";
	argv[count + 1] = arena_printf(env->op.arena, "%u", n);
	return argv;
}

static void two_processes_on_one_backend(void **state)
{
	struct env *env = *state;
	struct worker workers[2] = {0};
	pthread_t threads[2];
	struct be_volumes all;

	if (!be_features(env->subject->a)->two_writers) {
		skip();
	}
	for (unsigned i = 0; i < 2; i++) {
		workers[i].argv = worker_args(env, i + 1);
		assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (workers[i].rc < 0 || workers[i].result.exit_code != 0) {
			fail_msg("worker %u: %d: %s: %s", i + 1, workers[i].result.exit_code,
				workers[i].err.msg, workers[i].result.output);
		}
		spawn_result_done(&workers[i].result);
	}
	env_reset(env);
	all = all_volumes(env, env->subject->a, 0);
	assert_true(all.n <= WORKER_NAMES);
	for (size_t i = 0; i < all.n; i++) {
		assert_true(all.list[i].n_hosts <= WORKER_HOSTS);
		assert_true(i == 0 || !streq(all.list[i].object, all.list[i - 1].object));
	}
}

const struct CMUnitTest race_tests[] = {
	SUITE_TEST(one_name_makes_one_volume),
	SUITE_TEST(one_of_two_sizes_wins),
	SUITE_TEST(one_name_makes_one_snapshot),
	SUITE_TEST(many_volumes_at_once),
	SUITE_TEST(many_hosts_at_once),
	SUITE_TEST(create_against_delete),
	SUITE_TEST(two_processes_on_one_backend),
	{0},
};
