/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch over the backends: what it takes for working, when it speaks, and its end while a
 * backend hangs.
 */
#include "controller/core/health.h"

#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define LONG_MS 20000

struct fickle {
	struct backend base;
	_Atomic enum err_code code; /* ERR_OK: works */
	_Atomic bool hangs;
	sem_t asked;
};

static int answer(struct backend *self, const struct op *op, struct err *err)
{
	struct fickle *fickle = (struct fickle *)self;

	assert_int_equal(sem_post(&fickle->asked), 0);
	if (atomic_load(&fickle->hangs)) {
		return deadline_poll(&op->deadline, -1, 0, -1, "hangs", err);
	}
	enum err_code code = atomic_load(&fickle->code);
	return code == ERR_OK ? 0 : err_set(err, code, "scripted");
}

static int fickle_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	assert_string_equal(pool, "");
	*ret = (struct be_capacity){0};
	return answer(self, op, err);
}

static int fickle_limits(
	struct backend *self, const struct op *op, struct be_limits *ret, struct err *err)
{
	*ret = (struct be_limits){0};
	return answer(self, op, err);
}

static int fickle_probe(struct backend *self, const struct op *op, struct err *err)
{
	return answer(self, op, err);
}

static int no_capacity(struct backend *self UNUSED, const struct op *op UNUSED,
	const char *pool UNUSED, struct be_capacity *ret UNUSED, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "asked for its capacity");
}

static void fickle_close(struct backend *self UNUSED) {}

static const struct backend_ops with_capacity = {
	.capacity = fickle_capacity, .limits = fickle_limits, .close = fickle_close};
static const struct backend_ops with_probe = {.probe = fickle_probe,
	.capacity = no_capacity,
	.limits = fickle_limits,
	.close = fickle_close};
static const struct backend_ops without = {.limits = fickle_limits, .close = fickle_close};

struct rig {
	struct fickle fickle;
	struct core *core;
	sem_t told;
	char said[ERR_MSG_MAX]; /* of the last news; read after told */
};

static void told(void *arg, const char *backend, const struct err *why)
{
	struct rig *rig = arg;

	assert_string_equal(backend, "b");
	(void)snprintf(rig->said, sizeof(rig->said), "%s", why ? why->msg : "works");
	assert_int_equal(sem_post(&rig->told), 0);
}

static void start(struct rig *rig, const struct backend_ops *ops, int64_t every_ms)
{
	const struct core_backend backend = {.name = "b", .take_backend = &rig->fickle.base};
	const struct core_watch watch = {.told = told, .arg = rig, .every_ms = every_ms};
	struct err err = {0};

	rig->fickle.base.ops = ops;
	assert_int_equal(sem_init(&rig->told, 0, 0), 0);
	assert_int_equal(sem_init(&rig->fickle.asked, 0, 0), 0);
	assert_int_equal(core_new("t1", &backend, 1, &rig->core, &err), 0);
	assert_int_equal(core_watch_start(rig->core, &watch, &err), 0);
}

static void expect(struct rig *rig, const char *words, bool up)
{
	struct core_health health;

	assert_int_equal(sem_wait(&rig->told), 0);
	assert_string_equal(rig->said, words);
	assert_string_equal(core_backend_health(rig->core, 0, &health), "b");
	assert_true(health.known);
	assert_int_equal(health.up, up);
	assert_string_equal(health.why.msg, up ? "" : words);
}

static void asked_again(struct rig *rig, int times)
{
	while (times-- > 0) {
		assert_int_equal(sem_wait(&rig->fickle.asked), 0);
	}
}

static void changes_are_told_once(void **state UNUSED)
{
	struct rig rig = {0};
	int pending;

	start(&rig, &with_capacity, 1);
	assert_int_equal(core_backend_count(rig.core), 1);
	expect(&rig, "works", true);
	asked_again(&rig, 5);
	rig.fickle.code = ERR_UNAUTHENTICATED;
	expect(&rig, "backend b: scripted", false);
	asked_again(&rig, 5);
	assert_int_equal(sem_getvalue(&rig.told, &pending), 0);
	assert_int_equal(pending, 0);
	/* It has several pools and none was named: it answered. */
	rig.fickle.code = ERR_INVALID_ARGUMENT;
	expect(&rig, "works", true);
	rig.fickle.code = ERR_UNAVAILABLE;
	expect(&rig, "backend b: scripted", false);
	core_free(rig.core);
}

static void one_without_capacity_is_asked_for_its_limits(void **state UNUSED)
{
	struct rig rig = {0};

	start(&rig, &without, 60000);
	expect(&rig, "works", true);
	core_free(rig.core);
}

/* What a capacity costs grows with what is there. */
static void one_with_a_probe_is_asked_nothing_else(void **state UNUSED)
{
	struct rig rig = {0};

	start(&rig, &with_probe, 1);
	expect(&rig, "works", true);
	rig.fickle.code = ERR_UNAVAILABLE;
	expect(&rig, "backend b: scripted", false);
	core_free(rig.core);
}

static void the_end_does_not_wait_for_one_that_hangs(void **state UNUSED)
{
	struct rig rig = {.fickle.hangs = true};
	int64_t before = clock_ms();
	struct core_health health;
	int pending;

	start(&rig, &with_capacity, 60000);
	asked_again(&rig, 1);
	(void)core_backend_health(rig.core, 0, &health);
	assert_false(health.known);
	core_free(rig.core);
	assert_in_range(clock_ms() - before, 0, CORE_WATCH_CALL_MS - 1);
	/* That we gave up says nothing about the backend. */
	assert_int_equal(sem_getvalue(&rig.told, &pending), 0);
	assert_int_equal(pending, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_once),
		cmocka_unit_test(one_without_capacity_is_asked_for_its_limits),
		cmocka_unit_test(one_with_a_probe_is_asked_nothing_else),
		cmocka_unit_test(the_end_does_not_wait_for_one_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
