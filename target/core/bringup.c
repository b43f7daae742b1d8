/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start, and what is looked after while running: pools and portals that come and go.
 */
#include "common/base/log.h"
#include "target/core/agent_priv.h"

/** How often a pool that is not there is looked for at start, in ms. */
#define POOL_POLL_MS 1000

static int close_gate(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_gate_close(in, agent->nvmet, err);
}

static int open_gate(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_gate_open(in, agent->nvmet, err);
}

static int put_ports(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_ports_put(in, agent->nvmet, err);
}

static int link_all(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_ports_up(in, agent->nvmet, err);
}

static int attach(const struct step *in, void *arg, struct err *err)
{
	return catalog_attach(in, arg, err);
}

/* Attach every pool that is not there. Return: how many are still missing; @err says why one is. */
static unsigned attach_all(struct agent *agent, bool recover, struct err *err)
{
	struct steps steps = {.operation = "Attach"};
	unsigned missing = 0;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		struct catalog *catalog = agent->catalogs[i];

		if (catalog_ready(catalog, NULL)) {
			continue;
		}
		if (agent_step(&steps, "pool", attach, catalog, err) < 0) {
			missing++;
			continue;
		}
		LOG_INFO("pool attached", LOG_STR("pool", catalog_name(catalog)));
		if (recover) {
			agent_recover(agent, i);
		}
	}
	return missing;
}

static int wait_for_pools(struct agent *agent, const struct deadline *dl, struct err *err)
{
	struct err why = {0};
	struct err late = {0};
	bool told = false;

	while (attach_all(agent, false, &why) > 0) {
		if (!told) {
			LOG_WARNING("waiting for a pool, with the gate closed", LOG_ERR(&why));
			told = true;
		}
		if (deadline_poll(dl, -1, 0, POOL_POLL_MS, "wait for pools", &late) < 0) {
			if (late.code == ERR_CANCELLED) {
				return err_set(err, late.code, "%s", late.msg);
			}
			LOG_ERROR("going on without a pool: its volumes are not exported",
				LOG_ERR(&why));
			return 0;
		}
	}
	return 0;
}

int agent_prepare(struct agent *agent, struct err *err)
{
	struct steps steps = {.operation = "BringUp"};

	if (agent_step(&steps, "gate-close", close_gate, agent, err) < 0) {
		return -1;
	}
	return agent_step(&steps, "ports", put_ports, agent, err);
}

int agent_bring_up(struct agent *agent, const struct deadline *pools, struct err *err)
{
	struct steps steps = {.operation = "BringUp"};
	int rc;

	if (wait_for_pools(agent, pools, err) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		agent_recover(agent, i);
	}
	(void)pthread_rwlock_wrlock(&agent->links);
	agent_trim(agent);
	rc = agent_step(&steps, "link", link_all, agent, err);
	(void)pthread_rwlock_unlock(&agent->links);
	if (rc < 0) {
		return -1;
	}
	if (agent_step(&steps, "gate-open", open_gate, agent, err) < 0) {
		return -1;
	}
	atomic_store(&agent->up, true);
	return 0;
}

/* Portals whose address came: opened for all subsystems at once, behind the gate. */
static void open_ports(struct agent *agent)
{
	struct steps steps = {.operation = "OpenPorts"};
	struct err err = {0};
	int rc;

	if (!nvmet_ports_waiting(agent->nvmet) || pthread_rwlock_trywrlock(&agent->links) != 0) {
		return;
	}
	rc = agent_step(&steps, "gate-close", close_gate, agent, &err);
	if (rc == 0) {
		rc = agent_step(&steps, "link", link_all, agent, &err);
	}
	struct err opened = {0};
	if (agent_step(&steps, "gate-open", open_gate, agent, &opened) < 0) {
		LOG_ERROR("gate cannot be opened", LOG_ERR(&opened));
	}
	(void)pthread_rwlock_unlock(&agent->links);
	if (rc < 0) {
		LOG_ERROR("portals cannot be opened", LOG_ERR(&err));
	} else if (nvmet_ports_down(agent->nvmet, NULL) == 0) {
		LOG_INFO("all portals are open");
	}
}

/* Late recoveries end with exports that no port has yet. */
static int publish(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;
	_cleanup_configfs_names_ struct configfs_names names = {0};

	if (nvmet_subsys_list(agent->nvmet, &names, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (nvmet_link(in, agent->nvmet, names.list[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

void agent_tick(struct agent *agent)
{
	struct steps steps = {.operation = "Tick"};
	struct err err = {0};
	unsigned absent = 0;
	bool recovered = false;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		/* Using it is what notices that it went. */
		if (catalog_use(agent->catalogs[i], NULL) < 0) {
			absent++;
			continue;
		}
		catalog_done(agent->catalogs[i]);
		if (atomic_load(&agent->unfinished[i]) > 0) {
			agent_recover(agent, i);
			recovered = true;
		}
	}
	if (absent > 0 && attach_all(agent, true, &err) < absent) {
		recovered = true;
	}
	if (recovered && pthread_rwlock_trywrlock(&agent->links) == 0) {
		if (agent_step(&steps, "publish", publish, agent, &err) < 0) {
			LOG_ERROR("exports cannot be published", LOG_ERR(&err));
		}
		(void)pthread_rwlock_unlock(&agent->links);
	}
	open_ports(agent);
}

int agent_healthy(struct agent *agent, struct err *err)
{
	struct err why = {0};

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		struct catalog *catalog = agent->catalogs[i];

		if (!catalog_ready(catalog, &why)) {
			return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
		}
		size_t damaged = catalog_damage_count(catalog) + atomic_load(&agent->unfinished[i]);
		if (damaged > 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"pool %s: %zu objects cannot be used, see the log",
				catalog_name(catalog), damaged);
		}
	}
	if (!atomic_load(&agent->up)) {
		return err_set(err, ERR_UNAVAILABLE, "the agent is starting");
	}
	if (nvmet_ports_down(agent->nvmet, &why) > 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
	}
	return 0;
}
