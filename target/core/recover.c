/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the states in the pools to what the kernel exports: at start, and when a pool or a portal
 * comes later. Each object is recovered on its own; one that fails is remembered, the others go on.
 */
#include "common/base/log.h"
#include "target/core/agent_priv.h"

/** How long a recovery waits for a lock, in ms; then it is tried again later. */
#define RECOVER_LOCK_MS 1000

static int check_data(const struct step *in UNUSED, void *arg, struct err *err)
{
	return agent_whole(arg, err);
}

static int wake_data(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct store *store = catalog_store(found->catalog);

	return store->ops->wake(in, store, object_name_of(found->object), err);
}

static int recover_data(struct steps *steps, struct found *found, struct err *err)
{
	if (catalog_store(found->catalog)->ops->wake &&
		agent_step(steps, "wake", wake_data, found, err) < 0) {
		return -1;
	}
	if (found->object->kind == OBJECT_VOLUME) {
		return agent_grow(steps, found, err);
	}
	return agent_step(steps, "data", check_data, found, err);
}

/* Fences are done, hosts get in, and those that are in learn of a size that came meanwhile. */
static int recover_export(struct steps *steps, struct found *found, struct err *err)
{
	if (found->object->fencing.n > 0 && agent_fence(steps, found, err) < 0) {
		return -1;
	}
	if (found->object->hosts.n == 0) {
		return 0;
	}
	if (agent_tell(steps, found, err) < 0) {
		return -1;
	}
	return agent_export(steps, found, err);
}

static void tell(const struct found *found, struct object_name name, const struct err *err)
{
	LOG_ERROR("recovery failed", LOG_STR("pool", catalog_name(found->catalog)),
		LOG_STR("kind", object_kind_name(name.kind)), LOG_STR("id", name.id), LOG_ERR(err));
}

/*
 * Return: false when it is to be tried again. An object whose data is not there, or not as large as
 * it must be, cannot be used before somebody looked at it; all else may pass.
 */
static bool recover_object(struct found *found)
{
	struct steps steps = {.operation = "Recover"};
	_cleanup_object_ struct object *object = object_ref(found->object);
	struct object_name name = object_name_of(object);
	struct err err = {0};

	if (agent_settle(&steps, found, &err) < 0) {
		tell(found, name, &err);
		return false;
	}
	if (!found->object) {
		return true;
	}
	if (recover_data(&steps, found, &err) < 0) {
		tell(found, name, &err);
		/* What cannot be remembered is looked at again. */
		return err.code == ERR_INTERNAL &&
		       catalog_damage(found->catalog, name, err.msg, NULL) == 0;
	}
	if (name.kind == OBJECT_VOLUME && recover_export(&steps, found, &err) < 0) {
		tell(found, name, &err);
		return false;
	}
	return true;
}

enum recovery { RECOVERY_DONE, RECOVERY_FAILED, RECOVERY_BUSY };

static enum recovery recover_name(
	struct agent *agent, struct catalog *catalog, struct object_name name)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	_cleanup_keylock_ struct keylock_held *subsys = NULL;
	struct found found = {agent, catalog, NULL};
	struct deadline dl = deadline_in(RECOVER_LOCK_MS);
	enum recovery result = RECOVERY_DONE;

	if (agent_lock(agent, name, &dl, &held, NULL) < 0) {
		return RECOVERY_BUSY;
	}
	if (catalog_damaged(catalog, name, NULL) == 0) {
		found.object = catalog_get(catalog, name);
	}
	if (!found.object) {
		return RECOVERY_DONE;
	}
	/* Other volumes may be in it. */
	if (name.kind == OBJECT_VOLUME && agent_lock_subsys(&found, &dl, &subsys, NULL) < 0) {
		result = RECOVERY_BUSY;
	} else if (!recover_object(&found)) {
		result = RECOVERY_FAILED;
	}
	object_unref(found.object);
	return result;
}

