/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong: each changing call meets each kind of loss, and the same call by the other
 * controller then converges with nothing doubled and nothing left (P5, P6). And a pool that is
 * missing is never taken for an empty one.
 */
#include "test/backend/conformance/suite.h"
#include "test/backend/fake/fake.h"

static const char *const loss_names[LOSS_MAX] = {
	"before", "after", "hang before", "hang after", "garbled", "in progress"};

/** struct stage - a world in which each changing call has something to do. */
struct stage {
	struct be_volume_args volume; /* there, granted to host 1 */
	struct be_volume_args fresh;  /* not there, from the snapshot, larger */
	struct be_snapshot_args cut;  /* there */
	struct be_snapshot_args next; /* not there */
	struct be_expand_args larger;
	struct be_grant_args second;
	struct be_grant_args first;
	const char *doomed; /* a volume without hosts */
	bool snapshots;
};

static struct stage set_stage(struct env *env)
{
	struct stage stage = {.volume = volume_args(env, "volume"),
		.fresh = volume_args(env, "fresh"),
		.snapshots = be_features(env->subject->a)->snapshots};
	struct be_snapshot snapshot;
	struct attach_info info;
	struct be_volume volume;

	assert_done(env, create(env, env->subject->a, &stage.volume, &volume));
	stage.first =
		(struct be_grant_args){.object = stage.volume.object, .host_nqn = host_nqn(env, 1)};
	stage.second =
		(struct be_grant_args){.object = stage.volume.object, .host_nqn = host_nqn(env, 2)};
	stage.larger = (struct be_expand_args){stage.volume.object, SIZE_LARGE};
	assert_done(
		env, grant(env, env->subject->a, stage.volume.object, stage.first.host_nqn, &info));
	stage.doomed = make_volume(env, "doomed");
	if (stage.snapshots) {
		stage.cut = snapshot_args(env, "cut", stage.volume.object);
		stage.next = snapshot_args(env, "next", stage.volume.object);
		assert_done(env, snap(env, env->subject->a, &stage.cut, &snapshot));
		stage.fresh.source = (struct be_source){BE_FROM_SNAPSHOT, stage.cut.object};
		stage.fresh.size = SIZE_LARGE;
	}
	if (be_features(env->subject->a)->rates) {
		stage.fresh.rates.of[BE_RATE_RW_IOPS] = 5000;
	}
	return stage;
}

/** Where the results of a call go. */
union result {
	struct be_volume volume;
	struct be_snapshot snapshot;
	struct attach_info info;
};

static struct call call_on(const struct stage *stage, enum change change, union result *ret)
{
	switch (change) {
	case CREATE:
		return (struct call){change, &stage->fresh, &ret->volume};
	case DELETE:
		return (struct call){change, stage->doomed, NULL};
	case EXPAND:
		return (struct call){change, &stage->larger, &ret->volume};
	case GRANT:
		return (struct call){change, &stage->second, &ret->info};
	case REVOKE:
		return (struct call){change, &stage->first, NULL};
	case SNAP_CREATE:
		return (struct call){change, &stage->next, &ret->snapshot};
	default:
		return (struct call){change, stage->cut.object, NULL};
	}
}

static const struct be_volume *in_list(const struct be_volumes *all, const char *object)
{
	const struct be_volume *found = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (streq(all->list[i].object, object)) {
			assert_null(found); /* twice */
			found = &all->list[i];
		}
	}
	return found;
}

/* The whole world after @change was done: exactly this, and nothing else. */
static void check_world(struct env *env, const struct stage *stage, enum change change)
{
	struct be_volumes all = all_volumes(env, env->subject->a, 0);
	const struct be_volume *volume = in_list(&all, stage->volume.object);
	const struct be_volume *fresh = in_list(&all, stage->fresh.object);

	assert_int_equal(all.n, 2 + (change == CREATE) - (change == DELETE));
	assert_non_null(volume);
	assert_true(volume->ready);
	assert_int_equal(volume->size, change == EXPAND ? SIZE_LARGE : SIZE_SMALL);
	assert_int_equal(volume->n_hosts, 1 + (change == GRANT) - (change == REVOKE));
	assert_int_equal(has_host(volume, stage->first.host_nqn), change != REVOKE);
	assert_int_equal(has_host(volume, stage->second.host_nqn), change == GRANT);
	assert_int_equal(in_list(&all, stage->doomed) != NULL, change != DELETE);
	assert_int_equal(fresh != NULL, change == CREATE);
	if (fresh) {
		assert_int_equal(fresh->size, stage->fresh.size);
		assert_memory_equal(&fresh->rates, &stage->fresh.rates, sizeof(fresh->rates));
		assert_true(fresh->ready);
		assert_int_equal(fresh->n_hosts, 0);
	}
	if (stage->snapshots) {
		assert_int_equal(all_snapshots(env, env->subject->a, 0).n,
			1 + (change == SNAP_CREATE) - (change == SNAP_DELETE));
	}
}

