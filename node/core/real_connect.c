/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first path to a subsystem, and others where the target does not let the first ones be used.
 */
#include "node/core/real_connect.h"

#include "node/core/real_look.h"

static const struct subsys_ctrl *path_to(
	const struct subsys_view *view, const struct portal *portal)
{
	for (size_t i = 0; i < view->n_ctrls; i++) {
		const struct subsys_ctrl *ctrl = &view->ctrls[i];
		if (ctrl->ours && !ctrl->going && ctrl->has_portal &&
			portal_equal(&ctrl->portal, portal)) {
			return ctrl;
		}
	}
	return NULL;
}

/* One attempt in the kernel; a portal that fails there is left alone for a while (P7). */
static int try_portal(const struct step *in, struct host_real *host, const struct host_link *link,
	const struct portal *portal, struct guard *guard, struct err *err)
{
	struct fab_path path = {.nqn = link->nqn, .portal = portal, .options = link->options};
	struct guard attempt = {.helper = guard->helper,
		.dl = deadline_sooner(&guard->dl, REAL_CONNECT_MS),
		.hold = guard->hold};
	struct fab_result result = {0};

	int connected = fab_connect(in, host->fab, &path, &attempt, &result, err);
	guard->stuck = attempt.stuck;
	if (connected < 0) {
		/* A refusal is about this volume; what did not answer is about the portal. */
		if ((err->code == ERR_UNAVAILABLE || err->code == ERR_DEADLINE_EXCEEDED) &&
			!helper_gone(guard->helper)) {
			(void)quarantine_failed(host->quarantine, portal, clock_ms());
		}
		return -1;
	}
	quarantine_worked(host->quarantine, portal);
	return 0;
}

/* Portals that are not worth a try now: in quarantine, or with a path of ours that reconnects. */
static uint32_t portals_to_skip(
	struct host_real *host, const struct host_link *link, const struct subsys_view *view)
{
	uint32_t skip = 0;

	for (unsigned i = 0; i < link->portals->n; i++) {
		const struct portal *portal = &link->portals->list[i];
		if (quarantine_left_ms(host->quarantine, portal, clock_ms()) > 0 ||
			path_to(view, portal)) {
			skip |= UINT32_C(1) << i;
		}
	}
	return skip;
}

static int try_all(const struct step *in, struct host_real *host, const struct host_link *link,
	const struct subsys_view *view, struct guard *guard, struct err *err)
{
	struct portal_verdict verdicts[PORTALS_MAX] = {0};
	uint32_t skip = portals_to_skip(host, link, view);
	struct err why = {0};
	char text[ERR_MSG_MAX / 2];
	int first;

	for (unsigned tries = 0; tries < link->portals->n; tries++) {
		struct portal_choice choice = {.tls = link->tls, .skip = skip};
		if (portal_probe_first(link->portals, &choice, &guard->dl, verdicts, &first, err) <
			0) {
			return -1;
		}
		if (first < 0) {
			break;
		}
		if (try_portal(in, host, link, &link->portals->list[first], guard, &why) == 0) {
			return 0;
		}
		if (guard->stuck) {
			return err_set(err, why.code, "%s", why.msg);
		}
		skip |= UINT32_C(1) << first;
	}
	if (why.code != ERR_OK) {
		return err_set(err, why.code, "%s", why.msg);
	}
	if (view->ours > 0) {
		/* Paths of ours are there and reconnecting: the wait for the disk tells more. */
		return 0;
	}
	portal_verdicts_print(link->portals, verdicts, text, sizeof(text));
	return err_set(err, ERR_UNAVAILABLE,
		"subsystem %s: no portal answers as an NVMe/TCP target, or all failed a moment ago: %s; "
		"check the target and the network between it and this node",
		link->nqn, text);
}

static int connect_any(const struct step *in, struct host_real *host, const struct host_link *link,
	const struct subsys_view *view, struct guard *guard, struct err *err)
{
	const struct portal *first = &link->portals->list[0];

	if (gate_enter(host->gate, first, err) < 0) {
		return -1;
	}
	int result = try_all(in, host, link, view, guard, err);
	/* A refusal is an answer; a volume that is refused says nothing about the others. */
	bool silent =
		result < 0 && (err->code == ERR_UNAVAILABLE || err->code == ERR_DEADLINE_EXCEEDED);
	gate_leave(host->gate, first, !silent);
	return result;
}

int real_connect(const struct step *in, void *self, const struct host_link *link,
	struct guard *guard, struct err *err)
{
	struct host_real *host = self;
	_cleanup_subsys_view_ struct subsys_view view = {0};

	if (fab_ready(in, host->fab, guard, err) < 0 ||
		fab_check_options(host->fab, link->options, err) < 0 ||
		real_scan(host, link->nqn, &view, err) < 0) {
		return -1;
	}
	if (view.ours_live == 0 && connect_any(in, host, link, &view, guard, err) < 0) {
		return -1;
	}
	return fab_tune(in, host->fab, link->nqn, link->options, err);
}

int real_more_paths(const struct step *in, void *arg, struct err *err)
{
	struct real_device_job *job = arg;
	_cleanup_subsys_view_ struct subsys_view view = {0};
	struct err why = {0};

	if (real_scan(job->host, job->link->nqn, &view, err) < 0) {
		return -1;
	}
	if (try_all(in, job->host, job->link, &view, job->guard, &why) < 0 && job->guard->stuck) {
		return err_set(err, why.code, "%s", why.msg);
	}
	/* What could not be connected may be at the next try; the wait says what is missing. */
	return 0;
}
