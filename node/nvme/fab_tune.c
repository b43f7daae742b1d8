/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of what is connected already: the subsystem's I/O policy and our controllers' timers.
 */
#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "node/nvme/fabrics.h"
#include "node/nvme/subsys_read.h"

#include <errno.h>
#include <stdio.h>

#define VALUE_SIZE 32

/* Write @value unless the file shows it. Return: 0, or -1 with errno and @err. */
static int set_text(
	const struct step *in, int dirfd, const char *file, const char *value, struct err *err)
{
	char now[VALUE_SIZE];

	(void)in;
	sys_attr(dirfd, file, now, sizeof(now));
	if (streq(now, value)) {
		return 0;
	}
	return attr_write(dirfd, file, value, err);
}

/*
 * A timer: the kernel shows -1 as "off", and ctrl_loss_tmo as attempts times delay, so up to one
 * @grain more than what was written.
 */
static int set_timer(
	const struct step *in, int dirfd, const char *file, int value, int grain, struct err *err)
{
	char now[VALUE_SIZE];
	char text[VALUE_SIZE];
	int64_t shown = 0;
	struct err ignored = {0};

	(void)in;
	if (value == CONNECT_UNSET) {
		return 0;
	}
	sys_attr(dirfd, file, now, sizeof(now));
	if (value == CONNECT_NEVER && streq(now, "off")) {
		return 0;
	}
	if (value != CONNECT_NEVER && parse_i64(file, now, 0, INT32_MAX, &shown, &ignored) == 0 &&
		shown >= value && shown - value < MAX(grain, 1)) {
		return 0;
	}
	(void)snprintf(text, sizeof(text), "%d", value);
	return attr_write(dirfd, file, text, err);
}

static int tune_ctrl(const struct step *in, int dirfd, const char *name,
	const struct connect_options *options, struct err *err)
{
	/* The delay first: the kernel keeps ctrl_loss_tmo as a count of such delays. */
	if (set_timer(in, dirfd, "reconnect_delay", options->reconnect_delay, 1, err) < 0 ||
		set_timer(in, dirfd, "ctrl_loss_tmo", options->ctrl_loss_tmo,
			options->reconnect_delay, err) < 0 ||
		set_timer(in, dirfd, "fast_io_fail_tmo", options->fast_io_fail_tmo, 1, err) < 0) {
		return err_wrap(err, "controller %s", name);
	}
	return 0;
}

/* The best that the kernel knows. */
static int set_best_policy(const struct step *in, struct fab *fab, int dirfd, struct err *err)
{
	struct err refused = {0};

	if (set_text(in, dirfd, "iopolicy", "queue-depth", &refused) == 0) {
		return 0;
	}
	if (errno == EINVAL) {
		atomic_store(fab_no_queue_depth(fab), true);
	}
	return set_text(in, dirfd, "iopolicy", "round-robin", err) < 0 ? err_wrap(err, "I/O policy")
								       : 0;
}

bool fab_policy_fits(struct fab *fab, const char *wanted, const char *now)
{
	if (!now[0]) {
		return true;
	}
	if (wanted[0]) {
		return streq(now, wanted);
	}
	return streq(now, "queue-depth") ||
	       (streq(now, "round-robin") && atomic_load(fab_no_queue_depth(fab)));
}

int fab_set_policy(const struct step *in, struct fab *fab, const char *nqn, int instance,
	const char *wanted, struct err *err)
{
	struct err refused = {0};
	char now[VALUE_SIZE];
	char its[NQN_SIZE];

	_cleanup_close_ int dirfd =
		sys_open_dirf(fab_host(fab)->sysfs, "class/nvme-subsystem/nvme-subsys%d", instance);
	if (dirfd < 0) {
		return 0;
	}
	sys_attr(dirfd, "subsysnqn", its, sizeof(its));
	/* A kernel without native multipath has no policy, and needs none. */
	sys_attr(dirfd, "iopolicy", now, sizeof(now));
	if (!now[0] || !streq(its, nqn)) {
		return 0;
	}
	if (!wanted[0]) {
		return set_best_policy(in, fab, dirfd, err);
	}
	if (set_text(in, dirfd, "iopolicy", wanted, &refused) < 0) {
		return err_set(err, ERR_FAILED_PRECONDITION,
			"ioPolicy '%s': this node's kernel does not take it (%s); leave ioPolicy away "
			"to get the best that it knows",
			wanted, refused.msg);
	}
	return 0;
}

int fab_tune(const struct step *in, struct fab *fab, const char *nqn,
	const struct connect_options *options, struct err *err)
{
	_cleanup_subsys_view_ struct subsys_view view = {.instance = -1};
	const struct host_paths *host = fab_host(fab);

	if (subsys_scan(host, nqn, fab_identity(fab), &view, err) < 0) {
		return err_wrap(err, "settings of %s", nqn);
	}
	if (view.found &&
		fab_set_policy(in, fab, nqn, view.instance, options->io_policy, err) < 0) {
		return err_wrap(err, "subsystem %s", nqn);
	}
	for (size_t i = 0; i < view.n_ctrls; i++) {
		const struct subsys_ctrl *ctrl = &view.ctrls[i];
		_cleanup_close_ int dirfd = sys_open_dirf(host->sysfs, "class/nvme/%s", ctrl->name);
		if (!ctrl->ours || ctrl->going || dirfd < 0) {
			continue;
		}
		/* A controller that went away meanwhile needs no settings. */
		if (tune_ctrl(in, dirfd, ctrl->name, options, err) < 0 &&
			faccessat(dirfd, "state", F_OK, 0) == 0) {
			return err_wrap(err, "settings of %s", nqn);
		}
	}
	return 0;
}

int fab_rescan(const struct step *in, struct fab *fab, const char *nqn, struct err *err)
{
	_cleanup_subsys_view_ struct subsys_view view = {.instance = -1};
	const struct host_paths *host = fab_host(fab);
	struct err ignored = {0};

	(void)in;
	if (subsys_scan(host, nqn, fab_identity(fab), &view, err) < 0) {
		return err_wrap(err, "rescan of %s", nqn);
	}
	for (size_t i = 0; i < view.n_ctrls; i++) {
		const struct subsys_ctrl *ctrl = &view.ctrls[i];
		_cleanup_close_ int dirfd = sys_open_dirf(host->sysfs, "class/nvme/%s", ctrl->name);
		if (ctrl->ours && ctrl->live && dirfd >= 0) {
			/* One that went away since the look needs no scan. */
			int result = attr_write(dirfd, "rescan_controller", "1", &ignored);
			(void)result;
		}
	}
	return 0;
}
