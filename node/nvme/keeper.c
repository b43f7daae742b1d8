/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one table of wanted paths. The table has a mutex of its own, held only to copy; the
 * work on a subsystem is done under that subsystem's keylock.
 */
#include "node/nvme/keeper.h"

#include "common/base/map.h"
#include "node/nvme/subsys.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

/* Events come in bursts; one look serves all that came within this time of the last one. */
#define LOOK_GAP_MS 500
/* Connects that hang in the kernel at once; past that, the keeper waits. */
#define STUCK_MAX 16

/* struct kept - one subsystem whose paths are kept. */
struct kept {
	char nqn[NQN_SIZE];
	struct portals portals;
	struct connect_options options;
	int64_t backoff_ms;
	int64_t next_ms;     /* not before */
	uint64_t generation; /* another one for each keeper_set() */
};

struct stuck {
	struct helper_stuck *child;
	struct keylock_held *held;
};

struct keeper {
	struct keeper_config config;
	pthread_t thread;
	int stop_fd; /* readable once it is to end */
	struct uev_waiter *waiter;
	struct stuck stuck[STUCK_MAX]; /* the thread's own */
	pthread_mutex_t lock;	       /* of all below */
	struct map *kept;
	uint64_t generation;
	struct keeper_status status;
};

/* struct missing - what a look found wanting: copies, since the table may change. */
struct missing {
	struct kept *list;
	size_t n;
	size_t size;
	int64_t now_ms;
	const struct subsys_paths *paths;
	bool multipath;
	unsigned wanted;
	unsigned live;
};

static bool has_path(const struct subsys_ctrl *ctrl, const struct portal *portal)
{
	return !ctrl->going && ctrl->has_portal && portal_equal(&ctrl->portal, portal);
}

static bool kept_missing(const char *key, void *value, void *arg)
{
	struct kept *kept = value;
	struct missing *m = arg;
	bool all = true;
	bool any = false;

	(void)key;
	m->wanted += m->multipath ? kept->portals.n : 1;
	for (unsigned i = 0; i < kept->portals.n; i++) {
		bool there = false;
		for (size_t p = 0; p < m->paths->n; p++) {
			const struct subsys_path *path = &m->paths->list[p];
			if (streq(path->nqn, kept->nqn) &&
				has_path(&path->ctrl, &kept->portals.list[i])) {
				there = true;
				m->live += path->ctrl.live;
			}
		}
		all = all && there;
		any = any || there;
	}
	if (all || (any && !m->multipath)) {
		kept->backoff_ms = 0;
		kept->next_ms = 0;
	} else if (m->n < m->size) {
		m->list[m->n++] = *kept;
	}
	return true;
}

static void tell(const struct keeper *keeper, const char *nqn, const struct portal *portal,
	const struct err *err)
{
	if (keeper->config.told) {
		keeper->config.told(keeper->config.self, nqn, portal, err);
	}
}

static void count(struct keeper *keeper, bool added)
{
	(void)pthread_mutex_lock(&keeper->lock);
	keeper->status.added += added;
	keeper->status.failed += !added;
	(void)pthread_mutex_unlock(&keeper->lock);
}

struct connect_job {
	struct keeper *keeper;
	struct fab_path path;
	struct guard guard;
};

static int connect_step(const struct step *in, void *arg, struct err *err)
{
	struct connect_job *job = arg;
	struct fab_result result;

	return fab_connect(in, job->keeper->config.fab, &job->path, &job->guard, &result, err);
}

/* Remember a connect that hangs: its subsystem stays locked until it is over. */
static void park(struct keeper *keeper, struct helper_stuck *child, struct keylock_held **held)
{
	for (size_t i = 0; i < STUCK_MAX; i++) {
		if (!keeper->stuck[i].child) {
			keeper->stuck[i] = (struct stuck){.child = child, .held = TAKE_PTR(*held)};
			return;
		}
	}
}

/* Return: true while there is room for one more connect that may hang. */
static bool unpark(struct keeper *keeper)
{
	bool room = false;

	for (size_t i = 0; i < STUCK_MAX; i++) {
		struct stuck *stuck = &keeper->stuck[i];
		if (stuck->child && helper_stuck_gone(stuck->child)) {
			stuck->child = NULL;
			keylock_release(TAKE_PTR(stuck->held));
		}
		room = room || !stuck->child;
	}
	return room;
}

