/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the states in the pools to what the kernel exports: at start, and when a pool or a portal
 * comes later. Each object is recovered on its own; one that fails is remembered, the others go on.
 */
#include "common/base/log.h"
#include "target/core/agent_priv.h"

/** How long a recovery waits for a lock, in ms; at start nobody else holds one. */
#define RECOVER_LOCK_MS 60000

static int grow_data(const struct step *in, void *arg, struct err *err)
{
	struct found *found = arg;
	struct store *store = catalog_store(found->catalog);

	return store->ops->grow(in, store, object_name_of(found->object), found->object->size, err);
}

/* What holds for a volume: its data is there and as large as promised, fences are done, hosts get
 * in. */
static int recover_volume(struct steps *steps, struct found *found, struct err *err)
{
	if (agent_step(steps, "grow", grow_data, found, err) < 0 ||
		(found->object->fencing.n > 0 && agent_fence(steps, found, err) < 0)) {
		return -1;
	}
	return found->object->hosts.n > 0 ? agent_export(steps, found, err) : 0;
}

static int recover_snapshot(struct found *found, struct err *err)
{
	struct store *store = catalog_store(found->catalog);
	struct store_stat stat;

	return store->ops->stat(store, object_name_of(found->object), &stat, err);
}

static void recover_object(struct found *found)
{
	struct steps steps = {.operation = "Recover"};
	_cleanup_object_ struct object *object = object_ref(found->object);
	struct object_name name = object_name_of(object);
	struct err err = {0};
	int rc = agent_settle(&steps, found, &err);

	if (rc == 0 && found->object) {
		rc = name.kind == OBJECT_VOLUME ? recover_volume(&steps, found, &err)
						: recover_snapshot(found, &err);
	}
	if (rc < 0) {
		LOG_ERROR("recovery failed", LOG_STR("pool", catalog_name(found->catalog)),
			LOG_STR("kind", object_kind_name(name.kind)), LOG_STR("id", name.id),
			LOG_ERR(&err));
		/* A deletion or creation that could not be finished is tried by the next call. */
		if (object->phase == PHASE_READY) {
			catalog_damage(found->catalog, name, err.msg);
		}
	}
}

void agent_recover(struct agent *agent, struct catalog *catalog)
{
	struct err err = {0};

	if (catalog_use(catalog, &err) < 0) {
		return;
	}
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		_cleanup_object_list_ struct object_list list = {0};

		if (catalog_list(catalog, (enum object_kind)kind, &list, &err) < 0) {
			LOG_ERROR("recovery failed", LOG_STR("pool", catalog_name(catalog)),
				LOG_ERR(&err));
			break;
		}
		for (size_t i = 0; i < list.n; i++) {
			struct found found = {agent, catalog, NULL};
			struct deadline dl = deadline_in(RECOVER_LOCK_MS);
			struct object_name name = object_name_of(list.list[i]);
			_cleanup_keylock_ struct keylock_held *held = NULL;

			if (agent_lock(agent, name, &dl, &held, &err) < 0) {
				continue; /* the call that has it does the same */
			}
			found.object = catalog_get(catalog, name);
			if (found.object) {
				recover_object(&found);
			}
			object_unref(found.object);
		}
	}
	catalog_done(catalog);
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

void agent_trim(struct agent *agent)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct steps steps = {.operation = "Trim"};
	struct err err = {0};

	for (unsigned c = 0; c < agent->n_catalogs; c++) {
		/* A pool that is not there may still be exported, and damaged objects, too. */
		if (!catalog_ready(agent->catalogs[c], NULL) ||
			catalog_damage_count(agent->catalogs[c]) > 0) {
			return;
		}
	}
	if (nvmet_subsys_list(agent->nvmet, &names, &err) < 0) {
		LOG_ERROR("exports cannot be listed", LOG_ERR(&err));
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct trim trim = {agent, names.list[i]};

		if (wanted(agent, names.list[i])) {
			continue;
		}
		LOG_WARNING("export without a volume is removed", LOG_STR("nqn", names.list[i]));
		if (agent_step(&steps, "subsystem", trim_subsys, &trim, &err) < 0) {
			LOG_ERROR("export cannot be removed", LOG_STR("nqn", names.list[i]),
				LOG_ERR(&err));
		}
	}
	if (agent_step(&steps, "hosts", tidy_hosts, agent, &err) < 0) {
		LOG_ERROR("host entries cannot be removed", LOG_ERR(&err));
	}
}
