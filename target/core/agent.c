/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's life, and what its operations share.
 */
#include "target/core/agent.h"

#include "common/nvmf/uuid.h"
#include "target/core/agent_priv.h"

#include <stdio.h>

/** Longest key of a lock: "subsystem/" and an NQN. */
#define LOCK_KEY_SIZE (NQN_SIZE + 16)

int agent_new(struct catalog **take_catalogs, unsigned n, struct nvmet *take_nvmet,
	const char *state_dir, struct agent **ret, struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (agent) {
		agent->locks = keylock_new(AGENT_LOCKS_MAX);
	}
	if (!agent || !agent->locks || n > AGENT_POOLS_MAX) {
		for (unsigned i = 0; i < n; i++) {
			catalog_free(take_catalogs[i]);
		}
		nvmet_free(take_nvmet);
		if (agent) {
			keylock_free(agent->locks);
		}
		free(agent);
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			"agent: no memory, or more than %d pools", AGENT_POOLS_MAX);
	}
	memcpy(agent->catalogs, take_catalogs, n * sizeof(*take_catalogs));
	agent->n_catalogs = n;
	agent->nvmet = take_nvmet;
	(void)snprintf(agent->state_dir, sizeof(agent->state_dir), "%s", state_dir);
	*ret = agent;
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent) {
		return;
	}
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		catalog_free(agent->catalogs[i]);
	}
	nvmet_free(agent->nvmet);
	keylock_free(agent->locks);
	free(agent);
}

const struct portals *agent_portals(const struct agent *agent)
{
	return nvmet_portals(agent->nvmet);
}

void found_done(struct found *found)
{
	object_unref(found->object);
	if (found->catalog) {
		catalog_done(found->catalog);
	}
	*found = (struct found){0};
}

int agent_lock(struct agent *agent, struct object_name name, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	const char *kind = object_kind_name(name.kind);
	struct deadline soon = deadline_sooner(dl, AGENT_LOCK_WAIT_MS);
	char key[LOCK_KEY_SIZE];

	(void)snprintf(key, sizeof(key), "%s/%s", kind, name.id);
	return keylock_wait(agent->locks, kind, key, &soon, ret_held, err);
}

int agent_lock_nqn(struct agent *agent, const char *nqn, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	char key[LOCK_KEY_SIZE];

	(void)snprintf(key, sizeof(key), "subsystem/%s", nqn);
	return keylock_wait(agent->locks, "subsystem", key, dl, ret_held, err);
}

int agent_lock_subsys(const struct found *found, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	struct deadline soon = deadline_sooner(dl, AGENT_LOCK_WAIT_MS);
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, found->object, nqn, uuid);
	return agent_lock_nqn(found->agent, nqn, &soon, ret_held, err);
}

struct catalog *agent_catalog(struct agent *agent, const char *name, struct err *err)
{
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		if (streq(catalog_name(agent->catalogs[i]), name)) {
			return agent->catalogs[i];
		}
	}
	(void)err_set(err, ERR_NOT_FOUND, "pool: there is no pool \"%s\" (see /v1/pools)", name);
	return NULL;
}

/* Return: 1 when @catalog has it (then it is in use), 0 when not, -1 when that cannot be told. */
static int find_in(struct agent *agent, struct catalog *catalog, struct object_name name,
	struct found *ret, struct err *err)
{
	if (catalog_use(catalog, err) < 0) {
		return -1;
	}
	if (catalog_damaged(catalog, name, err) < 0) {
		catalog_done(catalog);
		return -1;
	}
	struct object *object = catalog_get(catalog, name);

	if (!object) {
		catalog_done(catalog);
		return 0;
	}
	*ret = (struct found){agent, catalog, object};
	return 1;
}

int agent_find_known(
	struct agent *agent, struct object_name name, struct found *ret, struct err *err)
{
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		if (catalog_knows(agent->catalogs[i], name)) {
			int rc = find_in(agent, agent->catalogs[i], name, ret, err);

			if (rc != 0) {
				return rc;
			}
		}
	}
	return 0;
}

int agent_find(struct agent *agent, struct object_name name, struct found *ret, struct err *err)
{
	struct err absent = {0};
	int rc = agent_find_known(agent, name, ret, err);

	/* Where it is known nobody else is asked: a pool that hangs must not hold up the others. */
	for (unsigned i = 0; rc == 0 && i < agent->n_catalogs; i++) {
		struct err why = {0};

		rc = find_in(agent, agent->catalogs[i], name, ret, &why);
		if (rc < 0 && why.code == ERR_UNAVAILABLE) {
			absent = why;
			rc = 0;
		} else if (rc < 0) {
			(void)err_set(err, why.code, "%s", why.msg);
		}
	}
	if (rc != 0) {
		return rc < 0 ? -1 : 0;
	}
	if (absent.code != ERR_OK) {
		(void)err_set(err, ERR_UNAVAILABLE,
			"%s %s: is in no pool that is there, but may be in one that is not: %s",
			object_kind_name(name.kind), name.id, absent.msg);
		return -1;
	}
	(void)err_set(
		err, ERR_NOT_FOUND, "%s %s: does not exist", object_kind_name(name.kind), name.id);
	return -1;
}