/* Add one path; its subsystem is locked by @held. Return: 0, or -1 (then leave the subsystem). */
static int add_path(struct keeper *keeper, const struct kept *kept, const struct portal *portal,
	struct keylock_held **held)
{
	struct steps steps = {.operation = "PathKeeper", .journal = keeper->config.journal};
	struct err err = {0};
	struct connect_job job = {
		.keeper = keeper,
		.path = {.nqn = kept->nqn, .portal = portal, .options = &kept->options},
		.guard = {.helper = keeper->config.helper, .dl = deadline_in(KEEPER_CONNECT_MS)},
	};

	job.guard.dl.cancel_fd = keeper->stop_fd;
	if (step_run(&steps, "keep-path", connect_step, &job, &err) < 0) {
		/* A refusal is about this volume; what did not answer is about the portal. */
		if ((err.code == ERR_UNAVAILABLE || err.code == ERR_DEADLINE_EXCEEDED) &&
			!helper_gone(keeper->config.helper)) {
			(void)quarantine_failed(keeper->config.quarantine, portal, clock_ms());
		}
		count(keeper, false);
		tell(keeper, kept->nqn, portal, &err);
		if (job.guard.stuck) {
			park(keeper, job.guard.stuck, held);
		}
		return -1;
	}
	quarantine_worked(keeper->config.quarantine, portal);
	count(keeper, true);
	tell(keeper, kept->nqn, portal, NULL);
	return 0;
}

/* Is @kept still in the table, unchanged in what it wants? */
static bool still_wanted(struct keeper *keeper, const struct kept *kept)
{
	(void)pthread_mutex_lock(&keeper->lock);
	const struct kept *now = map_get(keeper->kept, kept->nqn);
	bool wanted = now && now->generation == kept->generation;
	(void)pthread_mutex_unlock(&keeper->lock);
	return wanted;
}

/* With the subsystem locked: add the portals of @alive that are still not there. */
static bool add_missing(struct keeper *keeper, const struct kept *kept, const struct portals *alive,
	struct keylock_held **held)
{
	_cleanup_subsys_view_ struct subsys_view view = {.instance = -1};
	const struct fab *fab = keeper->config.fab;
	struct err err = {0};

	if (!still_wanted(keeper, kept)) {
		return true;
	}
	if (subsys_scan(fab_host(fab), kept->nqn, fab_identity(fab), &view, &err) < 0) {
		return false;
	}
	unsigned most =
		subsys_multipath(fab_host(fab)) ? alive->n : MIN(alive->n, view.ours > 0 ? 0U : 1U);
	for (unsigned i = 0; i < most; i++) {
		bool there = false;
		for (size_t c = 0; c < view.n_ctrls; c++) {
			there = there ||
				(view.ctrls[c].ours && has_path(&view.ctrls[c], &alive->list[i]));
		}
		if (!there && add_path(keeper, kept, &alive->list[i], held) < 0) {
			return false;
		}
	}
	return true;
}

/* Which portals of @kept are missing, not quarantined, and answer? */
static void probe_missing(struct keeper *keeper, const struct kept *kept,
	const struct subsys_paths *paths, struct portals *alive)
{
	struct deadline dl = deadline_in(PORTAL_PROBE_MS);
	struct portal_verdict verdicts[PORTALS_MAX];
	struct portals ask = {0};
	struct err err = {0};

	*alive = (struct portals){0};
	for (unsigned i = 0; i < kept->portals.n; i++) {
		const struct portal *portal = &kept->portals.list[i];
		bool there = quarantine_left_ms(keeper->config.quarantine, portal, clock_ms()) > 0;
		for (size_t p = 0; p < paths->n && !there; p++) {
			there = streq(paths->list[p].nqn, kept->nqn) &&
				has_path(&paths->list[p].ctrl, portal);
		}
		if (!there) {
			ask.list[ask.n++] = *portal;
		}
	}
	dl.cancel_fd = keeper->stop_fd;
	if (ask.n == 0 || portal_probe(&ask, kept->options.tls_key != 0, &dl, verdicts, &err) < 0) {
		return;
	}
	for (unsigned i = 0; i < ask.n; i++) {
		if (verdicts[i].alive) {
			alive->list[alive->n++] = ask.list[i];
		}
	}
}

