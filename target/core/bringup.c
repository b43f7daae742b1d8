/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start, and what is looked after while running: pools and portals that come and go.
 */
#include "common/base/log.h"
#include "target/core/agent_priv.h"

/** How often a pool that is not there is looked for at start, in ms. */
#define POOL_POLL_MS 1000
/** How long the start waits, gate closed, for calls that are at work on volumes, in ms: a little
 * more than a call may take. Without their export their initiators would be turned away for good;
 * but one that hangs must not keep all others out for ever. */
#define BUSY_WAIT_MS 70000
/** How long all of the busy subsystems together hold up the publishing of the others, in ms. */
#define PUBLISH_LOCKS_MS 2000

static int close_gate(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_gate_close(in, agent->nvmet, err);
}

static int remove_gate(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_gate_open(in, agent->nvmet, err);
}

static int put_ports(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_ports_put(in, agent->nvmet, err);
}

/* One going over all subsystems, each under its lock: one that is half made is not shown. */
struct publication {
	struct agent *agent;
	struct nvmet_round round;
	unsigned left; /* busy, or refused by the kernel */
};

static void publish_one(
	const struct step *in, struct publication *pub, const char *nqn, const struct deadline *dl)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct err err = {0};

	if (agent_lock_nqn(pub->agent, nqn, dl, &held, &err) < 0 ||
		nvmet_publish(in, pub->agent->nvmet, nqn, &pub->round, &err) < 0) {
		pub->left++;
		LOG_WARNING("export is not published yet", LOG_STR("nqn", nqn), LOG_ERR(&err));
	}
}

static int publish(const struct step *in, void *arg, struct err *err)
{
	_cleanup_configfs_names_ struct configfs_names names = {0};
	struct deadline dl = deadline_in(PUBLISH_LOCKS_MS);
	struct publication *pub = arg;

	if (nvmet_subsys_list(pub->agent->nvmet, &names, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		publish_one(in, pub, names.list[i], &dl);
	}
	if (names.n == 0 && pub->round.opening) {
		nvmet_ports_idle(pub->agent->nvmet, &pub->round);
	}
	return 0;
}

/* Behind the gate: ports that are not up are opened. */
static int link_all(struct agent *agent, struct steps *steps, struct err *err)
{
	struct publication pub = {.agent = agent, .round = {.opening = true}};

	/* What was granted meanwhile may have missed a port, so it is gone over once more later. */
	atomic_store(&agent->unpublished, true);
	return agent_step(steps, "link", publish, &pub, err);
}

/* At ports that are up, of what has no links there yet. */
static void publish_rest(struct agent *agent)
{
	struct publication pub = {.agent = agent};
	struct steps steps = {.operation = "Tick"};
	struct err err = {0};

	if (!atomic_load(&agent->unpublished)) {
		return;
	}
	if (agent_step(&steps, "publish", publish, &pub, &err) < 0) {
		LOG_ERROR("exports cannot be published", LOG_ERR(&err));
	} else if (pub.left == 0) {
		atomic_store(&agent->unpublished, false);
	}
}

static int shut_gate(struct agent *agent, struct steps *steps, struct err *err)
{
	/* Before it is: what fails here may have shut it. */
	atomic_store(&agent->gate_shut, true);
	return agent_step(steps, "gate-close", close_gate, agent, err);
}

static int open_gate(struct agent *agent, struct steps *steps, struct err *err)
{
	if (agent_step(steps, "gate-open", remove_gate, agent, err) < 0) {
		return -1;
	}
	atomic_store(&agent->gate_shut, false);
	return 0;
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
			(void)agent_recover(agent, i);
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

	if (shut_gate(agent, &steps, err) < 0) {
		return -1;
	}
	if (agent_step(&steps, "ports", put_ports, agent, err) < 0) {
		return -1;
	}
	return agent_ana_restore(agent, &steps, err);
}

static unsigned recover_all(struct agent *agent)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		busy += agent_recover(agent, i);
	}
	return busy;
}

