/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: which one a volume goes to, and how much fits into it.
 */
#include "controller/backend/linux/linux_priv.h"
#include "controller/backend/linux/linux_table.h"

static const char *const pool_states[] = {"ready", "absent", NULL};

static int read_pool(
	const struct op *op, const struct js_at *at, struct linux_pool *ret, struct err *err)
{
	const char *name = NULL;
	const char *reason = "";
	int state = 0;

	if (js_get_str(at, "name", BE_POOL_MAX, &name, err) < 0 ||
		js_get_choice(at, "state", pool_states, &state, err) < 0 ||
		js_opt_str(at, "reason", ERR_MSG_MAX, &reason, err) < 0) {
		return -1;
	}
	ret->ready = state == 0;
	ret->available = ret->size = ret->free = 0;
	if (ret->ready && (js_get_int(at, "available", 0, INT64_MAX, &ret->available, err) < 0 ||
				  js_opt_int(at, "size", 0, INT64_MAX, &ret->size, err) < 0 ||
				  js_opt_int(at, "free", 0, INT64_MAX, &ret->free, err) < 0)) {
		return -1;
	}
	ret->name = arena_strdup(op->arena, name);
	ret->reason = arena_strdup(op->arena, reason);
	return ret->name && ret->reason ? 0 : be_no_memory(err);
}

int linux_pools(struct linux_backend *lb, const struct op *op, struct linux_pool **ret_pools,
	size_t *ret_n, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct linux_pool *pools;
	struct js_at array;
	struct js_at root;

	if (linux_get(lb, op, "/v1/pools", &doc, err) < 0) {
		return err && err->code == ERR_NOT_FOUND ? be_not_final(err) : -1;
	}
	root = js_root(doc);
	if (js_get_array(&root, "pools", LINUX_POOLS_MAX, &array, err) < 0) {
		return linux_garbage(lb, err);
	}
	pools = arena_alloc(op->arena, (js_len(&array) + 1) * sizeof(*pools));
	if (!pools) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < js_len(&array); i++) {
		struct js_at item;

		if (js_item_obj(&array, i, &item, err) < 0 ||
			read_pool(op, &item, &pools[i], err) < 0) {
			return linux_garbage(lb, err);
		}
	}
	*ret_pools = pools;
	*ret_n = js_len(&array);
	return 0;
}

/* "pool: ..., this backend has a, b". */
static int no_such_pool(const struct linux_backend *lb, const char *why,
	const struct linux_pool *pools, size_t n, struct err *err)
{
	_cleanup_strbuf_ struct strbuf names = sb_init(512);

	for (size_t i = 0; i < n && i < 5; i++) {
		sb_addf(&names, "%s%s", i ? ", " : "", pools[i].name);
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "pool: %s; backend %s has %s%s", why, lb->name,
		n ? sb_str(&names) : "none", n > 5 ? " and more" : "");
}

int linux_pool_choose(struct linux_backend *lb, const struct op *op, const char *wanted,
	const char **ret_name, struct err *err)
{
	struct linux_pool *pools = NULL;
	size_t n = 0;

	if (!str_empty(wanted)) {
		*ret_name = wanted;
		return 0;
	}
	if (*lb->pool) {
		*ret_name = lb->pool;
		return 0;
	}
	if (linux_pools(lb, op, &pools, &n, err) < 0) {
		return -1;
	}
	if (n != 1) {
		return no_such_pool(lb, "none was named", pools, n, err);
	}
	*ret_name = pools[0].name;
	return 0;
}

int linux_capacity(struct backend *self, const struct op *op, const char *pool,
	struct be_capacity *ret, struct err *err)
{
	struct linux_backend *lb = linux_of(self);
	struct linux_pool *pools = NULL;
	struct be_limits limits;
	const char *wanted = str_empty(pool) ? lb->pool : pool;
	size_t n = 0;
	size_t i = 0;

	if (linux_limits(lb, op, &limits, err) < 0 || linux_pools(lb, op, &pools, &n, err) < 0) {
		return -1;
	}
	if (!*wanted) {
		if (n != 1) {
			return no_such_pool(lb, "none was named", pools, n, err);
		}
		wanted = pools[0].name;
	}
	while (i < n && !streq(pools[i].name, wanted)) {
		i++;
	}
	if (i == n) {
		return no_such_pool(lb, "there is none of the name asked for", pools, n, err);
	}
	if (!pools[i].ready) {
		return err_set(err, ERR_UNAVAILABLE, "backend %s: pool %s is not there: %s",
			lb->name, pools[i].name, pools[i].reason);
	}
	*ret = (struct be_capacity){
		.available = pools[i].available,
		.min_size = limits.min_size,
		.max_size = MIN(limits.max_size,
			pools[i].available - pools[i].available % limits.granularity),
	};
	return 0;
}

int linux_pools_tell(
	struct backend *self, const struct op *op, struct be_pools *ret, struct err *err)
{
	struct linux_pool *pools = NULL;
	size_t n = 0;

	if (linux_pools(linux_of(self), op, &pools, &n, err) < 0) {
		return -1;
	}
	ret->list = arena_alloc(op->arena, (n + 1) * sizeof(*ret->list));
	if (!ret->list) {
		return be_no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		ret->list[i] = (struct be_pool){.name = pools[i].name,
			.there = pools[i].ready,
			.reason = pools[i].reason,
			.size = pools[i].size,
			.free = pools[i].free};
	}
	ret->n = n;
	return 0;
}