/* Note how a try went: a subsystem that is not whole is tried less and less often. */
static void back_off(struct keeper *keeper, const char *nqn)
{
	int64_t period = keeper->config.period_ms;

	(void)pthread_mutex_lock(&keeper->lock);
	struct kept *kept = map_get(keeper->kept, nqn);
	if (kept) {
		kept->backoff_ms = kept->backoff_ms == 0
					   ? period
					   : MIN(kept->backoff_ms * 2,
						     MAX(period, (int64_t)KEEPER_BACKOFF_MS));
		kept->next_ms = clock_ms() + kept->backoff_ms;
	}
	(void)pthread_mutex_unlock(&keeper->lock);
}

static void mend(struct keeper *keeper, const struct kept *kept, const struct subsys_paths *paths)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct portals alive;
	struct err err = {0};

	probe_missing(keeper, kept, paths, &alive);
	if (alive.n == 0) {
		back_off(keeper, kept->nqn);
		return;
	}
	/* A subsystem that someone works on is left alone; the next look comes soon. */
	if (keylock_try(keeper->config.subsys_locks, "subsystem", kept->nqn, &held, &err) < 0) {
		return;
	}
	if (!add_missing(keeper, kept, &alive, &held)) {
		back_off(keeper, kept->nqn);
	}
}

struct policy_job {
	const struct keeper *keeper;
	const struct kept *kept;
	int instance;
};

static int policy_step(const struct step *in, void *arg, struct err *err)
{
	const struct policy_job *job = arg;

	return fab_set_policy(in, job->keeper->config.fab, job->kept->nqn, job->instance,
		job->kept->options.io_policy, err);
}

/* Is the policy of a subsystem that is kept another one than it was given? */
static bool policy_wrong(
	struct keeper *keeper, const struct subsys_policy *seen, struct kept *ret_kept)
{
	(void)pthread_mutex_lock(&keeper->lock);
	const struct kept *kept = map_get(keeper->kept, seen->nqn);
	bool wrong =
		kept && !fab_policy_fits(keeper->config.fab, kept->options.io_policy, seen->policy);
	if (wrong) {
		*ret_kept = *kept;
	}
	(void)pthread_mutex_unlock(&keeper->lock);
	return wrong;
}

/* A rule of udev, or somebody's hand, gave a subsystem another policy: set it back. */
static void keep_policy(const struct subsys_policy *seen, void *arg)
{
	struct keeper *keeper = arg;
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct steps steps = {.operation = "PathKeeper", .journal = keeper->config.journal};
	struct kept kept;
	struct policy_job job = {keeper, &kept, seen->instance};
	struct err err = {0};

	if (!policy_wrong(keeper, seen, &kept) ||
		keylock_try(keeper->config.subsys_locks, "subsystem", seen->nqn, &held, &err) < 0 ||
		!still_wanted(keeper, &kept)) {
		return;
	}
	if (step_run(&steps, "keep-policy", policy_step, &job, &err) == 0) {
		(void)pthread_mutex_lock(&keeper->lock);
		keeper->status.policies++;
		(void)pthread_mutex_unlock(&keeper->lock);
	}
}

static bool stopping(const struct keeper *keeper)
{
	struct deadline now = {.at_ms = clock_ms() + LOOK_GAP_MS, .cancel_fd = keeper->stop_fd};
	struct err ignored = {0};

	return deadline_check(&now, "path keeper", &ignored) < 0;
}

/* One look at everything. Return: true when something is missing. */
static bool look(struct keeper *keeper)
{
	struct subsys_paths paths = {0};
	struct missing m = {.paths = &paths, .now_ms = clock_ms()};
	const struct fab *fab = keeper->config.fab;
	struct err err = {0};

	if (subsys_list_ours(fab_host(fab), fab_identity(fab), &paths, &err) < 0) {
		return true;
	}
	(void)pthread_mutex_lock(&keeper->lock);
	m.multipath = subsys_multipath(fab_host(fab));
	m.size = map_len(keeper->kept);
	m.list = m.size > 0 ? calloc(m.size, sizeof(*m.list)) : NULL;
	m.size = m.list ? m.size : 0;
	map_each(keeper->kept, kept_missing, &m);
	keeper->status.subsystems = (unsigned)map_len(keeper->kept);
	keeper->status.paths_wanted = m.wanted;
	keeper->status.paths_live = m.live;
	(void)pthread_mutex_unlock(&keeper->lock);
	for (size_t i = 0; i < m.n && !stopping(keeper); i++) {
		if (m.list[i].next_ms <= m.now_ms && unpark(keeper)) {
			mend(keeper, &m.list[i], &paths);
		}
	}
	bool missing = m.n > 0;
	free(m.list);
	/* What cannot be read now is read at the next look. */
	if (subsys_each_policy(fab_host(fab), keep_policy, keeper, &err) < 0) {
		missing = true;
	}
	subsys_paths_done(&paths);
	return missing;
}

