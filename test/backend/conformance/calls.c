/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the tests call a backend: with fresh memory and a deadline, each change within a step.
 */
#include "test/backend/conformance/suite.h"

#include <stdio.h>

/** Memory of one test. */
#define ARENA_MAX ((size_t)64 * 1024 * 1024)
/** Wait before asking again, in ms. */
#define AGAIN_MS 10

void env_init(struct env *env, struct subject *subject)
{
	*env = (struct env){.subject = subject};
	env->full = be_features(subject->a)->metadata == BE_METADATA_FULL;
	env->op.arena = arena_new(ARENA_MAX);
	env->op.method = "conformance";
	assert_non_null(env->op.arena);
	env->op.deadline = deadline_in(CALL_MS);
}

void env_done(struct env *env)
{
	arena_free(env->op.arena);
	env->op.arena = NULL;
}

void env_reset(struct env *env)
{
	struct subject *subject = env->subject;

	env_done(env);
	env_init(env, subject);
}

const char *change_name(enum change change)
{
	static const char *const names[] = {"volume_create", "volume_delete", "volume_expand",
		"grant", "revoke", "snapshot_create", "snapshot_delete"};

	return names[change];
}

struct within {
	struct env *env;
	struct backend *be;
	const struct call *call;
	enum be_result result;
};

static enum be_result pass(const struct step *in, const struct within *w, struct err *err)
{
	const struct backend_ops *ops = w->be->ops;
	const struct op *op = &w->env->op;
	const struct call *c = w->call;

	switch (c->change) {
	case CREATE:
		return ops->volume_create(in, w->be, op, c->args, c->ret, err);
	case DELETE:
		return ops->volume_delete(in, w->be, op, c->args, err);
	case EXPAND:
		return ops->volume_expand(in, w->be, op, c->args, c->ret, err);
	case GRANT:
		return ops->grant(in, w->be, op, c->args, c->ret, err);
	case REVOKE:
		return ops->revoke(in, w->be, op, c->args, err);
	case SNAP_CREATE:
		return ops->snapshot_create(in, w->be, op, c->args, c->ret, err);
	default:
		return ops->snapshot_delete(in, w->be, op, c->args, err);
	}
}

static int within_step(const struct step *in, void *arg, struct err *err)
{
	struct within *w = arg;

	w->result = pass(in, w, err);
	return w->result == BE_FAILED ? -1 : 0;
}

enum be_result call_once(struct env *env, struct backend *be, const struct call *call)
{
	struct steps steps = {.operation = "Conformance"};
	struct within w = {.env = env, .be = be, .call = call, .result = BE_FAILED};

	env->err = (struct err){0};
	if (step_run(&steps, change_name(call->change), within_step, &w, &env->err) < 0) {
		assert_int_equal(w.result, BE_FAILED);
		assert_int_not_equal(env->err.code, ERR_OK);
		assert_true(strlen(env->err.msg) > 0);
	} else {
		assert_int_equal(env->err.code, ERR_OK);
	}
	return w.result;
}

/* Ask again, a little later, while there is time. The caller, who may be one of several threads,
 * looks at the result. */
static enum be_result repeat(
	struct env *env, struct backend *be, const struct call *call, bool failed_too)
{
	env->op.deadline = deadline_in(CALL_MS); /* of this one, however many came before */
	for (;;) {
		enum be_result result = call_once(env, be, call);
		struct err out = {0};

		if (result == BE_DONE ||
			(result == BE_FAILED && (!failed_too || err_is_final(env->err.code)))) {
			return result;
		}
		if (deadline_poll(&env->op.deadline, -1, 0, AGAIN_MS, "conformance", &out) < 0) {
			out = env->err;
			(void)err_set(&env->err, ERR_DEADLINE_EXCEEDED, "%s does not end: %s",
				change_name(call->change), out.msg);
			return BE_FAILED;
		}
	}
}

enum be_result call(struct env *env, struct backend *be, const struct call *call)
{
	return repeat(env, be, call, false);
}

enum be_result call_firm(struct env *env, struct backend *be, const struct call *call)
{
	return repeat(env, be, call, true);
}

const char *object_of(struct env *env, enum be_kind kind, const char *name)
{
	char *object = arena_alloc(env->op.arena, BE_OBJECT_SIZE);

	assert_non_null(object);
	objname_make(env->subject->instance, kind, name, object);
	return object;
}

struct be_volume_args volume_args(struct env *env, const char *name)
{
	static const struct kv kept[] = {
		{"parameters", "fsType=ext4,pool=\"x\""}, {"note", "umlaut \xc3\xa4, tab\t"}};

	return (struct be_volume_args){.object = object_of(env, BE_KIND_VOLUME, name),
		.name = name,
		.pool = env->subject->pool,
		.size = SIZE_SMALL,
		.source = {.kind = BE_BLANK, .object = ""},
		.metadata = {.items = kept, .n = ARRAY_SIZE(kept)}};
}

struct be_snapshot_args snapshot_args(struct env *env, const char *name, const char *volume)
{
	return (struct be_snapshot_args){
		.object = object_of(env, BE_KIND_SNAPSHOT, name), .name = name, .volume = volume};
}