/* One call with one loss at its request number @skip. Return: false when there is none to lose. */
static bool lose_one(struct env *env, enum change change, enum loss loss, unsigned skip)
{
	struct stage stage = set_stage(env);
	union result ret;
	struct call c = call_on(&stage, change, &ret);
	enum be_result result;
	bool lost;

	if (!stage.snapshots && change >= SNAP_CREATE) {
		return false;
	}
	if (!subject_lose(env->subject, change_name(change), loss, skip)) {
		return false;
	}
	if (loss == LOSS_HANG_BEFORE || loss == LOSS_HANG_AFTER) {
		env->op.deadline = deadline_in(HANG_MS);
	}
	result = call_once(env, env->subject->a, &c);
	env->op.deadline = deadline_in(CALL_MS);
	lost = subject_lost(env->subject);
	if (loss == LOSS_PROGRESS) {
		assert_int_equal(result, BE_IN_PROGRESS);
	} else if (result != BE_DONE) {
		/* A client that may repeat a request within the call may come through. */
		assert_int_equal(result, BE_FAILED);
		if (err_is_final(env->err.code)) {
			fail_msg("%s of request %u: %s is final: %s", loss_names[loss], skip,
				err_code_name(env->err.code), env->err.msg);
		}
	}
	assert_done(env, call_firm(env, env->subject->b, &c));
	check_world(env, &stage, change);
	assert_done(env, call_firm(env, env->subject->a, &c));
	check_world(env, &stage, change);
	clear_all(env, env->subject->a);
	return lost;
}

/* Each loss at each request of the call: the first kind of loss finds out how many there are. */
static void lose(struct env *env, enum change change)
{
	unsigned requests = 1;
	bool any = false;

	for (unsigned loss = 0; loss < LOSS_MAX; loss++) {
		for (unsigned i = 0; i < requests; i++) {
			bool lost = lose_one(env, change, (enum loss)loss, i);

			any = any || lost;
			requests += loss == LOSS_BEFORE && lost;
			clear_all(env, env->subject->a);
			env_reset(env);
		}
		/* The last one tried had nothing to lose. */
		requests -= loss == LOSS_BEFORE && requests > 1;
	}
	if (!any) {
		skip();
	}
}

static void lost_create_converges(void **state)
{
	lose(*state, CREATE);
}

static void lost_delete_converges(void **state)
{
	lose(*state, DELETE);
}

static void lost_expand_converges(void **state)
{
	lose(*state, EXPAND);
}

static void lost_grant_converges(void **state)
{
	lose(*state, GRANT);
}

static void lost_revoke_converges(void **state)
{
	lose(*state, REVOKE);
}

static void lost_snapshot_converges(void **state)
{
	lose(*state, SNAP_CREATE);
}

static void lost_snapshot_delete_converges(void **state)
{
	lose(*state, SNAP_DELETE);
}

/* A CO that never asks again but deletes. */
static void lost_create_can_be_deleted(void **state)
{
	struct env *env = *state;
	struct be_volume_args args = volume_args(env, "lost");
	struct be_volume volume;
	const struct call c = {CREATE, &args, &volume};

	for (unsigned loss = 0; loss < LOSS_MAX; loss++) {
		if (!subject_lose(env->subject, "volume_create", (enum loss)loss, 0)) {
			continue;
		}
		env->op.deadline = deadline_in(HANG_MS);
		(void)call_once(env, env->subject->a, &c);
		(void)subject_lost(env->subject); /* it may not have come so far */
		env->op.deadline = deadline_in(CALL_MS);
		assert_done(env, call_firm(env, env->subject->b,
					 &(struct call){.change = DELETE, .args = args.object}));
		assert_int_equal(all_volumes(env, env->subject->b, 0).n, 0);
	}
}