static void *keep_thread(void *arg)
{
	struct keeper *keeper = arg;
	bool missing = false;
	bool end = false;

	while (!end) {
		struct deadline dl = {.at_ms = INT64_MAX / 2, .cancel_fd = keeper->stop_fd};
		struct err ended = {0};

		missing = look(keeper);
		int64_t wait = missing ? keeper->config.period_ms : KEEPER_NET_MS;
		end = deadline_poll(&dl, -1, 0, LOOK_GAP_MS, "path keeper", &ended) < 0 ||
		      uev_wait(keeper->waiter, MAX(wait - LOOK_GAP_MS, (int64_t)0), &dl,
			      "path keeper", &ended) < 0;
		(void)unpark(keeper);
	}
	return NULL;
}

static int start_thread(struct keeper *keeper, struct err *err)
{
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int result = pthread_create(&keeper->thread, NULL, keep_thread, keeper);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0) {
		return err_errno(err, result, "path keeper: thread");
	}
	(void)pthread_setname_np(keeper->thread, "path-keeper");
	return 0;
}

static void keeper_done(struct keeper *keeper)
{
	for (size_t i = 0; i < STUCK_MAX; i++) {
		/* Its child outlives us; the handle goes with the process. */
		keylock_release(keeper->stuck[i].held);
	}
	uev_waiter_free(keeper->waiter);
	map_free(keeper->kept);
	if (keeper->stop_fd >= 0) {
		(void)close(keeper->stop_fd);
	}
	(void)pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

int keeper_start(const struct keeper_config *config, struct keeper **ret, struct err *err)
{
	static const struct uev_filter gone = {.sysname = "nvme", .action = "remove"};
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "path keeper: out of memory");
	}
	keeper->config = *config;
	if (keeper->config.period_ms == 0) {
		keeper->config.period_ms = KEEPER_PERIOD_MS;
	}
	(void)pthread_mutex_init(&keeper->lock, NULL);
	keeper->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	keeper->kept = map_new(KEEPER_SUBSYS_MAX, free);
	if (keeper->stop_fd < 0 || !keeper->kept) {
		keeper_done(keeper);
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "path keeper: out of memory or descriptors");
	}
	if (uev_waiter_new(config->uev, &gone, &keeper->waiter, err) < 0 ||
		start_thread(keeper, err) < 0) {
		keeper_done(keeper);
		return -1;
	}
	*ret = keeper;
	return 0;
}

bool keeper_stop(struct keeper *keeper, const struct deadline *dl)
{
	uint64_t one = 1;
	struct timespec until = {
		.tv_sec = (time_t)(dl->at_ms / 1000),
		.tv_nsec = (long)(dl->at_ms % 1000) * 1000000,
	};

	if (!keeper) {
		return true;
	}
	ssize_t n = write(keeper->stop_fd, &one, sizeof(one));
	(void)n;
	if (pthread_clockjoin_np(keeper->thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
		return false;
	}
	keeper_done(keeper);
	return true;
}

int keeper_set(struct keeper *keeper, const char *nqn, const struct portals *portals,
	const struct connect_options *options, struct err *err)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (!kept) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "path keeper: out of memory");
	}
	(void)snprintf(kept->nqn, sizeof(kept->nqn), "%s", nqn);
	kept->portals = *portals;
	kept->options = *options;
	(void)pthread_mutex_lock(&keeper->lock);
	kept->generation = ++keeper->generation;
	int result = map_put(keeper->kept, nqn, kept, err);
	(void)pthread_mutex_unlock(&keeper->lock);
	if (result < 0) {
		free(kept);
		return err_wrap(err, "path keeper");
	}
	uev_waiter_wake(keeper->waiter);
	return 0;
}

void keeper_drop(struct keeper *keeper, const char *nqn)
{
	(void)pthread_mutex_lock(&keeper->lock);
	free(map_take(keeper->kept, nqn));
	(void)pthread_mutex_unlock(&keeper->lock);
}

void keeper_read_status(struct keeper *keeper, struct keeper_status *ret)
{
	(void)pthread_mutex_lock(&keeper->lock);
	*ret = keeper->status;
	(void)pthread_mutex_unlock(&keeper->lock);
}
