/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path keeper: adds what is missing, passes over what is locked or dead, leaves alone what it
 * was told to forget.
 */
#include "node/nvme/keeper.h"
#include "node/nvme/subsys.h"
#include "test/unit/node/nvme/kernel_fake.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

/* struct target - portals on the loopback that answer ICReq, for the keeper's probes. */
struct target {
	int sock;
	pthread_t thread;
	struct portal portal;
};

static void *serve(void *arg)
{
	const struct target *t = arg;
	uint8_t pdu[128];
	int fd;

	while ((fd = accept(t->sock, NULL, NULL)) >= 0) {
		if (recv(fd, pdu, sizeof(pdu), MSG_WAITALL) == (ssize_t)sizeof(pdu)) {
			uint8_t answer[128] = {[0] = 1, [2] = 128, [4] = 128};
			(void)!send(fd, answer, sizeof(answer), MSG_NOSIGNAL);
		}
		(void)close(fd);
	}
	return NULL;
}

static void target_open(struct target *t)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*t = (struct target){.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (t->sock < 0) {
		abort();
	}
	assert_int_equal(bind(t->sock, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(t->sock, 8), 0);
	assert_int_equal(getsockname(t->sock, (struct sockaddr *)&a, &len), 0);
	t->portal = (struct portal){.addr = "127.0.0.1", .port = ntohs(a.sin_port)};
	assert_int_equal(pthread_create(&t->thread, NULL, serve, t), 0);
}

static void target_close(struct target *t)
{
	(void)shutdown(t->sock, SHUT_RDWR);
	(void)pthread_join(t->thread, NULL);
	(void)close(t->sock);
}

/* What the keeper told: a bell that the test can wait on. */
struct told {
	pthread_mutex_t lock;
	pthread_cond_t bell;
	unsigned added;
	unsigned failed;
	struct err last;
};

static void on_told(void *self, const char *nqn, const struct portal *portal, const struct err *err)
{
	struct told *told = self;

	assert_string_equal(nqn, NQN_A);
	assert_non_null(portal);
	(void)pthread_mutex_lock(&told->lock);
	told->added += !err;
	told->failed += err != NULL;
	if (err) {
		told->last = *err;
	}
	(void)pthread_cond_broadcast(&told->bell);
	(void)pthread_mutex_unlock(&told->lock);
}

struct world {
	struct fixture f;
	struct fab *fab;
	struct keylock *locks;
	struct quarantine *quarantine;
	struct keeper *keeper;
	struct connect_options options;
	struct portals portals;
	struct target targets[2];
	struct told told;
};

static void world_open(struct world *w, const char *tree)
{
	struct err err = {0};

	*w = (struct world){
		.told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, {0}}};
	fixture_open(&w->f, tree);
	kernel_use(&w->f);
	for (size_t i = 0; i < ARRAY_SIZE(w->targets); i++) {
		target_open(&w->targets[i]);
		w->portals.list[w->portals.n++] = w->targets[i].portal;
	}
	assert_int_equal(fab_new(&w->f.host, &us, &w->fab, &err), 0);
	assert_int_equal(connect_profile("profile", "balanced", &w->options, &err), 0);
	w->locks = keylock_new(8);
	assert_int_equal(quarantine_new(8, &w->quarantine, &err), 0);
	struct keeper_config config = {
		.fab = w->fab,
		.helper = kernel_helper,
		.subsys_locks = w->locks,
		.quarantine = w->quarantine,
		.period_ms = 20,
		.told = on_told,
		.self = &w->told,
	};
	assert_int_equal(keeper_start(&config, &w->keeper, &err), 0);
}

static void world_close(struct world *w)
{
	struct deadline dl = deadline_in(20000);

	assert_true(keeper_stop(w->keeper, &dl));
	quarantine_free(w->quarantine);
	keylock_free(w->locks);
	fab_free(w->fab);
	for (size_t i = 0; i < ARRAY_SIZE(w->targets); i++) {
		target_close(&w->targets[i]);
	}
	fixture_close(&w->f);
}

static void set(struct world *w)
{
	struct err err = {0};

	assert_int_equal(keeper_set(w->keeper, NQN_A, &w->portals, &w->options, &err), 0);
}

