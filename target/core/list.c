/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, page by page, over all pools in order of ids.
 */
#include "target/core/agent_priv.h"

static bool fits(const struct list_request *request, const struct object *object)
{
	return object->phase == PHASE_READY &&
	       (!request->after || strcmp(object->id, request->after) > 0) &&
	       (!request->instance || streq(object->instance, request->instance)) &&
	       (!request->volume || streq(object->source_id, request->volume));
}

static int by_id(const void *a, const void *b)
{
	const struct object_view *x = a;
	const struct object_view *y = b;

	return strcmp(x->object->id, y->object->id);
}

/* The first objects of one pool that fit, at most one more than the page holds. */
static int add_pool(struct agent *agent, struct catalog *catalog,
	const struct list_request *request, struct list_answer *all, struct err *err)
{
	_cleanup_object_list_ struct object_list list = {0};
	size_t added = 0;

	if (catalog_list(catalog, request->kind, &list, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < list.n && added <= request->limit; i++) {
		struct found found = {agent, catalog, list.list[i]};

		/* One that is damaged is left out: it must not hide the others. */
		if (!fits(request, list.list[i]) ||
			catalog_damaged(catalog, object_name_of(list.list[i]), NULL) < 0 ||
			agent_view(&found, false, &all->list[all->n], NULL) < 0) {
			continue;
		}
		all->n++;
		added++;
	}
	return 0;
}

static int add_pools(struct agent *agent, const struct list_request *request,
	struct list_answer *all, struct err *err)
{
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		struct catalog *catalog = agent->catalogs[i];
		int rc;

		if (request->pool && !streq(catalog_name(catalog), request->pool)) {
			continue;
		}
		if (catalog_use(catalog, err) < 0) {
			return -1;
		}
		rc = add_pool(agent, catalog, request, all, err);
		catalog_done(catalog);
		if (rc < 0) {
			return -1;
		}
	}
	return 0;
}

int agent_list(struct agent *agent, const struct list_request *request, struct list_answer *ret,
	struct err *err)
{
	*ret = (struct list_answer){0};
	if (request->pool && !agent_catalog(agent, request->pool, err)) {
		return -1;
	}
	ret->list = calloc(agent->n_catalogs * (request->limit + 1) + 1, sizeof(*ret->list));
	if (!ret->list) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "list: no memory");
	}
	if (add_pools(agent, request, ret, err) < 0) {
		list_answer_done(ret);
		return -1;
	}
	qsort(ret->list, ret->n, sizeof(*ret->list), by_id);
	ret->more = ret->n > request->limit;
	while (ret->n > request->limit) {
		object_view_done(&ret->list[--ret->n]);
	}
	return 0;
}

void list_answer_done(struct list_answer *answer)
{
	for (size_t i = 0; i < answer->n; i++) {
		object_view_done(&answer->list[i]);
	}
	free(answer->list);
	*answer = (struct list_answer){0};
}
