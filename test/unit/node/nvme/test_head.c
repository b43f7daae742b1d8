/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a disk: found by identity, awaited when it is late, and explained when it never
 * comes.
 */
#include "node/nvme/head.h"
#include "test/unit/node/nvme/kernel_fake.h"

#include <pthread.h>
#include <stdatomic.h>

#define SUB0 "class/nvme-subsystem/nvme-subsys0/"
#define UUID_1                                                                                     \
	{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, \
		0x55}

struct world {
	struct fixture f;
	struct fab *fab;
	struct ns_ident ident;
	struct head_want want;
	int64_t ms;
	struct subsys_disk disk;
	bool size;
	unsigned calls;
	atomic_bool over; /* the wait has ended */
};

static void world_open(struct world *w, const char *tree)
{
	struct err err = {0};

	*w = (struct world){.ident = {.uuid = UUID_1}, .ms = 20000};
	fixture_open(&w->f, tree);
	kernel_use(&w->f);
	assert_int_equal(fab_new(&w->f.host, &us, &w->fab, &err), 0);
	w->want = (struct head_want){.nqn = NQN_A, .ident = &w->ident, .min_size = 819200 * 512LL};
}

static void world_close(struct world *w)
{
	fab_free(w->fab);
	fixture_close(&w->f);
}

static int wait_step(const struct step *in, void *arg, struct err *err)
{
	struct world *w = arg;
	struct deadline dl = deadline_in(w->ms);

	return (w->size ? head_wait_size : head_wait)(
		in, w->fab, NULL, &w->want, &dl, &w->disk, err);
}

static int run(struct world *w, struct err *err)
{
	struct steps steps = {.operation = "test"};

	*err = (struct err){0};
	return step_run(&steps, "wait", wait_step, w, err);
}