int agent_find_ready(
	struct agent *agent, struct object_name name, struct found *ret, struct err *err)
{
	struct found found = {0};

	if (agent_find(agent, name, &found, err) < 0) {
		return -1;
	}
	if (found.object->phase != PHASE_READY) {
		found_done(&found);
		(void)err_set(err, ERR_NOT_FOUND, "%s %s: does not exist",
			object_kind_name(name.kind), name.id);
		return -1;
	}
	*ret = found;
	return 0;
}

int agent_fail(const struct err *why, struct err *err)
{
	switch (why->code) {
	case ERR_RESOURCE_EXHAUSTED:
	case ERR_UNAVAILABLE:
	case ERR_ABORTED:
	case ERR_DEADLINE_EXCEEDED:
	case ERR_CANCELLED:
		return err_set(err, why->code, "%s", why->msg);
	default:
		return err_set(err, ERR_INTERNAL, "%s", why->msg);
	}
}

int agent_step(struct steps *steps, const char *name, step_fn fn, void *arg, struct err *err)
{
	struct err why = {0};

	if (step_run(steps, name, fn, arg, &why) == 0) {
		return 0;
	}
	return agent_fail(&why, err);
}

void agent_undo(struct steps *steps, struct err *err)
{
	struct err why = {0};

	if (steps_undo(steps, &why) < 0) {
		struct err first = *err;

		(void)err_set(err, ERR_UNAVAILABLE, "%s (and taking it back failed: %s; retry)",
			first.msg, why.msg);
	}
}

void agent_nqn(
	struct catalog *catalog, const struct object *object, char nqn[NQN_SIZE], uint8_t uuid[16])
{
	char name[160];
	char pool[UUID_TEXT_SIZE];

	if (*object->subsystem) {
		catalog_uuid(catalog, pool);
		(void)snprintf(
			name, sizeof(name), "%s/%s/%s", pool, object->instance, object->subsystem);
		uuid_of_name(name, uuid);
	} else {
		memcpy(uuid, object->uuid, 16);
	}
	nqn_of_volume(object->instance, uuid, nqn);
}

int agent_view(const struct found *found, bool extents, struct object_view *ret, struct err *err)
{
	struct store *store = catalog_store(found->catalog);
	struct object_name name = object_name_of(found->object);
	struct store_stat stat;
	struct err why = {0};
	uint8_t uuid[16];

	*ret = (struct object_view){.extents = -1};
	if (store->ops->stat(store, name, &stat, &why) < 0 ||
		(extents && store->ops->extents &&
			store->ops->extents(store, name, &ret->extents, &why) < 0)) {
		return agent_fail(&why, err);
	}
	(void)snprintf(ret->pool, sizeof(ret->pool), "%s", catalog_name(found->catalog));
	ret->allocated = stat.allocated;
	ret->written = found->object->written || stat.allocated > 0;
	if (name.kind == OBJECT_VOLUME) {
		agent_nqn(found->catalog, found->object, ret->nqn, uuid);
	}
	ret->object = object_ref(found->object);
	return 0;
}

void object_view_done(struct object_view *view)
{
	object_unref(view->object);
	view->object = NULL;
}

int agent_get(
	struct agent *agent, struct object_name name, struct object_view *ret, struct err *err)
{
	_cleanup_found_ struct found found = {0};

	if (agent_find_ready(agent, name, &found, err) < 0) {
		return -1;
	}
	return agent_view(&found, true, ret, err);
}

int64_t agent_granularity(struct agent *agent)
{
	int64_t most = STORE_GRANULARITY;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		most = MAX(most, catalog_limits(agent->catalogs[i]).granularity);
	}
	return most;
}

unsigned agent_pools(struct agent *agent, struct pool_view ret[AGENT_POOLS_MAX])
{
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		struct catalog *catalog = agent->catalogs[i];
		struct pool_view *view = &ret[i];

		*view = (struct pool_view){.type = catalog_type(catalog)};
		(void)snprintf(view->name, sizeof(view->name), "%s", catalog_name(catalog));
		if (catalog_use(catalog, &view->reason) < 0) {
			continue;
		}
		view->ready = catalog_usage(catalog, &view->usage, &view->reason) == 0;
		view->damaged = catalog_damage_count(catalog);
		view->limits = catalog_limits(catalog);
		catalog_uuid(catalog, view->uuid);
		catalog_done(catalog);
	}
	return agent->n_catalogs;
}