enum be_result create(struct env *env, struct backend *be, const struct be_volume_args *args,
	struct be_volume *ret)
{
	return call(env, be, &(struct call){.change = CREATE, .args = args, .ret = ret});
}

enum be_result remove_volume(struct env *env, struct backend *be, const char *object)
{
	return call(env, be, &(struct call){.change = DELETE, .args = object});
}

enum be_result remove_snapshot(struct env *env, struct backend *be, const char *object)
{
	return call(env, be, &(struct call){.change = SNAP_DELETE, .args = object});
}

enum be_result expand(struct env *env, struct backend *be, const char *object, int64_t size,
	struct be_volume *ret)
{
	const struct be_expand_args args = {.object = object, .size = size};

	return call(env, be, &(struct call){.change = EXPAND, .args = &args, .ret = ret});
}

enum be_result grant(struct env *env, struct backend *be, const char *object, const char *host,
	struct attach_info *ret)
{
	const struct be_grant_args args = {.object = object, .host_nqn = host};

	return call(env, be, &(struct call){.change = GRANT, .args = &args, .ret = ret});
}

enum be_result take_back(struct env *env, struct backend *be, const char *object, const char *host)
{
	const struct be_grant_args args = {.object = object, .host_nqn = host};

	return call(env, be, &(struct call){.change = REVOKE, .args = &args});
}

enum be_result snap(struct env *env, struct backend *be, const struct be_snapshot_args *args,
	struct be_snapshot *ret)
{
	return call(env, be, &(struct call){.change = SNAP_CREATE, .args = args, .ret = ret});
}

const char *make_volume(struct env *env, const char *name)
{
	struct be_volume_args args = volume_args(env, name);
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &args, &volume));
	return args.object;
}

const char *make_snapshot(struct env *env, const char *name, const char *volume)
{
	struct be_snapshot_args args = snapshot_args(env, name, volume);
	struct be_snapshot snapshot;

	assert_done(env, snap(env, env->subject->a, &args, &snapshot));
	return args.object;
}

const char *host_nqn(struct env *env, unsigned n)
{
	struct host_identity host;
	char node[32];
	char *copy;

	(void)snprintf(node, sizeof(node), "node-%u.example", n);
	assert_int_equal(host_identity_make(env->subject->instance, node, &host, &env->err), 0);
	copy = arena_strdup(env->op.arena, host.nqn);
	assert_non_null(copy);
	return copy;
}

bool has_host(const struct be_volume *volume, const char *host)
{
	for (size_t i = 0; i < volume->n_hosts; i++) {
		if (streq(volume->hosts[i], host)) {
			return true;
		}
	}
	return false;
}

/** Most that a test makes. */
#define LIST_MAX 256

struct be_volumes all_volumes(struct env *env, struct backend *be, size_t page)
{
	struct be_volumes all = {.next = ""};
	struct be_page ask = {.max = page, .token = ""};

	all.list = arena_alloc(env->op.arena, LIST_MAX * sizeof(*all.list));
	assert_non_null(all.list);
	do {
		struct be_volumes part;

		env->op.deadline = deadline_in(CALL_MS);
		if (be->ops->volume_list(be, &env->op, &ask, &part, &env->err) < 0) {
			fail_msg("list: %s", env->err.msg);
		}
		assert_true(page == 0 || part.n <= page);
		assert_true(all.n + part.n <= LIST_MAX);
		memcpy(all.list + all.n, part.list, part.n * sizeof(*part.list));
		all.n += part.n;
		ask.token = part.next;
	} while (*ask.token);
	return all;
}

struct be_snapshots all_snapshots(struct env *env, struct backend *be, size_t page)
{
	struct be_snapshots all = {.next = ""};
	struct be_page ask = {.max = page, .token = ""};

	all.list = arena_alloc(env->op.arena, LIST_MAX * sizeof(*all.list));
	assert_non_null(all.list);
	do {
		struct be_snapshots part;

		env->op.deadline = deadline_in(CALL_MS);
		if (be->ops->snapshot_list(be, &env->op, &ask, &part, &env->err) < 0) {
			fail_msg("list: %s", env->err.msg);
		}
		assert_true(all.n + part.n <= LIST_MAX);
		memcpy(all.list + all.n, part.list, part.n * sizeof(*part.list));
		all.n += part.n;
		ask.token = part.next;
	} while (*ask.token);
	return all;
}

void clear_all(struct env *env, struct backend *be)
{
	struct be_snapshots snapshots = {0};
	struct be_volumes volumes = all_volumes(env, be, 0);

	for (size_t i = 0; i < volumes.n; i++) {
		assert_done(env, take_back(env, be, volumes.list[i].object, NULL));
	}
	if (be_features(be)->snapshots) {
		snapshots = all_snapshots(env, be, 0);
	}
	for (size_t i = 0; i < snapshots.n; i++) {
		assert_done(env, remove_snapshot(env, be, snapshots.list[i].object));
	}
	for (size_t i = 0; i < volumes.n; i++) {
		assert_done(env, remove_volume(env, be, volumes.list[i].object));
	}
}
