/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: every job once, the queue's limit, stopping with and without time.
 */
#include "common/base/fileio.h"
#include "common/base/pool.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define FAR_MS 600000

static atomic_uint done;

static void count(void *arg)
{
	atomic_uint *n = arg;

	(void)atomic_fetch_add(n, 1);
}

/* A job that holds its worker until the test writes to `go`. */
struct gate {
	int entered;
	int go;
};

static struct gate gate_make(void)
{
	return (struct gate){.entered = eventfd(0, EFD_CLOEXEC), .go = eventfd(0, EFD_CLOEXEC)};
}

static void gate_done(const struct gate *gate)
{
	(void)close(gate->entered);
	(void)close(gate->go);
}

static void block(void *arg)
{
	const struct gate *gate = arg;
	eventfd_t value;

	(void)eventfd_write(gate->entered, 1);
	(void)eventfd_read(gate->go, &value);
}

static void wait_entered(const struct gate *gate)
{
	eventfd_t value;

	assert_int_equal(eventfd_read(gate->entered, &value), 0);
}

static void stop_and_free(struct pool *pool)
{
	struct deadline dl = deadline_in(FAR_MS);

	assert_true(pool_stop(pool, &dl));
	pool_free(pool);
}

static void test_runs_every_job_once(void **state)
{
	struct pool *pool = pool_new("lane", 4, 1000);

	(void)state;
	atomic_store(&done, 0);
	assert_non_null(pool);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(pool_submit(pool, count, &done, NULL), 0);
	}
	/* Those still queued are run before it ends. */
	stop_and_free(pool);
	assert_int_equal(atomic_load(&done), 1000);
}

static void test_queue_is_bounded(void **state)
{
	struct pool *pool = pool_new("lane", 1, 2);
	struct gate gate = gate_make();
	struct err err = {0};

	(void)state;
	atomic_store(&done, 0);
	assert_int_equal(pool_submit(pool, block, &gate, NULL), 0);
	wait_entered(&gate);
	assert_int_equal(pool_submit(pool, count, &done, NULL), 0);
	assert_int_equal(pool_submit(pool, count, &done, NULL), 0);
	assert_int_equal(pool_submit(pool, count, &done, &err), -1);
	assert_int_equal(err.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(err.msg, "lane"));
	assert_non_null(strstr(err.msg, "2"));
	assert_int_equal(eventfd_write(gate.go, 1), 0);
	stop_and_free(pool);
	assert_int_equal(atomic_load(&done), 2);
	gate_done(&gate);
}

static int order[50];
static int marked;

static void mark(void *arg)
{
	order[marked++] = *(int *)arg;
}

static void test_jobs_run_in_order(void **state)
{
	struct pool *pool = pool_new("lane", 1, 50);

	(void)state;
	int numbers[50];
	for (int i = 0; i < 50; i++) {
		numbers[i] = i;
		assert_int_equal(pool_submit(pool, mark, &numbers[i], NULL), 0);
	}
	stop_and_free(pool);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(order[i], i);
	}
}