static void test_there_at_once(void **state)
{
	static const char *const trees[][2] = {{"multipath", "nvme0n1"}, {"single", "nvme7n1"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		struct world w;
		struct err err = {0};
		world_open(&w, trees[i][0]);
		assert_int_equal(run(&w, &err), 0);
		assert_string_equal(w.disk.name, trees[i][1]);
		world_close(&w);
	}
}

/* What another thread does to the tree while the wait is on: after the first rescan was asked for.
 */
static void *appear(void *arg)
{
	struct world *w = arg;

	while (!streq(fixture_get(&w->f, "class/nvme/nvme0/rescan_controller"), "1")) {
		struct deadline soon = deadline_in(60000);
		struct err ignored = {0};
		if (atomic_load(&w->over) ||
			deadline_poll(&soon, -1, 0, 10, "test", &ignored) < 0) {
			return NULL;
		}
	}
	fixture_set(&w->f, SUB0 "nvme0n1/uuid", "11111111-2222-3333-4444-555555555555");
	return NULL;
}

static void test_appears_late(void **state)
{
	struct world w;
	struct err err = {0};
	pthread_t thread;

	(void)state;
	world_open(&w, "multipath");
	fixture_set(&w.f, SUB0 "nvme0n1/uuid", "00000000-2222-3333-4444-555555555555");
	assert_int_equal(pthread_create(&thread, NULL, appear, &w), 0);
	int result = run(&w, &err);
	atomic_store(&w.over, true);
	(void)pthread_join(thread, NULL);
	if (result < 0) {
		fail_msg("%s", err.msg);
	}
	assert_string_equal(w.disk.name, "nvme0n1");
	world_close(&w);
}

static void expect_late(struct world *w, const char *says)
{
	struct err err;

	w->ms = 60;
	assert_int_equal(run(w, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_non_null(strstr(err.msg, NQN_A));
	if (!strstr(err.msg, says)) {
		fail_msg("'%s' is not in: %s", says, err.msg);
	}
}

static void test_reasons(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, "multipath");
	w.ident = (struct ns_ident){.uuid = {0xde}};
	expect_late(&w, "1 live connections, 3 namespaces, none with the volume's identity");
	/* A namespace that is ours by one identity and not by another. */
	w.ident = (struct ns_ident){.uuid = UUID_1, .nguid = {0xde}};
	expect_late(&w, "nvme0n1");
	w.ident = (struct ns_ident){.nguid = {0x99, 0x99, 0x99, 0x99, 0x22, 0x22, 0x33, 0x33, 0x44,
					    0x44, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}};
	expect_late(&w, "ANA state 'inaccessible'");
	w.ident = (struct ns_ident){.uuid = {0xde}};
	fixture_set(&w.f, "class/nvme/nvme0/state", "connecting");
	expect_late(&w, "none of its 3 connections is live");
	world_close(&w);
	world_open(&w, NULL);
	expect_late(&w, "no connection of this node");
	w.ident = (struct ns_ident){.nsid = 7};
	assert_int_equal(run(&w, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	world_close(&w);
}

/* What the callback does: another path, over which the namespace may be used. */
static int other_path(const struct step *in UNUSED, void *arg, struct err *err UNUSED)
{
	struct world *w = arg;

	w->calls++;
	fixture_set(&w->f, SUB0 "nvme0n9/dev", "259:9");
	return 0;
}

static int no_other_path(const struct step *in UNUSED, void *arg, struct err *err)
{
	struct world *w = arg;

	w->calls++;
	return err_set(err, ERR_UNAVAILABLE, "no other path");
}

static void only_inaccessible(struct world *w)
{
	static const struct ns_ident only = {
		.nguid = {0x99, 0x99, 0x99, 0x99, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x66, 0x66,
			0x66, 0x66, 0x66, 0x66}};
	struct err err = {0};

	w->ident = only;
	w->want.min_size = 0;
	w->want.arg = w;
	assert_int_equal(dir_make(w->f.sysfs, SUB0 "nvme0n9", 0755, &err), 0);
	fixture_set(&w->f, SUB0 "nvme0n9/size", "8");
	fixture_set(&w->f, SUB0 "nvme0n9/nguid", "99999999-2222-3333-4444-666666666666");
}

/* The path is live, and the target says: not this one. */
static void test_kept_away(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, "multipath");
	only_inaccessible(&w);
	w.want.kept_away = other_path;
	assert_int_equal(run(&w, &err), 0);
	assert_string_equal(w.disk.name, "nvme0n9");
	assert_int_equal(w.calls, 1);
	world_close(&w);

	world_open(&w, "multipath");
	only_inaccessible(&w);
	w.want.kept_away = no_other_path;
	assert_int_equal(run(&w, &err), -1);
	assert_string_equal(err.msg, "no other path");
	assert_int_equal(w.calls, 1);
	world_close(&w);
}

/* Where a path may be used, the disk is only late: no other path is made for it. */
static void test_late_is_not_kept_away(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, "multipath");
	only_inaccessible(&w);
	w.want.kept_away = no_other_path;
	fixture_set(&w.f, "class/nvme/nvme0/nvme0c0n9/ana_state", "non-optimized");
	w.ms = 2500;
	assert_int_equal(run(&w, &err), -1);
	assert_int_equal(w.calls, 0);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	world_close(&w);
}

static void test_p2_identity_twice_ends_the_wait(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, "multipath");
	fixture_set(&w.f, SUB0 "nvme0n2/uuid", "11111111-2222-3333-4444-555555555555");
	assert_int_equal(run(&w, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	world_close(&w);
}

static void test_too_small(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, "multipath");
	w.want.min_size++;
	assert_int_equal(run(&w, &err), -1);
	assert_int_equal(err.code, ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(err.msg, "419430400"));
	assert_non_null(strstr(err.msg, "419430401"));
	/* It was asked to look again before it was called too small. */
	assert_string_equal(fixture_get(&w.f, "class/nvme/nvme0/rescan_controller"), "1");
	world_close(&w);
}

static void test_wait_size_rescans_first(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, "multipath");
	w.size = true;
	assert_int_equal(run(&w, &err), 0);
	assert_string_equal(fixture_get(&w.f, "class/nvme/nvme0/rescan_controller"), "1");
	assert_string_equal(fixture_get(&w.f, "class/nvme/nvme2/rescan_controller"), "");
	world_close(&w);
}

/* A grow may take its time: that is no reason to give up for good. */
static void test_a_grow_is_waited_for(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_open(&w, "multipath");
	w.size = true;
	w.want.min_size++;
	w.ms = HEAD_SIZE_WAIT_MS + 1000;
	assert_int_equal(run(&w, &err), -1);
	assert_int_equal(err.code, ERR_DEADLINE_EXCEEDED);
	assert_non_null(strstr(err.msg, "smaller than 419430401 bytes"));
	world_close(&w);
}

static void test_not_ready_is_waited_for(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "multipath");
	fixture_drop(&w.f, SUB0 "nvme0n1/dev");
	expect_late(&w, "");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_at_once),
		cmocka_unit_test(test_appears_late),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_kept_away),
		cmocka_unit_test(test_late_is_not_kept_away),
		cmocka_unit_test(test_p2_identity_twice_ends_the_wait),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_a_grow_is_waited_for),
		cmocka_unit_test(test_wait_size_rescans_first),
		cmocka_unit_test(test_not_ready_is_waited_for),
	};

	return cmocka_run_group_tests(tests, kernel_start, kernel_stop);
}
