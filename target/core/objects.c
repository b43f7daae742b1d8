/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What volumes and snapshots have in common: creation, removal, and finishing what was cut short.
 */
#include "target/core/agent_priv.h"

static int write_state(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;

	return catalog_write(in, found->catalog, found->object, err);
}

static int remove_data(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct store *store = catalog_store(found->catalog);

	return store->ops->remove(in, store, object_name_of(found->object), err);
}

static int remove_state(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct store *store = catalog_store(found->catalog);

	return store->ops->state_remove(in, store, object_name_of(found->object), err);
}

static int make_data(const struct step *in, void *arg, struct err *err)
{
	struct creation *creation = arg;
	struct found *found = creation->found;
	struct object *object = found->object;
	struct store *store = catalog_store(found->catalog);
	struct object_name name = object_name_of(object);

	if (!creation->from) {
		return store->ops->create(in, store, name, object->size, err);
	}
	struct object_name from = {creation->from_kind, creation->from};

	return store->ops->clone(in, store, from, name, object->size, err);
}

/* The data is there: the object becomes real. A snapshot now knows what it pins. */
static int make_ready(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	_cleanup_object_ struct object *ready = object_copy(found->object);
	struct store *store = catalog_store(found->catalog);
	struct store_stat stat;

	if (!ready) {
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory", found->object->id);
	}
	ready->phase = PHASE_READY;
	if (ready->kind == OBJECT_SNAPSHOT) {
		if (store->ops->stat(store, object_name_of(ready), &stat, err) < 0) {
			return -1;
		}
		ready->pinned = MIN(stat.allocated, stat.size);
		ready->size = stat.size;
	}
	if (catalog_write(in, found->catalog, ready, err) < 0) {
		return -1;
	}
	catalog_replace(found->catalog, ready);
	object_unref(found->object);
	found->object = TAKE_PTR(ready);
	return 0;
}

/* Data first, state last: what is left of a creation is always known by its state. */
static int take_back(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;

	if (remove_data(in, found, err) < 0 || remove_state(in, found, err) < 0) {
		return -1;
	}
	catalog_forget(found->catalog, object_name_of(found->object));
	return 0;
}

/* What is taken back must be ours: data that nobody knows of is never removed. */
static int refuse_data(const struct found *found, struct err *err)
{
	struct store *store = catalog_store(found->catalog);
	struct object_name name = object_name_of(found->object);
	struct store_stat stat;
	struct err why = {0};

	if (store->ops->stat(store, name, &stat, &why) == 0) {
		return err_set(err, ERR_INTERNAL,
			"%s %s: there is data of this name in pool %s without a state: move it away",
			object_kind_name(name.kind), name.id, catalog_name(found->catalog));
	}
	return why.code == ERR_NOT_FOUND ? 0 : agent_fail(&why, err);
}

int agent_create(struct steps *steps, struct creation *creation, struct err *err)
{
	struct found *found = creation->found;

	if (refuse_data(found, err) < 0 ||
		catalog_reserve(found->catalog, found->object, true, err) < 0) {
		return -1;
	}
	steps_on_failure(steps, "take-back", take_back, found);
	if (agent_step(steps, "intent", write_state, found, err) < 0 ||
		agent_step(steps, "data", make_data, creation, err) < 0 ||
		agent_step(steps, "ready", make_ready, found, err) < 0) {
		agent_undo(steps, err);
		return -1;
	}
	steps_keep(steps);
	return 0;
}

static int drop_export(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct nvmet *nvmet = found->agent->nvmet;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, found->object, nqn, uuid);
	if (*found->object->subsystem) {
		return nvmet_ns_drop(in, nvmet, nqn, found->object->nsid, err);
	}
	return nvmet_subsys_drop(in, nvmet, nqn, err);
}

/* The last step: it is gone for others, too. */
static int forget(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;

	if (remove_state(in, found, err) < 0) {
		return -1;
	}
	catalog_forget(found->catalog, object_name_of(found->object));
	return 0;
}

