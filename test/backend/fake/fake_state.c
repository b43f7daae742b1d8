/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake backend's state: mapping, lock, faults, and finding things in it.
 */
#include "test/backend/fake/fake_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC UINT64_C(0x66616b652d763031)

static const char *const calls[FAKE_CALLS] = {"volume_create", "volume_delete", "volume_get",
	"volume_list", "volume_expand", "grant", "revoke", "snapshot_create", "snapshot_delete",
	"snapshot_get", "snapshot_list", "capacity"};

static unsigned call_index(const char *call)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++) {
		if (streq(calls[i], call)) {
			return i;
		}
	}
	abort();
}

static int init_lock(struct fake_state *state, struct err *err)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc == 0) {
		(void)pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
		(void)pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
		rc = pthread_mutex_init(&state->lock, &attr);
		(void)pthread_mutexattr_destroy(&attr);
	}
	return rc == 0 ? 0 : err_errno(err, rc, "fake backend: lock");
}

void fake_lock(struct fake_state *state)
{
	if (pthread_mutex_lock(&state->lock) == EOWNERDEAD) {
		(void)pthread_mutex_consistent(&state->lock);
	}
}

void fake_unlock(struct fake_state *state)
{
	(void)pthread_mutex_unlock(&state->lock);
}

static int map_state(int fd, struct fake_state **ret, struct err *err)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
	void *at = mmap(NULL, sizeof(struct fake_state), PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED) {
		return err_errno(err, errno, "fake backend: mmap");
	}
	*ret = at;
	return 0;
}

/* Make the state ready if nobody did yet. */
static int init_state(struct fake_state *state, struct err *err)
{
	if (state->magic == MAGIC) {
		return 0;
	}
	if (init_lock(state, err) < 0) {
		return -1;
	}
	state->magic = MAGIC;
	return 0;
}

/* The first one to come makes it, behind the file's lock. That is let go by name: the mapping holds
 * the open file, so close() alone would keep it. */
static int map_file(const char *path, struct fake_state **ret, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int rc = -1;

	if (fd < 0 || flock(fd, LOCK_EX) < 0 ||
		ftruncate(fd, (off_t)sizeof(struct fake_state)) < 0) {
		return err_errno(err, errno, "fake backend: %s", path);
	}
	if (map_state(fd, ret, err) == 0 && *ret) {
		rc = init_state(*ret, err);
	}
	(void)flock(fd, LOCK_UN);
	return rc;
}

static void set_ops(struct fake *fake);

int fake_new(const struct fake_options *options, struct fake **ret, struct err *err)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	int rc;

	if (!fake) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "fake backend: no memory");
	}
	if (options->path) {
		rc = map_file(options->path, &fake->state, err);
	} else {
		rc = map_state(-1, &fake->state, err);
		rc = rc < 0 || !fake->state ? -1 : init_state(fake->state, err);
	}
	if (rc < 0) {
		fake_free(fake);
		return -1;
	}
	fake->options = *options;
	fake->features = (struct be_features){
		.metadata = options->metadata,
		.shared_subsystem = options->shared_subsystem,
		.two_writers = !options->one_writer,
		.snapshots = !options->no_snapshots,
		.snapshots_independent = !options->dependent_snapshots,
		.clone_independent = true,
		.clone_volume = true,
		.expand = true,
		.exports_persist = true,
		.max_portals = 2,
	};
	set_ops(fake);
	*ret = fake;
	return 0;
}

void fake_free(struct fake *fake)
{
	if (fake) {
		if (fake->state) {
			(void)munmap(fake->state, sizeof(*fake->state));
		}
		free(fake);
	}
}

static const struct be_features *get_features(const struct backend *self)
{
	return &fake_of(self)->fake->features;
}

static int get_limits(
	struct backend *self, const struct op *op, struct be_limits *ret, struct err *err)
{
	(void)self;
	(void)op;
	(void)err;
	*ret = (struct be_limits){.granularity = FAKE_GRANULARITY,
		.min_size = FAKE_MIN_SIZE,
		.max_size = FAKE_MAX_SIZE,
		.max_hosts = FAKE_HOSTS_MAX};
	return 0;
}

static void close_handle(struct backend *self)
{
	free(fake_of(self));
}

static void set_ops(struct fake *fake)
{
	bool snapshots = !fake->options.no_snapshots;

	fake->ops = (struct backend_ops){
		.close = close_handle,
		.features = get_features,
		.limits = get_limits,
		.volume_create = fake_volume_create,
		.volume_delete = fake_volume_delete,
		.volume_get = fake_volume_get,
		.volume_list = fake_volume_list,
		.volume_expand = fake_volume_expand,
		.grant = fake_grant,
		.revoke = fake_revoke,
		.snapshot_create = snapshots ? fake_snapshot_create : NULL,
		.snapshot_delete = snapshots ? fake_snapshot_delete : NULL,
		.snapshot_get = snapshots ? fake_snapshot_get : NULL,
		.snapshot_list = snapshots ? fake_snapshot_list : NULL,
		.capacity = fake->options.no_capacity ? NULL : fake_capacity,
	};
}

