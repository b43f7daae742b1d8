/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One volume, from what the backend says of it and of its pool.
 */
#include "controller/core/volume_health.h"

#include "controller/core/judge.h"

const struct core_sick_kind *core_sick_kind(enum core_sickness sickness)
{
	static const struct core_sick_kind kinds[CORE_SICKNESSES] = {
		[CORE_SICK_BACKEND] = {"BackendUnreachable", false},
		[CORE_SICK_POOL] = {"PoolMissing", true},
		[CORE_SICK_FULL] = {"PoolFull", false},
		[CORE_SICK_UNREADABLE] = {"VolumeUnreadable", false},
	};

	return &kinds[sickness];
}

int judge_pools(struct member *member, struct lane *of, const struct op *op, bool stale,
	struct be_pools *ret)
{
	_cleanup_lane_ struct lane *lane = NULL;
	struct op inner = *op;
	struct err ignored = {0};

	*ret = (struct be_pools){0};
	inner.deadline =
		deadline_sooner(&op->deadline, stale ? CORE_POOLS_STALE_MS : CORE_POOLS_MS);
	return member->be->ops->pools && member_enter(member, of, &lane, &ignored) == 0 &&
			       member->be->ops->pools(member->be, &inner, ret, &ignored) == 0
		       ? 0
		       : -1;
}

static int add(struct core_volume_health *health, enum core_sickness what, const char *message,
	struct err *err)
{
	if (!message) {
		return be_no_memory(err);
	}
	health->list[health->n].what = what;
	health->list[health->n].message = message;
	health->n++;
	return 0;
}

static bool is_full(const struct be_pool *pool)
{
	return pool->size > 0 && pool->free < pool->size / 100 * CORE_POOL_FULL_PERCENT;
}

int judge_by_pool(struct op *op, const struct member *member, const struct judged *judged,
	struct core_volume_health *ret, struct err *err)
{
	const struct be_pool *pool = NULL;

	for (size_t i = 0; judged->pools && i < judged->pools->n; i++) {
		if (streq(judged->pools->list[i].name, judged->pool)) {
			pool = &judged->pools->list[i];
		}
	}
	if (pool && !pool->there) {
		return add(ret, CORE_SICK_POOL,
			arena_printf(op->arena,
				"its pool %s is not there on backend %s, so it cannot be attached: %s",
				pool->name, member->name, pool->reason),
			err);
	}
	if (judged->stale && !judged->pools &&
		add(ret, CORE_SICK_BACKEND,
			arena_printf(op->arena,
				"backend %s cannot be asked, so the volume can be neither attached nor "
				"grown; nodes that are connected go on; /healthz of the controller says why",
				member->name),
			err) < 0) {
		return -1;
	}
	if (pool && is_full(pool)) {
		return add(ret, CORE_SICK_FULL,
			arena_printf(op->arena,
				"its pool %s on backend %s has less than %d %% free, and writes fail when "
				"none is left; enlarge the pool, or delete volumes or snapshots",
				pool->name, member->name, CORE_POOL_FULL_PERCENT),
			err);
	}
	return 0;
}

/* The volume's pool as it was last heard of; NULL: the volume is not in the last good list. */
static const char *last_pool(struct member *member, struct op *op, const char *object)
{
	const char *pool = NULL;

	(void)pthread_mutex_lock(&member->lock);
	const struct listing_entry *entry =
		member->last ? listing_find(member->last, object) : NULL;
	if (entry) {
		pool = arena_strdup(op->arena, entry->pool);
	}
	(void)pthread_mutex_unlock(&member->lock);
	return pool;
}

/* The volume itself could not be asked for, as @why says. */
static int without_volume(struct op *op, struct member *member, struct judged *judged,
	const struct err *why, struct core_volume_health *ret, struct err *err)
{
	judged->pool = last_pool(member, op, ret->id.object);
	judged->stale = true;
	if (!judged->pool) {
		*err = *why;
		return be_not_final(err);
	}
	if (judge_by_pool(op, member, judged, ret, err) < 0) {
		return -1;
	}
	/* The backend answers and the pool is there. */
	return ret->n > 0 && ret->list[0].what != CORE_SICK_FULL
		       ? 0
		       : add(ret, CORE_SICK_UNREADABLE, arena_strdup(op->arena, why->msg), err);
}

int core_volume_health(struct core *core, struct op *op, const struct core_id *id,
	struct core_volume_health *ret, struct err *err)
{
	_cleanup_lane_ struct lane *lane = NULL;
	struct member *member;
	struct be_volume volume;
	struct be_pools pools;
	struct judged judged = {0};
	struct err why = {0};
	struct op inner = *op;

	if (member_of_id(core, BE_KIND_VOLUME, id, &member, err) < 0) {
		return -1;
	}
	*ret = (struct core_volume_health){.id = {.backend = member->name, .object = id->object}};
	inner.deadline = deadline_sooner(&op->deadline, CORE_LIST_MS);
	int got = member_enter(member, &member->lane, &lane, &why) < 0
			  ? -1
			  : member_volume(member, &inner, id->object, &volume, &why);
	lane_leave(TAKE_PTR(lane));
	if (got < 0 && why.code == ERR_NOT_FOUND) {
		return err_set(err, why.code, "%s", why.msg);
	}
	if (judge_pools(member, &member->lane, op, got < 0, &pools) == 0) {
		judged.pools = &pools;
	}
	if (got < 0) {
		return without_volume(op, member, &judged, &why, ret, err);
	}
	judged.pool = volume.pool;
	return judge_by_pool(op, member, &judged, ret, err);
}