/* Zeros in place of what was cut off would look like an object that is well. */
int agent_whole(const struct found *found, struct err *err)
{
	const struct object *object = found->object;
	int64_t least = object->grown_from > 0 ? object->grown_from : object->size;
	struct store *store = catalog_store(found->catalog);
	struct store_stat stat;
	struct err why = {0};

	if (store->ops->stat(store, object_name_of(object), &stat, &why) < 0) {
		return agent_fail(&why, err);
	}
	if (stat.size < least) {
		return err_set(err, ERR_INTERNAL,
			"%s %s: its data has %lld bytes, but had %lld: the end of it is lost; put the whole "
			"of it back, or remove both data and state, and restart the agent",
			object_kind_name(object->kind), object->id, (long long)stat.size,
			(long long)least);
	}
	return 0;
}

int agent_update(struct steps *steps, const char *step, struct found *found, struct object *object,
	struct err *err)
{
	struct found next = {found->agent, found->catalog, object};

	if (agent_step(steps, step, write_state, &next, err) < 0) {
		return -1;
	}
	catalog_replace(found->catalog, object);
	object_unref(found->object);
	found->object = object_ref(object);
	return 0;
}

int agent_remove(struct steps *steps, struct found *found, struct err *err)
{
	if (found->object->phase != PHASE_DELETING) {
		_cleanup_object_ struct object *deleting = object_copy(found->object);

		if (!deleting) {
			return err_set(
				err, ERR_RESOURCE_EXHAUSTED, "%s: no memory", found->object->id);
		}
		deleting->phase = PHASE_DELETING;
		if (agent_update(steps, "intent", found, deleting, err) < 0) {
			return -1;
		}
	}
	/* No export should be left after the last fence; data must not go while there is one. */
	if (found->object->kind == OBJECT_VOLUME &&
		agent_step(steps, "unexport", drop_export, found, err) < 0) {
		return -1;
	}
	if (agent_step(steps, "data", remove_data, found, err) < 0) {
		return -1;
	}
	return agent_step(steps, "state", forget, found, err);
}

int agent_settle(struct steps *steps, struct found *found, struct err *err)
{
	int rc = 0;

	if (!found->object || found->object->phase == PHASE_READY) {
		return 0;
	}
	if (found->object->phase == PHASE_CREATING) {
		rc = agent_step(steps, "take-back", take_back, found, err);
	} else {
		rc = agent_remove(steps, found, err);
	}
	if (rc == 0) {
		object_unref(found->object);
		found->object = NULL;
	}
	return rc;
}

static int refuse_hosts(const struct object *object, struct err *err)
{
	if (object->hosts.n == 0) {
		return 0;
	}
	return err_set(err, ERR_FAILED_PRECONDITION,
		"volume %s: is in use by host %s%s: revoke its hosts first", object->id,
		object->hosts.list[0], object->hosts.n > 1 ? " and others" : "");
}

int agent_delete(
	struct agent *agent, struct object_name name, const struct deadline *dl, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_keylock_ struct keylock_held *subsys = NULL;
	_cleanup_found_ struct found found = {0};
	struct steps steps = {
		.operation = name.kind == OBJECT_VOLUME ? "DeleteVolume" : "DeleteSnapshot"};

	if (agent_lock(agent, name, dl, &held, err) < 0 ||
		agent_find(agent, name, &found, err) < 0) {
		return -1;
	}
	if (name.kind == OBJECT_VOLUME && agent_lock_subsys(&found, dl, &subsys, err) < 0) {
		return -1;
	}
	if (found.object->phase != PHASE_READY) {
		return agent_settle(&steps, &found, err);
	}
	if (refuse_hosts(found.object, err) < 0) {
		return -1;
	}
	if (found.object->fencing.n > 0 && agent_fence(&steps, &found, err) < 0) {
		return -1;
	}
	return agent_remove(&steps, &found, err);
}