/* Wait until so many paths were added and so many tries failed. */
static void hear(struct world *w, unsigned added, unsigned failed)
{
	struct timespec end;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &end), 0);
	end.tv_sec += 30;
	(void)pthread_mutex_lock(&w->told.lock);
	while (w->told.added < added || w->told.failed < failed) {
		if (pthread_cond_timedwait(&w->told.bell, &w->told.lock, &end) != 0) {
			fail_msg("only %u added, %u failed: %s", w->told.added, w->told.failed,
				w->told.last.msg);
		}
	}
	(void)pthread_mutex_unlock(&w->told.lock);
}

static unsigned count_ours(const struct world *w)
{
	struct subsys_view view;
	struct err err = {0};

	assert_int_equal(subsys_scan(&w->f.host, NQN_A, &us, &view, &err), 0);
	unsigned n = view.ours;
	subsys_view_done(&view);
	return n;
}

/* Let the keeper look a few times: it looks at each kick. */
static void let_it_look(struct world *w)
{
	struct deadline dl = deadline_in(60000);
	struct err err = {0};

	set(w);
	assert_int_equal(deadline_poll(&dl, -1, 0, 1200, "test", &err), 0);
}

static void test_adds_all_and_what_goes_away(void **state)
{
	struct world w;
	struct keeper_status status;

	(void)state;
	world_open(&w, NULL);
	set(&w);
	hear(&w, 2, 0);
	assert_int_equal(count_ours(&w), 2);
	fixture_drop(&w.f, "class/nvme/nvme101/subsysnqn");
	set(&w);
	hear(&w, 3, 0);
	assert_int_equal(count_ours(&w), 2);
	let_it_look(&w);
	keeper_read_status(w.keeper, &status);
	assert_int_equal(status.subsystems, 1);
	assert_int_equal(status.paths_wanted, 2);
	assert_int_equal(status.paths_live, 2);
	assert_int_equal(status.added, 3);
	assert_int_equal(status.failed, 0);
	/* Nothing is missing: no more connects. */
	assert_int_equal(kernel->connects, 3);
	world_close(&w);
}

static void test_never_while_locked(void **state)
{
	struct world w;
	struct keylock_held *held;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_int_equal(keylock_try(w.locks, "subsystem", NQN_A, &held, &err), 0);
	let_it_look(&w);
	assert_int_equal(kernel->connects, 0);
	keylock_release(held);
	hear(&w, 2, 0);
	world_close(&w);
}

static void test_forgets(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	set(&w);
	hear(&w, 2, 0);
	keeper_drop(w.keeper, NQN_A);
	keeper_drop(w.keeper, NQN_A);
	fixture_drop(&w.f, "class/nvme/nvme100/subsysnqn");
	struct deadline dl = deadline_in(60000);
	assert_int_equal(deadline_poll(&dl, -1, 0, 800, "test", &err), 0);
	assert_int_equal(kernel->connects, 2);
	world_close(&w);
}

/* A target that refuses this subsystem's path may serve all the others. */
static void test_p7_a_refusal_spares_the_portal(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, NULL);
	kernel->errnum = EIO;
	set(&w);
	hear(&w, 0, 1);
	assert_int_equal(w.told.last.code, ERR_PERMISSION_DENIED);
	for (unsigned i = 0; i < w.portals.n; i++) {
		assert_int_equal(
			quarantine_left_ms(w.quarantine, &w.portals.list[i], clock_ms()), 0);
	}
	world_close(&w);
}

static void test_p7_silent_portal_is_quarantined(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, NULL);
	kernel->errnum = ECONNREFUSED;
	set(&w);
	hear(&w, 0, 1);
	assert_int_equal(w.told.last.code, ERR_UNAVAILABLE);
	bool left_alone = quarantine_left_ms(w.quarantine, &w.portals.list[0], clock_ms()) > 0 ||
			  quarantine_left_ms(w.quarantine, &w.portals.list[1], clock_ms()) > 0;
	kernel->errnum = 0;
	hear(&w, 2, 1);
	world_close(&w);
	/* Not before the keeper has ended: it looks at what is on this stack. */
	assert_true(left_alone);
}

static void test_dead_portal_is_not_given_to_the_kernel(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, NULL);
	/* A third portal where nothing listens. */
	struct target gone;
	target_open(&gone);
	target_close(&gone);
	w.portals.list[w.portals.n++] = gone.portal;
	set(&w);
	hear(&w, 2, 0);
	let_it_look(&w);
	assert_int_equal(kernel->connects, 2);
	assert_int_equal(w.told.failed, 0);
	world_close(&w);
}

