/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake backend's state: plain memory without pointers, so that a file of it can be mapped by
 * several processes, behind one lock that outlives a killed holder.
 */
#pragma once

#include "common/nvmf/nqn.h"
#include "common/nvmf/uuid.h"
#include "controller/backend/objname.h"
#include "test/backend/fake/fake.h"

#include <pthread.h>

#define FAKE_NAME_SIZE 256
#define FAKE_META_SIZE 4096
#define FAKE_CALL_SIZE 24
#define FAKE_CALLS 12

struct fake_kept {
	bool used;
	bool ready;
	char object[BE_OBJECT_SIZE]; /* as in ids */
	char stored[BE_OBJECT_SIZE]; /* what a backend without metadata has of it */
	char name[FAKE_NAME_SIZE];
	unsigned pool;
	int64_t size;
	int64_t asked; /* size that creation was to reach */
	int64_t created_ms;
	enum be_source_kind source_kind;
	char source[BE_OBJECT_SIZE]; /* of a snapshot: its volume */
	size_t meta_n;
	char meta[FAKE_META_SIZE]; /* key NUL value NUL ... */
};

struct fake_volume {
	struct fake_kept kept;
	uint8_t uuid[16];
	bool written;
	size_t n_hosts;
	char hosts[FAKE_HOSTS_MAX][NQN_SIZE];
};

struct fake_rule {
	char call[FAKE_CALL_SIZE];
	unsigned from;
	unsigned times;
	bool for_ever;
	enum fake_action action;
	enum err_code code;
};

struct fake_state {
	uint64_t magic;
	pthread_mutex_t lock;
	bool absent[2];
	unsigned passages[FAKE_CALLS];
	unsigned rules;
	struct fake_rule rule[FAKE_FAULTS_MAX];
	struct fake_volume volume[FAKE_VOLUMES_MAX];
	struct fake_kept snapshot[FAKE_SNAPSHOTS_MAX];
};

struct fake {
	struct fake_state *state;
	struct fake_options options;
	struct be_features features;
	struct backend_ops ops;
};

struct fake_handle {
	struct backend be;
	struct fake *fake;
	char name[FAKE_NAME_SIZE];
	char instance[INSTANCE_MAX + 1];
};

static inline struct fake_handle *fake_of(const struct backend *be)
{
	return container_of(be, struct fake_handle, be);
}

void fake_lock(struct fake_state *state);
void fake_unlock(struct fake_state *state);

/** struct fake_passage - one call that may be told to fail. */
struct fake_passage {
	struct fake_state *state;
	const struct op *op;
	const char *call;
	bool hit; /* a rule is for this passage */
	struct fake_rule rule;
};
/** fake_enter - count the call and do what is to happen before it. Return: 0, or -1. */
MUST_USE int fake_enter(struct fake_handle *h, const struct op *op, const char *call,
	struct fake_passage *ret, struct err *err);
/** fake_leave - do what is to happen after it. Return: 0, or -1. */
MUST_USE int fake_leave(const struct fake_passage *passage, struct err *err);
/** fake_told - is @action what this passage is to do? */
bool fake_told(const struct fake_passage *passage, enum fake_action action);

/* Within the lock. */
struct fake_volume *fake_find_volume(struct fake_handle *h, const char *object);
struct fake_kept *fake_find_snapshot(struct fake_handle *h, const char *object);
/** fake_pools_there - with a pool missing, what was not found may be in it. Return: 0 when all are
 * there, or -1 UNAVAILABLE. */
MUST_USE int fake_pools_there(const struct fake_state *state, struct err *err);
MUST_USE int fake_pool_there(const struct fake_state *state, unsigned pool, struct err *err);
/** fake_pool_index - Return: 0, or -1 INVALID_ARGUMENT. */
MUST_USE int fake_pool_index(const char *pool, unsigned *ret, struct err *err);
const char *fake_pool_name(unsigned pool);
/** fake_keep - fill what is kept of a new object. Return: 0, or -1. */
MUST_USE int fake_keep(struct fake_kept *kept, const char *object, const char *name,
	struct kv_list metadata, struct err *err);
MUST_USE int fake_metadata(
	const struct fake_kept *kept, const struct op *op, struct kv_list *ret, struct err *err);
/** fake_from - was it made from @source, as far as the mode can tell? */
bool fake_from(
	const struct fake_handle *h, const struct fake_kept *kept, const struct be_source *source);

/* Members of the table. */
enum be_result fake_volume_create(const struct step *in, struct backend *self, const struct op *op,
	const struct be_volume_args *args, struct be_volume *ret, struct err *err);
enum be_result fake_volume_delete(const struct step *in, struct backend *self, const struct op *op,
	const char *object, struct err *err);
int fake_volume_get(struct backend *self, const struct op *op, const char *object,
	struct be_volume *ret, struct err *err);
int fake_volume_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_volumes *ret, struct err *err);
enum be_result fake_volume_expand(const struct step *in, struct backend *self, const struct op *op,
	const struct be_expand_args *args, struct be_volume *ret, struct err *err);
enum be_result fake_grant(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct attach_info *ret, struct err *err);
enum be_result fake_revoke(const struct step *in, struct backend *self, const struct op *op,
	const struct be_grant_args *args, struct err *err);
enum be_result fake_snapshot_create(const struct step *in, struct backend *self,
	const struct op *op, const struct be_snapshot_args *args, struct be_snapshot *ret,
	struct err *err);
enum be_result fake_snapshot_delete(const struct step *in, struct backend *self,
	const struct op *op, const char *object, struct err *err);
int fake_snapshot_get(struct backend *self, const struct op *op, const char *object,
	struct be_snapshot *ret, struct err *err);
int fake_snapshot_list(struct backend *self, const struct op *op, const struct be_page *page,
	struct be_snapshots *ret, struct err *err);
int fake_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err);