static void test_stop_without_time(void **state)
{
	struct pool *pool = pool_new("lane", 2, 10);
	struct gate gate = gate_make();
	struct deadline soon = deadline_in(5);
	struct err err = {0};

	(void)state;
	assert_int_equal(pool_submit(pool, block, &gate, NULL), 0);
	wait_entered(&gate);
	assert_false(pool_stop(pool, &soon));
	assert_int_equal(pool_submit(pool, count, &done, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	/* Asked again once the job has ended, also more than once. */
	assert_int_equal(eventfd_write(gate.go, 1), 0);
	struct deadline far = deadline_in(FAR_MS);
	assert_true(pool_stop(pool, &far));
	assert_true(pool_stop(pool, &soon));
	pool_free(pool);
	gate_done(&gate);
}

static void test_stop_is_cancelled(void **state)
{
	struct pool *pool = pool_new("lane", 1, 10);
	struct gate gate = gate_make();
	_cleanup_close_ int cancel = eventfd(1, EFD_CLOEXEC);
	struct deadline dl = deadline_in(FAR_MS);

	(void)state;
	dl.cancel_fd = cancel;
	assert_int_equal(pool_submit(pool, block, &gate, NULL), 0);
	wait_entered(&gate);
	assert_false(pool_stop(pool, &dl));
	assert_int_equal(eventfd_write(gate.go, 1), 0);
	stop_and_free(pool);
	gate_done(&gate);
}

struct seen {
	sigset_t blocked;
	char name[32];
};

static void look(void *arg)
{
	struct seen *seen = arg;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
	(void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

static void test_workers_have_a_name_and_no_signals(void **state)
{
	struct pool *pool = pool_new("backend-array-one", 1, 1);
	struct seen seen = {0};
	sigset_t mine;

	(void)state;
	assert_int_equal(pool_submit(pool, look, &seen, NULL), 0);
	stop_and_free(pool);
	assert_string_equal(seen.name, "backend-array-o");
	assert_true(sigismember(&seen.blocked, SIGTERM));
	assert_true(sigismember(&seen.blocked, SIGINT));
	assert_true(sigismember(&seen.blocked, SIGCHLD));
	/* The thread that made the pool keeps its own. */
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
	assert_false(sigismember(&mine, SIGTERM));
}

struct producer {
	struct pool *pool;
	unsigned taken;
};

static void *produce(void *arg)
{
	struct producer *producer = arg;

	for (int i = 0; i < 2000; i++) {
		producer->taken += pool_submit(producer->pool, count, &done, NULL) == 0;
	}
	return NULL;
}

static void test_many_producers(void **state)
{
	struct pool *pool = pool_new("lane", 3, 16);
	struct producer producers[4] = {0};
	pthread_t threads[4];
	unsigned taken = 0;

	(void)state;
	atomic_store(&done, 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		producers[i].pool = pool;
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		taken += producers[i].taken;
	}
	stop_and_free(pool);
	assert_true(taken > 0);
	assert_int_equal(atomic_load(&done), taken);
}

/* Sanitizers have threads of their own, so the name counts. */
static int one_more(const char *task, void *arg)
{
	char path[64];
	char name[32];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	if (attr_read(AT_FDCWD, path, name, sizeof(name), NULL) == 0 && streq(name, "lazy")) {
		(*(unsigned *)arg)++;
	}
	return 0;
}

static unsigned threads(void)
{
	unsigned n = 0;

	assert_int_equal(dir_each(AT_FDCWD, "/proc/self/task", one_more, &n, NULL), 0);
	return n;
}

/* A new thread has its name a little later, one that was joined is in /proc a little longer. */
static void threads_become(unsigned n)
{
	struct deadline dl = deadline_in(FAR_MS / 10);
	struct err err = {0};

	while (threads() != n) {
		if (deadline_poll(&dl, -1, 0, 10, "threads", &err) < 0) {
			fail_msg("%u threads, not %u", threads(), n);
		}
	}
}

static void test_threads_come_with_the_jobs(void **state)
{
	struct gate gates[3] = {gate_make(), gate_make(), gate_make()};
	struct pool *pool = pool_new("lazy", 3, 10);

	(void)state;
	atomic_store(&done, 0);
	threads_become(1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pool_submit(pool, block, &gates[i], NULL), 0);
		wait_entered(&gates[i]);
		threads_become(i + 1);
	}
	assert_int_equal(pool_submit(pool, count, &done, NULL), 0);
	threads_become(3);
	assert_int_equal(atomic_load(&done), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(eventfd_write(gates[i].go, 1), 0);
	}
	stop_and_free(pool);
	threads_become(0);
	assert_int_equal(atomic_load(&done), 1);
	for (unsigned i = 0; i < 3; i++) {
		gate_done(&gates[i]);
	}
}

static void test_no_workers_is_no_pool(void **state)
{
	(void)state;
	assert_null(pool_new("lane", 0, 10));
	pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_every_job_once),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_jobs_run_in_order),
		cmocka_unit_test(test_stop_without_time),
		cmocka_unit_test(test_stop_is_cancelled),
		cmocka_unit_test(test_workers_have_a_name_and_no_signals),
		cmocka_unit_test(test_many_producers),
		cmocka_unit_test(test_threads_come_with_the_jobs),
		cmocka_unit_test(test_no_workers_is_no_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
