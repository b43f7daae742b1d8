/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Granting and fencing hosts.
 */
#include "target/core/agent_priv.h"

/* One host of one export, for steps. */
struct host_arg {
	const struct found *found;
	const char *nqn;
	const char *host;
};

static int put_namespace(const struct step *in, void *arg, struct err *err)
{
	const struct found *found = arg;
	const struct object *object = found->object;
	struct store *store = catalog_store(found->catalog);
	char path[PATH_MAX];
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, object, nqn, uuid);
	if (store->ops->path(store, object_name_of(object), path, err) < 0) {
		return -1;
	}
	const struct nvmet_ns ns = {
		.nqn = nqn,
		.subsys_uuid = uuid,
		.nsid = object->nsid,
		.uuid = object->uuid,
		.path = path,
	};

	return nvmet_ns_put(in, found->agent->nvmet, &ns, err);
}

static int allow_hosts(const struct step *in, void *arg, struct err *err)
{
	const struct found *found = arg;
	const struct object *object = found->object;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, object, nqn, uuid);
	for (unsigned i = 0; i < object->hosts.n; i++) {
		if (nvmet_host_put(in, found->agent->nvmet, nqn, object->hosts.list[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

int agent_export(struct steps *steps, const struct found *found, struct err *err)
{
	if (agent_step(steps, "namespace", put_namespace, (void *)found, err) < 0) {
		return -1;
	}
	return agent_step(steps, "allow", allow_hosts, (void *)found, err);
}

static int link_ports(const struct step *in, void *arg, struct err *err)
{
	const struct found *found = arg;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	agent_nqn(found->catalog, found->object, nqn, uuid);
	return nvmet_link(in, found->agent->nvmet, nqn, err);
}

static int look_at_data(const struct found *found, struct store_stat *ret, struct err *err)
{
	struct store *store = catalog_store(found->catalog);
	struct err why = {0};

	if (store->ops->stat(store, object_name_of(found->object), ret, &why) < 0) {
		return agent_fail(&why, err);
	}
	return 0;
}

/* A resize that stopped in its middle: what is answered here must be true of the data, too. */
static int catch_up(struct steps *steps, struct found *found, struct err *err)
{
	struct store_stat stat;

	if (look_at_data(found, &stat, err) < 0) {
		return -1;
	}
	if (stat.size < found->object->size && agent_grow(steps, found, err) < 0) {
		return -1;
	}
	/* Whether the kernel knows the size cannot be read: it is told each time. */
	return agent_tell(steps, found, err);
}

static int record_grant(struct steps *steps, struct found *found, const char *host, struct err *err)
{
	_cleanup_object_ struct object *next = object_copy(found->object);
	struct store_stat stat;

	if (!next || host_set_add(&next->hosts, host, err) < 0) {
		return next ? -1
			    : err_set(err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory",
				      found->object->id);
	}
	/* Kept, so that a volume that was written and then discarded does not count as new. */
	if (look_at_data(found, &stat, err) < 0) {
		return -1;
	}
	next->written = next->written || stat.allocated > 0;
	return agent_update(steps, "intent", found, next, err);
}

int agent_grant(struct agent *agent, const char *id, const char *host, const struct deadline *dl,
	struct object_view *ret, struct err *err)
{
	struct object_name name = {OBJECT_VOLUME, id};
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_keylock_ struct keylock_held *subsys = NULL;
	_cleanup_found_ struct found found = {0};
	struct steps steps = {.operation = "GrantHost"};

	if (agent_lock(agent, name, dl, &held, err) < 0 ||
		agent_find_ready(agent, name, &found, err) < 0 ||
		agent_lock_subsys(&found, dl, &subsys, err) < 0) {
		return -1;
	}
	/* A fence that was cut short ends before the same host, or another, is let in. */
	if (found.object->fencing.n > 0 && agent_fence(&steps, &found, err) < 0) {
		return -1;
	}
	if (!host_set_has(&found.object->hosts, host) &&
		record_grant(&steps, &found, host, err) < 0) {
		return -1;
	}
	if (catch_up(&steps, &found, err) < 0 || agent_export(&steps, &found, err) < 0 ||
		agent_step(&steps, "link", link_ports, &found, err) < 0) {
		return -1;
	}
	return agent_view(&found, false, ret, err);
}

/* Keep in @list the other volumes of the subsystem that have hosts, or fences that are not done. */
static int find_others(const struct found *found, struct object_list *list, struct err *err)
{
	const struct object *object = found->object;
	size_t kept = 0;

	*list = (struct object_list){0};
	if (!*object->subsystem) {
		return 0;
	}
	if (catalog_list(found->catalog, OBJECT_VOLUME, list, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < list->n; i++) {
		struct object *other = list->list[i];

		if (!streq(other->id, object->id) && streq(other->subsystem, object->subsystem) &&
			streq(other->instance, object->instance) &&
			(other->hosts.n > 0 || other->fencing.n > 0)) {
			list->list[kept++] = other;
		} else {
			object_unref(other);
		}
	}
	list->n = kept;
	return 0;
}

static bool others_have(const struct object_list *others, const char *host)
{
	for (size_t i = 0; i < others->n; i++) {
		if (host_set_has(&others->list[i]->hosts, host)) {
			return true;
		}
	}
	return false;
}

int agent_can_fence(const struct found *found, const struct object *after, struct err *err)
{
	_cleanup_object_list_ struct object_list others = {0};

	if (find_others(found, &others, err) < 0) {
		return -1;
	}
	for (unsigned i = 0; after->hosts.n > 0 && i < after->fencing.n; i++) {
		if (others_have(&others, after->fencing.list[i])) {
			return err_set(err, ERR_FAILED_PRECONDITION,
				"volume %s: host %s has another volume of the subsystem \"%s\", which is shared, and other hosts keep this volume: it cannot be fenced from this one alone; revoke its other volumes there first",
				after->id, after->fencing.list[i], after->subsystem);
		}
	}
	return 0;
}

static int drop_host(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;

	return nvmet_host_drop(in, a->found->agent->nvmet, a->nqn, a->host, err);
}

static int unlink_ports(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;

	return nvmet_unlink(in, a->found->agent->nvmet, a->nqn, err);
}

static int drop_namespace(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;

	return nvmet_ns_drop(in, a->found->agent->nvmet, a->nqn, a->found->object->nsid, err);
}

static int drop_subsystem(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;

	return nvmet_subsys_drop(in, a->found->agent->nvmet, a->nqn, err);
}

static int cut(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;

	return nvmet_cut(in, a->found->agent->nvmet, a->nqn, err);
}

static int drain(const struct step *in, void *arg, struct err *err)
{
	const struct host_arg *a = arg;
	struct store *store = catalog_store(a->found->catalog);

	return store->ops->drain(in, store, object_name_of(a->found->object), err);
}

/* Nobody is left in the subsystem: take everything away. Disabling waits for writes under way. */
static int fence_all(struct steps *steps, struct host_arg *a, struct err *err)
{
	const struct host_set *gone = &a->found->object->fencing;

	for (unsigned i = 0; i < gone->n; i++) {
		a->host = gone->list[i];
		if (agent_step(steps, "unlink-host", drop_host, a, err) < 0) {
			return -1;
		}
	}
	if (agent_step(steps, "unlink-ports", unlink_ports, a, err) < 0 ||
		agent_step(steps, "disable", drop_namespace, a, err) < 0) {
		return -1;
	}
	return agent_step(steps, "remove", drop_subsystem, a, err);
}

/*
 * Others stay. Throwing the controllers out stops new writes of the revoked hosts; those that had
 * reached the file are waited for. A volume that keeps no host has its namespace taken away.
 */
static int fence_some(
	struct steps *steps, struct host_arg *a, const struct object_list *others, struct err *err)
{
	const struct object *object = a->found->object;
	bool cut_off = false;

	if (object->hosts.n == 0 && agent_step(steps, "disable", drop_namespace, a, err) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < object->fencing.n; i++) {
		a->host = object->fencing.list[i];
		if (others_have(others, a->host)) {
			continue; /* keeps the subsystem, and lost the namespace above */
		}
		cut_off = true;
		if (agent_step(steps, "unlink-host", drop_host, a, err) < 0) {
			return -1;
		}
	}
	if (cut_off && agent_step(steps, "cut", cut, a, err) < 0) {
		return -1;
	}
	return object->hosts.n > 0 ? agent_step(steps, "drain", drain, a, err) : 0;
}

int agent_fence(struct steps *steps, struct found *found, struct err *err)
{
	_cleanup_object_list_ struct object_list others = {0};
	_cleanup_object_ struct object *done = NULL;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];
	struct host_arg a = {.found = found, .nqn = nqn};
	int rc;

	if (agent_can_fence(found, found->object, err) < 0 ||
		find_others(found, &others, err) < 0) {
		return -1;
	}
	agent_nqn(found->catalog, found->object, nqn, uuid);
	if (found->object->hosts.n == 0 && others.n == 0) {
		rc = fence_all(steps, &a, err);
	} else {
		rc = fence_some(steps, &a, &others, err);
	}
	if (rc < 0) {
		return -1;
	}
	done = object_copy(found->object);
	if (!done) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory", found->object->id);
	}
	host_set_done(&done->fencing);
	return agent_update(steps, "forget", found, done, err);
}

/* The version of the volume in which the hosts are revoked but not fenced yet. */
static int mark(const struct found *found, const char *host, struct object **ret, struct err *err)
{
	_cleanup_object_ struct object *next = object_copy(found->object);
	_cleanup_configfs_names_ struct configfs_names allowed = {0};
	struct nvmet *nvmet = found->agent->nvmet;
	char nqn[NQN_SIZE];
	uint8_t uuid[16];

	if (!next) {
		return err_set(
			err, ERR_RESOURCE_EXHAUSTED, "volume %s: no memory", found->object->id);
	}
	agent_nqn(found->catalog, next, nqn, uuid);
	if (nvmet_host_list(nvmet, nqn, &allowed, err) < 0) {
		return -1;
	}
	/* Also hosts that the kernel lets in although no state says so. */
	for (size_t i = 0; !*next->subsystem && i < allowed.n; i++) {
		if ((!host || streq(allowed.list[i], host)) &&
			host_set_add(&next->fencing, allowed.list[i], err) < 0) {
			return -1;
		}
	}
	for (unsigned i = next->hosts.n; i > 0; i--) {
		if (host && !streq(next->hosts.list[i - 1], host)) {
			continue;
		}
		if (host_set_add(&next->fencing, next->hosts.list[i - 1], err) < 0) {
			return -1;
		}
		host_set_remove(&next->hosts, found->object->hosts.list[i - 1]);
	}
	*ret = TAKE_PTR(next);
	return 0;
}

int agent_revoke(struct agent *agent, const char *id, const char *host, const struct deadline *dl,
	struct err *err)
{
	struct object_name name = {OBJECT_VOLUME, id};
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_keylock_ struct keylock_held *subsys = NULL;
	_cleanup_found_ struct found found = {0};
	_cleanup_object_ struct object *next = NULL;
	struct steps steps = {.operation = "RevokeHost"};

	if (agent_lock(agent, name, dl, &held, err) < 0 ||
		agent_find_ready(agent, name, &found, err) < 0 ||
		agent_lock_subsys(&found, dl, &subsys, err) < 0) {
		return -1;
	}
	if (mark(&found, host, &next, err) < 0) {
		return -1;
	}
	if (next->fencing.n == 0) {
		return 0; /* it has no access, and nothing is left to end */
	}
	if (agent_can_fence(&found, next, err) < 0 ||
		agent_update(&steps, "intent", &found, next, err) < 0) {
		return -1;
	}
	return agent_fence(&steps, &found, err);
}