static void test_one_path_without_multipath(void **state)
{
	struct world w;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	assert_int_equal(dir_make(w.f.sysfs, "module/nvme_core/parameters", 0755, &err), 0);
	fixture_set(&w.f, "module/nvme_core/parameters/multipath", "N");
	set(&w);
	hear(&w, 1, 0);
	let_it_look(&w);
	assert_int_equal(kernel->connects, 1);
	world_close(&w);
}

#define POLICY_OF(n) "class/nvme-subsystem/nvme-subsys" n "/iopolicy"

static void put_subsys(const struct world *w, const char *n, const char *nqn, const char *policy)
{
	char path[128];
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "class/nvme-subsystem/nvme-subsys%s", n);
	assert_int_equal(dir_make(w->f.sysfs, path, 0755, &err), 0);
	(void)snprintf(path, sizeof(path), "class/nvme-subsystem/nvme-subsys%s/subsysnqn", n);
	fixture_set(&w->f, path, nqn);
	(void)snprintf(path, sizeof(path), "class/nvme-subsystem/nvme-subsys%s/iopolicy", n);
	fixture_set(&w->f, path, policy);
}

static void wait_policies(struct world *w, uint64_t wanted)
{
	struct deadline dl = deadline_in(30000);
	struct keeper_status status = {0};
	struct err err = {0};

	for (keeper_read_status(w->keeper, &status); status.policies < wanted;
		keeper_read_status(w->keeper, &status)) {
		set(w);
		if (deadline_poll(&dl, -1, 0, 20, "policy", &err) < 0) {
			fail_msg("only %llu set back", (unsigned long long)status.policies);
		}
	}
	assert_int_equal(status.policies, wanted);
}

/* As by a rule of udev that comes after the stage. */
static void test_policy_is_set_back(void **state)
{
	struct world w;
	struct keylock_held *held;
	struct err err = {0};

	(void)state;
	world_open(&w, NULL);
	set(&w);
	hear(&w, 2, 0);
	put_subsys(&w, "7", NQN_AB, "numa");
	put_subsys(&w, "6", NQN_A, "numa");
	wait_policies(&w, 1);
	assert_string_equal(fixture_get(&w.f, POLICY_OF("6")), "queue-depth");
	/* One that was asked for by name, and not while somebody works on the subsystem. */
	(void)snprintf(w.options.io_policy, sizeof(w.options.io_policy), "numa");
	assert_int_equal(keylock_try(w.locks, "subsystem", NQN_A, &held, &err), 0);
	let_it_look(&w);
	assert_string_equal(fixture_get(&w.f, POLICY_OF("6")), "queue-depth");
	keylock_release(held);
	wait_policies(&w, 2);
	assert_string_equal(fixture_get(&w.f, POLICY_OF("6")), "numa");
	/* The administrator's stays as it is, and so does ours once it is forgotten. */
	assert_string_equal(fixture_get(&w.f, POLICY_OF("7")), "numa");
	keeper_drop(w.keeper, NQN_A);
	fixture_set(&w.f, POLICY_OF("6"), "round-robin");
	struct deadline dl = deadline_in(60000);
	assert_int_equal(deadline_poll(&dl, -1, 0, 800, "test", &err), 0);
	assert_string_equal(fixture_get(&w.f, POLICY_OF("6")), "round-robin");
	world_close(&w);
}

static void test_stops_under_a_hanging_connect(void **state)
{
	struct world w;
	struct err err = {0};
	struct deadline dl = deadline_in(60000);

	(void)state;
	world_open(&w, NULL);
	kernel->hang = 1;
	set(&w);
	while (kernel->connects == 0) {
		assert_int_equal(deadline_poll(&dl, -1, 0, 5, "test", &err), 0);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds_all_and_what_goes_away),
		cmocka_unit_test(test_never_while_locked),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_p7_a_refusal_spares_the_portal),
		cmocka_unit_test(test_p7_silent_portal_is_quarantined),
		cmocka_unit_test(test_dead_portal_is_not_given_to_the_kernel),
		cmocka_unit_test(test_one_path_without_multipath),
		cmocka_unit_test(test_policy_is_set_back),
		cmocka_unit_test(test_stops_under_a_hanging_connect),
	};

	return cmocka_run_group_tests(tests, kernel_start, kernel_stop);
}
