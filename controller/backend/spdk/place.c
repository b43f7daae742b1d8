/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools, limits and room.
 */
#include "controller/backend/spdk/place.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "controller/backend/spdk/spdk_table.h"

/** Largest step of sizes that pools of different clusters may come to. */
#define STEP_MAX (1 * GIB)

/* The least size that is whole in both, 0 when there is none up to STEP_MAX. */
static int64_t common_multiple(int64_t a, int64_t b)
{
	for (int64_t size = a; a > 0 && b > 0 && size <= STEP_MAX; size += a) {
		if (size % b == 0) {
			return size;
		}
	}
	return 0;
}

/* One step for all pools, and whole MiB, as newer releases are told sizes in MiB. */
int spdk_limits_of(const struct spdk_backend *sb, const struct spdk_pool *pools,
	struct be_limits *ret, struct err *err)
{
	int64_t step = MIB;

	if (spdk_pools_there(sb, pools, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < sb->n_pools; i++) {
		step = common_multiple(step, pools[i].cluster);
		if (step == 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"backend %s: the cluster size of lvol store %s, %lld bytes, and those "
				"of the others have no common multiple up to %lld; make them alike",
				sb->name, pools[i].wanted->name, (long long)pools[i].cluster,
				(long long)STEP_MAX);
		}
	}
	*ret = (struct be_limits){.granularity = step,
		.min_size = step,
		.max_size = SPDK_SIZE_MAX - SPDK_SIZE_MAX % MAX(step, 1)};
	return 0;
}

int spdk_limits(
	struct spdk_backend *sb, const struct op *op, struct be_limits *ret, struct err *err)
{
	struct spdk_pool pools[SPDK_POOLS_MAX];
	bool known;

	(void)pthread_mutex_lock(&sb->lock);
	known = sb->limits_until_ms > clock_ms();
	*ret = sb->limits;
	(void)pthread_mutex_unlock(&sb->lock);
	if (known) {
		return 0;
	}
	if (spdk_pools(sb, op, pools, err) < 0 || spdk_limits_of(sb, pools, ret, err) < 0) {
		return -1;
	}
	(void)pthread_mutex_lock(&sb->lock);
	sb->limits = *ret;
	sb->limits_until_ms = clock_ms() + SPDK_LIMITS_MS;
	(void)pthread_mutex_unlock(&sb->lock);
	return 0;
}

static int no_such_pool(
	const struct spdk_backend *sb, const char *name, const char *why, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = sb_init(512);
	char shown[BE_POOL_MAX + 1];

	for (size_t i = 0; i < sb->n_pools && i < 5; i++) {
		sb_addf(&names, "%s%s", i ? ", " : "", sb->pools[i].name);
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "pool: %s%s; backend %s has %s%s",
		printable(name, shown, sizeof(shown)), why, sb->name, sb_str(&names),
		sb->n_pools > 5 ? " and more" : "");
}

int spdk_pool_choose(
	const struct spdk_backend *sb, const char *wanted, const char **ret_name, struct err *err)
{
	const char *name = !str_empty(wanted) ? wanted : sb->pool;

	if (!*name && sb->n_pools != 1) {
		return no_such_pool(sb, "", "none was named", err);
	}
	if (!*name) {
		name = sb->pools[0].name;
	}
	for (size_t i = 0; i < sb->n_pools; i++) {
		if (streq(sb->pools[i].name, name)) {
			*ret_name = sb->pools[i].name;
			return 0;
		}
	}
	return no_such_pool(sb, name, " is none of its pools", err);
}

int64_t spdk_room(
	const struct spdk_backend *sb, const struct spdk_view *view, const struct spdk_pool *pool)
{
	double room = sb->ratio * (double)pool->total;

	for (size_t i = 0; i < view->n; i++) {
		const struct spdk_lvol *lvol = &view->lvols[i];

		if (lvol->pool && streq(lvol->pool, pool->wanted->name)) {
			room -= (double)(lvol->snapshot ? lvol->allocated * pool->cluster
							: lvol->size);
		}
	}
	return room < (double)pool->cluster ? 0 : (int64_t)room / pool->cluster * pool->cluster;
}

int spdk_room_check(const struct spdk_backend *sb, const struct spdk_view *view, const char *name,
	int64_t more, struct err *err)
{
	const struct spdk_pool *pool = spdk_view_pool(sb, view, name);
	int64_t room = pool ? spdk_room(sb, view, pool) : 0;

	if (more <= room) {
		return 0;
	}
	return err_set(err, ERR_RESOURCE_EXHAUSTED,
		"backend %s: pool %s: %lld bytes are asked for, but only %lld of its %lld may still be "
		"promised; delete volumes or snapshots, grow the lvol store, or raise ratio",
		sb->name, name, (long long)more, (long long)room,
		(long long)(pool ? pool->total : 0));
}

int64_t spdk_pinned(
	const struct spdk_backend *sb, const struct spdk_view *view, const struct spdk_lvol *lvol)
{
	const struct spdk_pool *pool = lvol->pool ? spdk_view_pool(sb, view, lvol->pool) : NULL;

	return pool ? lvol->allocated * pool->cluster : 0;
}

int spdk_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	_cleanup_spdk_view_ struct spdk_view view = {0};
	struct be_limits limits = {0};
	const char *name = NULL;
	int64_t room;

	if (spdk_pool_choose(sb, pool, &name, err) < 0 || spdk_look(sb, op, &view, err) < 0 ||
		spdk_limits_of(sb, view.pools, &limits, err) < 0) {
		return -1;
	}
	room = spdk_room(sb, &view, spdk_view_pool(sb, &view, name));
	*ret = (struct be_capacity){.available = room,
		.min_size = limits.min_size,
		.max_size = MIN(limits.max_size, room - room % MAX(limits.granularity, 1))};
	return 0;
}

int spdk_probe(struct backend *self, const struct op *op, struct err *err)
{
	struct spdk_backend *sb = spdk_of(self);
	struct spdk_pool pools[SPDK_POOLS_MAX];

	return spdk_pools(sb, op, pools, err) < 0 ? -1 : spdk_pools_there(sb, pools, err);
}