unsigned agent_recover(struct agent *agent, unsigned i)
{
	struct catalog *catalog = agent->catalogs[i];
	struct err err = {0};
	unsigned unfinished = 0;
	unsigned busy = 0;

	if (catalog_use(catalog, &err) < 0) {
		return 0; /* it is recovered once it is attached again */
	}
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		_cleanup_object_list_ struct object_list list = {0};

		if (catalog_list(catalog, (enum object_kind)kind, &list, &err) < 0) {
			LOG_ERROR("recovery failed", LOG_STR("pool", catalog_name(catalog)),
				LOG_ERR(&err));
			unfinished++;
		}
		for (size_t n = 0; n < list.n; n++) {
			enum recovery result =
				recover_name(agent, catalog, object_name_of(list.list[n]));

			unfinished += result != RECOVERY_DONE;
			busy += result == RECOVERY_BUSY;
		}
	}
	atomic_store(&agent->unfinished[i], unfinished);
	catalog_done(catalog);
	return busy;
}

/* One subsystem of ours in the kernel, and whether a state asks for it. */
struct trim {
	struct agent *agent;
	const char *nqn;
};

static bool wanted(struct agent *agent, const char *nqn)
{
	bool found = false;

	for (unsigned c = 0; c < agent->n_catalogs && !found; c++) {
		_cleanup_object_list_ struct object_list list = {0};

		/* In doubt it is wanted: nothing is removed for lack of knowledge. */
		if (catalog_list(agent->catalogs[c], OBJECT_VOLUME, &list, NULL) < 0) {
			return true;
		}
		for (size_t i = 0; i < list.n && !found; i++) {
			char its[NQN_SIZE];
			uint8_t uuid[16];

			agent_nqn(agent->catalogs[c], list.list[i], its, uuid);
			found = list.list[i]->hosts.n + list.list[i]->fencing.n > 0 &&
				streq(its, nqn);
		}
	}
	return found;
}

static int trim_subsys(const struct step *in, void *arg, struct err *err)
{
	const struct trim *trim = arg;

	return nvmet_subsys_drop(in, trim->agent->nvmet, trim->nqn, err);
}

static int tidy_hosts(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_hosts_tidy(in, agent->nvmet, err);
}

/* Under the lock of the subsystem, as a grant may be making it right now. */
static void trim_one(struct agent *agent, const char *nqn)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct deadline dl = deadline_in(RECOVER_LOCK_MS);
	struct steps steps = {.operation = "Trim"};
	struct trim trim = {agent, nqn};
	struct err err = {0};

	if (agent_lock_nqn(agent, nqn, &dl, &held, NULL) < 0 || wanted(agent, nqn)) {
		return;
	}
	LOG_WARNING("export without a volume is removed", LOG_STR("nqn", nqn));
	if (agent_step(&steps, "subsystem", trim_subsys, &trim, &err) < 0) {
		LOG_ERROR("export cannot be removed", LOG_STR("nqn", nqn), LOG_ERR(&err));
	}
}

void agent_trim(struct agent *agent)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct steps steps = {.operation = "Trim"};
	struct err err = {0};

	for (unsigned c = 0; c < agent->n_catalogs; c++) {
		/* A pool that is not there may still be exported, and damaged objects, too. */
		if (!catalog_ready(agent->catalogs[c], NULL) ||
			catalog_damage_count(agent->catalogs[c]) > 0 ||
			atomic_load(&agent->unfinished[c]) > 0) {
			return;
		}
	}
	if (nvmet_subsys_list(agent->nvmet, &names, &err) < 0) {
		LOG_ERROR("exports cannot be listed", LOG_ERR(&err));
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (!wanted(agent, names.list[i])) {
			trim_one(agent, names.list[i]);
		}
	}
	if (agent_step(&steps, "hosts", tidy_hosts, agent, &err) < 0) {
		LOG_ERROR("host entries cannot be removed", LOG_ERR(&err));
	}
}