int fake_open(struct fake *fake, const char *name, const char *instance, struct backend **ret,
	struct err *err)
{
	struct fake_handle *h = calloc(1, sizeof(*h));

	if (!h) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "fake backend: no memory");
	}
	h->be.ops = &fake->ops;
	h->fake = fake;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	(void)snprintf(h->instance, sizeof(h->instance), "%s", instance);
	*ret = &h->be;
	return 0;
}

void fake_fault(struct fake *fake, const struct fake_fault *fault)
{
	struct fake_state *state = fake->state;
	struct fake_rule *rule;

	(void)call_index(fault->call);
	fake_lock(state);
	if (state->rules == FAKE_FAULTS_MAX) {
		abort();
	}
	rule = &state->rule[state->rules++];
	*rule = (struct fake_rule){.from = MAX(fault->from, 1U),
		.times = fault->times,
		.for_ever = fault->times == 0,
		.action = fault->action,
		.code = fault->code == ERR_OK ? ERR_UNAVAILABLE : fault->code};
	(void)snprintf(rule->call, sizeof(rule->call), "%s", fault->call);
	fake_unlock(state);
}

void fake_faults_clear(struct fake *fake)
{
	fake_lock(fake->state);
	fake->state->rules = 0;
	fake_unlock(fake->state);
}

unsigned fake_passages(struct fake *fake, const char *call)
{
	unsigned n;

	fake_lock(fake->state);
	n = fake->state->passages[call_index(call)];
	fake_unlock(fake->state);
	return n;
}

/* The rules of @call take note of a passage; the first one that is due is it. */
static void take_rule(struct fake_state *state, const char *call, struct fake_passage *passage)
{
	for (unsigned i = 0; i < state->rules; i++) {
		struct fake_rule *rule = &state->rule[i];

		if (!streq(rule->call, call)) {
			continue;
		}
		if (rule->from > 1) {
			rule->from--;
		} else if ((rule->for_ever || rule->times > 0) && !passage->hit) {
			rule->times -= rule->for_ever ? 0 : 1;
			passage->hit = true;
			passage->rule = *rule;
		}
	}
}

bool fake_told(const struct fake_passage *passage, enum fake_action action)
{
	return passage->hit && passage->rule.action == action;
}

static int hang(const struct fake_passage *passage, struct err *err)
{
	/* A wait without an fd ends with the deadline or a cancel. */
	while (deadline_poll(&passage->op->deadline, -1, 0, -1, passage->call, err) >= 0) {
	}
	return -1;
}

int fake_enter(struct fake_handle *h, const struct op *op, const char *call,
	struct fake_passage *ret, struct err *err)
{
	struct fake_state *state = h->fake->state;

	*ret = (struct fake_passage){.state = state, .op = op, .call = call};
	fake_lock(state);
	state->passages[call_index(call)]++;
	take_rule(state, call, ret);
	fake_unlock(state);
	if (fake_told(ret, FAKE_FAIL_BEFORE)) {
		return err_set(
			err, ret->rule.code, "fake backend: %s fails before it begins", call);
	}
	if (fake_told(ret, FAKE_HANG_BEFORE)) {
		return hang(ret, err);
	}
	return deadline_check(&op->deadline, call, err);
}

int fake_leave(const struct fake_passage *passage, struct err *err)
{
	if (fake_told(passage, FAKE_FAIL_AFTER) || fake_told(passage, FAKE_HALF)) {
		return err_set(err, passage->rule.code, "fake backend: the answer of %s is lost",
			passage->call);
	}
	return fake_told(passage, FAKE_HANG_AFTER) ? hang(passage, err) : 0;
}

void fake_pool_present(struct fake *fake, const char *pool, bool present)
{
	unsigned index = 0;

	if (fake_pool_index(pool, &index, NULL) < 0) {
		abort();
	}
	fake_lock(fake->state);
	fake->state->absent[index] = !present;
	fake_unlock(fake->state);
}

void fake_set_written(struct fake *fake, const char *object)
{
	fake_lock(fake->state);
	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		struct fake_volume *volume = &fake->state->volume[i];

		if (volume->kept.used && streq(volume->kept.object, object)) {
			volume->written = true;
		}
	}
	fake_unlock(fake->state);
}

struct fake_count fake_count(struct fake *fake)
{
	struct fake_count count = {0};

	fake_lock(fake->state);
	for (size_t i = 0; i < FAKE_VOLUMES_MAX; i++) {
		const struct fake_volume *volume = &fake->state->volume[i];

		if (volume->kept.used) {
			count.volumes++;
			count.grants += (unsigned)volume->n_hosts;
			count.bytes += volume->kept.size;
		}
	}
	for (size_t i = 0; i < FAKE_SNAPSHOTS_MAX; i++) {
		count.snapshots += fake->state->snapshot[i].used ? 1 : 0;
	}
	fake_unlock(fake->state);
	return count;
}
