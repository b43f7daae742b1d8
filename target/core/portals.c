/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hosts are to use each portal: <stateDir>/portals.json has the portals that are not optimized,
 * and says in advance what is to be, so that a restart at any moment goes on from there.
 */
#include "common/base/fileio.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "target/core/agent_priv.h"

#include <fcntl.h>
#include <stdio.h>

/** Room for PORTALS_MAX of the longest portals with the longest state. */
#define RECORD_MAX 8192

static void record_path(const struct agent *agent, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/portals.json", agent->state_dir);
}

/* Return: its number, or that of the portals when it is none of them. */
static unsigned portal_index(const struct agent *agent, const struct portal *portal)
{
	const struct portals *portals = agent_portals(agent);
	unsigned i = 0;

	while (i < portals->n && !portal_equal(&portals->list[i], portal)) {
		i++;
	}
	return i;
}

static int restore_one(const char *key, const char *value, void *arg, struct err *err)
{
	struct agent *agent = arg;
	struct portal portal;
	unsigned state = 0;

	if (portal_parse(key, key, &portal, err) < 0) {
		return -1;
	}
	while (state < ANA_STATES && !streq(value, ana_states[state])) {
		state++;
	}
	if (state == ANA_STATES) {
		return err_set(
			err, ERR_DATA_LOSS, "%s: \"%s\" is no state of a portal", key, value);
	}
	unsigned i = portal_index(agent, &portal);

	/* One that is not configured any more is forgotten. */
	if (i < agent_portals(agent)->n) {
		agent->ana[i] = (enum ana_state)state;
	}
	return 0;
}

static int record_read(struct agent *agent, struct err *err)
{
	_cleanup_js_doc_ struct js_doc *doc = NULL;
	struct err why = {0};
	char path[PATH_MAX];

	record_path(agent, path);
	if (js_parse_file(path, RECORD_MAX, &doc, &why) < 0) {
		if (why.code == ERR_NOT_FOUND) {
			return 0;
		}
	} else {
		struct js_at top = js_root(doc);

		if (js_want_obj(&top, &why) == 0 &&
			js_each_str(&top, ANA_TEXT_SIZE, restore_one, agent, &why) == 0) {
			return 0;
		}
	}
	return err_set(err, ERR_DATA_LOSS,
		"%s: %s: correct it (\"address:port\": \"optimized\", \"non-optimized\" or \"inaccessible\"), or remove it: then every portal is optimized",
		path, why.msg);
}

/* What a call is about: all portals' states as they shall be. */
struct change {
	struct agent *agent;
	enum ana_state ana[PORTALS_MAX];
};

static int record_write(const struct step *in, void *arg, struct err *err)
{
	const struct change *change = arg;
	const struct portals *portals = agent_portals(change->agent);
	_cleanup_js_ struct js *obj = js_object();
	_cleanup_free_ char *text = NULL;
	char portal[PORTAL_TEXT_SIZE];
	char path[PATH_MAX];
	size_t len;

	for (unsigned i = 0; i < portals->n; i++) {
		if (change->ana[i] != ANA_OPTIMIZED) {
			portal_print(&portals->list[i], portal);
			js_set_str(obj, portal, ana_states[change->ana[i]]);
		}
	}
	record_path(change->agent, path);
	if (js_print(obj, "states of the portals", RECORD_MAX, &text, &len, err) < 0 ||
		file_write_atomic(AT_FDCWD, path, text, len, 0600, err) < 0) {
		return -1;
	}
	return step_changed(in, "state", err);
}

static int tell_kernel(const struct step *in, void *arg, struct err *err)
{
	struct agent *agent = arg;

	return nvmet_ana_put(in, agent->nvmet, agent->ana, err);
}

int agent_ana_restore(struct agent *agent, struct steps *steps, struct err *err)
{
	if (record_read(agent, err) < 0) {
		return -1;
	}
	return agent_step(steps, "ana", tell_kernel, agent, err);
}