/* Made, but a crash left it as small as its source. */
static void half_made_copy_is_finished(void **state)
{
	struct env *env = *state;
	struct fake *fake = env->subject->fake;
	struct be_volume_args args = volume_args(env, "half");
	struct be_volume volume;

	if (!fake) {
		skip();
	}
	args.source = (struct be_source){BE_FROM_VOLUME, make_volume(env, "source")};
	args.size = SIZE_LARGE;
	fake_fault(fake,
		&(struct fake_fault){.call = "volume_create", .times = 1, .action = FAKE_HALF});
	assert_code(env, create(env, env->subject->a, &args, &volume), ERR_UNAVAILABLE);
	assert_int_equal(env->subject->b->ops->volume_get(
				 env->subject->b, &env->op, args.object, &volume, &env->err),
		0);
	assert_int_equal(volume.size, SIZE_SMALL);
	assert_done(env, create(env, env->subject->b, &args, &volume));
	assert_int_equal(volume.size, SIZE_LARGE);
	assert_int_equal(all_volumes(env, env->subject->a, 0).n, 2);
}

/* With a pool missing, nothing is said of what may be in it. */
static void absent_is_not_gone(void **state)
{
	struct env *env = *state;
	struct backend *be = env->subject->a;
	struct be_page page = {.token = ""};
	struct stage stage = set_stage(env);
	struct be_snapshots snapshots;
	struct be_volumes volumes;
	struct be_snapshot snapshot;
	struct be_volume volume;
	union result ret;

	if (!subject_pool(env->subject, false)) {
		skip();
	}
	for (unsigned change = CREATE; change <= SNAP_DELETE; change++) {
		struct call c = call_on(&stage, (enum change)change, &ret);

		env->op.deadline = deadline_in(ABSENT_MS);
		assert_code(env, call_once(env, be, &c), ERR_UNAVAILABLE);
	}
	env->op.deadline = deadline_in(CALL_MS);
	assert_code(env, be->ops->volume_get(be, &env->op, stage.volume.object, &volume, &env->err),
		ERR_UNAVAILABLE);
	assert_code(env,
		be->ops->volume_get(
			be, &env->op, object_of(env, BE_KIND_VOLUME, "none"), &volume, &env->err),
		ERR_UNAVAILABLE);
	assert_code(env, remove_volume(env, be, object_of(env, BE_KIND_VOLUME, "none")),
		ERR_UNAVAILABLE);
	assert_code(env,
		be->ops->snapshot_get(be, &env->op, stage.cut.object, &snapshot, &env->err),
		ERR_UNAVAILABLE);
	assert_code(env, be->ops->volume_list(be, &env->op, &page, &volumes, &env->err),
		ERR_UNAVAILABLE);
	assert_code(env, be->ops->snapshot_list(be, &env->op, &page, &snapshots, &env->err),
		ERR_UNAVAILABLE);
	assert_true(subject_pool(env->subject, true));
	if (!be_features(be)->exports_persist) {
		assert_done(
			env, grant(env, be, stage.first.object, stage.first.host_nqn, &ret.info));
	}
	check_world(env, &stage, REVOKE + 100); /* as it was */
}

/* A deadline that has passed changes nothing and says nothing final. */
static void late_calls_are_not_final(void **state)
{
	struct env *env = *state;
	struct stage stage = set_stage(env);
	union result ret;

	for (unsigned change = CREATE; change <= SNAP_DELETE; change++) {
		struct call c = call_on(&stage, (enum change)change, &ret);

		if (!stage.snapshots && change >= SNAP_CREATE) {
			continue;
		}
		env->op.deadline = deadline_in(0);
		assert_int_equal(call_once(env, env->subject->a, &c), BE_FAILED);
		assert_false(err_is_final(env->err.code));
		env->op.deadline = deadline_in(CALL_MS);
	}
}

const struct CMUnitTest unknown_tests[] = {
	SUITE_TEST(lost_create_converges),
	SUITE_TEST(lost_delete_converges),
	SUITE_TEST(lost_expand_converges),
	SUITE_TEST(lost_grant_converges),
	SUITE_TEST(lost_revoke_converges),
	SUITE_TEST(lost_snapshot_converges),
	SUITE_TEST(lost_snapshot_delete_converges),
	SUITE_TEST(lost_create_can_be_deleted),
	SUITE_TEST(half_made_copy_is_finished),
	SUITE_TEST(absent_is_not_gone),
	SUITE_TEST(late_calls_are_not_final),
	{0},
};