int agent_bring_up(struct agent *agent, const struct deadline *pools, struct err *err)
{
	struct steps steps = {.operation = "BringUp"};
	struct deadline patience = deadline_in(BUSY_WAIT_MS);

	patience.cancel_fd = pools->cancel_fd;
	if (wait_for_pools(agent, pools, err) < 0) {
		return -1;
	}
	/* Each round waits for every lock a while. */
	for (unsigned busy = recover_all(agent); busy > 0; busy = recover_all(agent)) {
		struct err why = {0};

		if (deadline_check(&patience, "wait for calls on volumes", &why) < 0) {
			if (why.code == ERR_CANCELLED) {
				return err_set(err, why.code, "%s", why.msg);
			}
			LOG_ERROR(
				"going on without volumes that are busy: they may not be exported",
				LOG_NUM("busy", busy));
			break;
		}
	}
	agent_trim(agent);
	if (link_all(agent, &steps, err) < 0 || open_gate(agent, &steps, err) < 0) {
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

	if (nvmet_ports_waiting(agent->nvmet)) {
		if (shut_gate(agent, &steps, &err) < 0 || link_all(agent, &steps, &err) < 0) {
			LOG_ERROR("portals cannot be opened", LOG_ERR(&err));
		} else if (nvmet_ports_down(agent->nvmet, NULL) == 0) {
			LOG_INFO("all portals are open");
		}
	}
	/* Also one that could not be opened an earlier time. */
	if (atomic_load(&agent->gate_shut) && open_gate(agent, &steps, &err) < 0) {
		LOG_ERROR("gate cannot be opened; it is tried again", LOG_ERR(&err));
	}
}

void agent_tick(struct agent *agent)
{
	struct err err = {0};
	unsigned absent = 0;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		/* Using it is what notices that it went. */
		if (catalog_use(agent->catalogs[i], NULL) < 0) {
			absent++;
			continue;
		}
		catalog_done(agent->catalogs[i]);
		if (atomic_load(&agent->unfinished[i]) > 0) {
			(void)agent_recover(agent, i);
			atomic_store(&agent->unpublished, true);
		}
	}
	if (absent > 0 && attach_all(agent, true, &err) < absent) {
		atomic_store(&agent->unpublished, true);
	}
	agent_ana_again(agent);
	publish_rest(agent);
	open_ports(agent);
}

static int lay_down(const struct step *in, void *arg, struct err *err UNUSED)
{
	struct agent *agent = arg;

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		catalog_lay_down(in, agent->catalogs[i]);
	}
	return 0;
}

void agent_lay_down(struct agent *agent)
{
	struct steps steps = {.operation = "LayDown"};
	struct err err = {0};

	if (agent_step(&steps, "pools", lay_down, agent, &err) < 0) {
		LOG_WARNING("pools are not laid down", LOG_ERR(&err));
	}
}

int agent_healthy(struct agent *agent, struct err *err)
{
	struct err why = {0};

	for (unsigned i = 0; i < agent->n_catalogs; i++) {
		struct catalog *catalog = agent->catalogs[i];

		if (!catalog_ready(catalog, &why)) {
			return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
		}
		if (catalog_damage_first(catalog, &why) < 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"pool %s: %zu objects cannot be used, the first of them: %s",
				catalog_name(catalog), catalog_damage_count(catalog), why.msg);
		}
		unsigned unfinished = atomic_load(&agent->unfinished[i]);
		if (unfinished > 0) {
			return err_set(err, ERR_UNAVAILABLE,
				"pool %s: %u objects are not recovered yet, see the log; it is tried again",
				catalog_name(catalog), unfinished);
		}
	}
	if (!atomic_load(&agent->up)) {
		return err_set(err, ERR_UNAVAILABLE, "the agent is starting");
	}
	if (atomic_load(&agent->gate_shut)) {
		return err_set(err, ERR_UNAVAILABLE,
			"the gate in front of the portals is closed: no host can connect anew; if that stays, nft failed, see the log");
	}
	if (nvmet_ports_down(agent->nvmet, &why) > 0) {
		return err_set(err, ERR_UNAVAILABLE, "%s", why.msg);
	}
	return 0;
}