static int lock_portals(struct agent *agent, const struct deadline *dl,
	struct keylock_held **ret_held, struct err *err)
{
	struct deadline soon = deadline_sooner(dl, AGENT_LOCK_WAIT_MS);

	return keylock_wait(agent->locks, "portals", "portals", &soon, ret_held, err);
}

void agent_ana_again(struct agent *agent)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct steps steps = {.operation = "Tick"};
	struct deadline now = deadline_in(0);
	struct err err = {0};

	if (!atomic_load(&agent->ana_behind) || lock_portals(agent, &now, &held, NULL) < 0) {
		return;
	}
	if (agent_step(&steps, "ana", tell_kernel, agent, &err) < 0) {
		LOG_ERROR("states of portals cannot be set; it is tried again", LOG_ERR(&err));
	} else {
		atomic_store(&agent->ana_behind, false);
	}
}

static int view_of(struct agent *agent, unsigned i, struct portal_view *ret, struct err *err)
{
	*ret = (struct portal_view){
		.portal = agent_portals(agent)->list[i], .open = nvmet_port_up(agent->nvmet, i)};
	return nvmet_ana_get(agent->nvmet, i, ret->ana, err);
}

int agent_portal_views(
	struct agent *agent, struct portal_view ret[PORTALS_MAX], unsigned *ret_n, struct err *err)
{
	struct err why = {0};

	*ret_n = agent_portals(agent)->n;
	for (unsigned i = 0; i < *ret_n; i++) {
		if (view_of(agent, i, &ret[i], &why) < 0) {
			return agent_fail(&why, err);
		}
	}
	return 0;
}

/* A portal that hosts cannot reach is no help to them, whatever its state. */
static int check_one_left(struct agent *agent, unsigned i, struct err *err)
{
	unsigned shut = 0;
	unsigned n = agent_portals(agent)->n;
	char portal[PORTAL_TEXT_SIZE];

	for (unsigned other = 0; other < n; other++) {
		if (other != i && agent->ana[other] != ANA_INACCESSIBLE) {
			if (nvmet_port_up(agent->nvmet, other)) {
				return 0;
			}
			shut++;
		}
	}
	portal_print(&agent_portals(agent)->list[i], portal);
	return err_set(err, ERR_FAILED_PRECONDITION,
		"anaState: \"inaccessible\" for %s would leave hosts no portal (of %u others %u are inaccessible and %u not open): their reads and writes would wait until one is back; see to another portal first, or detach all volumes, or add \"force\": true",
		portal, n - 1, n - 1 - shut, shut);
}

int agent_portal_put(struct agent *agent, const struct portal_request *request,
	const struct deadline *dl, struct portal_view *ret, struct err *err)
{
	_cleanup_keylock_ struct keylock_held *held = NULL;
	struct steps steps = {.operation = "SetPortal"};
	struct change change = {.agent = agent};
	unsigned i = portal_index(agent, &request->portal);
	char text[PORTALS_TEXT_SIZE];
	struct err why = {0};

	if (i == agent_portals(agent)->n) {
		portals_print(agent_portals(agent), text);
		return err_set(err, ERR_NOT_FOUND,
			"portal: there is none of that address and port here; there are %s", text);
	}
	if (lock_portals(agent, dl, &held, err) < 0) {
		return -1;
	}
	if (request->ana == ANA_INACCESSIBLE && agent->ana[i] != ANA_INACCESSIBLE &&
		!request->force && check_one_left(agent, i, err) < 0) {
		return -1;
	}
	memcpy(change.ana, agent->ana, sizeof(change.ana));
	change.ana[i] = request->ana;
	if (agent_step(&steps, "intent", record_write, &change, err) < 0) {
		return -1;
	}
	memcpy(agent->ana, change.ana, sizeof(change.ana));
	atomic_store(&agent->ana_behind, true);
	if (agent_step(&steps, "ana", tell_kernel, agent, err) < 0) {
		return -1;
	}
	atomic_store(&agent->ana_behind, false);
	return view_of(agent, i, ret, &why) < 0 ? agent_fail(&why, err) : 0;
}
